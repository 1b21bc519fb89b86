// <file-upload>: recordings sent in pieces by tus 1.0.0 (tus.io/protocols/resumable-upload), one after another. First the
// whole file's digest is computed, by which a half upload is known again, also after the page was closed; a piece that
// does not get through is sent again from where the station says that it stands.

const PIECE_BYTES = 4 * 1024 * 1024;
const LONGEST_PAUSE_SECONDS = 30;
const LOOK_MS = 2000;
const UNITS = ["B", "kB", "MB", "GB", "TB"];

const encode = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

function size(bytes) {
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 100 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

class Refused extends Error {}

class FileUpload extends HTMLElement {
  connectedCallback() {
    this.rows = document.getElementById("upload-rows");
    this.queue = this.querySelector("[data-queue]");
    this.drop = this.querySelector("[data-drop]");
    this.input = this.querySelector("[data-files]");
    this.waiting = [];
    this.input.addEventListener("change", () => {
      this.add(this.input.files);
      this.input.value = "";
    });
    for (const [name, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
      this.drop.addEventListener(name, (event) => {
        event.preventDefault();
        this.drop.classList.toggle("is-over", over);
        if (name === "drop") this.add(event.dataTransfer.files);
      });
    }
    this.querySelector("[data-said]").addEventListener("submit", (event) => event.preventDefault());
    this.rows.addEventListener("click", (event) => {
      const button = event.target.closest("[data-remove]");
      if (button) this.remove(button);
    });
    addEventListener("beforeunload", (event) => {
      if (this.running) event.preventDefault();
    });
    if (this.rows.querySelector("[data-busy]")) this.look();
  }

  add(files) {
    // What is said of a file is what stands in the form when it is chosen.
    const said = [...new FormData(this.querySelector("[data-said]"))].filter(([, value]) => value);
    for (const file of files) {
      const row = this.querySelector("[data-row]").content.firstElementChild.cloneNode(true);
      row.querySelector("[data-name]").textContent = file.name;
      this.queue.append(row);
      const job = { file, row, said, stopped: new AbortController() };
      row.querySelector("[data-stop]").addEventListener("click", () => this.stop(job));
      this.tell(job, "waiting", 0);
      this.waiting.push(job);
    }
    if (!this.running) this.work();
  }

  async work() {
    this.running = true;
    for (let job = this.waiting.shift(); job; job = this.waiting.shift()) {
      if (job.stopped.signal.aborted) continue;
      try {
        await this.send(job);
        job.row.remove();
      } catch (error) {
        if (job.stopped.signal.aborted) job.row.remove();
        else this.words(job, error instanceof Refused ? error.message : this.dataset.unreadable, true);
      }
      await this.look();
    }
    this.running = false;
  }

  async send(job) {
    const { file } = job;
    job.sha256 = await this.digest(job);
    let offset = 0;
    let place = this.half(job);
    while (!place || offset < file.size) {
      try {
        if (!place) {
          place = await this.create(job);
          offset = 0;
        } else {
          offset = await this.offset(job, place);
          if (offset === undefined) {
            place = undefined; // discarded meanwhile: it begins anew
            continue;
          }
        }
        while (offset < file.size) {
          this.tell(job, "sending", offset);
          const piece = file.slice(offset, offset + PIECE_BYTES);
          const headers = { "content-type": "application/offset+octet-stream", "upload-offset": offset };
          const answer = await this.ask(job, "PATCH", place, headers, piece);
          if (answer.status === 409) break;
          await this.check(answer, 204);
          offset = Number(answer.headers.get("upload-offset"));
          job.pause = 1;
        }
      } catch (error) {
        if (error instanceof Refused || job.stopped.signal.aborted || !(await this.readable(file))) throw error;
        await this.pause(job, offset);
      }
    }
    this.tell(job, "sent", file.size);
  }

  digest(job) {
    return new Promise((done, fail) => {
      const worker = new Worker(this.dataset.worker);
      const end = (act, value) => {
        worker.terminate();
        act(value);
      };
      worker.addEventListener("message", ({ data }) => {
        if (data.error) end(fail, new Error());
        else if (data.sha256) end(done, data.sha256);
        else this.tell(job, "reading", data.done);
      });
      worker.addEventListener("error", () => end(fail, new Error()));
      job.stopped.signal.addEventListener("abort", () => end(fail, new Error()));
      worker.postMessage(job.file);
    });
  }

  half({ file, sha256 }) {
    const known = [...this.rows.querySelectorAll("[data-half]")].find(
      (row) => row.dataset.sha256 === sha256 && Number(row.dataset.size) === file.size,
    );
    return known?.dataset.half;
  }

  async create(job) {
    const { file } = job;
    const said = [["filename", file.name], ["modified", `${file.lastModified}`], ["sha256", job.sha256], ...job.said];
    const metadata = said.map(([name, value]) => `${name} ${encode(value)}`).join(",");
    const headers = { "upload-length": file.size, "upload-metadata": metadata };
    const answer = await this.check(await this.ask(job, "POST", "/uploads", headers), 201);
    return answer.headers.get("location");
  }

  async offset(job, place) {
    const answer = await this.ask(job, "HEAD", place);
    if (answer.status === 404) return undefined;
    return Number((await this.check(answer, 200)).headers.get("upload-offset"));
  }

  ask(job, method, place, headers = {}, body = undefined) {
    const all = { accept: "application/json", "tus-resumable": "1.0.0", ...headers };
    return fetch(place, { method, headers: all, body, signal: job.stopped.signal, cache: "no-store" });
  }

  // What another try may mend is an ordinary error; what it can't is told in the station's own words.
  async check(answer, wanted) {
    if (answer.status === wanted) return answer;
    if (answer.status === 401) throw new Refused(this.dataset.login);
    if (answer.status >= 500 && answer.status !== 507) throw new Error();
    if (answer.status === 423 || answer.status === 408) throw new Error();
    const told = await answer.json().catch(() => ({}));
    throw new Refused(told.title && told.code ? told.title : this.dataset.refused);
  }

  readable(file) {
    return file.slice(0, 1).arrayBuffer().then(() => true, () => false);
  }

  async pause(job, offset) {
    const seconds = job.pause ?? 1;
    job.pause = Math.min(seconds * 2, LONGEST_PAUSE_SECONDS);
    this.tell(job, "again", offset, seconds);
    await new Promise((done) => {
      setTimeout(done, seconds * 1000);
      addEventListener("online", done, { once: true });
      job.stopped.signal.addEventListener("abort", done);
    });
  }

  tell(job, what, done, seconds = 0) {
    const { file, row } = job;
    const share = file.size ? done / file.size : 1;
    row.querySelector("progress").value = what === "waiting" ? 0 : Math.floor(share * 1000);
    const values = { done: size(done), total: size(file.size), percent: Math.floor(share * 100), seconds };
    this.words(job, this.dataset[what].replace(/\{(\w+)\}/g, (_, name) => values[name]), false);
  }

  words({ row }, text, bad) {
    const place = row.querySelector("[data-words]");
    if (place.textContent !== text) place.textContent = text;
    place.classList.toggle("bad-text", bad);
    row.querySelector("progress").hidden = bad;
  }

  async stop(job) {
    job.stopped.abort();
    job.row.remove();
    this.waiting = this.waiting.filter((each) => each !== job);
    await this.look();
  }

  async remove(button) {
    button.disabled = true;
    const job = { stopped: new AbortController() };
    await this.ask(job, "DELETE", button.dataset.remove).catch(() => {});
    await this.look();
  }

  // The list as it is now, and again while something is being taken in.
  async look() {
    clearTimeout(this.timer);
    try {
      const answer = await fetch(this.dataset.rows, { cache: "no-store", headers: { "HX-Request": "true" } });
      if (answer.ok) this.rows.innerHTML = await answer.text();
    } catch {
      // The next look tells.
    }
    if (this.isConnected && this.rows.querySelector("[data-busy]")) this.timer = setTimeout(() => this.look(), LOOK_MS);
  }
}

customElements.define("file-upload", FileUpload);
