// The SHA-256 of a file of any size, a few megabytes at a time, away from the page: answers {done} while it reads,
// {sha256} at the end, {error} if the file can't be read.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

const PIECE_BYTES = 4 * 1024 * 1024;

addEventListener("message", async ({ data: file }) => {
  try {
    const hasher = sha256.create();
    for (let done = 0; done < file.size; done += PIECE_BYTES) {
      postMessage({ done });
      hasher.update(new Uint8Array(await file.slice(done, done + PIECE_BYTES).arrayBuffer()));
    }
    postMessage({ sha256: bytesToHex(hasher.digest()) });
  } catch {
    postMessage({ error: true });
  }
});
