"""How much the station holds, and how fast it grows."""

from sqlalchemy import func, select
from sqlmodel import Session

from station.catalogue.visibility import CLIP


def bytes_since(session: Session, moment: str) -> int:
    """Return the bytes of the clips taken in since then (UTC text)."""
    query = select(func.coalesce(func.sum(CLIP.c.size_bytes), 0)).where(CLIP.c.taken_in_at >= moment)
    return int(session.connection().execute(query).scalar_one())


def clips_by_stage(session: Session) -> dict[str, tuple[int, int]]:
    """Return how many clips there are of each stage that occurs, and their bytes."""
    query = select(CLIP.c.stage, func.count(), func.sum(CLIP.c.size_bytes)).group_by(CLIP.c.stage)
    return {stage: (count, int(size)) for stage, count, size in session.connection().execute(query)}
