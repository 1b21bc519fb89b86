"""The audit: names every record, leaf, payload, part, index row, tree node and checkpoint that is not as sealed.

Guarantees: works on plain iterators and bytes, with nothing but its pure siblings, cryptography and rfc8785, so that
an outsider can run it alone; never raises for what it is given, whatever the bytes; goes on after a finding,
believing for each damaged entry the leaf that its successor was chained to, so that one change gives one finding
rather than one for all that follows. `python -m station.ledger.verify EXPORT_DIR` checks a `ledger export` folder.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from station.errors import DamagedError, LedgerError
from station.ledger.entry import (
    CONTINUES,
    ERASED,
    FACT,
    FIRST_PREV,
    RECORD_BYTES,
    Record,
    carried_count,
    erased_part,
    leaf_of,
    parse_part,
    parse_payload,
    parse_record,
    renumbered,
)
from station.ledger.findings import Finding
from station.ledger.merkle import HASH_BYTES
from station.ledger.note import Checkpoint, VerifierKey, parse_keys, verify_checkpoint
from station.ledger.rotation import ROTATED, Rotation, bounded, read_rotation, signers
from station.ledger.trees import StoredTree

_LARGEST_GAP = 1_000_000  # beyond it a row's number is taken for damage of that row, not of all before it
_UNKNOWN = bytes(HASH_BYTES)


class Row(NamedTuple):
    """All that is stored under one number. `record` is None where other tables hold rows without a record.

    `leaf` None: only records were given (an export), so columns, payload, parts and index are not looked at.
    """

    seq: int
    record: bytes | None
    leaf: bytes | None = None
    type: str = ""
    time: str = ""
    payload: bytes | None = None
    parts: Mapping[str, bytes] = MappingProxyType({})
    subjects: Sequence[str] = ()


# Called once, after all rows, with the size of the tree: yields stored (level, index, hash).
Nodes = Callable[[int], Iterable[tuple[int, int, bytes]]]


@dataclass(frozen=True, slots=True)
class Audit:
    """The outcome: damage and notes in the order found, the tree as it was read, and how much was looked at.

    `signed_size` is the largest size whose signed root the entries lead to, 0 if there is none.
    """

    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    size: int
    root: bytes | None
    signed_size: int
    checked: Mapping[str, int]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong; entries beyond `signed_size` are chained but not proven by a signature."""
        return not self.findings


def audit(
    rows: Iterable[Row],
    key: VerifierKey | Sequence[VerifierKey],
    *,
    checkpoints: Iterable[tuple[int, int, str]] = (),
    nodes: Nodes | None = None,
    erasures: Iterable[tuple[int, str, int]] | None = None,
    signer_note: str | None = None,
    stored: bool = True,
) -> Audit:
    """Check a whole log, rows in order of number, against its keys, newest first, and everything that was signed.

    `checkpoints` are stored (number, size, note), `erasures` stored (seq, part name, by_seq), None if not given;
    `signer_note` is the signer's own last checkpoint; `stored` False: there is no table it had to be in. The
    iterables are used in this order, each once: rows, erasures, nodes, checkpoints; so one may be a generator that
    reads only when the one before is at its end.
    """
    keys = (key,) if isinstance(key, VerifierKey) else tuple(key)
    chain = _Chain(keys[0].name)
    for row in rows:
        chain.take(row)
    chain.end()
    report = chain.findings
    if erasures is not None:
        report += _check_erasures(chain, erasures)
    tree = StoredTree(chain.leaves)
    stored_nodes = 0
    if nodes is not None:
        found, stored_nodes = tree.compare(nodes(tree.size))
        report += found
    report += _check_rotations(chain.rotations, keys)
    signed = _Signed(bounded(keys, chain.rotations), tree, chain.rotations)
    for number, size, note in checkpoints:
        signed.take(number, size, note)
    if signer_note is not None:
        signed.take_signer(signer_note, stored)
    signed.end()
    report += signed.findings
    if tree.size > signed.size and signed.compared:
        report.append(Finding("log.unsigned", params={"count": tree.size - signed.size}))
    return Audit(
        findings=tuple(item for item in report if item.is_damage),
        notes=tuple(item for item in report if not item.is_damage),
        size=tree.size,
        root=tree.root(tree.size),
        signed_size=signed.size,
        checked={**chain.checked, "nodes": stored_nodes, "checkpoints": signed.count},
    )


@dataclass(slots=True)
class _Held:
    """A row that waits for its successor, which says which leaf was sealed."""

    seq: int
    computed: bytes
    stored: bytes
    record: Record | None
    against_record: list[Finding] = field(default_factory=list)  # void if the record itself was altered
    of_itself: list[Finding] = field(default_factory=list)


class _Chain:
    """The pass over the rows: what it has found, and the leaf that it believes each number to have."""

    def __init__(self, log: str) -> None:
        self.findings: list[Finding] = []
        self.leaves = bytearray()  # 32 bytes a number; zeros where unknown
        self.checked = {"records": 0, "payloads": 0, "parts": 0}
        self.absent: dict[tuple[int, str], str] = {}  # parts that are not there, and their digests
        self.erased: dict[tuple[int, str], tuple[int, str]] = {}  # parts, by which entry, and the digest it gives
        self.rotations: list[Rotation] = []
        self._log = log
        self._held: _Held | None = None
        self._next = 0
        self._last_about: dict[str, int] = {}
        self._lost_leaves: set[str] = set()
        self._lost: set[int] = set()
        self._blind = False  # some leaf is not known at all
        self._carried: list[int] = []  # the last record each continued log's records were carried to, outermost first

    def take(self, row: Row) -> None:
        """Check one row and, now that its successor is known, the one before it."""
        if row.record is None:
            self._take_orphan(row)
            return
        record, fault = _parse(row.record)
        reason = self._misplaced(row, record)
        if reason:
            self._find("record.misplaced", row.seq, reason=reason)
            return
        computed = leaf_of(row.record)
        held = _Held(row.seq, computed, computed if row.leaf is None else row.leaf, record)
        trusted = record is not None and record.seq == row.seq and computed == held.stored
        if row.seq > self._next:
            self._settle(None, False)
            self._leave_gap(row.seq, record)
        else:
            self._settle(record.prev if record else None, trusted)
        self._next = row.seq + 1
        self._held = held
        self.checked["records"] += 1
        if record is None:
            held.of_itself.append(Finding("record.form", row.seq, params={"reason": fault}))
        else:
            self._check_record(held, record, row)
        if row.leaf is not None:
            self._check_contents(held, record, row)

    def end(self) -> None:
        """Settle the last row, which has no successor."""
        self._settle(None, False)

    def _find(self, kind: str, seq: int, **params: str | int) -> None:
        self.findings.append(Finding(kind, seq, params=params))

    def _take_orphan(self, row: Row) -> None:
        if row.payload is not None:
            self._find("payload.unexpected", row.seq)
        for name in row.parts:
            self._find("part.unexpected", row.seq, part=name)
        for subject in row.subjects:
            self.findings.append(Finding("index.unexpected", row.seq, subject))

    def _misplaced(self, row: Row, record: Record | None) -> str:
        if row.seq < self._next:
            return "this number was read already"
        if row.seq > self._next and (record is None or record.seq != row.seq):
            return f"its record is number {record.seq}" if record else "its record is malformed"
        if row.seq > self._next + _LARGEST_GAP:
            return "it is far beyond all others"
        return ""

    def _leave_gap(self, seq: int, record: Record | None) -> None:
        self._find("record.missing", self._next, first=self._next, last=seq - 1)
        self._lost.update(range(self._next, seq))
        self.leaves += _UNKNOWN * (seq - self._next)
        if record is not None:  # its successor still names the last missing leaf
            self.leaves[-HASH_BYTES:] = bytes.fromhex(record.prev)
            self._lost_leaves.add(record.prev)
        self._blind = self._blind or record is None or seq - self._next > 1

    def _settle(self, claimed: str | None, successor_intact: bool) -> None:
        """Decide on the held row; `claimed` is the leaf (hex) that its successor names."""
        held, self._held = self._held, None
        if held is None:
            return
        computed, stored = held.computed.hex(), held.stored.hex()
        believed, kind = computed, ""
        if computed == stored:
            if claimed not in (None, computed) and successor_intact:
                believed, kind = str(claimed), "record.replaced"
        elif claimed == computed:
            kind = "leaf.altered"
        elif claimed == stored:
            believed, kind = stored, "record.altered"
        elif held.record is None or held.against_record:
            believed, kind = (stored if len(held.stored) == HASH_BYTES else computed), "record.altered"
        else:
            kind = "leaf.unclear"
        if kind:
            self._find(kind, held.seq)
        if kind in ("record.altered", "record.replaced"):
            self._lost.add(held.seq)
            self._lost_leaves.add(believed)
        else:
            self.findings += held.against_record
        self.findings += held.of_itself
        self.leaves += bytes.fromhex(believed)

    def _check_record(self, held: _Held, record: Record, row: Row) -> None:
        seq = row.seq
        report = held.against_record
        if record.seq != seq:
            report.append(Finding("record.number", seq, params={"found": record.seq}))
        if record.log != self._log:
            report.append(Finding("record.log", seq, params={"found": record.log, "expected": self._log}))
        if seq == 0 and record.prev != FIRST_PREV:
            report.append(Finding("record.first", seq))
        if record.type == ROTATED:
            self._take_rotation(record, report)
        for subject, leaf in record.subjects.items():
            before = self._last_about.get(subject)
            expected = None if before is None else self._leaf(before)
            if leaf != expected and not self._excused(before, leaf):
                report.append(Finding("chain.subject", seq, subject))
            self._last_about[subject] = seq
        if row.leaf is None:
            return
        if row.type != record.type:
            report.append(Finding("column.type", seq, params={"found": row.type, "expected": record.type}))
        if row.time != record.time:
            report.append(Finding("column.time", seq, params={"found": row.time, "expected": record.time}))
        if len(row.subjects) != len(record.subjects) or any(name not in record.subjects for name in row.subjects):
            listed = set(row.subjects)
            report += (Finding("index.missing", seq, name) for name in record.subjects if name not in listed)
            report += (Finding("index.unexpected", seq, name) for name in row.subjects if name not in record.subjects)

    def _take_rotation(self, record: Record, report: list[Finding]) -> None:
        try:
            found = read_rotation(record)
        except DamagedError as error:
            report.append(Finding("rotation.form", record.seq, params={"reason": error.message}))
            return
        if found is not None and self.rotations and self.rotations[-1][2] != found[1]:
            report.append(Finding("rotation.order", record.seq))
        elif found is not None:
            self.rotations.append(found)

    def _leaf(self, seq: int) -> str:
        return self.leaves[seq * HASH_BYTES : (seq + 1) * HASH_BYTES].hex()

    def _excused(self, before: int | None, leaf: str | None) -> bool:
        # The link leads to, or is missing because of, an entry that is already known to be damaged.
        return (before in self._lost) or (leaf in self._lost_leaves) or (self._blind and leaf is not None)

    def _check_contents(self, held: _Held, record: Record | None, row: Row) -> None:
        seq = row.seq
        if row.payload is None:
            held.of_itself.append(Finding("payload.missing", seq))
            return
        self.checked["payloads"] += 1
        self.checked["parts"] += len(row.parts)
        if record is not None and sha256(row.payload).hexdigest() != record.payload:
            held.against_record.append(Finding("payload.altered", seq))
            return
        report = held.of_itself
        try:
            digests = parse_payload(row.payload)
        except DamagedError as error:
            report.append(Finding("payload.form", seq, params={"reason": str(error)}))
            return
        for name, digest in digests.items():
            part = row.parts.get(name)
            if part is None:
                self.absent[seq, name] = digest
            elif sha256(part).hexdigest() != digest:
                report.append(Finding("part.altered", seq, params={"part": name}))
            else:
                self._check_part(report, seq, name, part, row.type)
        report += (Finding("part.unexpected", seq, params={"part": name}) for name in row.parts if name not in digests)

    def _check_part(self, report: list[Finding], seq: int, name: str, part: bytes, kind: str) -> None:
        try:
            value = parse_part(part)
        except DamagedError as error:
            report.append(Finding("part.form", seq, params={"part": name, "reason": str(error)}))
            return
        if kind == CONTINUES and name == FACT and seq == len(self._carried):
            try:
                self._carried.append(seq + carried_count(value))
            except DamagedError as error:
                report.append(Finding("part.form", seq, params={"part": name, "reason": str(error)}))
        if kind == ERASED and name == FACT:
            try:
                of, erased, digest = erased_part(value)
                self.erased[of + renumbered(seq, self._carried), erased] = (seq, digest)
            except DamagedError as error:
                report.append(Finding("erasure.form", seq, params={"reason": str(error)}))


def _parse(raw: bytes) -> tuple[Record | None, str]:
    try:
        return parse_record(raw), ""
    except DamagedError as error:
        return None, str(error)


def _check_erasures(chain: _Chain, erasures: Iterable[tuple[int, str, int]]) -> list[Finding]:
    report: list[Finding] = []
    listed: set[tuple[int, str]] = set()
    for seq, name, by in erasures:
        listed.add((seq, name))
        if chain.erased.get((seq, name), (-1, ""))[0] != by:
            report.append(Finding("erasure.unexpected", seq, params={"part": name, "by": by}))
    for (seq, name), (by, _) in chain.erased.items():
        if (seq, name) not in listed:
            report.append(Finding("erasure.missing", by, params={"part": name, "of": seq}))
        if (seq, name) not in chain.absent:
            report.append(Finding("part.remains", seq, params={"part": name}))
    for (seq, name), digest in chain.absent.items():
        if chain.erased.get((seq, name), (-1, ""))[1] != digest:
            report.append(Finding("part.missing", seq, params={"part": name}))
    return report


def _check_rotations(rotations: Sequence[Rotation], keys: Sequence[VerifierKey]) -> Iterator[Finding]:
    """Yield the changes to a key that is not trusted; a former key need not be known to whoever knows the newest."""
    for seq, _, new in rotations:
        if new not in keys and keys[0] not in {each[2] for each in rotations if each[0] > seq}:
            yield Finding("rotation.key", seq, params={"key": new.key_id.hex()})


class _Signed:
    """What was signed, held against the tree."""

    def __init__(self, keys: Sequence[VerifierKey], tree: StoredTree, rotations: Sequence[Rotation]) -> None:
        self.findings: list[Finding] = []
        self.size = 0
        self.count = 0
        self._keys = keys
        self._tree = tree
        self._rotations = {seq + 1: (old, new) for seq, old, new in rotations}
        self._handed_over: set[int] = set()
        self._all_stored = False
        self._number = 0
        self._last_size = -1
        self._stored: dict[int, bytes] = {}
        self.compared = True  # no root had to be left out for want of a leaf
        self._differs = False

    def take(self, number: int, size: int, note: str) -> None:
        """Check one stored checkpoint; they come in order of number."""
        self.count += 1
        self._all_stored = True
        if number > self._number:
            for missing in range(self._number, min(number, self._number + 100)):
                self.findings.append(Finding("checkpoint.missing", params={"number": missing}))
        if number < self._number or size <= self._last_size:
            self.findings.append(Finding("checkpoint.order", params={"number": number}))
        self._number = max(self._number, number + 1) if number - self._number < _LARGEST_GAP else self._number
        try:
            checkpoint = verify_checkpoint(note, *self._keys)
        except DamagedError as error:
            self.findings.append(Finding("checkpoint.altered", params={"number": number, "reason": str(error)}))
            self._last_size = max(self._last_size, size) if size <= self._tree.size else self._last_size
            return
        if checkpoint.size != size:
            params = {"number": number, "found": size, "expected": checkpoint.size}
            self.findings.append(Finding("checkpoint.size", params=params))
        self._last_size = checkpoint.size
        self._stored[checkpoint.size] = checkpoint.root
        self._take_handover(checkpoint)
        self._hold_against(checkpoint)

    def take_signer(self, note: str, stored: bool) -> None:
        """Check the signer's own last checkpoint."""
        try:
            checkpoint = verify_checkpoint(note, *self._keys)
        except DamagedError as error:
            self.findings.append(Finding("signer.note", params={"reason": str(error)}))
            return
        before = self._stored.get(checkpoint.size)
        if before is None:
            self._hold_against(checkpoint)
            if stored:
                self.findings.append(Finding("checkpoint.lost", params={"size": checkpoint.size}))
        elif before != checkpoint.root:  # both are signed: somebody else has used the key
            self.findings.append(Finding("signer.differs", params={"size": checkpoint.size}))

    def end(self) -> None:
        """Check, where all checkpoints are given, that every signed change of keys was signed by both."""
        for size in self._rotations:
            if self._all_stored and size <= self.size and size not in self._handed_over:
                self.findings.append(Finding("rotation.unsigned", size - 1))

    def _take_handover(self, checkpoint: Checkpoint) -> None:
        both = self._rotations.get(checkpoint.size)
        if both is not None and set(signers(checkpoint.note, self._keys)) >= set(both):  # verified with the note
            self._handed_over.add(checkpoint.size)

    def _hold_against(self, checkpoint: Checkpoint) -> None:
        if checkpoint.size > self._tree.size:
            params: dict[str, str | int] = {"found": self._tree.size, "size": checkpoint.size}
            self.findings.append(Finding("log.shorter", params=params))
            return
        root = self._tree.root(checkpoint.size)
        if root is None:
            self.compared = False
        elif root == checkpoint.root:
            self.size = max(self.size, checkpoint.size)
            self._differs = False
        elif not self._differs:  # told once: later roots contain the same difference
            self._differs = True
            params = {"first": self.size, "last": checkpoint.size - 1, "size": checkpoint.size}
            self.findings.append(Finding("checkpoint.root", params=params))


def read_export(folder: Path) -> Iterator[Row]:
    """Yield the records of a `ledger export` folder; a line's number is the record's own where it can be read."""
    at = 0
    with (folder / "records.jsonl").open("rb") as stream:
        while line := stream.readline(RECORD_BYTES + 2):
            raw = line.removesuffix(b"\n") if line.endswith(b"\n") else line + b" "  # a cut line is not its record
            record, _ = _parse(raw)
            seq = at if record is None else record.seq
            yield Row(seq, raw)
            at = max(at, seq if seq <= at + _LARGEST_GAP else at) + 1


def audit_export(folder: Path, key: VerifierKey | Sequence[VerifierKey] | None = None) -> Audit:
    """Audit an export folder against `key`, or against the log.vkey in it; raises LedgerError if a file is missing."""
    try:
        if key is None:
            key = parse_keys((folder / "log.vkey").read_text(encoding="utf-8"))
        note = (folder / "checkpoint").read_text(encoding="utf-8", errors="surrogateescape")
        return audit(read_export(folder), key, signer_note=note, stored=False)
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"The export {folder} can't be read: {error}") from error


def main(arguments: Sequence[str]) -> int:
    """Audit the export folder named first with the key text given second, if any; 0 sound, 1 damaged, 2 not checked."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m station.ledger.verify EXPORT_DIR [VERIFIER_KEY]\n")
        return 2
    try:
        key = parse_keys(arguments[1]) if len(arguments) > 1 else None
        outcome = audit_export(Path(arguments[0]), key)
    except LedgerError as error:
        sys.stderr.write(f"{error}\n")
        return 1 if isinstance(error, DamagedError) else 2
    for finding in (*outcome.findings, *outcome.notes):
        sys.stdout.write(f"{finding.kind}: {finding.message}\n".encode("ascii", "backslashreplace").decode())
    verdict = "sound" if outcome.sound else "DAMAGED"
    sys.stdout.write(f"{verdict}: {outcome.size} entries, {outcome.signed_size} of them under the signed root\n")
    if key is None:
        sys.stdout.write("The key was taken from the export itself: compare it with the one the station publishes\n")
    return 0 if outcome.sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
