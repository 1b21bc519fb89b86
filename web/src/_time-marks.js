// <time-marks>: stretches of a clip marked in the player beside it (i and o, or the buttons) and what each proves; they go
// into the form that binds the clip. Without script it is a row to type in.

import { clock } from "./_frame-times.js";

class TimeMarks extends HTMLElement {
  connectedCallback() {
    this.player = document.querySelector("evidence-player");
    for (const button of this.querySelectorAll("[data-mark]")) {
      button.addEventListener("click", () => this.mark(button.dataset.mark));
    }
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.keys);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    // Escape leaves the row, so that the player's keys work again.
    if (event.key === "Escape" && this.contains(event.target)) return event.target.blur();
    const side = { i: "start", o: "end" }[event.key];
    if (!side || event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    this.mark(side);
    if (side === "end") this.last().querySelector("[name=range_proves]").focus();
  }

  last() {
    return [...this.querySelectorAll("[data-range]")].at(-1);
  }

  mark(side) {
    const ms = Math.min(this.player.edge(side), Number(this.dataset.length));
    const row = side === "start" ? this.blank() : this.last();
    row.querySelector(`[name=range_${side}]`).value = clock(ms);
    const told = this.querySelector("[data-marked]");
    told.textContent = told.dataset[side].replace("{time}", clock(ms));
  }

  // The last row until its end is marked, then a new one below it.
  blank() {
    const last = this.last();
    if (!last.querySelector("[name=range_end]").value) return last;
    const row = last.cloneNode(true);
    for (const input of row.querySelectorAll("input")) input.value = "";
    last.after(row);
    return row;
  }
}

customElements.define("time-marks", TimeMarks);
