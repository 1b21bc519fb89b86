// <clip-grid>: moving among clips and, where they may be bound, choosing by checkbox, Shift range and keyboard: arrows, j and k move, x chooses, Enter opens, b binds, e amends.
//
// Nothing here goes over all clips on a key or a click, however many were loaded: steps go from sibling to sibling.

class ClipGrid extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form[data-selection]");
    this.chosen = new Set();
    this.anchor = null; // where a range begins; `covered` is what the range in hand changed, so that it can shrink
    this.covered = new Map();
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
    if (!this.form) return;
    this.words = this.form.querySelector("[data-count]");
    this.idle = this.words.textContent;
    this.addEventListener("click", (event) => this.choose(event));
    this.addEventListener("change", (event) => this.changed(event));
    this.form.querySelector("[data-clear]").addEventListener("click", () => this.clear());
    // A browser that comes back to the page may remember what was ticked.
    for (const clip of this.querySelectorAll(".clip")) this.set(clip, this.box(clip).checked);
    this.tell();
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.keys);
  }

  box(clip) {
    return clip.querySelector("input[name=clip]");
  }

  set(clip, on) {
    this.box(clip).checked = on;
    clip.classList.toggle("is-chosen", on);
    this.chosen[on ? "add" : "delete"](clip);
  }

  // A click with Shift reaches from the last one chosen to here, and makes all as this one was made.
  choose(event) {
    const clip = event.target.closest(".clip");
    if (!clip || !event.target.matches("input[name=clip]")) return;
    if (event.shiftKey && this.anchor) {
      this.cover(clip, event.target.checked);
    } else {
      this.begin(clip);
      this.set(clip, event.target.checked);
    }
    this.tell();
  }

  changed(event) {
    if (!event.target.matches("[data-all]")) return;
    const on = event.target.checked;
    for (const clip of this.querySelectorAll(".clip")) this.set(clip, on);
    this.tell();
  }

  begin(clip) {
    this.anchor = clip;
    this.covered = new Map();
  }

  cover(to, on) {
    for (const [clip, was] of this.covered) this.set(clip, was);
    this.covered = new Map();
    const back = this.anchor.compareDocumentPosition(to) & Node.DOCUMENT_POSITION_PRECEDING;
    for (let clip = this.anchor; clip; clip = beside(clip, back ? -1 : 1)) {
      this.covered.set(clip, this.chosen.has(clip));
      this.set(clip, on);
      if (clip === to) return;
    }
  }

  clear() {
    for (const clip of [...this.chosen]) this.set(clip, false);
    const head = this.querySelector("[data-all]");
    if (head) head.checked = false;
    this.covered = new Map();
    this.tell();
  }

  tell() {
    const count = this.chosen.size;
    this.classList.toggle("is-choosing", count > 0);
    this.form.classList.toggle("is-on", count > 0);
    this.words.textContent = count ? this.words.dataset.words.replace("{count}", count) : this.idle;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea, video")) return;
    // With Shift held a letter arrives as a capital.
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const step = { j: 1, k: -1, ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[name];
    const rows = name === "ArrowDown" || name === "ArrowUp";
    const here = document.activeElement.closest?.(".clip");
    if (step !== undefined && (here || name.length === 1)) {
      event.preventDefault();
      const next = !here ? this.querySelector(".clip") : rows ? nextRow(here, step) : beside(here, step) ?? here;
      this.move(here, next, event.shiftKey);
    } else if (!this.form) {
      return;
    } else if ((name === "x" || name === " ") && here && !event.target.matches("input")) {
      event.preventDefault();
      this.begin(here);
      this.set(here, !this.chosen.has(here));
      this.tell();
    } else if ((name === "b" || name === "e") && this.chosen.size) {
      event.preventDefault();
      this.form.requestSubmit(this.form.querySelector(name === "b" ? "button.main" : "[formaction]"));
    } else if (name === "Escape") {
      this.clear();
    }
  }

  move(here, next, choosing) {
    if (choosing && here && this.form) {
      // Whoever moved here without Shift begins a new range here.
      if (this.anchor !== here && !this.covered.has(here)) this.begin(here);
      this.cover(next, true);
      this.tell();
    } else {
      this.begin(next);
    }
    next.querySelector("a.look").focus();
    next.scrollIntoView({ block: "nearest" });
  }
}

// The clip before or after, past whatever stands between clips.
function beside(clip, direction) {
  let next = clip;
  do next = direction < 0 ? next.previousElementSibling : next.nextElementSibling;
  while (next && !next.matches(".clip"));
  return next;
}

// The clip below or above in the next row that has any: in the same column, else the last of that row. Days begin rows.
function nextRow(clip, direction) {
  let found = null;
  for (let next = beside(clip, direction); next; next = beside(next, direction)) {
    if (next.offsetTop === clip.offsetTop) continue;
    if (found && next.offsetTop !== found.offsetTop) break;
    if (!found || direction > 0) found = next;
    if (next.offsetLeft === clip.offsetLeft) return next;
  }
  return found ?? clip;
}

customElements.define("clip-grid", ClipGrid);
