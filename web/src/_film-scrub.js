// Scrubbing posters: the pictures of a clip's filmstrip (side by side in one, station/derive/poster.py) in the poster's place,
// while the mouse rests on it, a finger is drawn across it, or keys step through it. Nothing is fetched before that, and one
// overlay serves all posters.

import { clock } from "./_frame-times.js";

const restMilliseconds = 150; // whoever crosses a list is not shown every clip of it, and the ledger not filled with it
const drawnPixels = 8;
const kept = 20;

export class FilmScrub {
  constructor(grid) {
    this.strips = new Map(); // pictures by address, those used lately
    this.overlay = document.createElement("span");
    this.overlay.className = "scrub";
    this.overlay.ariaHidden = "true";
    this.line = document.createElement("span");
    this.line.className = "line";
    this.time = document.createElement("span");
    this.time.className = "length";
    grid.addEventListener("pointerover", (event) => this.over(event));
    grid.addEventListener("pointermove", (event) => this.move(event));
    grid.addEventListener("pointerdown", (event) => this.down(event));
    for (const name of ["pointerup", "pointercancel", "pointerleave", "focusout"]) grid.addEventListener(name, () => this.leave());
    grid.addEventListener("dragstart", (event) => this.poster && event.preventDefault());
    grid.addEventListener("click", (event) => this.click(event), { capture: true });
  }

  over(event) {
    if (event.pointerType !== "mouse") return;
    const poster = event.target.closest("[data-filmstrip]");
    if (poster === this.poster) return;
    this.leave();
    this.poster = poster;
    this.at(event);
    if (poster) this.timer = setTimeout(() => this.open(), restMilliseconds);
  }

  down(event) {
    this.drawn = false;
    if (event.pointerType === "mouse") return;
    this.leave();
    this.poster = event.target.closest("[data-filmstrip]");
    this.from = event.clientX;
  }

  move(event) {
    if (!this.poster) return;
    this.at(event);
    if (event.pointerType !== "mouse" && !this.drawn && Math.abs(event.clientX - this.from) > drawnPixels) {
      this.drawn = true;
      this.open();
    }
    this.show();
  }

  // A finger that was drawn across a poster did not mean to open the clip.
  click(event) {
    if (this.drawn) event.preventDefault();
    this.drawn = false;
  }

  step(clip, direction) {
    const poster = clip.querySelector("[data-filmstrip]");
    if (!poster) return;
    if (poster !== this.poster) {
      this.leave();
      this.poster = poster;
      this.share = direction < 0 ? 1 : 0;
      this.open();
    } else if (this.count) {
      this.share = (this.number() + direction + 0.5) / this.count;
      this.show();
    }
  }

  at(event) {
    if (!this.poster) return;
    const { left, width } = this.poster.getBoundingClientRect();
    this.share = (event.clientX - left) / width;
  }

  number() {
    return Math.max(0, Math.min(this.count - 1, Math.floor(this.share * this.count)));
  }

  async open() {
    const { poster } = this;
    let strip;
    try {
      strip = await this.load(poster.dataset.filmstrip);
    } catch (error) {
      console.info("the poster stays: its filmstrip did not arrive", error);
      return;
    }
    if (this.poster !== poster) return;
    this.count = Math.round((strip.naturalWidth * 9) / (strip.naturalHeight * 16));
    strip.style.width = `${100 * this.count}%`;
    this.strip = strip;
    this.overlay.replaceChildren(strip, this.line, this.time);
    this.show();
    poster.append(this.overlay);
  }

  async load(address) {
    const strip = this.strips.get(address) ?? new Image();
    if (!strip.src) strip.src = address;
    await strip.decode();
    this.strips.delete(address);
    this.strips.set(address, strip);
    if (this.strips.size > kept) this.strips.delete(this.strips.keys().next().value);
    return strip;
  }

  show() {
    if (!this.count) return;
    const number = this.number();
    this.strip.style.translate = `${(-100 * number) / this.count}%`;
    this.line.style.scale = `${(number + 1) / this.count} 1`;
    this.time.textContent = clock(Math.round(((number + 0.5) / this.count) * this.poster.dataset.length)).slice(0, -4);
  }

  leave() {
    clearTimeout(this.timer);
    this.overlay.remove();
    this.poster = null;
    this.count = 0;
  }
}
