"""Notes on a clip, and transcripts: written by people, or taken from a file of captions that another program made.

Guarantees: every note is an entry, also the one that stands in place of another, which stays in the ledger; only who
wrote a note, or a clerk, puts another in its place; words go into a part of their own, so that law can erase them.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from station.actions.problems import ProblemError
from station.catalogue import checks
from station.catalogue.notes import note_that_stands
from station.catalogue.views import Viewer
from station.custody import Custody
from station.database import Session
from station.digest import new_id
from station.errors import NotFoundError
from station.records.entries import Actor, Entry
from station.records.note_entries import ClipNoted, NoteLine
from station.records.terms import ClipStage, Role

NOTERS: Final = frozenset({Role.OFFICER, Role.CLERK, Role.HANDLER})
WORDS: Final = 2000
LINES: Final = 5000
CAPTION_BYTES: Final = 2_000_000
_PART_BYTES = 24_000  # a part has 64 KiB at most (station/ledger/FORMAT.md); its other members take little
_CAPTION = re.compile(
    r"(?:(\d{1,3}):)?(\d\d):(\d\d)[.,](\d{3})[ \t]*-->[ \t]*(?:\d{1,3}:)?\d\d:\d\d[.,]\d{3}.*", re.ASCII
)
_MARKUP = re.compile(r"<[^<>]{0,200}>|\{\\[^{}]{0,200}\}")


def add_note(
    custody: Custody, viewer: Viewer, actor: Actor, clip: str, lines: Sequence[NoteLine], replaces: str | None = None
) -> tuple[str, ...]:
    """Enter a note, in several entries where one can't hold it, and return their ids.

    The caller has checked that the viewer may see the clip. Raises NotFoundError, ProblemError (note_empty, noted_long,
    note_beyond, note_not_yours).
    """
    if not lines:
        raise ProblemError("note_empty", "A note has words")
    if len(lines) > LINES:
        raise ProblemError("noted_long", f"A note has {LINES} lines at most")
    notes = [(new_id(), part) for part in _parts(lines)]

    def compose(session: Session) -> Sequence[Entry]:
        state = checks.clip_states(session, [clip]).get(clip)
        if state is None or state.stage == ClipStage.DISPOSED:
            raise NotFoundError(f"There is no clip {clip} that could be noted on")
        if state.duration_ms is not None and any((line.at_ms or 0) > state.duration_ms for line in lines):
            raise ProblemError("note_beyond", f"The clip ends after {state.duration_ms} ms")
        if replaces is not None:
            former = note_that_stands(session, clip, replaces)
            if former is None:
                raise NotFoundError(f"The clip has no note {replaces}, or another stands in its place")
            if former.noted_by != viewer.person and Role.CLERK not in viewer.roles:
                raise ProblemError("note_not_yours", "A note is put right by who wrote it, or by a clerk")
        return [
            ClipNoted(
                fact=ClipNoted.Fact(note=note, clip=clip, lines=len(part), replaces=None if number else replaces),
                text=ClipNoted.Text(lines=part),
                actor=actor,
            )
            for number, (note, part) in enumerate(notes)
        ]

    custody.append_from(compose)
    return tuple(note for note, _ in notes)


def _parts(lines: Sequence[NoteLine]) -> Iterator[tuple[NoteLine, ...]]:
    part, size = list[NoteLine](), 0
    for line in lines:
        taken = len(line.words.encode()) * 2 + 40  # JSON escapes, and what stands around the words
        if part and size + taken > _PART_BYTES * 2:
            yield tuple(part)
            part, size = [], 0
        part.append(line)
        size += taken
    yield tuple(part)


def read_captions(text: str) -> tuple[NoteLine, ...]:
    """Return the lines of a file of captions: SubRip, or WebVTT (W3C, 4 April 2019) without styles and regions.

    Formatting is dropped, words are not. Raises ProblemError (captions_none, noted_long).
    """
    lines = list[NoteLine]()
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")):
        rows = block.strip("\n").split("\n")
        head = next((number for number, row in enumerate(rows[:2]) if _CAPTION.fullmatch(row.strip())), None)
        found = _CAPTION.fullmatch(rows[head].strip()) if head is not None else None
        if head is None or found is None:
            continue
        words = " ".join(_MARKUP.sub("", row).strip() for row in rows[head + 1 :]).strip()
        if len(words) > WORDS:
            raise ProblemError("noted_long", f"A line has {WORDS} characters at most")
        hours, minutes, seconds, ms = (int(each or 0) for each in found.groups())
        if words:
            lines.append(NoteLine(at_ms=((hours * 60 + minutes) * 60 + seconds) * 1000 + ms, words=words))
    if not lines:
        raise ProblemError(
            "captions_none", "No captions were found in that file: it takes SubRip (.srt) or WebVTT (.vtt)"
        )
    return tuple(lines)
