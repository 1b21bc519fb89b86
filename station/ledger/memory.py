"""What the signer remembers, and the rules by which it grows: the trusted core, without sockets or clocks.

Guarantees: a note is made only for a tree that extends the remembered one record by record, each parsed strictly,
of this log, with the next number and chained to the leaf before it; and `save` has made the new memory durable
before the note can be had from it. Whoever has lost this memory must not sign again with the same key.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from station import durable
from station.errors import DamagedError, SignerRefusedError
from station.ledger.entry import FIRST_PREV, Record, leaf_of, parse_record
from station.ledger.keys import PrivateKey
from station.ledger.merkle import CompactRange
from station.ledger.note import Signature, VerifierKey, checkpoint_text, make_note, parse_note, verify_checkpoint
from station.ledger.rotation import ROTATED, read_rotation
from station.ledger.second import SecondKey

MEMORY_FILE = "signer.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Memory:
    """The last signed tree: its compact range, the leaf (hex) that the next record must name, and the signed note."""

    tree: CompactRange
    leaf: str
    note: str

    @property
    def size(self) -> int:
        """The number of records signed for."""
        return self.tree.size

    def serialise(self) -> bytes:
        """Return the memory as JSON text."""
        document = {"v": _VERSION, "leaf": self.leaf, "note": self.note, "tree": self.tree.serialise().hex()}
        return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes, key: VerifierKey) -> Self:
        """Read what `serialise` wrote; raises DamagedError unless the note is signed by `key` and is of this tree."""
        try:
            match json.loads(data):
                case {"v": 1, "leaf": str(leaf), "note": str(note), "tree": str(tree)}:
                    memory = cls(CompactRange.parse(bytes.fromhex(tree)), leaf, note)
                case _:
                    raise DamagedError("The signer's memory has an unknown form")
        except (ValueError, RecursionError) as error:
            raise DamagedError(f"The signer's memory is not readable: {error}") from error
        checkpoint = verify_checkpoint(memory.note, key)
        if (checkpoint.size, checkpoint.root) != (memory.size, memory.tree.root()):
            raise DamagedError("The signer's memory holds a tree that is not the one it signed")
        if _last_signer(note, key.name) != key.key_id:
            raise DamagedError(f"The signer's memory was signed by another key after {key.key_id.hex()}")
        return memory


class Extension:
    """Records on their way to be signed for, on a copy of the memory; nothing is kept unless `finish` and `save`."""

    def __init__(self, memory: Memory, log: str, handover: tuple[VerifierKey, VerifierKey] | None = None) -> None:
        """Begin after the last record of `memory`; `handover`: the key that signs, and the one made to take over."""
        self.first = memory.size
        self.hands_over = False
        self._handover = handover
        self._log = log
        self._tree = memory.tree.copy()
        self._leaf = memory.leaf

    def add(self, raw: bytes) -> None:
        """Take the next record's bytes; raises SignerRefusedError, after which this extension is void."""
        seq = self._tree.size
        try:
            record = parse_record(raw)
        except DamagedError as error:
            raise SignerRefusedError(f"Entry {seq} is malformed: {error}", hint=_HINT) from error
        for what, found, expected in (
            ("the log", record.log, self._log),
            ("the number", record.seq, seq),
            ("the entry before it", record.prev, self._leaf),
        ):
            if found != expected:
                raise SignerRefusedError(
                    f"Entry {seq} does not continue what was signed: {what} is {found} where {expected} must be",
                    hint=_HINT,
                )
        if self.hands_over:
            raise SignerRefusedError(f"Entry {seq} follows a change of keys, which is signed for alone", hint=_HINT)
        if record.type == ROTATED:
            self._hand_over(record)
        leaf = leaf_of(raw)
        self._tree.append(leaf)
        self._leaf = leaf.hex()

    def finish(
        self, key: PrivateKey, taking_over: PrivateKey | None = None, seconds: Sequence[SecondKey] = ()
    ) -> Memory:
        """Sign the extended tree; the result must be saved before its note leaves the process.

        Where the last record hands over, both keys sign.
        """
        signing = [key]
        if self.hands_over:
            if taking_over is None:
                raise SignerRefusedError("The key that is to take over is not here", hint=_HINT)
            signing.append(taking_over)
        return Memory(self._tree, self._leaf, _sign(signing, self._tree, seconds))

    def _hand_over(self, record: Record) -> None:
        try:
            found = read_rotation(record)
        except DamagedError as error:
            raise SignerRefusedError(error.message, hint=_HINT) from error
        if found is None or found[1:] != self._handover:
            raise SignerRefusedError(
                f"Entry {record.seq} hands the log over between keys of which this signer knows nothing", hint=_HINT
            )
        self.hands_over = True


def first_memory(key: PrivateKey, seconds: Sequence[SecondKey] = ()) -> Memory:
    """Return the memory of a log in which nothing is written yet."""
    tree = CompactRange()
    return Memory(tree, FIRST_PREV, _sign([key], tree, seconds))


def signed_last(folder: Path) -> bytes | None:
    """Return the id of the key that is the log's by the memory in `folder`; None if that can't be read."""
    try:
        document = json.loads((folder / MEMORY_FILE).read_bytes())
        note = str(document["note"])
        return _last_signer(note, parse_note(note).text.partition("\n")[0])
    except (OSError, ValueError, TypeError, KeyError, RecursionError, DamagedError):
        return None


def _last_signer(note: str, origin: str) -> bytes | None:
    # Of a handing over's two lines the new key's is the second.
    own = [each.key_id for each in parse_note(note).signatures if each.name == origin]
    return own[-1] if own else None


def load_memory(folder: Path, key: VerifierKey) -> Memory:
    """Read the memory in `folder`; raises SignerRefusedError if it is gone or damaged: no key signs without it."""
    path = folder / MEMORY_FILE
    try:
        return Memory.parse(path.read_bytes(), key)
    except (OSError, DamagedError) as error:
        raise SignerRefusedError(
            f"The signer's memory {path} can't be used: {error}",
            kept="Nothing is signed without it, since that could make a second history",
            hint="Put the file back, or begin a new log that continues this one with `station restore`",
        ) from error


def save_memory(folder: Path, memory: Memory) -> None:
    """Make the memory durable; raises StorageError, and then its note must not be released."""
    durable.replace_file(folder / MEMORY_FILE, memory.serialise(), 0o600)


def _sign(keys: Sequence[PrivateKey], tree: CompactRange, seconds: Sequence[SecondKey]) -> str:
    text = checkpoint_text(keys[0].verifier.name, tree.size, tree.root())
    lines: list[Signature] = [key.sign(text) for key in keys]
    return make_note(text, [*lines, *(each.sign(text) for each in seconds)])


_HINT = "Nothing was signed. Compare the database with the last export or backup; it was changed behind the station"
