"""Digests of derived files, so that a playable copy that somebody brings back is known again; not evidence."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from station import clock
from station.state.tables import CopyDigest


@dataclass(frozen=True, slots=True)
class KnownCopy:
    """A derived file: `of` is the SHA-256 of its original, `kind` playable or disclosure."""

    sha256: str
    of: str
    kind: str
    size_bytes: int


def copy_of(session: Session, sha256: str) -> KnownCopy | None:
    """Return which copy has this digest, None if none that the station knows of."""
    row = session.get(CopyDigest, sha256)
    return KnownCopy(row.sha256, row.of, row.kind, row.size_bytes) if row else None


def note_copy(session: Session, sha256: str, of: str, kind: str, size_bytes: int) -> None:
    """Keep a copy's digest; former ones of the same original stay, since somebody may hold them."""
    session.merge(CopyDigest(sha256=sha256, of=of, kind=kind, size_bytes=size_bytes, noted_at=clock.timestamp()))


def noted_originals(session: Session, kind: str) -> dict[str, tuple[str, int]]:
    """Return for each original that has noted copies of a kind when the last was noted, and its size in bytes."""
    rows = session.exec(select(CopyDigest).where(CopyDigest.kind == kind).order_by(col(CopyDigest.noted_at))).all()
    return {row.of: (row.noted_at, row.size_bytes) for row in rows}
