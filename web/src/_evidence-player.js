// <evidence-player>: the browser's own player with keys and speeds for people who watch hours of footage, and steps
// from picture to picture by the times that the pictures really have (station/derive/frames.py).

import { clock, middle, numberAt, readTimes } from "./_frame-times.js";

const speeds = [0.25, 0.5, 1, 1.5, 2, 4];

class EvidencePlayer extends HTMLElement {
  connectedCallback() {
    this.video = this.querySelector("video");
    this.buttons = [...this.querySelectorAll("[data-speed]")];
    for (const button of this.buttons) button.addEventListener("click", () => this.speed(Number(button.dataset.speed)));
    this.video.addEventListener("ratechange", () => this.showSpeed());
    this.video.addEventListener("error", () => this.fail());
    if (this.video.error) this.fail();
    this.frameButtons = [...this.querySelectorAll("[data-frame]")];
    for (const button of this.frameButtons) button.addEventListener("click", () => this.frame(Number(button.dataset.frame)));
    this.at = this.querySelector("[data-at]");
    for (const name of ["timeupdate", "seeking", "seeked", "loadedmetadata"]) this.video.addEventListener(name, () => this.showAt());
    this.follow();
    if (this.dataset.frames) this.loadTimes();
    this.video.addEventListener("seeking", () => this.leave());
    this.video.addEventListener("timeupdate", () => this.stopAtEnd(this.video.currentTime));
    this.video.addEventListener("loadedmetadata", () => this.playAddressed(), { once: true });
    if (this.video.readyState) this.playAddressed();
    this.clicks = (event) => this.clicked(event);
    document.addEventListener("click", this.clicks);
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.keys);
    document.removeEventListener("click", this.clicks);
  }

  async loadTimes() {
    try {
      const answer = await fetch(this.dataset.frames);
      if (!answer.ok) throw new Error(`${answer.status}`);
      this.times = readTimes(await answer.json());
    } catch (error) {
      console.warn("no frame times", error);
      this.querySelector("[data-unstepped]").hidden = false;
      return;
    }
    for (const button of this.frameButtons) button.disabled = false;
    this.showAt();
  }

  // While it plays, the time shown is that of the picture on the screen, where the browser tells it.
  follow() {
    if (!this.video.requestVideoFrameCallback) return;
    this.video.requestVideoFrameCallback((now, { mediaTime }) => {
      if (!this.isConnected) return;
      if (!this.video.paused) {
        this.showAt(mediaTime);
        this.stopAtEnd(mediaTime);
      }
      this.follow();
    });
  }

  showAt(seconds = this.video.currentTime) {
    const number = this.times ? numberAt(this.times, seconds) : -1;
    const shown = number < 0 ? seconds : this.times[number];
    const ms = Math.max(0, Math.round(shown * 1000));
    this.at.querySelector("[data-time]").textContent = clock(ms);
    if (number < 0) return;
    const words = this.at.dataset.words.replace("{number}", number + 1).replace("{count}", this.times.length);
    this.at.querySelector("[data-number]").textContent = words;
  }

  // In the middle of its time a picture is shown, whichever way the browser rounds.
  frame(direction) {
    if (!this.times) return;
    this.video.pause();
    const number = numberAt(this.times, this.video.currentTime) + direction;
    const next = Math.max(0, Math.min(this.times.length - 1, number));
    this.video.currentTime = middle(this.times, next, this.video.duration);
  }

  // Where the picture on the screen begins ("start") or ends ("end"), in ms. Rounded up, so that the moment is never
  // one of the picture before, and what ends here is what the next one begins with.
  edge(side) {
    this.video.pause();
    if (!this.times) return Math.round(this.video.currentTime * 1000);
    const number = numberAt(this.times, this.video.currentTime) + (side === "end" ? 1 : 0);
    const seconds = number < this.times.length ? this.times[number] : this.video.duration;
    return Math.max(0, Math.ceil(seconds * 1000 - 1e-6));
  }

  clicked(event) {
    const beside = event.target.closest("a[data-offset]");
    if (beside) beside.hash = `t=${this.momentIn(beside.dataset) / 1000}`;
    const link = event.target.closest("a[data-play]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.play(...link.dataset.play.split(",").map(Number));
  }

  // The moment shown, in a recording that began `offset` ms later, as far as both recorded.
  momentIn({ offset, start, end }) {
    return Math.max(Number(start), Math.min(Number(end), Math.round(this.video.currentTime * 1000) - Number(offset)));
  }

  // A page opened at one of its ranges or moments: #t=1.5,3.2 or #t=1.5 (W3C Media Fragments URI 1.0, section 4.2.1).
  playAddressed() {
    const found = /^#t=(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?$/.exec(location.hash);
    if (found) this.play(found[1] * 1000, found[2] === undefined ? undefined : found[2] * 1000);
  }

  // Play one stretch, in ms, or from there on; a browser that plays nothing unasked stays at its start.
  async play(start, end) {
    this.video.pause();
    this.from = start / 1000 + 0.0005;
    this.end = end === undefined ? undefined : end / 1000;
    this.video.currentTime = this.from;
    this.video.scrollIntoView({ block: "nearest" });
    this.video.focus({ preventScroll: true });
    try {
      await this.video.play();
    } catch (error) {
      console.info("it does not play by itself", error);
    }
  }

  // Whoever goes elsewhere is not held to the end of the stretch.
  leave() {
    if (this.end !== undefined && Math.abs(this.video.currentTime - this.from) > 0.001) this.end = undefined;
  }

  stopAtEnd(seconds) {
    if (this.end === undefined || seconds < this.end - 0.001) return;
    this.end = undefined;
    this.video.pause();
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
    const anywhere = ["f", ",", "."].includes(event.key);
    if (event.target.closest("input, select, textarea, summary, a, button") && !anywhere) return;
    const act = {
      " ": () => this.toggle(),
      k: () => this.toggle(),
      j: () => this.seek(-10),
      l: () => this.seek(10),
      ArrowLeft: () => this.seek(-5),
      ArrowRight: () => this.seek(5),
      ",": () => this.frame(-1),
      ".": () => this.frame(1),
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
    this.speed(speeds[Math.max(0, Math.min(speeds.length - 1, (at < 0 ? speeds.indexOf(1) : at) + direction))]);
  }
}

customElements.define("evidence-player", EvidencePlayer);
