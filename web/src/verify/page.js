// The page: takes a folder, shows progress, then the sentence first and everything else below it. All text goes through
// textContent, so no name in a package is ever markup.
import { check } from "./check.js";
import { startHasher } from "./hasher.js";
import { digestOf } from "./proof.js";
import { words } from "./words.js";

const at = (id) => document.getElementById(id);
const hash = startHasher(WORKER_SOURCE);
const SMALL = 1 << 20;
let language = /^zh/i.test(navigator.language) || !navigator.language ? "zh" : "en";
let shown = null;

const say = (key, values = {}) => fill(words[language][key], values);
const fill = (line, values) => line.replace(/\{(\w+)\}/g, (_, name) => visible(String(values[name] ?? "")));
// Control and direction characters in a name could make it read as another.
const visible = (name) =>
  name.replace(/[\p{C}\u2028\u2029]/gu, (char) => `\\u{${char.codePointAt(0).toString(16)}}`);

function add(parent, tag, content = "", className = "") {
  const element = document.createElement(tag);
  if (content) element.textContent = content;
  if (className) element.className = className;
  parent.append(element);
  return element;
}

const bytesOf = (count) => {
  const step = count < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** step).toFixed(step ? 1 : 0)} ${["B", "kB", "MB", "GB", "TB"][step]}`;
};

function momentOf(date) {
  const two = (number) => String(Math.abs(number)).padStart(2, "0");
  const offset = -date.getTimezoneOffset();
  const zone = `UTC${offset < 0 ? "−" : "+"}${two(Math.trunc(offset / 60))}:${two(offset % 60)}`;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} (${zone})`;
}
const toldTime = (time) => (time ? momentOf(new Date(`${time.slice(0, 23)}Z`)) : "—");

const source = (file) => {
  let kept = null;
  const read = async () => kept ?? new Uint8Array(await file.arrayBuffer());
  return {
    size: file.size,
    read,
    // Small files are kept from the hashing to the judging.
    digest: async (onBytes) => (file.size > SMALL ? hash(file, onBytes) : digestOf((kept = await read()))),
  };
};

async function fromEntry(entry, prefix, files, odd) {
  const path = prefix + entry.name;
  if (entry.isFile) return void files.set(path, await new Promise((yes, no) => entry.file(yes, no)).then(source, unreadable));
  if (!entry.isDirectory) return;
  const reader = entry.createReader();
  let count = 0;
  for (;;) {
    const some = await new Promise((yes, no) => reader.readEntries(yes, no));
    if (some.length === 0) break;
    count += some.length;
    for (const each of some) await fromEntry(each, `${path}/`, files, odd);
  }
  if (count === 0) odd.push({ path, code: "empty_folder" });
}
const unreadable = (error) => ({ size: 0, digest: () => Promise.reject(error), read: () => Promise.reject(error) });

async function takeDropped(entries) {
  const [files, odd] = [new Map(), []];
  for (const entry of entries) await fromEntry(entry, "", files, odd);
  const single = entries.length === 1 && entries[0].isDirectory ? `${entries[0].name}/` : "";
  const short = (path) => path.slice(single.length);
  await run(new Map([...files].map(([path, file]) => [short(path), file])), odd.map(({ path, code }) => ({ path: short(path), code })));
}

const takeChosen = (list) =>
  run(new Map([...list].map((file) => [file.webkitRelativePath.slice(file.webkitRelativePath.indexOf("/") + 1), source(file)])), []);

async function run(files, odd) {
  document.body.dataset.step = "working";
  const start = performance.now();
  const keys = at("key").value.split(/\s+/).filter(Boolean);
  const onProgress = (done, total, path) => {
    at("bar").max = Math.max(1, total);
    at("bar").value = done;
    const rate = bytesOf((done / Math.max(1, performance.now() - start)) * 1000);
    at("progress").textContent = done < total ? say("rate", { done: bytesOf(done), total: bytesOf(total), rate }) : say("remaining");
    at("current").textContent = visible(path);
  };
  let report;
  try {
    report = await check({ files, odd, keys, onProgress });
  } catch (error) {
    report = { status: 2, findings: [], failures: [{ path: "", code: "unreadable", about: String(error) }], clips: [], keys: [] };
  }
  shown = { ...report, at: new Date() };
  document.body.dataset.step = "done";
  draw();
  at("sentence").focus();
}

function sentence({ status, findings, clips }) {
  if (status === 2) return say("failed");
  if (status === 1) return say("damaged", { count: new Set(findings.map((each) => each.path)).size });
  const times = clips.map((clip) => clip.time).sort();
  const [first, last] = [toldTime(times[0]), toldTime(times.at(-1))];
  return first === last ? say("sound_one", { time: first }) : say("sound_many", { first, last });
}

function list(id, found) {
  at(id).hidden = found.length === 0;
  const rows = at(`${id}-list`);
  rows.replaceChildren();
  for (const { path, code, about } of found.slice(0, 2000)) {
    const row = add(rows, "li");
    if (path) add(row, "code", visible(path));
    add(row, "span", fill(words[language].codes[code] ?? code, { about }));
  }
}

function draw() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = say("title");
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  if (!shown) return;
  document.body.dataset.verdict = ["sound", "damaged", "failed"][shown.status];
  at("sentence").textContent = sentence(shown);
  at("checked").textContent = say("checked", { time: momentOf(shown.at) });
  list("findings", shown.findings);
  list("failures", shown.failures);
  const usable = shown.status !== 2 || shown.clips.length > 0;
  at("result-more").hidden = !usable;
  at("key-note").textContent = say(shown.keysFrom === "outside" ? "key_outside" : "key_package");
  at("key-text").textContent = visible((shown.keys ?? []).join(" "));
  // What was not checked is told where the verdict is, not below a fold.
  at("stamps").hidden = !shown.timestamps;
  at("stamps").textContent = say("stamps", { count: shown.timestamps });
  const rows = at("clips-rows");
  const damaged = new Set(shown.findings.map((each) => each.path));
  rows.replaceChildren();
  for (const clip of shown.clips) {
    const row = add(rows, "tr");
    add(row, "td", clip.clip).className = "fixed";
    add(row, "td", toldTime(clip.time));
    add(row, "td", say(damaged.has(clip.original) ? "touched" : clip.state));
    add(row, "td", bytesOf(clip.size_bytes));
  }
  const more = at("details-list");
  more.replaceChildren();
  add(more, "p", say("counts", { files: shown.files, bytes: bytesOf(shown.bytes ?? 0), log: shown.log, size: shown.logSize, entries: shown.entries }));
  for (const { name, time, source: from } of shown.cosignatures ?? []) {
    add(more, "p", say("witness", { name, time: momentOf(new Date(time * 1000)) }) + (from === "package" ? say("witness_package") : ""));
  }
  if (shown.judge) add(more, "p", say("ed25519", { name: shown.judge.name }));
  for (const clip of shown.clips) {
    add(more, "p", clip.original ?? clip.clip, "fixed");
    add(more, "p", `SHA-256 ${clip.sha256}`, "fixed soft");
  }
}

at("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  draw();
});
at("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "light" : "dark";
});
at("print").addEventListener("click", () => print());
at("again").addEventListener("click", () => {
  document.body.dataset.step = "start";
  at("folder").value = "";
});
at("folder").addEventListener("change", ({ target }) => target.files.length && takeChosen(target.files));
at("choose").addEventListener("click", () => at("folder").click());
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  if (document.body.dataset.step === "working") return;
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  if (entries.length > 0) takeDropped(entries);
});
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => (each.open = true)));
draw();
