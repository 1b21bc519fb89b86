// <dock-sound>: lets the board be heard, when somebody turns it on: two rising notes for a recorder that may be taken
// out, three low ones for one that needs somebody. The notes are made here; there is no file. The choice is kept for this
// browser. Browsers stay silent until the page was touched once: until then the button says so.

const KEY = "dock-sound";
const TUNES = { good: [659, 880], bad: [311, 311, 311] }; // hertz
const HEARD = { done: "good", partly: "bad", failed: "bad", quarantined: "bad" };
const NOTE_SECONDS = 0.22;

class DockSound extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector("button");
    this.words = this.querySelector("[data-words]");
    this.button.addEventListener("click", () => this.turn(!this.on));
    document.addEventListener("slot-state", (event) => this.hear(HEARD[event.detail.state]));
    document.addEventListener("pointerdown", () => this.wake());
    document.addEventListener("keydown", () => this.wake());
    this.turn(kept(), true);
  }

  turn(on, quiet = false) {
    this.on = on;
    if (!quiet) keep(on);
    if (on) {
      this.context ??= new AudioContext();
      this.context.onstatechange = () => this.say();
      this.wake();
      if (!quiet) this.hear("good");
    }
    this.say();
  }

  wake() {
    if (this.on && this.context.state === "suspended") this.context.resume();
  }

  say() {
    const state = !this.on ? "off" : this.context.state === "running" ? "on" : "waiting";
    this.button.setAttribute("aria-pressed", String(this.on));
    this.dataset.state = state;
    this.words.textContent = this.dataset[state];
  }

  hear(tune) {
    if (!this.on || !tune) return;
    TUNES[tune].forEach((hertz, number) => this.note(hertz, this.context.currentTime + number * NOTE_SECONDS * 1.3));
  }

  note(hertz, start) {
    const tone = new OscillatorNode(this.context, { type: "triangle", frequency: hertz });
    const volume = new GainNode(this.context, { gain: 0 });
    volume.gain.linearRampToValueAtTime(0.5, start + 0.02); // a start and an end without a click
    volume.gain.linearRampToValueAtTime(0, start + NOTE_SECONDS);
    tone.connect(volume).connect(this.context.destination);
    tone.start(start);
    tone.stop(start + NOTE_SECONDS);
  }
}

// Storage may be forbidden: then the choice lasts as long as the page.
function kept() {
  try {
    return localStorage.getItem(KEY) === "on";
  } catch {
    return false;
  }
}

function keep(on) {
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch {
    // It lasts as long as the page.
  }
}

customElements.define("dock-sound", DockSound);
