// Tagging at the dock. A badge reader types like a keyboard and ends with Enter: the board listens for it while no field
// has the focus. <pin-pad> is for fingers. <dock-session> returns to the board when nobody touches the page any more;
// the station ends the session by its own clock, whatever happens here.

// A reader takes some 10 ms a sign; whoever types the number on the badge is as welcome.
const keyMilliseconds = 1000;
const shortest = 4;
const warnSeconds = 15;
const aliveSeconds = 10;

const wedge = document.querySelector("form[data-wedge]");
if (wedge) {
  let typed = "";
  let last = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea")) return;
    if (event.timeStamp - last > keyMilliseconds) typed = "";
    last = event.timeStamp;
    if (event.key === "Enter" && typed.length >= shortest) {
      event.preventDefault(); // also where a link has the focus
      wedge.elements.badge.value = typed;
      typed = "";
      wedge.requestSubmit();
    } else if (/^[0-9A-Za-z]$/.test(event.key)) typed += event.key;
  });
}

// A reader ends with Enter: it leads on to what is still to be said, and enters nothing by itself.
function leadOn(badge, next) {
  badge.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !badge.value) return;
    event.preventDefault();
    next.focus();
  });
}

const handOver = document.querySelector(".hand-over form")?.elements;
if (handOver) leadOn(handOver.badge, handOver.slot);

class PinPad extends HTMLElement {
  connectedCallback() {
    const fields = [...this.closest("form").querySelectorAll("input[type=password]")];
    const field = () => fields.find((each) => each === this.last) ?? fields[0];
    for (const each of fields) each.addEventListener("focus", () => (this.last = each));
    leadOn(this.closest("form").elements.badge, fields[0]);
    // A badge left in its field is gone with the page when nobody goes on.
    const wait = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => location.assign(this.dataset.board), Number(this.dataset.seconds) * 1000);
    };
    for (const name of ["pointerdown", "keydown"]) document.addEventListener(name, wait, { passive: true });
    wait();
    for (const sign of ["1", "2", "3", "4", "5", "6", "7", "8", "9", "", "0", "⌫"]) {
      const key = document.createElement(sign ? "button" : "span");
      if (sign) {
        key.type = "button";
        key.className = "button";
        key.textContent = sign;
        key.tabIndex = -1; // keyboards have digits of their own
        if (sign === "⌫") key.setAttribute("aria-label", this.dataset.back);
        key.addEventListener("click", () => {
          const place = field();
          if (sign === "⌫") place.value = place.value.slice(0, -1);
          else if (place.value.length < place.maxLength) place.value += sign;
        });
      }
      this.append(key);
    }
  }
}

customElements.define("pin-pad", PinPad);

class DockSession extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form[data-done]");
    this.left = this.querySelector("[data-left]");
    this.told = performance.now();
    this.touched = this.told;
    for (const name of ["pointerdown", "keydown", "input", "scroll", "wheel"])
      document.addEventListener(name, () => this.touch(), { passive: true, capture: true });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.form.requestSubmit();
    });
    // Recordings are chosen already: the keyboard begins at what they belong to.
    document.querySelector("tagging-form input[name=kind]:checked")?.focus({ preventScroll: true });
    this.timer = setInterval(() => this.tick(), 500);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  touch() {
    const now = performance.now();
    this.touched = now;
    if (now - this.told < aliveSeconds * 1000) return;
    this.told = now;
    fetch(this.dataset.alive, { method: "POST", redirect: "manual" }).then(
      (answer) => {
        if (answer.status !== 204) location.assign("/dock");
      },
      () => {}, // the station is not there now; its clock runs all the same
    );
  }

  tick() {
    const left = Math.ceil(Number(this.dataset.seconds) - (performance.now() - this.touched) / 1000);
    const words = left <= warnSeconds ? this.left.dataset.words.replace("{count}", Math.max(left, 0)) : "";
    if (this.left.textContent !== words) this.left.textContent = words;
    if (left > 0) return;
    clearInterval(this.timer);
    this.form.requestSubmit();
  }
}

customElements.define("dock-session", DockSession);
