"""The check of an extract of the log: entries, their proofs, and the parts that were disclosed. Pure.

Guarantees: an extract is called sound only if every file in it belongs there; every record is in the log under exactly
the checkpoint that lies beside it, which the log's key has signed; every payload and part is the one sealed; and every
cosignature of the witnesses listed verifies. What it can't check it counts: time stamps need the authority's
certificate. Which clips are told of without a gap, from their first entry on, is part of the answer.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from station.errors import DamagedError, LedgerError
from station.ledger.cosign import CosignerKey, verify_cosignatures
from station.ledger.entry import PARTS_BYTES, RECORD_BYTES, Record, parse_part, parse_payload, parse_record
from station.ledger.merkle import leaf_hash, verify_inclusion
from station.ledger.note import NOTE_BYTES, Checkpoint, VerifierKey, parse_keys, verify_checkpoint
from station.ledger.proof import PROOF_BYTES, parse_proof

_PAYLOAD_BYTES = 64 * 1024
_KEYS = 64
_STAMP_BYTES = 64 * 1024
_FILES = 2_000_000
_entry_file = re.compile(r"(0|[1-9][0-9]{0,15})\.(record|payload|tlog-proof|([a-z][a-z0-9_]{0,31})\.part)", re.ASCII)
_stamp_file = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.tsr", re.ASCII)


_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Extracted:
    """What an extract proves. `clips`: those told of without a gap, and the numbers; `withheld`: parts not there."""

    checkpoint: Checkpoint
    entries: tuple[int, ...]
    clips: Mapping[str, tuple[int, ...]]
    parts: int
    withheld: int
    cosignatures: int
    timestamps: int


def read_keys(folder: Path) -> tuple[VerifierKey, ...]:
    """Return the keys in `log.vkey`, newest first; raises DamagedError, LedgerError if it can't be read."""
    return parse_keys("\n".join(_lines(folder / "log.vkey")))


def verify_extract(folder: Path, keys: Sequence[VerifierKey] = ()) -> Extracted:
    """Check the folder against `keys`, or against the log.vkey in it if none are given.

    Raises DamagedError naming the file that is not as sealed, LedgerError where a file can't be read.
    """
    keys = keys or read_keys(folder)
    note = _read(folder / "checkpoint", NOTE_BYTES)
    checkpoint = _naming("checkpoint", lambda: verify_checkpoint(note, *keys))
    numbers, files = _list(folder)
    records: dict[int, Record] = {}
    parts = withheld = 0
    for seq in numbers:
        record, shown, hidden = _check_entry(folder / "entries", seq, files[seq], checkpoint)
        records[seq] = record
        parts, withheld = parts + shown, withheld + hidden
    return Extracted(
        checkpoint=checkpoint,
        entries=numbers,
        clips=_whole_chains(records),
        parts=parts,
        withheld=withheld,
        cosignatures=_check_cosignatures(folder, checkpoint),
        timestamps=_count_stamps(folder),
    )


def _list(folder: Path) -> tuple[tuple[int, ...], dict[int, set[str]]]:
    files: dict[int, set[str]] = {}
    try:
        for place in (folder, folder / "entries"):
            for path in place.iterdir():
                name = path.relative_to(folder).as_posix()
                known = name in ("entries", "timestamps") if path.is_dir() else _is_known(name)
                if path.is_symlink() or not known or len(files) > _FILES:
                    raise DamagedError(f"{name} does not belong into an extract of the log")
                found = _entry_file.fullmatch(path.name) if place != folder else None
                if found:
                    files.setdefault(int(found[1]), set()).add(found[2])
    except OSError as error:
        raise LedgerError(f"{folder} can't be read: {error.strerror}") from error
    return tuple(sorted(files)), files


def _is_known(name: str) -> bool:
    if name.startswith("entries/"):
        return bool(_entry_file.fullmatch(name.removeprefix("entries/")))
    return name in ("log.vkey", "checkpoint", "witnesses.txt")


def _check_entry(folder: Path, seq: int, names: set[str], checkpoint: Checkpoint) -> tuple[Record, int, int]:
    for name in ("record", "payload", "tlog-proof"):
        if name not in names:
            raise DamagedError(f"{seq}.{name} is missing")
    raw = _read(folder / f"{seq}.record", RECORD_BYTES)
    record = _naming(f"{seq}.record", lambda: parse_record(raw))
    if record.seq != seq or record.log != checkpoint.origin:
        raise DamagedError(f"{seq}.record is entry {record.seq} of the log {record.log}")
    proof = _naming(f"{seq}.tlog-proof", lambda: parse_proof(_read(folder / f"{seq}.tlog-proof", PROOF_BYTES)))
    if proof.index != seq or proof.checkpoint != checkpoint.note:
        raise DamagedError(f"{seq}.tlog-proof is not of entry {seq} under the checkpoint beside it")
    _naming(
        f"{seq}.tlog-proof",
        lambda: verify_inclusion(leaf_hash(raw), seq, checkpoint.size, proof.path, checkpoint.root),
    )
    payload = _read(folder / f"{seq}.payload", _PAYLOAD_BYTES)
    if sha256(payload).hexdigest() != record.payload:
        raise DamagedError(f"{seq}.payload is not the payload that was sealed")
    digests = _naming(f"{seq}.payload", lambda: parse_payload(payload))
    given = {name.removesuffix(".part") for name in names if name.endswith(".part")}
    for name in sorted(given):
        part = _read(folder / f"{seq}.{name}.part", PARTS_BYTES)
        if sha256(part).hexdigest() != digests.get(name):
            raise DamagedError(f"{seq}.{name}.part is not the part that was sealed")
        _check_form(f"{seq}.{name}.part", part)
    return record, len(given), len(digests) - len(given)


def _whole_chains(records: Mapping[int, Record]) -> dict[str, tuple[int, ...]]:
    """Return for each clip that no entry of is left out before the last one shown, its numbers."""
    latest: dict[str, str] = {}
    numbers: dict[str, list[int]] = {}
    broken: set[str] = set()
    for seq, record in sorted(records.items()):
        for subject, before in record.subjects.items():
            if not subject.startswith("clip:"):
                continue
            if before != latest.get(subject):
                broken.add(subject)
            latest[subject] = leaf_hash(record.raw).hex()
            numbers.setdefault(subject, []).append(seq)
    return {name.removeprefix("clip:"): tuple(found) for name, found in numbers.items() if name not in broken}


def _check_cosignatures(folder: Path, checkpoint: Checkpoint) -> int:
    if not (folder / "witnesses.txt").exists():
        return 0
    keys = _naming("witnesses.txt", lambda: [CosignerKey.parse(line) for line in _lines(folder / "witnesses.txt")])
    found = _naming("checkpoint", lambda: verify_cosignatures(checkpoint.note, keys))
    if len(found) != len(set(map(str, keys))):
        raise DamagedError("checkpoint does not carry a cosignature of every key in witnesses.txt")
    return len(found)


def _count_stamps(folder: Path) -> int:
    place = folder / "timestamps"
    if not place.is_dir():
        return 0
    names = [path.name for path in place.iterdir()]
    for name in names:
        if not _stamp_file.fullmatch(name) or (place / name).stat().st_size > _STAMP_BYTES:
            raise DamagedError(f"timestamps/{name} does not belong into an extract of the log")
    return len(names)


def _naming(name: str, act: Callable[[], _Value]) -> _Value:
    """Do what may raise DamagedError, and put the file's name before what it says."""
    try:
        return act()
    except DamagedError as error:
        raise DamagedError(f"{name}: {error.message}") from error


def _check_form(name: str, part: bytes) -> None:
    _naming(name, lambda: parse_part(part))


def _lines(path: Path) -> list[str]:
    raw = _read(path, _KEYS * 1024)
    try:
        lines = raw.decode().split("\n")
    except UnicodeDecodeError as error:
        raise DamagedError(f"{path.name} is not UTF-8") from error
    if lines.pop() != "" or not 0 < len(lines) <= _KEYS:
        raise DamagedError(f"{path.name} is not made of 1 to {_KEYS} lines")
    return lines


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as stream:
            raw = stream.read(most + 1)
    except FileNotFoundError as error:
        raise DamagedError(f"{path.name} is missing") from error
    except OSError as error:
        raise LedgerError(f"{path} can't be read: {error.strerror}") from error
    if len(raw) > most:
        raise DamagedError(f"{path.name} is longer than {most} bytes")
    return raw
