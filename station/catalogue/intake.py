"""What a docking asks the catalogue: is this recorder known, and are these files held already."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlmodel import Session, col, select

from station.catalogue.tables import Clip, Holding, Person, Recorder, Sighting
from station.sniff import Media

_BATCH = 500


def recorder_by_identity(session: Session, identity: str) -> str | None:
    """Return the id of the recorder recognised by `identity`, or None."""
    return session.exec(select(Recorder.recorder).where(Recorder.identity == identity)).first()


def is_enrolled(session: Session, recorder: str) -> bool:
    """Tell whether the dock may read this recorder without a hand."""
    row = session.get(Recorder, recorder)
    return row is not None and row.enrolled


def recorder_facts(session: Session, recorder: str) -> tuple[str | None, str]:
    """Return the recorder's present profile and unit; (None, "") when it is unknown."""
    row = session.get(Recorder, recorder)
    return (row.profile, row.unit) if row is not None else (None, "")


def holder_names(session: Session, recorder: str) -> list[str]:
    """Return the names of those who hold the recorder now."""
    rows = session.exec(
        select(Person.name)
        .join(Holding, col(Holding.person) == Person.person)
        .where(Holding.recorder == recorder, col(Holding.until).is_(None))
        .order_by(col(Holding.since))
    )
    return [name for name in rows if name]


def known_sightings(session: Session, keys: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Return, for the keys that are known, (clip, sha256, stage)."""
    found = {}
    for start in range(0, len(keys), _BATCH):
        rows = session.exec(
            select(Sighting.key, Clip.clip, Clip.sha256, Clip.stage)
            .join(Clip, col(Clip.clip) == Sighting.clip)
            .where(col(Sighting.key).in_(keys[start : start + _BATCH]))
        )
        found.update({key: (clip, sha256, stage) for key, clip, sha256, stage in rows})
    return found


def clip_of_unit(session: Session, sha256: str, unit: str) -> str | None:
    """Return a unit's clip that holds these bytes whole, None when there is none."""
    query = select(Clip.clip).where(Clip.sha256 == sha256, Clip.unit == unit, col(Clip.stage).in_(("sealed", "probed")))
    return session.exec(query.order_by(col(Clip.seq)).limit(1)).first()


def disposed_digests(session: Session, digests: Sequence[str]) -> set[str]:
    """Return those of `digests` whose every clip is disposed of: they are never taken in again."""
    rows = session.exec(select(Clip.sha256, Clip.stage).where(col(Clip.sha256).in_(digests)).distinct())
    stages: dict[str, set[str]] = {}
    for sha256, stage in rows:
        stages.setdefault(sha256, set()).add(stage)
    return {sha256 for sha256, found in stages.items() if found == {"disposed"}}


@dataclass(frozen=True, slots=True)
class WholeClip:
    """A clip whose bytes are whole, for making its copies; `playable` is None until its content was probed."""

    clip: str
    seq: int
    sha256: str
    media: Media
    container: str
    playable: str | None


def whole_clips(session: Session, after_seq: int, limit: int) -> list[WholeClip]:
    """Return clips taken in by entries after `after_seq`, oldest first."""
    rows = session.exec(
        select(Clip)
        .where(col(Clip.stage).in_(("sealed", "probed")), Clip.seq > after_seq)
        .order_by(col(Clip.seq))
        .limit(limit)
    )
    return [_whole_clip(row) for row in rows]


def whole_clip_of(session: Session, sha256: str) -> WholeClip | None:
    """Return one clip with these bytes."""
    row = session.exec(select(Clip).where(Clip.sha256 == sha256).order_by(col(Clip.seq)).limit(1)).first()
    return _whole_clip(row) if row is not None else None


def _whole_clip(row: Clip) -> WholeClip:
    return WholeClip(row.clip, row.seq, row.sha256, cast("Media", row.media), row.container, row.playable)
