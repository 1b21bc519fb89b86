// <dock-board>: live slots. Figures are patched in place; when a slot's state changes its tile is taken anew from the
// station, in words the station chose. A board that is not live says so.

const units = ["B", "kB", "MB", "GB", "TB", "PB"];

class DockBoard extends HTMLElement {
  connectedCallback() {
    this.offline = document.querySelector("[data-offline]");
    this.online = document.querySelector("[data-online]");
    this.format = (digits) =>
      new Intl.NumberFormat(this.dataset.locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
    this.source = new EventSource(this.dataset.events);
    this.source.addEventListener("slots", (event) => this.show(JSON.parse(event.data)));
    this.source.addEventListener("open", () => this.live(true));
    this.source.addEventListener("error", () => this.live(false));
  }

  disconnectedCallback() {
    this.source.close();
  }

  live(yes) {
    this.offline.hidden = yes;
    this.online.hidden = !yes;
    this.classList.toggle("is-stale", !yes);
  }

  show(slots) {
    let changed = false;
    for (const tile of this.querySelectorAll(".slot")) {
      const line = slots[tile.dataset.slot];
      const key = line ? `${line.state}/${line.docking ?? ""}/${line.problem ?? ""}` : "empty//";
      if (tile.dataset.key === key) this.patch(tile, line);
      else changed = true;
    }
    if (changed) this.renew();
  }

  patch(tile, line) {
    const progress = tile.querySelector("[data-progress]");
    if (!line || !progress || !line.bytes_total) return;
    progress.max = line.bytes_total;
    progress.value = line.bytes_done;
    this.words(tile, "[data-bytes]", `${this.size(line.bytes_done)} / ${this.size(line.bytes_total)}`);
    this.words(tile, "[data-rate]", line.rate ? `${this.size(line.rate)}/s` : "");
    this.words(tile, "[data-eta]", line.eta_seconds == null ? "" : this.wait(line.eta_seconds));
    this.words(tile, "[data-files]", this.dataset.files.replace("{done}", line.files_done).replace("{total}", line.files_total));
  }

  words(tile, selector, text) {
    const place = tile.querySelector(selector);
    if (place && place.textContent !== text) place.textContent = text;
  }

  async renew() {
    if (this.renewing) return;
    this.renewing = true;
    try {
      const answer = await fetch(this.dataset.slots);
      if (!answer.ok) return;
      const fresh = document.createElement("template");
      fresh.innerHTML = await answer.text();
      for (const tile of fresh.content.querySelectorAll(".slot")) {
        const old = this.querySelector(`.slot[data-slot="${tile.dataset.slot}"]`);
        if (!old || old.dataset.key === tile.dataset.key) continue;
        old.replaceWith(tile);
        const state = tile.dataset.state;
        if (old.dataset.state !== state) this.dispatchEvent(new CustomEvent("slot-state", { bubbles: true, detail: { state } }));
      }
    } catch {
      this.live(false);
    } finally {
      this.renewing = false;
    }
  }

  // As station.i18n writes them.
  size(bytes) {
    let value = bytes;
    let unit = 0;
    while (value >= 999.5 && unit < units.length - 1) {
      value /= 1000;
      unit += 1;
    }
    const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    return `${this.format(digits).format(value)} ${units[unit]}`;
  }

  wait(seconds) {
    if (seconds < 60) return this.dataset.aboutSeconds.replace("{count}", Math.max(seconds, 1));
    if (seconds < 3600) return this.dataset.aboutMinutes.replace("{count}", Math.ceil(seconds / 60));
    return this.dataset.aboutHours
      .replace("{hours}", Math.floor(seconds / 3600))
      .replace("{minutes}", Math.floor((seconds % 3600) / 60));
  }
}

customElements.define("dock-board", DockBoard);
