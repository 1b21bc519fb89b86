// <clip-timeline>: what a recording looks and sounds like from start to end, below the player; a click or a drag seeks, and a
// line shows where it plays. For the keyboard it is a slider; arrows are the player's own.

import { clock } from "./_frame-times.js";

class ClipTimeline extends HTMLElement {
  connectedCallback() {
    this.video = this.closest("evidence-player").querySelector("video");
    this.line = this.querySelector(".at");
    this.tabIndex = 0;
    this.role = "slider";
    this.ariaLabel = this.dataset.label;
    this.ariaValueMin = this.ariaValueNow = "0";
    this.addEventListener("pointerdown", (event) => this.press(event));
    this.addEventListener("pointermove", (event) => this.hasPointerCapture(event.pointerId) && this.seek(event));
    this.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["loadedmetadata", "timeupdate", "seeking"]) this.video.addEventListener(name, () => this.show());
    this.show();
  }

  press(event) {
    if (event.button) return;
    this.setPointerCapture(event.pointerId);
    this.seek(event);
  }

  seek(event) {
    const { left, width } = this.getBoundingClientRect();
    this.go(((event.clientX - left) / width) * (this.video.duration || 0));
  }

  key(event) {
    const { currentTime, duration } = this.video;
    const to = {
      Home: 0,
      End: duration,
      PageDown: currentTime - duration / 10,
      PageUp: currentTime + duration / 10,
      ArrowDown: currentTime - 5,
      ArrowUp: currentTime + 5,
    }[event.key];
    if (to === undefined || !duration) return;
    event.preventDefault();
    this.go(to);
  }

  go(seconds) {
    this.video.currentTime = Math.max(0, Math.min(this.video.duration || 0, seconds));
  }

  show() {
    const { currentTime, duration } = this.video;
    if (!duration) return;
    this.line.hidden = false;
    this.line.style.insetInlineStart = `${(100 * currentTime) / duration}%`;
    this.ariaValueMax = duration.toFixed(3);
    this.ariaValueNow = currentTime.toFixed(3);
    this.ariaValueText = clock(Math.round(currentTime * 1000));
  }
}

customElements.define("clip-timeline", ClipTimeline);
