// Strict parsers of what lies in a court package (station/package/FORMAT.md, station/ledger/FORMAT.md). Guarantee: what
// parses has the one form that version 1 allows, so no two texts mean the same; anything else throws FormatError.

import { sha256 } from "@noble/hashes/sha2.js";

export class FormatError extends Error {}

export const LIMITS = { note: 256 << 10, entry: 64 << 10, proof: 512 << 10, small: 1 << 20, large: 64 << 20 };

const HEX = "[0-9a-f]{64}";
const ORIGIN = "[a-z0-9][a-z0-9./-]{0,127}";
const COMPONENT = "[A-Za-z0-9][A-Za-z0-9._-]*";
const TYPE = "[a-z][a-z0-9_]{0,31}(?:\\.[a-z][a-z0-9_]{0,31})+";
const NUMBER = "0|[1-9][0-9]{0,15}";
const TIME = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z";
const SUBJECT = "[a-z][a-z0-9_]{0,31}:[A-Za-z0-9._~@/+=-]{1,128}";

const whole = (source) => new RegExp(`^(?:${source})$`);
const HEX_ONLY = whole(HEX);
const COMPONENT_ONLY = whole(COMPONENT);
const ORIGIN_ONLY = whole(ORIGIN);
const PATH = whole(`${COMPONENT}(?:/${COMPONENT})*`);
const MANIFEST_LINE = /^([0-9a-f]{64}) {2}(.+)$/;
const RECORD = new RegExp(
  `^\\{"log":"(${ORIGIN})","payload":"(${HEX})","prev":"(${HEX})","seq":(${NUMBER}),"subjects":\\{([^{}]*)\\},` +
    `"time":"(${TIME})","type":"(${TYPE})","v":1\\}$`,
);
const LINK = whole(`"(${SUBJECT})":(?:null|"(${HEX})")`);
const PAYLOAD = /^\{"parts":\{([^{}]+)\}\}$/;
const DIGEST = whole(`"([a-z][a-z0-9_]{0,31})":"(${HEX})"`);
const HASH_LINE = /^[A-Za-z0-9+/]{43}=$/;
const SIZE = /^(?:0|[1-9][0-9]{0,18})$/;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

const fail = (why) => {
  throw new FormatError(why);
};

export const isPath = (path) => PATH.test(path);
export const isName = (name) => COMPONENT_ONLY.test(name);
export const encode = (text) => encoder.encode(text);

export function toHex(bytes) {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return hex;
}

export function text(bytes, limit = LIMITS.small) {
  if (bytes.length > limit) fail("too long");
  try {
    return utf8.decode(bytes);
  } catch {
    return fail("not UTF-8");
  }
}

export function fromBase64(string) {
  let binary;
  try {
    binary = atob(string);
  } catch {
    return fail("base64");
  }
  // atob forgives spaces, missing padding and loose last bits; a verifier must not.
  if (btoa(binary) !== string) fail("base64");
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

function ascending(names) {
  for (let at = 1; at < names.length; at++) if (!(names[at - 1] < names[at])) return false;
  return true;
}

/** `manifest-sha256.txt`: a map of path to hex SHA-256, paths in the order of their bytes. */
export function parseManifest(bytes) {
  const lines = text(bytes, LIMITS.large).split("\n");
  if (lines.pop() !== "" || lines.length === 0) fail("lines");
  const found = new Map();
  for (const line of lines) {
    const [, digest, path] = MANIFEST_LINE.exec(line) ?? fail("line");
    if (!isPath(path)) fail("path");
    found.set(path, digest);
  }
  if (!ascending(lines.map((line) => line.slice(66)))) fail("order");
  return found;
}

/** A record; `subjects` maps each subject to the hex leaf of the one before, or null. */
export function parseRecord(bytes) {
  const found = RECORD.exec(text(bytes, LIMITS.entry)) ?? fail("record");
  const [, log, payload, prev, number, links, time, type] = found;
  const seq = Number(number);
  if (!Number.isSafeInteger(seq) || !isTime(time)) fail("record");
  const subjects = new Map();
  for (const link of links === "" ? [] : links.split(",")) {
    const [, subject, leaf] = LINK.exec(link) ?? fail("subjects");
    subjects.set(subject, leaf ?? null);
  }
  if (links !== "" && !ascending(links.split(",").map((link) => link.slice(1, link.indexOf('"', 1))))) fail("subjects");
  return { log, payload, prev, seq, subjects, time, type };
}

function isTime(time) {
  const date = new Date(`${time.slice(0, 19)}Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 19) === time.slice(0, 19);
}

/** A payload: a map of part name to hex digest. */
export function parsePayload(bytes) {
  const [, inner] = PAYLOAD.exec(text(bytes, LIMITS.entry)) ?? fail("payload");
  const parts = new Map();
  for (const item of inner.split(",")) {
    const [, name, digest] = DIGEST.exec(item) ?? fail("payload");
    parts.set(name, digest);
  }
  if (parts.size !== inner.split(",").length || !ascending([...parts.keys()])) fail("payload");
  return parts;
}

/** JSON that is byte for byte what RFC 8785 writes of it, with integers alone. */
export function parseCanonical(bytes, limit) {
  const source = text(bytes, limit);
  let value;
  try {
    value = JSON.parse(source);
  } catch {
    return fail("JSON");
  }
  if (canonical(value, 0) !== source) fail("canonical JSON");
  return value;
}

function canonical(value, depth) {
  if (depth > 64) fail("nested too deep");
  if (typeof value === "number") return Number.isSafeInteger(value) ? String(value) : fail("number");
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, depth + 1)).join(",")}]`;
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name], depth + 1)}`).join(",")}}`;
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const hasExactly = (value, names) => isObject(value) && Object.keys(value).sort().join() === names.slice().sort().join();
const isHex = (value) => typeof value === "string" && HEX_ONLY.test(value);
const isNumber = (value) => Number.isSafeInteger(value) && value >= 0;

/** The value of a part. */
export function parsePart(bytes) {
  const part = parseCanonical(bytes, LIMITS.entry);
  if (!hasExactly(part, ["salt", "value"]) || !/^[0-9a-f]{32}$/.test(part.salt)) fail("part");
  return part.value;
}

const isNumbers = (list) =>
  Array.isArray(list) && list.every(isNumber) && list.every((number, at) => at === 0 || list[at - 1] < number);
const FOLDERS = { whole: "originals", incomplete: "incomplete" };

function isClip(clip) {
  if (!hasExactly(clip, ["clip", "entries", "original", "sha256", "size_bytes", "state"])) return false;
  if (typeof clip.clip !== "string" || !isName(clip.clip) || !isNumbers(clip.entries) || clip.entries.length === 0) return false;
  if (!isHex(clip.sha256) || !isNumber(clip.size_bytes)) return false;
  if (clip.state === "disposed") return clip.original === null;
  return Object.hasOwn(FOLDERS, clip.state) && isFileOf(clip.original, FOLDERS[clip.state], clip.clip);
}

function isFileOf(path, folder, clip) {
  const start = `data/${folder}/${clip}.`;
  return typeof path === "string" && path.startsWith(start) && /^[A-Za-z0-9]+$/.test(path.slice(start.length));
}

function isDerived(file, clips) {
  if (!hasExactly(file, ["kind", "of", "path", "sha256"]) || !isHex(file.sha256)) return false;
  return ["playable", "disclosure"].includes(file.kind) && clips.has(file.of) && isFileOf(file.path, file.kind, file.of);
}

/** `data/package.json` (FORMAT.md, section data/package.json). */
export function parsePackage(bytes) {
  const found = parseCanonical(bytes, LIMITS.large);
  if (!hasExactly(found, ["clips", "derived", "export", "log", "log_size", "others", "v"]) || found.v !== 1) fail("members");
  if (typeof found.export !== "string" || !isName(found.export)) fail("export");
  if (typeof found.log !== "string" || !ORIGIN_ONLY.test(found.log) || !isNumber(found.log_size)) fail("log");
  if (!Array.isArray(found.clips) || found.clips.length === 0 || !found.clips.every(isClip)) fail("clips");
  const clips = new Set(found.clips.map((clip) => clip.clip));
  if (!ascending(found.clips.map((clip) => clip.clip))) fail("clips");
  if (!Array.isArray(found.derived) || !found.derived.every((file) => isDerived(file, clips))) fail("derived");
  if (!ascending(found.derived.map((file) => file.path)) || !isNumbers(found.others)) fail("order");
  return found;
}

/** `name+hex key id+base64(type ‖ public key)`, of C2SP type 1 (a log's key) or 4 (a witness's). */
export function parseKey(line, type) {
  const found = /^([^\s+\u0000-\u001f\u007f]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(line) ?? fail("key");
  const [, name, id, encoded] = found;
  const data = fromBase64(encoded);
  if (data.length !== 33 || data[0] !== type) fail("key");
  const named = encode(`${name}\n`);
  const both = new Uint8Array(named.length + data.length);
  both.set(named);
  both.set(data, named.length);
  if (toHex(sha256(both).slice(0, 4)) !== id) fail("key id");
  return { name, id, public: data.slice(1), text: line };
}

/** A file of keys, one a line. */
export function parseKeys(bytes, type) {
  const lines = text(bytes).split("\n");
  if (lines.pop() !== "" || lines.length === 0 || new Set(lines).size !== lines.length) fail("keys");
  return lines.map((line) => parseKey(line, type));
}

/** A checkpoint: origin, size, root as hex, `body` that is signed, and signature lines (name, key id, signature). */
export function parseCheckpoint(source) {
  const note = typeof source === "string" ? source : text(source, LIMITS.note);
  if (encode(note).length > LIMITS.note || /[\u0000-\u0009\u000b-\u001f]/.test(note)) fail("note");
  const end = note.lastIndexOf("\n\n");
  if (end < 1 || !note.endsWith("\n")) fail("note");
  const body = note.slice(0, end + 1);
  const lines = note.slice(end + 2, -1).split("\n");
  if (lines.length > 64) fail("signatures");
  const signatures = lines.map((line) => {
    const [, name, encoded] = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/u.exec(line) ?? fail("signature line");
    const data = fromBase64(encoded);
    if (data.length <= 4) fail("signature line");
    return { name, id: toHex(data.slice(0, 4)), signature: data.slice(4) };
  });
  const [origin, number, root, ...more] = body.slice(0, -1).split("\n");
  // Version 1 writes no extension lines.
  if (!ORIGIN_ONLY.test(origin) || !SIZE.test(number ?? "") || !HASH_LINE.test(root ?? "") || more.length > 0) fail("checkpoint");
  const size = Number(number);
  if (!Number.isSafeInteger(size)) fail("size");
  return { origin, size, root: toHex(fromBase64(root)), body, signatures, note };
}

/** A proof of one entry: `index`, `path` (hashes as bytes) and the checkpoint's text. Extra lines are not taken. */
export function parseProof(bytes) {
  const source = text(bytes, LIMITS.proof);
  const at = source.indexOf("\n\n");
  if (at < 0) fail("proof");
  const [header, number, ...hashes] = source.slice(0, at).split("\n");
  const [, index] = /^index (0|[1-9][0-9]{0,18})$/.exec(number ?? "") ?? fail("index");
  if (header !== "c2sp.org/tlog-proof@v1" || hashes.length > 63 || !hashes.every((line) => HASH_LINE.test(line))) fail("proof");
  if (!Number.isSafeInteger(Number(index))) fail("index");
  return { index: Number(index), path: hashes.map(fromBase64), checkpoint: source.slice(at + 2) };
}
