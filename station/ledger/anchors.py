"""Outside anchors as they are kept: witnesses' cosignatures and time stamps, each with the checkpoint it is over.

Guarantees: only over a stored checkpoint; INSERT-only and numbered like the ledger's other tables; what is kept was
verified by whoever keeps it, and `check_anchors` verifies it again: a row that was altered, or is of a witness or an
authority that is not one of ours, is a finding. An anchor is no entry: an entry for each would need an anchor again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import ColumnElement, func, insert, select
from sqlmodel import Session

from station import clock
from station.errors import DamagedError, NotFoundError
from station.ledger import tables
from station.ledger.cosign import CosignerKey, read_cosignatures
from station.ledger.findings import Finding
from station.ledger.note import NOTE_BYTES, SIGNATURES, Checkpoint, parse_checkpoint, parse_note
from station.ledger.timestamps import verify_timestamp

if TYPE_CHECKING:
    from cryptography import x509

Kind = Literal["cosignature", "timestamp"]
_MOST_MISSING = 100


@dataclass(frozen=True, slots=True)
class Anchor:
    """One anchor over the checkpoint of `size` entries.

    `key` is the witness's vkey or the authority's address, `data` the signature line or the DER response, `time` what
    the anchor itself states (text form of station.clock).
    """

    number: int
    size: int
    kind: Kind
    key: str
    data: bytes
    time: str


@dataclass(frozen=True, slots=True)
class AnchorTrust:
    """Whose anchors are ours: witnesses' keys, former ones too, and the certificates of time stamping authorities."""

    witnesses: tuple[CosignerKey, ...] = ()
    certificates: "tuple[x509.Certificate, ...]" = field(default=(), repr=False)

    @property
    def known(self) -> frozenset[str]:
        """The texts of the witnesses' keys."""
        return frozenset(map(str, self.witnesses))


def store_anchor(session: Session, size: int, kind: Kind, key: str, data: bytes, time: str) -> None:
    """Keep a verified anchor over the stored checkpoint of `size` entries; the caller commits."""
    table = tables.anchor
    connection = session.connection()
    number = connection.scalar(select(func.coalesce(func.max(table.c.number), -1) + 1))
    row = {"number": number, "size": size, "kind": kind, "key": key, "data": data, "time": time}
    connection.execute(insert(table), [row])


def anchors_at(session: Session, size: int) -> tuple[Anchor, ...]:
    """Return the anchors over the checkpoint of `size` entries, in the order in which they came."""
    return tuple(_read(session, tables.anchor.c.size == size))


def latest_anchors(session: Session, limit: int = 100, kind: Kind | None = None) -> tuple[Anchor, ...]:
    """Return the last `limit` anchors kept, newest first: of one kind, or of both."""
    table = tables.anchor
    query = select(table).order_by(table.c.number.desc()).limit(limit)
    if kind is not None:
        query = query.where(table.c.kind == kind)
    return tuple(_anchor(row) for row in session.connection().execute(query))


def latest_by(session: Session, key: str) -> Anchor | None:
    """Return the last anchor kept of a witness or authority, by its key."""
    table = tables.anchor
    row = (
        session.connection()
        .execute(select(table).where(table.c.key == key).order_by(table.c.number.desc()).limit(1))
        .first()
    )
    return None if row is None else _anchor(row)


def checkpoint_text_at(session: Session, size: int) -> str:
    """Return the text that the anchors of `size` entries are over; raises NotFoundError."""
    return parse_note(_note(session, size)).text


def first_covering(session: Session, seq: int) -> Checkpoint | None:
    """Return the smallest stored checkpoint that entry `seq` is under, None if there is none yet."""
    table = tables.checkpoint
    query = select(table.c.note).where(table.c.size > seq).order_by(table.c.size).limit(1)
    note = session.connection().scalar(query)
    return None if note is None else parse_checkpoint(note)


def cosigned_note(session: Session, size: int, keys: Iterable[CosignerKey] | None = None) -> str:
    """Return the stored checkpoint of `size` entries with the cosignature lines kept over it, sorted by key.

    Of each witness it is the first that was kept, so that the note changes only when another witness has cosigned. With
    `keys`, only lines of those, verified once more. Raises NotFoundError, DamagedError.
    """
    note = _note(session, size)
    lines: dict[str, str] = {}
    for anchor in anchors_at(session, size):
        if anchor.kind == "cosignature":
            lines.setdefault(anchor.key, anchor.data.decode())
    if keys is not None and lines:
        found = read_cosignatures("".join(lines.values()), parse_note(note).text, keys)
        lines = {key: each.line for key, each in found.items()}
    whole = note + "".join(line for _, line in sorted(lines.items()))
    if len(parse_note(whole).signatures) > SIGNATURES or len(whole.encode()) > NOTE_BYTES:
        raise DamagedError(f"The checkpoint of {size} entries has more signatures than a note may have")
    return whole


def check_anchors(
    rows: Iterable[tuple[Any, ...]], notes: Mapping[int, str], trust: AnchorTrust | None = None
) -> Iterator[Finding]:
    """Yield what is wrong with stored anchors, (number, size, kind, key, data, time) in order of number.

    `notes` are the stored checkpoints by size. Without `trust` each cosignature is checked against the key it names
    itself, and time stamps not at all; how many were left so is a finding that is no damage.
    """
    expected = unchecked = 0
    for number, size, kind, key, data, time in rows:
        for missing in range(expected, min(number, expected + _MOST_MISSING)):
            yield Finding("anchor.missing", params={"number": missing})
        expected = max(expected, number + 1) if number < expected + 1_000_000 else expected
        unchecked += trust is None
        if size not in notes:
            yield Finding("anchor.stray", params={"number": number, "size": size})
            continue
        try:
            fault = _fault(parse_note(notes[size]).text, kind, key, data, time, trust)
        except (DamagedError, UnicodeError) as error:
            fault = str(error)
        if fault == _FOREIGN:
            yield Finding("anchor.foreign", params={"number": number, "key": str(key)})
        elif fault:
            yield Finding("anchor.altered", params={"number": number, "size": size, "reason": fault})
    if unchecked:
        yield Finding("anchor.unchecked", params={"count": unchecked})


_FOREIGN = "foreign"


def _fault(text: str, kind: str, key: str, data: bytes, time: str, trust: AnchorTrust | None) -> str:
    if kind == "cosignature":
        witness = CosignerKey.parse(key)
        found = read_cosignatures(data, text, [witness]).get(str(witness))
        if found is None or found.line.encode() != data:
            return "its line is not the witness's"
        if time != _posix(found.time):
            return "its time is not the cosignature's"
        return _FOREIGN if trust is not None and key not in trust.known else ""
    if kind != "timestamp":
        return "it is of no known kind"
    if trust is None:
        return ""
    if not trust.certificates:
        return _FOREIGN
    return "" if verify_timestamp(data, text, trust.certificates) == time else "its time is not the time stamp's"


def posix_time(seconds: int) -> str:
    """Return POSIX seconds in the text form of station.clock; raises DamagedError for a time beyond year 9999."""
    return _posix(seconds)


def _posix(seconds: int) -> str:
    try:
        return clock.format_time(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError) as error:
        raise DamagedError(f"{seconds} is no time that an anchor can state") from error


def _note(session: Session, size: int) -> str:
    table = tables.checkpoint
    note = session.connection().scalar(select(table.c.note).where(table.c.size == size))
    if note is None:
        raise NotFoundError(f"No checkpoint of {size} entries is stored")
    return str(note)


def _read(session: Session, condition: ColumnElement[bool]) -> Sequence[Anchor]:
    table = tables.anchor
    rows = session.connection().execute(select(table).where(condition).order_by(table.c.number))
    return [_anchor(row) for row in rows]


def _anchor(row: Any) -> Anchor:
    return Anchor(row.number, row.size, row.kind, row.key, bytes(row.data), row.time)
