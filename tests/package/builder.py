"""Small court packages made after FORMAT.md alone, without `station.package`, so that two readings of it meet in tests.

Guarantee: what `make` returns is sound; the pieces (log, clips, proofs, manifests, seal) can be made again after a
change, as somebody without the key of the log could.
"""

import copy
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from station.ledger import entry, merkle
from station.ledger.cosign import CosigningKey
from station.ledger.note import Signature, VerifierKey, checkpoint_text, make_note
from station.ledger.proof import make_proof

Files = dict[str, bytes]
TAGS = ("README.txt", "bag-info.txt", "bagit.txt", "manifest-sha256.txt", "verify.html", "verify.sh")
EXPORT = "e5vkt2m4qzq6wmxw5a3o7r6c2i"
TIME = "2026-08-04T10:00:{:02d}.000000Z"


def canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def hex_of(content: bytes) -> str:
    return sha256(content).hexdigest()


class Signer:
    """A log's key."""

    def __init__(self, origin: str, seed: bytes) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = VerifierKey(origin, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> Signature:
        return Signature(self.key.name, self.key.key_id, self.private.sign(text.encode()))


def cosigner(seed: int, number: int) -> CosigningKey:
    """Return the key of a witness of the package that `make` makes of `seed`."""
    return CosigningKey(f"witness.example/{number}", random.Random(f"{seed} witness {number}").randbytes(32))


@dataclass
class Log:
    """Records, payloads and parts in memory, with RFC 6962 proofs."""

    origin: str
    rng: random.Random
    records: list[bytes] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    parts: list[dict[str, bytes]] = field(default_factory=list)
    last: dict[str, str] = field(default_factory=dict)

    def append(self, kind: str, subjects: Sequence[str], **values: object) -> int:
        seq = len(self.records)
        parts = {name: entry.make_part(value, self.rng.randbytes(16).hex()) for name, value in values.items()}  # type: ignore[arg-type]
        payload = entry.make_payload(parts)
        record = entry.make_record(
            log=self.origin,
            seq=seq,
            prev=entry.leaf_of(self.records[-1]).hex() if self.records else entry.FIRST_PREV,
            type=kind,
            time=TIME.format(seq % 60),
            payload=hex_of(payload),
            subjects={subject: self.last.get(subject) for subject in subjects},
        )
        self.records.append(record)
        self.payloads.append(payload)
        self.parts.append(parts)
        for subject in subjects:
            self.last[subject] = entry.leaf_of(record).hex()
        return seq

    def root(self, size: int) -> bytes:
        return merkle.subtree_root(0, size, self._nodes) if size else merkle.EMPTY_ROOT

    def path(self, seq: int, size: int) -> list[bytes]:
        return merkle.inclusion_proof(seq, size, self._nodes)

    def _nodes(self, level: int, index: int) -> bytes:
        if level == 0:
            return entry.leaf_of(self.records[index])
        return merkle.node_hash(self._nodes(level - 1, 2 * index), self._nodes(level - 1, 2 * index + 1))

    def checkpoint(self, size: int, *signers: Signer, cosigners: Sequence[CosigningKey] = ()) -> str:
        text = checkpoint_text(self.origin, size, self.root(size))
        lines = [signer.sign(text) for signer in signers]
        return make_note(text, [*lines, *(key.cosign(text, 1785837600) for key in cosigners)])


@dataclass
class Package:
    """A package's files, and what outsiders know of the log: the verifier key, and those of witnesses."""

    files: Files
    key: str
    witnesses: tuple[str, ...]
    log: Log
    signer: Signer

    def write(self, folder: Path) -> Path:
        write(self.files, folder)
        return folder


def write(files: Mapping[str, bytes], folder: Path) -> None:
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def make(
    seed: int = 1,
    *,
    clips: int = 3,
    witnesses: int = 1,
    rotated: bool = False,
    signing: slice = slice(None),
    verifiers: Mapping[str, bytes] | None = None,
) -> Package:
    """Return a sound package: the first clip whole, the second incomplete, the third destroyed, all others whole.

    A log that was `rotated` has two keys, the newest first; `signing` are those that sign (the newest must).
    """
    rng = random.Random(seed)
    origin = "evidence-station/" + "".join(rng.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(26))
    signers = [Signer(origin, rng.randbytes(32)) for _ in range(2 if rotated else 1)]
    cosigners = [cosigner(seed, number) for number in range(witnesses)]
    log = Log(origin, rng)
    files: Files = {}
    case = "case:x7"
    log.append("log.started", (), fact={"software": "test"})
    others = [log.append("target.opened", (case,), fact={"kind": "case"}, names={"title": "甲案"})]
    described = [_take_in(log, files, rng, number) for number in range(clips)]
    for each in described:
        each["entries"].append(
            log.append("clip.bound", (case, f"clip:{each['clip']}"), fact={"n": 1}, text={"note": "备注"})
        )
    for number, each in enumerate(described):
        if number % 4 == 2:
            each["entries"].append(log.append("clip.disposed", (f"clip:{each['clip']}",), fact={"clip": each["clip"]}))
    log.append("alarm.raised", ("alarm:a1",), fact={"code": "other"})
    others.append(log.append("export.requested", (case, f"export:{EXPORT}"), fact={"export": EXPORT}))
    size = len(log.records)
    note = log.checkpoint(size, *signers[signing], cosigners=cosigners)
    files["data/ledger/checkpoint"] = note.encode()
    files["data/ledger/log.vkey"] = "".join(f"{signer.key}\n" for signer in signers).encode()
    if cosigners:
        files["data/ledger/witnesses.txt"] = "".join(f"{key.verifier}\n" for key in cosigners).encode()
    for seq in sorted({*others, *(seq for each in described for seq in each["entries"])}):
        files |= entry_files(log, f"data/ledger/entries/{seq}", seq, size, note, without=("names",))
    files["data/package.json"] = canonical(
        {
            "v": 1,
            "export": EXPORT,
            "log": origin,
            "log_size": size,
            "clips": sorted(described, key=lambda each: each["clip"]),
            "derived": sorted(_derived(files, described), key=lambda each: str(each["path"])),
            "others": others,
        }
    )
    files["data/evidence-list.csv"] = "\ufeff编号,类别\r\n1,视听资料\r\n".encode()
    files["data/certificate.pdf"] = b"%PDF-1.7\n" + rng.randbytes(300)
    files["README.txt"] = "电子证据包\n".encode()
    files["bag-info.txt"] = b"Bagging-Date: 2026-08-04\n"
    files["bagit.txt"] = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    files |= verifiers or {"verify.html": b"<!doctype html>\n", "verify.sh": b"#!/bin/bash\n"}
    make_manifests(files)
    seal(files, log, signers[signing], size)
    keys = tuple(str(key.verifier) for key in cosigners)
    return Package(files, str(signers[0].key), keys, log, signers[0])


def with_files(package: Package, more: Mapping[str, bytes]) -> Files:
    """Return the files of the package as it would have been made with `more`, under a seal of its own."""
    files, log = {**package.files, **more}, copy.deepcopy(package.log)
    make_manifests(files)
    seal(files, log, [package.signer], json.loads(files["data/package.json"])["log_size"])
    return files


def entry_files(
    log: Log, at: str, seq: int, size: int, note: str, *, without: Sequence[str] = (), seal: bool = False
) -> Files:
    """Return the files of one entry; `at` is what their names begin with."""
    parts = {f"{at}.{name}.part": part for name, part in log.parts[seq].items() if name not in without}
    return {
        f"{at}.record": log.records[seq],
        f"{at}.payload": log.payloads[seq],
        f"{at}.tlog-proof": make_proof(seq, log.path(seq, size), note).encode(),
        **parts,
    }


def make_manifests(files: Files) -> None:
    """Write both manifests anew, over whatever the other files are."""
    files["manifest-sha256.txt"] = _manifest({path: files[path] for path in files if path.startswith("data/")})
    files["tagmanifest-sha256.txt"] = _manifest({path: files[path] for path in TAGS if path in files})


def seal(files: Files, log: Log, signers: Sequence[Signer], size: int) -> None:
    """Append `export.produced` to the log and put it into the package."""
    pinned = {"export": EXPORT, "log_size": size, "tagmanifest": {"sha256": hex_of(files["tagmanifest-sha256.txt"])}}
    seq = log.append("export.produced", (f"export:{EXPORT}",), fact=pinned, actor={"account": "zhang"})
    log.append("clock.measured", (), fact={"offset_ms": 1})
    now = len(log.records)
    files |= entry_files(log, "seal", seq, now, log.checkpoint(now, *signers), without=("actor",))


def _manifest(files: Files) -> bytes:
    return "".join(f"{hex_of(files[path])}  {path}\n" for path in sorted(files, key=str.encode)).encode()


def _take_in(log: Log, files: Files, rng: random.Random, number: int) -> dict[str, Any]:
    clip = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(26))
    content = rng.randbytes(rng.randrange(1, 4000))
    state = ("whole", "incomplete", "disposed", "whole")[number % 4]
    fact = {"clip": clip, "digest": {"sha256": hex_of(content)}, "size_bytes": len(content), "media": "video"}
    kind = "clip.incomplete" if state == "incomplete" else "clip.ingested"
    entries = [log.append(kind, (f"clip:{clip}", "docking:d1"), fact=fact, names={"file": "张三.mp4"})]
    entries.append(log.append("clip.probed", (f"clip:{clip}",), fact={"digest": {"sha256": "0"}, "size_bytes": 1}))
    original = {"whole": f"data/originals/{clip}.mp4", "incomplete": f"data/incomplete/{clip}.mp4"}.get(state)
    if original:
        files[original] = content
    if state == "whole":
        files[f"data/playable/{clip}.mp4"] = rng.randbytes(200)
    files[f"data/clips/{clip}.json"] = canonical({"clip": clip, "v": 1})
    return {
        "clip": clip,
        "entries": entries,
        "original": original,
        "sha256": hex_of(content),
        "size_bytes": len(content),
        "state": state,
    }


def _derived(files: Files, described: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    return [
        {"kind": "playable", "of": each["clip"], "path": path, "sha256": hex_of(files[path])}
        for each in described
        if (path := f"data/playable/{each['clip']}.mp4") in files
    ]
