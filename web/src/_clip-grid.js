// <clip-grid>: moving among clips and, where they may be bound, choosing by checkbox, Shift range and keyboard: arrows, j and k move, x chooses, Enter opens.

class ClipGrid extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form[data-selection]");
    this.last = null;
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
    if (!this.form) return;
    this.words = this.form.querySelector("[data-count]");
    this.idle = this.words.textContent;
    this.addEventListener("click", (event) => this.choose(event));
    this.addEventListener("change", (event) => this.changed(event));
    this.form.querySelector("[data-clear]").addEventListener("click", () => this.all(false));
    this.count();
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.keys);
  }

  get clips() {
    return [...this.querySelectorAll(".clip")];
  }

  box(clip) {
    return clip.querySelector("input[name=clip]");
  }

  choose(event) {
    const clip = event.target.closest(".clip");
    if (!clip || !event.target.matches("input[name=clip]")) return;
    if (event.shiftKey && this.last) this.range(this.last, clip, event.target.checked);
    this.last = clip;
    this.count();
  }

  changed(event) {
    if (event.target.matches("[data-all]")) this.all(event.target.checked);
    this.count();
  }

  range(from, to, on) {
    const clips = this.clips;
    const [first, second] = [clips.indexOf(from), clips.indexOf(to)].sort((a, b) => a - b);
    for (const clip of clips.slice(first, second + 1)) this.box(clip).checked = on;
  }

  all(on) {
    for (const clip of this.clips) this.box(clip).checked = on;
    const head = this.querySelector("[data-all]");
    if (head) head.checked = on;
    this.count();
  }

  count() {
    let count = 0;
    for (const clip of this.clips) {
      const on = this.box(clip).checked;
      clip.classList.toggle("is-chosen", on);
      if (on) count += 1;
    }
    this.classList.toggle("is-choosing", count > 0);
    this.form.classList.toggle("is-on", count > 0);
    this.words.textContent = count ? this.words.dataset.words.replace("{count}", count) : this.idle;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea, video")) return;
    const columns = this.dataset.mode === "table" ? 1 : this.columns();
    const step = { j: 1, k: -1, ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    const here = document.activeElement.closest?.(".clip");
    if (step !== undefined && (here || event.key.length === 1)) {
      event.preventDefault();
      this.move(here, step, event.shiftKey);
    } else if (!this.form) {
      return;
    } else if ((event.key === "x" || event.key === " ") && here && !event.target.matches("input")) {
      event.preventDefault();
      const box = this.box(here);
      box.checked = !box.checked;
      this.last = here;
      this.count();
    } else if (event.key === "Escape") {
      this.all(false);
    }
  }

  move(here, step, choosing) {
    const clips = this.clips;
    const at = here ? clips.indexOf(here) + step : 0;
    const next = clips[Math.max(0, Math.min(clips.length - 1, at))];
    if (choosing && here && this.form) {
      this.range(here, next, true);
      this.count();
    }
    this.last = next;
    next.querySelector("a.look").focus();
    next.scrollIntoView({ block: "nearest" });
  }

  columns() {
    const clips = this.clips;
    const top = clips[0]?.offsetTop;
    const next = clips.findIndex((clip) => clip.offsetTop !== top);
    return next < 1 ? 1 : next;
  }
}

customElements.define("clip-grid", ClipGrid);
