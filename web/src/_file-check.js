// <file-check>: the digest of a dropped file, computed by a worker piece by piece; only the digest is sent.

class FileCheck extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("[data-send]");
    this.busy = this.querySelector("[data-busy]");
    this.drop = this.querySelector("[data-drop]");
    this.input = this.querySelector("[data-file]");
    if (!this.drop) return;
    this.input.addEventListener("change", () => this.read(this.input.files[0]));
    this.querySelector("[data-stop]").addEventListener("click", () => this.stop());
    for (const name of ["dragover", "drop"]) {
      this.drop.addEventListener(name, (event) => event.preventDefault());
    }
    for (const [name, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
      this.drop.addEventListener(name, () => this.drop.classList.toggle("is-over", over));
    }
    this.drop.addEventListener("drop", (event) => this.read(event.dataTransfer.files[0]));
  }

  disconnectedCallback() {
    this.stop();
  }

  read(file) {
    if (!file) return;
    this.stop();
    this.show(0);
    this.worker = new Worker(this.dataset.worker);
    this.worker.addEventListener("message", ({ data }) => {
      if (data.error) this.fail();
      else if (data.sha256) this.send(data.sha256);
      else this.show(file.size ? data.done / file.size : 1);
    });
    this.worker.addEventListener("error", () => this.fail());
    this.worker.postMessage(file);
  }

  show(share) {
    this.busy.hidden = false;
    this.drop.hidden = true;
    this.querySelector("progress").value = Math.floor(share * 1000);
    this.words(this.dataset.reading.replace("{percent}", Math.floor(share * 100)));
  }

  words(text) {
    this.querySelector("[data-words]").textContent = text;
  }

  send(sha256) {
    this.stop();
    this.form.elements.sha256.value = sha256;
    this.form.requestSubmit();
  }

  fail() {
    this.stop();
    this.busy.hidden = false;
    this.words(this.dataset.failed);
  }

  stop() {
    this.worker?.terminate();
    this.worker = undefined;
    this.busy.hidden = true;
    this.drop.hidden = false;
    this.input.value = "";
  }
}

customElements.define("file-check", FileCheck);
