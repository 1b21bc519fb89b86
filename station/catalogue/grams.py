"""What a clip is found by: its text as it is looked for, and an index of two-character words over all such text.

Guarantee: after `settle_clip` the columns and the index say what the clip's other columns say and nothing of what they
said before, so that a place that was amended or erased is not found any more. Neither database finds two-character
Chinese words by itself: SQLite's FTS5 takes a run of Chinese for one word or indexes three characters, and PostgreSQL
needs an extension.

Only pairs with a character beyond ASCII are indexed. Names that recorders make up are mostly digits, and each of the
hundred pairs of digits is in a fifth of them: such pairs would cost thirty rows a clip and lead to nothing.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from sqlmodel import Session, col, delete, insert

from station.catalogue.doubts import settle_doubts
from station.catalogue.folding import fold_text
from station.catalogue.tables import Clip, Gram

_BETWEEN = "\n"  # folded text holds none, so nothing is found across two texts


def searched_text(texts: Iterable[str | None]) -> str:
    """Return texts as they are looked for, each folded, one a line; without those that are missing."""
    return _BETWEEN.join(fold_text(text) for text in texts if text)


def grams_of(folded: str) -> frozenset[str]:
    """Return the pairs of characters under which folded text is indexed; empty when none is worth it."""
    pairs = {first + second for first, second in pairwise(folded) if first.isalnum() and second.isalnum()}
    return frozenset(pair for pair in pairs if not pair.isascii())


def clip_text(clip: Clip) -> str:
    """Return the text of its own that a clip is found by."""
    return searched_text((clip.file_name, clip.place, clip.collector_name))


def settle_clip(session: Session, clip: Clip) -> None:
    """Store a clip that is new or was changed, with all that follows from its own columns."""
    former, text = clip.searched, clip_text(clip)
    settle_doubts(session, clip)
    clip.searched = text
    session.add(clip)
    if text != former:
        _change_grams(session, clip.clip, grams_of(former), grams_of(text))


def _change_grams(session: Session, clip: str, former: frozenset[str], wanted: frozenset[str]) -> None:
    gone, new = sorted(former - wanted), gram_rows(clip, wanted - former)
    if gone:
        session.execute(delete(Gram).where(col(Gram.clip) == clip, col(Gram.gram).in_(gone)))
    if new:
        session.execute(insert(Gram), new)


def gram_rows(clip: str, grams: Iterable[str]) -> Sequence[dict[str, str]]:
    """Return the rows of the index for one clip, in the order of their keys."""
    return [{"gram": gram, "clip": clip} for gram in sorted(grams)]
