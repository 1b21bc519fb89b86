// <clip-preview>: a clip beside its list. The grid says which (p, Space, j, k); Space plays it; Escape closes it and goes
// back to the list. What is shown comes from the station as a piece of a page.

import htmx from "htmx.org";
import { say } from "./_page.js";

const settleMilliseconds = 120; // whoever runs through a list is not shown every clip of it

class ClipPreview extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      if (event.target.closest("[data-close]")) this.close();
    });
    this.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation(); // in the list it would clear the selection
      this.close();
    });
  }

  get open() {
    return !this.hidden;
  }

  // Opens on a clip; p pressed again closes, Space pressed again plays or stops what is shown.
  press(key, clip) {
    if (!this.open || this.clip !== clip) this.show(clip);
    else if (key === "p") this.close();
    else this.play();
  }

  play() {
    const video = this.querySelector("video");
    if (!video) return;
    if (video.paused) video.play().catch(() => {}); // why it does not play is told by its controls
    else video.pause();
  }

  show(clip) {
    this.hidden = false;
    this.parentElement.classList.add("has-preview");
    this.follow(clip);
  }

  follow(clip) {
    if (!this.open || this.clip === clip) return;
    this.clip?.classList.remove("is-previewed");
    this.clip = clip;
    clip.classList.add("is-previewed");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(clip), this.childElementCount ? settleMilliseconds : 0);
  }

  async load(clip) {
    this.asked?.abort();
    this.asked = new AbortController();
    const words = document.getElementById("toasts").dataset;
    try {
      const address = `/clips/${clip.dataset.clip}/preview`;
      const answer = await fetch(address, { headers: { "HX-Request": "true" }, signal: this.asked.signal });
      if (answer.headers.has("HX-Redirect")) return location.assign(answer.headers.get("HX-Redirect"));
      if (!answer.ok) return say(words.refused);
      this.innerHTML = await answer.text();
      const video = this.querySelector("video");
      if (video) video.muted = true; // the attribute does not count for what is set by script
    } catch (error) {
      if (error.name !== "AbortError") say(words.offline);
      return;
    }
    htmx.process(this);
    clip.scrollIntoView({ block: "nearest" }); // the list has another width beside the panel
  }

  close() {
    clearTimeout(this.timer);
    this.asked?.abort();
    this.hidden = true;
    this.replaceChildren();
    this.parentElement.classList.remove("has-preview");
    this.clip?.classList.remove("is-previewed");
    this.clip?.querySelector("a.look").focus();
    this.clip?.scrollIntoView({ block: "nearest" });
    this.clip = null;
  }
}

customElements.define("clip-preview", ClipPreview);
