// SHA-256 of files as streams, in a worker made of this page's own text; where that is refused, here in small pieces.

import { sha256 } from "@noble/hashes/sha2.js";
import { toHex } from "./format.js";

const STEP_MS = 40;

export async function hashFile(file, onBytes, pause = false) {
  const hash = sha256.create();
  let [done, last] = [0, performance.now()];
  const reader = file.stream().getReader();
  for (;;) {
    const { done: ended, value } = await reader.read();
    if (ended) break;
    hash.update(value);
    done += value.length;
    if (performance.now() - last > STEP_MS) {
      onBytes(done);
      if (pause) await new Promise((go) => setTimeout(go));
      last = performance.now();
    }
  }
  if (done !== file.size) throw new Error("the file changed while it was read");
  return toHex(hash.digest());
}

/** Return a function (file, onBytes) that hashes; `source` is the worker's script. */
export function startHasher(source) {
  let worker = null;
  try {
    worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  } catch {
    return (file, onBytes) => hashFile(file, onBytes, true);
  }
  let current = null;
  worker.onmessage = ({ data }) => {
    if (data.bytes !== undefined) current?.onBytes(data.bytes);
    else if (data.hex) current?.resolve(data.hex);
    else current?.reject(new Error(data.error));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    worker = null;
    current?.lost();
  };
  return (file, onBytes) => {
    if (!worker) return hashFile(file, onBytes, true);
    return new Promise((resolve, reject) => {
      current = { resolve, reject, onBytes, lost: () => hashFile(file, onBytes, true).then(resolve, reject) };
      worker.postMessage(file);
    });
  };
}
