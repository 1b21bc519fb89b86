"""Search of clips by text: in what they say themselves, in the names of their collector and recorder, in their cases.

Guarantees: a case's text leads only to clips bound to it by the viewer, or known to the viewer to be bound to it; the
condition made here narrows a list and never widens it, so what the viewer may not see stays out of sight. Which of the
two ways below is taken changes how long a search takes, never what it finds.

Few finds: the clips are looked up by name, by the rarest pair of characters (`grams`) and by the keys of people,
recorders and targets. Many finds, or text without such a pair (one character, digits): one pass over the list, which
compares bytes and short keys only, so that its time is bounded by the list's length whatever is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Exists,
    Select,
    and_,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    union_all,
)
from sqlmodel import Session

from station.catalogue.clip_rows import PERSON, RECORDER
from station.catalogue.folding import fold_number, fold_text
from station.catalogue.grams import grams_of
from station.catalogue.matching import holds
from station.catalogue.tables import metadata
from station.catalogue.views import Viewer
from station.catalogue.visibility import BINDING, CLIP, TARGET, known_target, scanned

GRAM = metadata.tables["catalogue_gram"]

_FEW = 2000  # finds that are looked up one by one as fast as the whole list is gone through
_GRAMS_WEIGHED = 8


@dataclass(frozen=True, slots=True)
class _Source:
    """One thing clips are found by: `found` says whether there is any, `named` their ids, `passed` tests one clip."""

    found: ColumnElement[bool]
    named: Select[Any]
    passed: ColumnElement[bool]


def named_target(text: str) -> ColumnElement[bool]:
    """Return the condition on `TARGET` that its title or number holds `text`, however that is typed."""
    conditions = [holds(TARGET.c.searched, _wanted(text))]
    if number := fold_number(text):
        conditions.append(holds(TARGET.c.folded, number))
    return or_(*conditions)


def text_condition(session: Session, viewer: Viewer, text: str) -> ColumnElement[bool]:
    """Return the condition on `CLIP` that a search for `text` finds it, for one who may see the clip."""
    wanted = _wanted(text)
    sources = _present(session, _sources(viewer, text, wanted))
    passed = [source.passed for source in sources]
    gram = _rare_gram(session, wanted)
    if gram is None:
        return or_(holds(CLIP.c.searched, wanted), *passed)
    found = _clips(session, [_own_text(gram, wanted)])
    others = _clips(session, [source.named for source in sources])
    if len(found) + len(others) <= _FEW:
        return CLIP.c.clip.in_(sorted({*found, *others}))
    return or_(holds(CLIP.c.searched, wanted), *passed) if found else or_(*passed)


def _wanted(text: str) -> str:
    folded = fold_text(text)
    return folded.strip("-") or folded


def _sources(viewer: Viewer, text: str, wanted: str) -> list[_Source]:
    people = select(PERSON.c.person).where(holds(PERSON.c.searched, wanted))
    recorders = select(RECORDER.c.recorder).where(holds(RECORDER.c.searched, wanted))
    matching = select(TARGET.c.target).where(named_target(text))
    known = known_target(viewer)
    return [
        _keyed(CLIP.c.collector, people),
        _keyed(CLIP.c.recorder, recorders),
        _known_targets(matching.where(known)),
        _own_bindings(viewer, matching.where(not_(known))),
    ]


def _keyed(column: Column[str], keys: Select[Any]) -> _Source:
    clips = CLIP.alias("keyed")
    named = select(clips.c.clip).where(clips.c[column.name].in_(keys))
    return _Source(exists(keys), named, scanned(column).in_(keys))


def _known_targets(targets: Select[Any]) -> _Source:
    named = select(BINDING.c.clip).where(BINDING.c.target.in_(targets))
    # The one target of most clips stands in the list itself: a set of a hundred thousand bound clips is never made.
    others: Exists = exists(named.where(BINDING.c.clip == CLIP.c.clip).correlate(CLIP))
    passed = or_(scanned(CLIP.c.target).in_(targets), and_(CLIP.c.several_targets.is_(True), others))
    return _Source(exists(targets), named, passed)


def _own_bindings(viewer: Viewer, targets: Select[Any]) -> _Source:
    named = select(BINDING.c.clip).where(BINDING.c.target.in_(targets), BINDING.c.bound_by == viewer.person)
    return _Source(exists(named), named, scanned(CLIP.c.clip).in_(named))


def _present(session: Session, sources: Sequence[_Source]) -> list[_Source]:
    """Return the sources that lead anywhere: each other one would be asked about every clip in vain."""
    asked = select(*(source.found.label(f"found_{number}") for number, source in enumerate(sources)))
    row = session.connection().execute(asked).one()
    return [source for source, found in zip(sources, row, strict=True) if found]


def _clips(session: Session, queries: Sequence[Select[Any]]) -> Sequence[str]:
    """Return the clips that the queries name, some twice; or, if they are more than few, one more than few of them."""
    if not queries:
        return ()
    return session.connection().execute(union_all(*queries).limit(_FEW + 1)).scalars().all()


def _rare_gram(session: Session, wanted: str) -> str | None:
    """Return the pair of `wanted` that is in the fewest clips, if there are few; counted no further than needed."""
    counts = []
    for gram in sorted(grams_of(wanted))[:_GRAMS_WEIGHED]:
        some = select(literal(1)).select_from(GRAM).where(GRAM.c.gram == gram).limit(_FEW + 1).subquery()
        counts.append(select(literal(gram).label("gram"), func.count().label("clips")).select_from(some))
    if not counts:
        return None
    rows = session.connection().execute(union_all(*counts)).all()
    clips, gram = min((row.clips, row.gram) for row in rows)
    return gram if clips <= _FEW else None


def _own_text(gram: str, wanted: str) -> Select[Any]:
    clips = CLIP.alias("saying")
    return (
        select(GRAM.c.clip)
        .join(clips, clips.c.clip == GRAM.c.clip)
        .where(GRAM.c.gram == gram, holds(clips.c.searched, wanted))
    )
