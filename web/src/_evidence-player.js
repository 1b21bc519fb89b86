// <evidence-player>: the browser's own player with keys and speeds for people who watch hours of footage.

const speeds = [0.5, 1, 1.5, 2, 4];

class EvidencePlayer extends HTMLElement {
  connectedCallback() {
    this.video = this.querySelector("video");
    this.buttons = [...this.querySelectorAll("[data-speed]")];
    for (const button of this.buttons) button.addEventListener("click", () => this.speed(Number(button.dataset.speed)));
    this.video.addEventListener("ratechange", () => this.showSpeed());
    this.video.addEventListener("error", () => this.fail());
    if (this.video.error) this.fail();
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.keys);
  }

  fail() {
    this.querySelector("[data-failed]").hidden = false;
  }

  speed(value) {
    this.video.playbackRate = value;
  }

  showSpeed() {
    for (const button of this.buttons) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.speed) === this.video.playbackRate));
    }
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, select, textarea, summary, a, button") && event.key !== "f") return;
    const act = {
      " ": () => this.toggle(),
      k: () => this.toggle(),
      j: () => this.seek(-10),
      l: () => this.seek(10),
      ArrowLeft: () => this.seek(-5),
      ArrowRight: () => this.seek(5),
      "<": () => this.step(-1),
      ">": () => this.step(1),
      m: () => (this.video.muted = !this.video.muted),
      f: () => (document.fullscreenElement ? document.exitFullscreen() : this.video.requestFullscreen()),
    }[event.key];
    if (!act || event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    act();
  }

  toggle() {
    if (this.video.paused) this.video.play();
    else this.video.pause();
  }

  seek(seconds) {
    this.video.currentTime = Math.max(0, Math.min(this.video.duration || 0, this.video.currentTime + seconds));
  }

  step(direction) {
    const at = speeds.indexOf(this.video.playbackRate);
    this.speed(speeds[Math.max(0, Math.min(speeds.length - 1, (at < 0 ? 1 : at) + direction))]);
  }
}

customElements.define("evidence-player", EvidencePlayer);
