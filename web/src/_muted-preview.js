// <muted-preview>: a tap on a poster plays the recording in its place, without sound; another stops it. One plays at a time.

import { say } from "./_page.js";

class MutedPreview extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector("button");
    this.button.addEventListener("click", () => (this.video ? this.stop() : this.play()));
  }

  disconnectedCallback() {
    this.stop();
  }

  play() {
    for (const other of document.querySelectorAll("muted-preview")) other.stop?.();
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.disablePictureInPicture = true;
    video.src = this.dataset.src;
    video.addEventListener("ended", () => this.stop());
    video.addEventListener("error", () => {
      if (this.video !== video) return;
      this.stop();
      say(this.dataset.failed);
    });
    this.video = video;
    this.prepend(video);
    this.button.setAttribute("aria-pressed", "true");
    video.play().catch(() => {}); // what keeps it from playing is told by its error event
  }

  stop() {
    if (!this.video) return;
    const { video } = this;
    this.video = null;
    video.remove();
    video.removeAttribute("src");
    video.load(); // lets go of the file
    this.button.setAttribute("aria-pressed", "false");
  }
}

customElements.define("muted-preview", MutedPreview);
