// <tagging-form>: a stage prefills what the recording proves; a found case sets its kind; and on 今日标记 the button
// says how many recordings it will tag. Without script all of it is a plain form.

class TaggingForm extends HTMLElement {
  connectedCallback() {
    this.phrases = [...this.querySelectorAll(".phrases")];
    this.addEventListener("change", (event) => this.changed(event.target));
    this.addEventListener("click", (event) => {
      const chip = event.target.closest("[data-fill]");
      if (chip) this.querySelector(`input[name=${chip.dataset.fill}]`).value = chip.textContent;
    });
    // What is not chosen by a click is not sent: a target of another kind would contradict the kind.
    this.closest("form").addEventListener("formdata", (event) => this.prune(event.formData));
    this.showPhrases(false);
    this.showKind();
    this.showSecret();
  }

  changed(control) {
    if (control.name === "stage") this.showPhrases(true);
    if (control.name === "kind") this.showKind();
    if (control.name === "sensitivity") this.showSecret();
    if (control.name === "target") this.keep(control);
  }

  // What was found and chosen stays, whatever a search that is still under way finds.
  keep(control) {
    const choice = control.closest(".found .choice");
    if (!choice) return;
    choice.closest("[data-panel]").querySelector(".kept").replaceChildren(choice);
    control.focus();
  }

  chosen(name) {
    return this.querySelector(`input[name=${name}]:checked`)?.value ?? "";
  }

  showPhrases(prefill) {
    const stage = this.chosen("stage");
    for (const group of this.phrases) {
      const on = group.dataset.stage === stage;
      group.hidden = !on;
      const boxes = [...group.querySelectorAll("input")];
      if (!on) for (const box of boxes) box.checked = false;
      else if (prefill && boxes.length && !boxes.some((box) => box.checked)) boxes[0].checked = true;
    }
  }

  showKind() {
    const kind = this.chosen("kind");
    for (const part of this.querySelectorAll("[data-needs-target]")) part.hidden = kind === "none";
  }

  showSecret() {
    this.querySelector("[data-secret]").hidden = this.chosen("sensitivity") !== "suspected_secret";
  }

  prune(data) {
    const panel = this.querySelector(`[data-panel="${this.chosen("kind")}"]`);
    const inside = (name) => panel?.querySelector(`input[name=${name}]:checked, input[name=${name}]:not([type=radio])`)?.value ?? "";
    for (const name of ["target", "new_number", "new_title", "none_reason"]) {
      data.delete(name);
      const value = inside(name);
      if (value) data.set(name, value);
    }
    if (data.get("target")) {
      data.delete("new_number");
      data.delete("new_title");
    }
    const proves = data.getAll("proves").filter(Boolean);
    data.delete("proves");
    if (data.get("kind") === "none") for (const name of ["stage", "range_start", "range_end", "range_proves"]) data.delete(name);
    else for (const words of proves) data.append("proves", words);
  }
}

customElements.define("tagging-form", TaggingForm);

const today = document.querySelector("form[data-today]");
if (today) {
  const all = today.querySelector("[data-all]");
  const button = today.querySelector("[data-apply]");
  const count = () => {
    const boxes = [...today.querySelectorAll("input[name=clip]")]; // one fewer when a recording was handed to the clerk
    const chosen = boxes.filter((box) => box.checked).length;
    button.textContent = button.dataset.words.replace("{count}", chosen);
    button.closest("button").disabled = chosen === 0;
    all.checked = chosen > 0 && chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  };
  today.addEventListener("change", (event) => {
    if (event.target === all) for (const box of today.querySelectorAll("input[name=clip]")) box.checked = all.checked;
    count();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) today.requestSubmit();
  });
  document.addEventListener("htmx:after:swap", count);
  count();
}
