"""“Is this file ours?”: a digest compared with all that the station has taken in, made, or destroyed by rule.

Guarantees: only the digest is asked for, never the file; the answer says which clip it is only to whoever may see that
clip; a file that is not known is said to be nothing else, least of all false; every answer is an entry.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from station.catalogue.clips import can_see, clip_digest, clips_of_digest
from station.catalogue.views import Viewer
from station.custody import Custody, check_parts
from station.database import Database, Session
from station.digest import SHA256, is_sha256, new_id
from station.errors import RequestError
from station.ledger import log
from station.ledger.entry import StoredEntry
from station.records.disposal_entries import ClipDisposed
from station.records.docking_entries import ClipConflicted, ClipIncomplete, ClipIngested
from station.records.entries import Actor, Entry
from station.records.export_entries import ClipDerived
from station.records.log_entries import FileCompared
from station.records.registry import read_entry
from station.state.copies import copy_of

Answer = Literal["original", "incomplete", "conflicting", "playable", "disclosure", "disposed", "unknown"]
_ORDER: tuple[Answer, ...] = ("original", "incomplete", "disposed", "conflicting", "disclosure")
_OF_CLIPS = (ClipIngested.TYPE, ClipIncomplete.TYPE, ClipDisposed.TYPE)
_RARE = (ClipConflicted.TYPE, ClipDerived.TYPE)


@dataclass(frozen=True, slots=True)
class Recognised:
    """The answer; `clip`, `file_name` and `taken_in_at` are None for a viewer who may not see the clip.

    `hidden`: there is a clip that is not named for that reason.
    """

    answer: Answer
    sha256: str
    compared_at: str
    clip: str | None = None
    file_name: str | None = None
    taken_in_at: str | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class _Match:
    answer: Answer
    clip: str | None = None
    taken_in_at: str | None = None


def recognise(
    custody: Custody, database: Database, sha256: str, actor: Actor, viewer: Viewer | None = None
) -> Recognised:
    """Tell what the station knows of a file with this SHA-256; `viewer` None: at the console, where all is seen.

    Raises RequestError for what is no digest.
    """
    sha256 = sha256.strip().lower()
    if not is_sha256(sha256):
        raise RequestError("That is no SHA-256 digest", hint="64 hexadecimal digits")
    with database.read() as session:
        match = _find(session, sha256)
        seen = match.clip is not None and (viewer is None or can_see(session, viewer, match.clip))
        name = clip_digest(session, match.clip).file_name if match.clip is not None and seen else None
    look = FileCompared.Look(digest={SHA256: sha256}, clip=match.clip)
    fact = FileCompared.Fact(check=new_id(), answer=match.answer)
    (entered,) = custody.append(FileCompared(fact=fact, look=look, actor=actor))
    if not seen:
        return Recognised(match.answer, sha256, entered.time, hidden=match.clip is not None)
    return Recognised(match.answer, sha256, entered.time, match.clip, name, match.taken_in_at)


def _find(session: Session, sha256: str) -> _Match:
    """Return the best match: an original before a copy, one that is there before one that is gone, the first first.

    The catalogue leads to the clip; what it is and since when is read from the ledger.
    """
    about = [
        stored
        for clip in clips_of_digest(session, sha256)
        for stored in log.subject_entries(session, f"clip:{clip}", types=_OF_CLIPS)
    ]
    found = _matches(about, sha256) or _matches(log.typed_entries(session, _RARE), sha256)
    if found:
        return min(found, key=lambda each: _ORDER.index(each.answer))
    copy = copy_of(session, sha256)
    original = _find(session, copy.of) if copy is not None and copy.of != sha256 else _Match("unknown")
    if copy is None or original.clip is None:
        return _Match("unknown")
    return _Match("playable" if copy.kind == "playable" else "disclosure", original.clip, original.taken_in_at)


def _matches(about: Iterable[StoredEntry], sha256: str) -> list[_Match]:
    found: dict[str, _Match] = {}
    for stored in about:
        check_parts(stored)
        match = _match(stored, read_entry(stored.seq, stored.type, stored.values()), sha256)
        if match is not None and match.clip is not None:
            before = found.get(match.clip)
            # A disposal says nothing of when the clip was taken in; the entry before it does.
            found[match.clip] = replace(
                match, taken_in_at=match.taken_in_at or (before.taken_in_at if before else None)
            )
    return list(found.values())


def _match(stored: StoredEntry, entry: Entry, sha256: str) -> _Match | None:
    match entry:
        case ClipIngested(fact=fact) if fact.digest[SHA256] == sha256:
            return _Match("original", fact.clip, stored.time)
        case ClipIncomplete(fact=fact) if fact.digest[SHA256] == sha256:
            return _Match("incomplete", fact.clip, stored.time)
        case ClipDisposed(fact=gone) if gone.digest[SHA256] == sha256:
            return _Match("disposed", gone.clip)
        case ClipConflicted(fact=conflict) if conflict.digest[SHA256] == sha256:
            return _Match("conflicting", conflict.clip, stored.time)
        case ClipDerived(fact=derived) if derived.digest[SHA256] == sha256:
            return _Match("disclosure", derived.clip)
        case _:
            return None
