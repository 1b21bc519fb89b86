"""How far the scheduled re-reading of the vault is; not evidence: without it a pass begins anew.

Guarantee: `save` belongs into the transaction of the entry that stands for what was read, where there is one, so that
after a crash nothing is counted twice in the ledger.
"""

from dataclasses import asdict, dataclass

from sqlmodel import Session

from station.state.tables import Scrub


@dataclass(slots=True)
class Progress:
    """One pass: see `station.state.tables.Scrub`. Sizes in bytes, times as `station.clock` writes them."""

    begun_at: str
    until: int
    entered_at: str
    total_bytes: int = 0
    position: int = 0
    originals: int = 0
    size_bytes: int = 0
    damaged: int = 0
    unchecked: int = 0
    readback: str = "direct"
    entered: int = 0
    entered_unchecked: int = 0
    last_pass_at: str | None = None
    last_originals: int = 0
    last_damaged: int = 0
    last_unchecked: int = 0


def load(session: Session) -> Progress | None:
    """Return how far it is, None if it never began."""
    row = session.get(Scrub, 1)
    return None if row is None else Progress(**{name: getattr(row, name) for name in Progress.__dataclass_fields__})


def save(session: Session, progress: Progress) -> None:
    """Keep how far it is."""
    session.merge(Scrub(id=1, **asdict(progress)))
