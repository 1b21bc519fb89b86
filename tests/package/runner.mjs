// Runs the check of verify.html under node: `node runner.mjs BUNDLE`, one JSON request a line on standard input
// ({folder, keys, witnesses, set: {path: base64}, remove: [path], software}), one report a line on standard output.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { check, chooseJudge } = await import(pathToFileURL(process.argv[2]));
const folders = new Map();

function load(folder) {
  if (!folders.has(folder)) {
    const names = readdirSync(folder, { recursive: true }).map((name) => join(folder, name));
    const plain = names.filter((name) => statSync(name).isFile());
    folders.set(folder, new Map(plain.map((name) => [relative(folder, name), readFileSync(name)])));
  }
  return folders.get(folder);
}

const file = (bytes) => ({
  size: bytes.length,
  digest: async () => createHash("sha256").update(bytes).digest("hex"),
  read: async () => new Uint8Array(bytes),
});

for await (const line of createInterface({ input: process.stdin })) {
  const { folder, keys = [], witnesses = [], set = {}, remove = [], software = false } = JSON.parse(line);
  const contents = new Map(load(folder));
  for (const path of remove) contents.delete(path);
  for (const [path, base64] of Object.entries(set)) contents.set(path, Buffer.from(base64, "base64"));
  const files = new Map([...contents].map(([path, bytes]) => [path, file(bytes)]));
  const judge = software ? await chooseJudge(null) : undefined;
  let report;
  try {
    report = await check({ files, keys, witnesses, judge });
    report.judge = report.judge?.name;
  } catch (error) {
    report = { crash: String(error?.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
