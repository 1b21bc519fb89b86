// Hashes, inclusion and signatures. Guarantees: leaf, path and root are judged together (RFC 9162 section 2.1.3.2); an
// Ed25519 signature is judged by WebCrypto only if that has just judged known signatures rightly, else by the library.

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { encode, toHex } from "./format.js";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

function concatenate(...pieces) {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

export const digestOf = (bytes) => toHex(sha256(bytes));
export const leafOf = (record) => sha256(concatenate(LEAF, record));
const node = (left, right) => sha256(concatenate(NODE, left, right));

/** Tell whether `leaf` is number `index` of the tree of `size` leaves with that root (hex). */
export function isIncluded(leaf, index, size, path, root) {
  if (index >= size) return false;
  // Numbers beyond 2^31: no bit operators.
  let [first, second, current] = [index, size - 1, leaf];
  const half = (number) => Math.floor(number / 2);
  for (const hash of path) {
    if (second === 0) return false;
    if (first % 2 === 1 || first === second) {
      current = node(hash, current);
      while (first % 2 === 0 && first !== 0) [first, second] = [half(first), half(second)];
    } else {
      current = node(current, hash);
    }
    [first, second] = [half(first), half(second)];
  }
  return second === 0 && toHex(current) === root;
}

const bySoftware = {
  name: "noble",
  verify: async (signature, message, key) => {
    try {
      return ed25519.verify(signature, message, key, { zip215: false });
    } catch {
      return false;
    }
  },
};

const byBrowser = (subtle) => ({
  name: "WebCrypto",
  verify: async (signature, message, key) => {
    const imported = await subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    return subtle.verify("Ed25519", imported, signature, message);
  },
});

const unhex = (hex) => Uint8Array.from(hex.match(/../g), (pair) => Number.parseInt(pair, 16));
// RFC 8032 section 7.1, test 2.
const KNOWN = {
  key: unhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
  message: Uint8Array.of(0x72),
  signature: unhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ),
};

async function isTrustworthy(judge) {
  try {
    const wrong = KNOWN.signature.slice();
    wrong[40] ^= 1;
    return (
      (await judge.verify(KNOWN.signature, KNOWN.message, KNOWN.key)) === true &&
      (await judge.verify(wrong, KNOWN.message, KNOWN.key)) === false &&
      (await judge.verify(KNOWN.signature, Uint8Array.of(0x73), KNOWN.key)) === false
    );
  } catch {
    return false;
  }
}

/** Return what judges Ed25519 signatures here; null when nothing does so rightly. */
export async function chooseJudge(subtle = globalThis.crypto?.subtle) {
  for (const judge of subtle ? [byBrowser(subtle), bySoftware] : [bySoftware]) {
    if (await isTrustworthy(judge)) return judge;
  }
  return null;
}

/** Judge a log's own signature over a checkpoint's text. */
export const isSigned = (judge, checkpoint, line, key) =>
  line.signature.length === 64 ? judge.verify(line.signature, encode(checkpoint.body), key.public) : false;

/** Judge a witness's cosignature (c2sp.org/tlog-cosignature); return the POSIX time it states, or null. */
export async function cosignedAt(judge, checkpoint, line, key) {
  if (line.signature.length !== 72) return null;
  const time = new DataView(line.signature.buffer, line.signature.byteOffset).getBigUint64(0);
  if (time >= 1n << 63n) return null;
  const message = encode(`cosignature/v1\ntime ${time}\n${checkpoint.body}`);
  return (await judge.verify(line.signature.slice(8), message, key.public)) ? Number(time) : null;
}
