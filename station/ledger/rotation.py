"""Handing the log over from one key to the next (FORMAT.md, section Rotation): what the entry says, and until when
a former key counts. Pure.

Guarantee: the record alone names both keys, so that a signer, an export and an outsider can tell without the payload
from which entry on the former key's word is worth nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from station.errors import DamagedError
from station.ledger.entry import Record
from station.ledger.note import Checkpoint, VerifierKey, make_note, parse_note

ROTATED = "log.key_rotated"
_OLD, _NEW = "old_key:", "new_key:"

Rotation = tuple[int, VerifierKey, VerifierKey]
"""The entry's number, the key until it, the key from it on."""


def rotation_subjects(old: str, new: str) -> tuple[str, str]:
    """Return the subjects of the entry by which the key with the text `old` hands over to `new`."""
    return (f"{_OLD}{old.partition('+')[2]}", f"{_NEW}{new.partition('+')[2]}")


def read_rotation(record: Record) -> Rotation | None:
    """Return what a record hands over, None if it is no rotation; raises DamagedError for a malformed one."""
    if record.type != ROTATED:
        return None
    found = {
        kind: [each.removeprefix(kind) for each in record.subjects if each.startswith(kind)] for kind in (_OLD, _NEW)
    }
    if len(record.subjects) != 2 or any(len(each) != 1 for each in found.values()):
        raise DamagedError(f"Entry {record.seq} does not name one key that hands over and one that takes over")
    old, new = (VerifierKey.parse(f"{record.log}+{found[kind][0]}") for kind in (_OLD, _NEW))
    if old == new:
        raise DamagedError(f"Entry {record.seq} hands the log over from a key to itself")
    return record.seq, old, new


def bounded(keys: Sequence[VerifierKey], rotations: Iterable[Rotation]) -> tuple[VerifierKey, ...]:
    """Return `keys` with the sizes up to which former ones sign alone: the number of the entry that ended each."""
    ends: dict[VerifierKey, int] = {}
    for seq, old, _ in rotations:
        ends.setdefault(old, seq)
    return tuple(replace(key, until=ends.get(key, key.until)) for key in keys)


def counting(keys: Sequence[VerifierKey], checkpoint: Checkpoint) -> tuple[VerifierKey, ...]:
    """Return `keys`, newest first, from the newest on that signed `checkpoint`: whoever holds it needs these."""
    signed = signers(checkpoint.note, keys)
    first = next((at for at, key in enumerate(keys) if key in signed), 0)
    return tuple(keys[first:])


def signers(note: str, keys: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Return those of `keys` that have a line in a note, in the lines' order; they are not verified here."""
    known = {(key.name, key.key_id): key for key in keys}
    lines = [known.get((each.name, each.key_id)) for each in parse_note(note).signatures]
    return tuple(key for key in lines if key is not None)


def lines_of(checkpoint: Checkpoint, keys: Sequence[VerifierKey]) -> Checkpoint:
    """Return `checkpoint` with the lines of `keys` alone; raises LedgerError if there is none, as `make_note` does."""
    note = parse_note(checkpoint.note)
    known = {(key.name, key.key_id) for key in keys}
    kept = [each for each in note.signatures if (each.name, each.key_id) in known]
    return replace(checkpoint, note=make_note(note.text, kept))
