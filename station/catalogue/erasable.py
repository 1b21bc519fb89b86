"""What the catalogue knows of clips that may be erased from the recorder they came from."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from station.catalogue.tables import Clip, Sighting

_BATCH = 500


@dataclass(frozen=True, slots=True)
class ErasableClip:
    """A clip and the entry that last took it in; `in_doubt`: it came with other bytes, or was found damaged."""

    clip: str
    seq: int
    in_doubt: bool


def sighted_clips(session: Session, keys: Sequence[str]) -> dict[str, ErasableClip]:
    """Return the clips that are held whole under those of the sighting `keys` that are known."""
    found: dict[str, ErasableClip] = {}
    for start in range(0, len(keys), _BATCH):
        rows = session.exec(
            select(Sighting.key, Clip)
            .join(Clip, col(Clip.clip) == Sighting.clip)
            .where(col(Sighting.key).in_(keys[start : start + _BATCH]), col(Clip.stage).in_(("sealed", "probed")))
        )
        found |= {key: _erasable(clip) for key, clip in rows}
    return found


def named_clips(session: Session, clips: Sequence[str]) -> list[ErasableClip]:
    """Return those of `clips` that are held whole, in their order."""
    found: dict[str, ErasableClip] = {}
    for start in range(0, len(clips), _BATCH):
        rows = session.exec(
            select(Clip).where(
                col(Clip.clip).in_(clips[start : start + _BATCH]), col(Clip.stage).in_(("sealed", "probed"))
            )
        )
        found |= {clip.clip: _erasable(clip) for clip in rows}
    return [found[clip] for clip in clips if clip in found]


def _erasable(clip: Clip) -> ErasableClip:
    return ErasableClip(clip.clip, clip.seq, bool(clip.conflicts) or clip.damaged)
