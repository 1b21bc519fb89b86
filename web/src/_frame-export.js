// <frame-export>: the form that takes one frame along follows the player beside it. Without script a time is typed in.

import { clock } from "./_frame-times.js";

class FrameExport extends HTMLElement {
  connectedCallback() {
    this.player = document.querySelector("evidence-player");
    this.video = this.player.querySelector("video");
    this.details = this.querySelector("details");
    this.follow = () => this.show();
    this.details.addEventListener("toggle", this.follow);
    for (const name of ["pause", "seeked"]) this.video.addEventListener(name, this.follow);
  }

  disconnectedCallback() {
    for (const name of ["pause", "seeked"]) this.video.removeEventListener(name, this.follow);
  }

  // What is taken along is what stands still on the screen.
  show() {
    if (this.details.open) this.querySelector("[name=at]").value = clock(this.player.edge("start"));
  }
}

customElements.define("frame-export", FrameExport);
