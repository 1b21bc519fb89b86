// <clip-grid>: moving among clips and, where they may be bound, choosing by checkbox, Shift range and keyboard: arrows, j and k move, x chooses, p previews, comma and period scrub, o unfolds, Enter opens, b binds, e amends.
//
// Nothing here goes over all clips on a key or a click, however many were loaded: steps go from sibling to sibling.

import { FilmScrub } from "./_film-scrub.js";

class ClipGrid extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form[data-selection]");
    this.chosen = new Set();
    this.anchor = null; // where a range begins; `covered` is what the range in hand changed, so that it can shrink
    this.covered = new Map();
    this.scrub = new FilmScrub(this);
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
    this.addEventListener("click", (event) => {
      const button = event.target.closest(".unfold");
      if (button) this.unfold(button.closest(".clip"));
      const peek = event.target.closest(".peek");
      if (peek) this.preview?.press("p", peek.closest(".clip"));
    });
    this.jumps = (event) => this.jump(event);
    document.addEventListener("click", this.jumps);
    this.heads = new Map(); // by recording
    this.last = null; // up to which clips were gone over
    this.gather = () => this.join();
    this.join();
    document.addEventListener("htmx:after:swap", this.gather);
    this.aim();
    if (!this.form) return;
    this.words = this.form.querySelector("[data-count]");
    this.idle = this.words.textContent;
    this.addEventListener("click", (event) => this.choose(event));
    this.addEventListener("change", (event) => this.changed(event));
    this.form.querySelector("[data-clear]").addEventListener("click", () => this.clear());
    // A browser that comes back to the page may remember what was ticked.
    for (const clip of this.querySelectorAll(".clip")) this.mark(clip, this.box(clip).checked);
    this.tell();
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.keys);
    document.removeEventListener("click", this.jumps);
    document.removeEventListener("htmx:after:swap", this.gather);
  }

  get preview() {
    return this.parentElement.querySelector("clip-preview");
  }

  // Shows the segments of a recording, or folds them behind its first.
  unfold(head, open = !head.classList.contains("is-open")) {
    head.classList.toggle("is-open", open);
    head.querySelector(".unfold").setAttribute("aria-expanded", open);
    for (const clip of segments(head)) clip.classList.toggle("is-folded", !open);
  }

  // A further page may hold segments of a recording that stands here already: they join it. Only what is new is gone over.
  join() {
    let clip = this.last ? nextClip(this.last) : this.querySelector(".clip");
    while (clip) {
      const group = [clip, ...segments(clip)];
      const next = nextClip(group.at(-1));
      const head = this.heads.get(clip.dataset.recording);
      if (head) this.attach(head, group);
      else {
        this.heads.set(clip.dataset.recording, clip);
        this.last = group.at(-1);
      }
      clip = next;
    }
  }

  attach(head, group) {
    group[0].querySelector(".unfold")?.remove();
    let button = head.querySelector(".unfold");
    if (!button) {
      head.classList.add("is-stack");
      button = this.querySelector("template[data-unfold]").content.querySelector(".unfold").cloneNode(true);
      (head.matches("tr") ? head.querySelector("a.look").parentElement : head).append(button);
    }
    let last = segments(head).findLast((each) => !group.includes(each)) ?? head;
    for (const each of group) {
      last.after(each);
      each.classList.remove("is-stack");
      each.classList.toggle("is-folded", !head.classList.contains("is-open"));
      if (this.chosen.has(head)) this.mark(each, true);
      last = each;
    }
    button.querySelector("[data-segments]").textContent = button.dataset.words.replace("{count}", segments(head).length + 1);
    button.querySelector("[data-length]")?.remove(); // it was of fewer segments
    if (this.form) this.tell();
  }

  // A bar of the timeline leads to its recording: without a new page where it is on this one.
  jump(event) {
    const clip = document.getElementById(`clip-${event.target.closest("[data-jump]")?.dataset.jump}`);
    if (!clip || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.show(clip);
  }

  // The address may name a recording.
  aim() {
    const clip = location.hash.startsWith("#clip-") && document.getElementById(location.hash.slice(1));
    if (clip) this.show(clip);
  }

  show(clip) {
    if (clip.classList.contains("is-folded")) this.unfold(headOf(clip), true);
    clip.querySelector("a.look").focus();
    clip.scrollIntoView({ block: "center" });
  }

  box(clip) {
    return clip.querySelector("input[name=clip]");
  }

  // What a clip stands for: a folded recording for all its segments.
  set(clip, on) {
    for (const each of [clip, ...foldedOf(clip)]) this.mark(each, on);
  }

  mark(clip, on) {
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
    for (const clip of this.querySelectorAll(".clip")) this.mark(clip, on);
    this.tell();
  }

  begin(clip) {
    this.anchor = clip;
    this.covered = new Map();
  }

  cover(to, on) {
    for (const [clip, was] of this.covered) this.mark(clip, was);
    this.covered = new Map();
    const back = this.anchor.compareDocumentPosition(to) & Node.DOCUMENT_POSITION_PRECEDING;
    for (let clip = this.anchor; clip; clip = beside(clip, back ? -1 : 1)) {
      for (const each of [clip, ...foldedOf(clip)]) {
        this.covered.set(each, this.chosen.has(each));
        this.mark(each, on);
      }
      if (clip === to) return;
    }
  }

  clear() {
    for (const clip of [...this.chosen]) this.mark(clip, false);
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
    } else if ((name === "p" || name === " ") && here && !event.target.matches("input, button")) {
      event.preventDefault();
      this.preview?.press(name, here);
    } else if ((name === "," || name === ".") && here) {
      this.scrub.step(here, name === "," ? -1 : 1);
    } else if (name === "Escape" && this.preview?.open) {
      this.preview.close();
    } else if (name === "o" && here) {
      const head = headOf(here);
      if (!head.querySelector(".unfold")) return;
      this.unfold(head);
      head.querySelector("a.look").focus();
    } else if (!this.form) {
      return;
    } else if (name === "x" && here) {
      event.preventDefault();
      this.begin(here);
      this.set(here, !this.chosen.has(here));
      this.tell();
    } else if ((name === "b" || name === "e") && (this.chosen.size || (here && this.preview?.open))) {
      event.preventDefault();
      if (!this.chosen.size) {
        this.set(here, true);
        this.tell();
      }
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
    this.preview?.follow(next);
  }
}

// The other segments of a recording, which follow its first.
function segments(head) {
  const found = [];
  const { recording } = head.dataset;
  for (let next = head.nextElementSibling; next?.dataset.recording === recording; next = next.nextElementSibling) found.push(next);
  return found;
}

function nextClip(clip) {
  let next = clip.nextElementSibling;
  while (next && !next.matches(".clip")) next = next.nextElementSibling;
  return next;
}

function foldedOf(clip) {
  return clip.matches(".is-stack:not(.is-open)") ? segments(clip) : [];
}

function headOf(clip) {
  let head = clip;
  while (head.previousElementSibling?.dataset.recording === clip.dataset.recording) head = head.previousElementSibling;
  return head;
}

// The clip before or after that is shown, past whatever stands between clips.
function beside(clip, direction) {
  let next = clip;
  do next = direction < 0 ? next.previousElementSibling : next.nextElementSibling;
  while (next && !next.matches(".clip:not(.is-folded)"));
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
