// The check of a court package (station/package/FORMAT.md, "What a verifier checks"). Guarantees: the verdict is "sound"
// only if every check was made and none failed; every finding names its file; nothing that the package holds makes it
// throw. No browser API: files come as {size, digest(), read()}, so node runs it too.

import {
  FormatError,
  LIMITS,
  isPath,
  parseCheckpoint,
  parseKey,
  parseKeys,
  parseManifest,
  parsePackage,
  parsePart,
  parsePayload,
  parseProof,
  parseRecord,
  text,
  toHex,
} from "./format.js";
import { chooseJudge, cosignedAt, digestOf, isIncluded, isSigned, leafOf } from "./proof.js";

export { chooseJudge };

const TAGS = ["README.txt", "bag-info.txt", "bagit.txt", "manifest-sha256.txt", "verify.html", "verify.sh"];
const SEAL = ["seal.fact.part", "seal.payload", "seal.record", "seal.tlog-proof"];
const TAG_MANIFEST = "tagmanifest-sha256.txt";
const MANIFEST = "manifest-sha256.txt";
const PACKAGE = "data/package.json";
const CHECKPOINT = "data/ledger/checkpoint";
const KEYS = "data/ledger/log.vkey";
const WITNESSES = "data/ledger/witnesses.txt";
const ENTRIES = "data/ledger/entries/";
const DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
const LOG_KEY = 1;
const WITNESS_KEY = 4;
const TAKEN_IN = { whole: ["clip.ingested"], incomplete: ["clip.incomplete"], disposed: ["clip.ingested", "clip.incomplete"] };
const MEDIA = /^data\/(?:originals\/(?!ascmhl\/)|incomplete\/|playable\/|disclosure\/)/;
const DESTROYED = "clip.disposed";

/**
 * Check a package. `files`: Map of path to {size, digest(), read()}; `odd`: [{path, code}] of what is no plain file. `keys` and
 * `witnesses` are texts of verifier keys from outside. Returns {status: 0 sound, 1 damaged, 2 could not check, findings:
 * [{path, code, about}], failures, clips, key, …}.
 */
export async function check({ files, odd = [], keys = [], witnesses = [], onProgress = () => {}, judge }) {
  const bag = new Bag(files, onProgress);
  const report = { findings: bag.findings, failures: bag.failures, clips: [], keysFrom: keys.length ? "outside" : "package" };
  report.judge = judge ?? (await chooseJudge());
  if (!report.judge) bag.failures.push({ path: "", code: "no_ed25519" });
  if (!files.has("bagit.txt") && !files.has(TAG_MANIFEST) && !files.has(PACKAGE)) bag.failures.push({ path: "", code: "no_package" });
  const outside = readOutside(bag, keys, witnesses);
  if (bag.failures.length === 0) {
    for (const { path, code } of odd) bag.find(path, code);
    checkNames(bag);
    await bag.hashAll();
    const known = await readKeys(bag, report, outside);
    const seal = await checkSeal(bag, report, known);
    await checkManifests(bag, seal.fact);
    await checkLedger(bag, report, known, seal);
  }
  report.status = bag.findings.length > 0 ? 1 : bag.failures.length > 0 ? 2 : 0;
  report.files = files.size;
  report.bytes = bag.total;
  return report;
}

function readOutside(bag, keys, witnesses) {
  try {
    return { keys: keys.map((key) => parseKey(key.trim(), LOG_KEY)), witnesses: witnesses.map((key) => parseKey(key.trim(), WITNESS_KEY)) };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    bag.failures.push({ path: "", code: "bad_key" });
    return { keys: [], witnesses: [] };
  }
}

class Bag {
  constructor(files, onProgress) {
    this.files = files;
    this.onProgress = onProgress;
    this.findings = [];
    this.failures = [];
    this.bad = new Set();
    this.said = new Set();
    this.digests = new Map();
    this.total = [...files.values()].reduce((sum, file) => sum + file.size, 0);
  }

  /** Say that a file is wrong, once for each reason; a file that is wrong is not relied on any more. */
  find(path, code, about = "") {
    const key = `${code} ${path}`;
    if (!this.said.has(key)) this.findings.push({ path, code, about });
    this.said.add(key);
    this.bad.add(path);
  }

  sound(...paths) {
    return paths.every((path) => this.files.has(path) && !this.bad.has(path));
  }

  async hashAll() {
    let done = 0;
    for (const [path, file] of this.files) {
      try {
        this.digests.set(path, await file.digest((bytes) => this.onProgress(done + bytes, this.total, path)));
      } catch (error) {
        this.failures.push({ path, code: "unreadable", about: error instanceof Error ? error.message : "" });
        this.bad.add(path);
      }
      done += file.size;
      this.onProgress(done, this.total, path);
    }
  }

  /** Read and parse a file; null (and a finding) if it is not there or not of its form, null if it is known as bad. */
  async parse(path, parser, limit = LIMITS.small) {
    if (this.bad.has(path)) return null;
    const file = this.files.get(path);
    if (!file) {
      this.find(path, "missing");
      return null;
    }
    try {
      if (file.size > limit) throw new FormatError("too long");
      const bytes = await file.read();
      // What is judged are the bytes that were hashed, even if somebody changes the file meanwhile.
      if (digestOf(bytes) !== this.digests.get(path)) throw new FormatError("changed while it was read");
      return parser(bytes);
    } catch (error) {
      if (error instanceof FormatError) this.find(path, "form");
      else {
        this.failures.push({ path, code: "unreadable", about: error instanceof Error ? error.message : "" });
        this.bad.add(path);
      }
      return null;
    }
  }
}

function checkNames(bag) {
  const lower = new Map();
  for (const path of bag.files.keys()) {
    if (!isPath(path)) bag.find(path, "bad_name");
    const folded = path.toLowerCase();
    if (lower.has(folded)) bag.find(path, "case_clash", lower.get(folded));
    lower.set(folded, path);
  }
}

async function checkManifests(bag, fact) {
  if (fact && bag.sound("seal.fact.part", TAG_MANIFEST) && fact.tagmanifest?.sha256 !== bag.digests.get(TAG_MANIFEST)) {
    bag.find(TAG_MANIFEST, "pin");
  }
  const tags = await readManifest(bag, TAG_MANIFEST);
  if (tags && [...tags.keys()].join() !== TAGS.join()) bag.find(TAG_MANIFEST, "tags");
  if (tags) compare(bag, tags, TAG_MANIFEST);
  const payload = await readManifest(bag, MANIFEST);
  if (payload && ![...payload.keys()].every((path) => path.startsWith("data/"))) bag.find(MANIFEST, "outside_data");
  if (payload) compare(bag, payload, MANIFEST);
  for (const path of bag.files.keys()) {
    const known = tags?.has(path) || payload?.has(path) || SEAL.includes(path) || path === TAG_MANIFEST;
    // Without a readable manifest nothing can be said to be too many.
    if (!known && (path.startsWith("data/") ? payload : tags ?? !TAGS.includes(path))) bag.find(path, "unlisted");
  }
  for (const path of [...TAGS, ...SEAL, TAG_MANIFEST]) if (!bag.files.has(path)) bag.find(path, "missing");
  await bag.parse("bagit.txt", (bytes) => {
    if (text(bytes) !== DECLARATION) throw new FormatError("declaration");
  });
}

// Even a manifest that is damaged tells which files it does not fit.
async function readManifest(bag, path) {
  const wasBad = bag.bad.delete(path);
  const found = await bag.parse(path, parseManifest, LIMITS.large);
  if (wasBad) bag.bad.add(path);
  return found;
}

function compare(bag, listed, manifest) {
  const doubtful = bag.bad.has(manifest);
  for (const [path, digest] of listed) {
    if (!bag.files.has(path)) bag.find(path, doubtful ? "missing_doubt" : "missing");
    else if (bag.digests.has(path) && bag.digests.get(path) !== digest) bag.find(path, doubtful ? "differs_doubt" : "differs");
  }
}

async function readKeys(bag, report, outside) {
  const own = await bag.parse(KEYS, (bytes) => parseKeys(bytes, LOG_KEY));
  if (own && outside.keys.length && !own.some((key) => outside.keys.some((given) => given.text === key.text))) bag.find(KEYS, "other_key");
  // Of several the first counts: the others are former keys, which may be stolen by now.
  const trusted = (outside.keys.length ? outside.keys : own)?.slice(0, 1);
  report.keys = trusted?.map((key) => key.text) ?? [];
  const named = bag.files.has(WITNESSES) ? await bag.parse(WITNESSES, (bytes) => parseKeys(bytes, WITNESS_KEY)) : [];
  return { trusted, own: own ?? [], named: named ?? [], given: outside.witnesses };
}

async function checkLedger(bag, report, known, seal) {
  const checkpoint = await bag.parse(CHECKPOINT, parseCheckpoint, LIMITS.note);
  if (checkpoint && known.trusted) await checkSignatures(bag, report, CHECKPOINT, checkpoint, known, false);
  if (checkpoint) await checkWitnesses(bag, report, checkpoint, known);
  report.timestamps = [...bag.files.keys()].filter((path) => path.startsWith("data/ledger/timestamps/")).length;
  const contents = await bag.parse(PACKAGE, parsePackage, LIMITS.large);
  if (contents && checkpoint && bag.sound(PACKAGE, CHECKPOINT)) {
    if (contents.log !== checkpoint.origin || contents.log_size !== checkpoint.size) bag.find(PACKAGE, "disagrees", CHECKPOINT);
  }
  checkSealed(bag, seal, contents, checkpoint);
  if (!contents) return;
  Object.assign(report, { export: contents.export, log: contents.log, logSize: contents.log_size });
  const entries = await checkEntries(bag, contents, bag.sound(CHECKPOINT) && known.trusted ? checkpoint : null);
  report.entries = entries.size;
  for (const clip of contents.clips) report.clips.push(await checkClip(bag, clip, entries));
  checkContents(bag, contents, entries);
}

/** Every line of a key that is known must verify, and one of a trusted key must be there; `strict`: no other lines. */
async function checkSignatures(bag, report, path, checkpoint, { trusted, own, named, given }, strict) {
  if (!bag.sound(path)) return;
  const logKeys = [...trusted, ...own];
  let signed = false;
  for (const line of checkpoint.signatures) {
    const key = logKeys.find((each) => each.name === line.name && each.id === line.id);
    const witness = [...given, ...named].find((each) => each.name === line.name && each.id === line.id);
    if (key) {
      if (!(await isSigned(report.judge, checkpoint, line, key))) bag.find(path, "signature", line.name);
      else if (trusted.some((each) => each.text === key.text)) signed = true;
    } else if (strict && !(witness && (await cosignedAt(report.judge, checkpoint, line, witness)) !== null)) {
      bag.find(path, "unknown_line", line.name);
    }
  }
  if (!signed || logKeys.some((key) => key.name !== checkpoint.origin)) bag.find(path, "unsigned");
}

async function checkWitnesses(bag, report, checkpoint, { named, given }) {
  report.cosignatures = [];
  const seen = new Map();
  for (const key of [...given, ...named]) seen.set(key.text, key);
  for (const key of seen.values()) {
    const source = given.some((each) => each.text === key.text) ? "outside" : "package";
    const lines = checkpoint.signatures.filter((line) => line.name === key.name && line.id === key.id);
    const times = await Promise.all(lines.map((line) => cosignedAt(report.judge, checkpoint, line, key)));
    if (lines.length === 0 || times.includes(null)) bag.find(CHECKPOINT, lines.length ? "cosignature" : "no_cosignature", key.name);
    else report.cosignatures.push({ name: key.name, time: Math.max(...times), source });
  }
}

/** The seal by itself: signature, inclusion, payload, part; what does not follow from the one before is named. */
async function checkSeal(bag, report, known) {
  const record = await bag.parse("seal.record", parseLeaf, LIMITS.entry);
  const payload = await bag.parse("seal.payload", parsePayload, LIMITS.entry);
  const fact = await bag.parse("seal.fact.part", parsePart, LIMITS.entry);
  const proof = await bag.parse("seal.tlog-proof", parseSealProof, LIMITS.proof);
  if (proof && known.trusted) await checkSignatures(bag, report, "seal.tlog-proof", proof.checkpoint, known, true);
  if (record && proof && bag.sound("seal.tlog-proof")) {
    if (!isProven(record, proof, proof.checkpoint)) {
      // One of the two is wrong, and nothing tells which.
      bag.find("seal.record", "proof", "seal.tlog-proof");
      bag.find("seal.tlog-proof", "proof", "seal.record");
    } else if (record.type !== "export.produced" || record.log !== proof.checkpoint.origin) {
      bag.find("seal.record", "type");
    }
  }
  if (payload && bag.sound("seal.record") && record.payload !== bag.digests.get("seal.payload")) bag.find("seal.payload", "digest", "seal.record");
  if (fact && bag.sound("seal.payload") && payload.get("fact") !== bag.digests.get("seal.fact.part")) bag.find("seal.fact.part", "digest", "seal.payload");
  return { record, fact };
}

function parseSealProof(bytes) {
  const proof = parseProof(bytes);
  return { ...proof, checkpoint: parseCheckpoint(proof.checkpoint) };
}

const parseLeaf = (bytes) => ({ ...parseRecord(bytes), leaf: leafOf(bytes) });

const isProven = (record, proof, checkpoint) =>
  proof.index === record.seq && isIncluded(record.leaf, proof.index, checkpoint.size, proof.path, checkpoint.root);

/** What the seal says of the package. */
function checkSealed(bag, { record, fact }, contents, checkpoint) {
  if (!fact || !bag.sound("seal.fact.part")) return;
  if (contents && bag.sound(PACKAGE) && (fact.export !== contents.export || fact.log_size !== contents.log_size)) bag.find(PACKAGE, "disagrees", "seal.fact.part");
  if (!checkpoint || !bag.sound(CHECKPOINT)) return;
  if (fact.log_size !== checkpoint.size) bag.find(CHECKPOINT, "disagrees", "seal.fact.part");
  // The entry was made after the package, so the package's checkpoint can't cover it.
  if (bag.sound("seal.record") && (record.log !== checkpoint.origin || record.seq < checkpoint.size)) bag.find("seal.record", "disagrees", CHECKPOINT);
}

const numbersOf = (contents) => [...new Set([...contents.clips.flatMap((clip) => clip.entries), ...contents.others])].sort((a, b) => a - b);

/** Check all entries; return what is known of them by number: {record, leaf, payload}. */
async function checkEntries(bag, contents, checkpoint) {
  const numbers = numbersOf(contents);
  const parts = new Map(numbers.map((seq) => [seq, []]));
  for (const path of bag.files.keys()) {
    if (!path.startsWith(ENTRIES)) continue;
    const found = /^(0|[1-9][0-9]{0,15})\.(?:record|payload|tlog-proof|([a-z][a-z0-9_]{0,31})\.part)$/.exec(path.slice(ENTRIES.length));
    const seq = Number(found?.[1] ?? -1);
    if (!parts.has(seq)) bag.find(path, "not_named", PACKAGE);
    else if (found[2]) parts.get(seq).push([path, found[2]]);
  }
  const entries = new Map();
  for (const seq of numbers) entries.set(seq, await checkEntry(bag, seq, parts.get(seq), checkpoint));
  return entries;
}

async function checkEntry(bag, seq, parts, checkpoint) {
  const at = `${ENTRIES}${seq}`;
  const record = await bag.parse(`${at}.record`, parseLeaf, LIMITS.entry);
  const payload = await bag.parse(`${at}.payload`, parsePayload, LIMITS.entry);
  const proof = await bag.parse(`${at}.tlog-proof`, parseProof, LIMITS.proof);
  if (record && record.seq !== seq) bag.find(`${at}.record`, "number");
  if (record && checkpoint && record.log !== checkpoint.origin) bag.find(`${at}.record`, "other_log");
  if (proof && checkpoint) {
    if (proof.checkpoint !== checkpoint.note) bag.find(`${at}.tlog-proof`, "checkpoint", CHECKPOINT);
    else if (proof.index !== seq) bag.find(`${at}.tlog-proof`, "number");
    else if (record && bag.sound(`${at}.record`) && !isProven(record, proof, checkpoint)) {
      bag.find(`${at}.record`, "proof", `${at}.tlog-proof`);
      bag.find(`${at}.tlog-proof`, "proof", `${at}.record`);
    }
  }
  if (record && payload && bag.sound(`${at}.record`) && record.payload !== bag.digests.get(`${at}.payload`)) bag.find(`${at}.payload`, "digest", `${at}.record`);
  for (const [path, name] of parts) {
    if (!bag.sound(path) || !payload || !bag.sound(`${at}.payload`)) continue;
    if (payload.get(name) !== bag.digests.get(path)) bag.find(path, payload.has(name) ? "digest" : "not_named", `${at}.payload`);
  }
  if (!record || !bag.sound(`${at}.record`)) return { record: null };
  return { record, leaf: toHex(record.leaf) };
}

/** Check a clip's chain of entries, then its digest and size against the one that took it in. */
async function checkClip(bag, clip, entries) {
  const subject = `clip:${clip.clip}`;
  const told = { ...clip, time: null };
  let before = null;
  let takenIn = null;
  let destroyed = false;
  for (const seq of clip.entries) {
    const { record, leaf } = entries.get(seq);
    const path = `${ENTRIES}${seq}.record`;
    if (!record) {
      before = undefined;
      continue;
    }
    if (!record.subjects.has(subject)) bag.find(path, "not_about", subject);
    else if (before !== undefined && record.subjects.get(subject) !== before) bag.find(path, "chain", subject);
    before = leaf;
    // An incomplete reading after a whole one takes nothing back.
    if (record.type === "clip.ingested" || (record.type === "clip.incomplete" && takenIn?.record.type !== "clip.ingested")) takenIn = { seq, record };
    else if (record.type === DESTROYED) destroyed = true;
  }
  for (const name of clip.original ? [clip.original] : []) if (bag.digests.has(name)) checkOriginal(bag, clip, name);
  if (!takenIn) {
    // Where a record is unreadable, that has been said already.
    if (clip.entries.every((seq) => entries.get(seq).record)) bag.find(PACKAGE, "never_taken_in", subject);
    return told;
  }
  told.time = takenIn.record.time;
  if (!TAKEN_IN[clip.state].includes(takenIn.record.type) || (clip.state === "disposed" && !destroyed)) {
    if (clip.entries.every((seq) => entries.get(seq).record)) bag.find(PACKAGE, "state", subject);
  }
  const path = `${ENTRIES}${takenIn.seq}.fact.part`;
  const fact = await bag.parse(path, parsePart, LIMITS.entry);
  if (fact && (fact.digest?.sha256 !== clip.sha256 || fact.size_bytes !== clip.size_bytes || fact.clip !== clip.clip)) bag.find(PACKAGE, "disagrees", path);
  return told;
}

function checkOriginal(bag, clip, path) {
  if (!bag.sound(path)) return;
  if (bag.digests.get(path) !== clip.sha256) bag.find(path, "not_taken_in", PACKAGE);
  else if (bag.files.get(path).size !== clip.size_bytes) bag.find(path, "size", PACKAGE);
}

/** Check that the files of recordings are those that package.json names, and that no entry about them is kept back. */
function checkContents(bag, contents, entries) {
  const media = new Set([...contents.clips.map((clip) => clip.original).filter(Boolean), ...contents.derived.map((file) => file.path)]);
  const documents = new Set(contents.clips.map((clip) => `data/clips/${clip.clip}.json`));
  for (const path of [...media, ...documents]) if (!bag.files.has(path)) bag.find(path, "missing");
  for (const path of bag.files.keys()) {
    if (MEDIA.test(path) && !media.has(path)) bag.find(path, "not_named", PACKAGE);
    if (path.startsWith("data/clips/") && !documents.has(path)) bag.find(path, "not_named", PACKAGE);
  }
  for (const { path, sha256 } of contents.derived) {
    if (bag.sound(path) && bag.digests.get(path) !== sha256) bag.find(path, "disagrees", PACKAGE);
  }
  const listed = new Map(contents.clips.map((clip) => [`clip:${clip.clip}`, new Set(clip.entries)]));
  for (const [seq, { record }] of entries) {
    for (const subject of record?.subjects.keys() ?? []) {
      if (listed.has(subject) && !listed.get(subject).has(seq)) bag.find(`${ENTRIES}${seq}.record`, "left_out", subject);
    }
  }
}
