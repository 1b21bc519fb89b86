"""One frame of a clip leaves the station as a picture: made of the original, told where it is from, entered first.

Guarantees: whoever may watch a clip may take a frame of it, with a reason in words; never of a suspected secret, which
is checked again in the transaction that appends; the entry has the SHA-256 of exactly the bytes handed out.
"""

import math
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import structlog

from station import clock
from station.actions import access, media
from station.actions.problems import ProblemError
from station.catalogue.clips import ClipBytes, can_see, clip_digest
from station.catalogue.views import PersonView, Viewer
from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.derive import layout
from station.derive.frames import FrameTimes, read_frames
from station.derive.still import make_still, times_in_original, with_words
from station.digest import SHA256, new_id, sha256_hex
from station.errors import DerivationError, NotFoundError
from station.evidence.store import LocalStore
from station.records.entries import Actor, Entry
from station.records.export_entries import FrameExported
from station.sandbox.program import work_folder

_WORDS_CHARACTERS = 1000
_COPY_CONTAINER = "mov"
_one_at_a_time = threading.Lock()  # a decoder may take 3 GiB
_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Still:
    """A picture to hand out, and the name of its file (ASCII)."""

    png: bytes
    name: str


@dataclass(frozen=True, slots=True)
class _Made:
    """A picture without words; `number` and `time_ms` as in `FrameExported.Fact`."""

    png: bytes
    made_of: str
    number: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Stills:
    """Where frames are taken from, and entered."""

    custody: Custody
    database: Database
    home: Home
    store: LocalStore

    def take(self, viewer: Viewer, person: PersonView, actor: Actor, clip: str, at_ms: int, reason: str) -> Still:
        """Make the frame that the player shows at `at_ms`, enter that it leaves and why, and return it.

        The caller has made sure that the viewer sees the clip. Raises NotFoundError, ProblemError (reason_missing,
        reason_long, purpose_missing, export_secret, frame_unready, frame_failed).
        """
        words = " ".join(reason.split())
        if not words:
            raise ProblemError("reason_missing", "It has to be said what the picture is for")
        if len(words) > _WORDS_CHARACTERS:
            raise ProblemError("reason_long", f"A reason has {_WORDS_CHARACTERS} characters at most")
        with self.database.read() as session:
            held = clip_digest(session, clip)
        _require_open(held)
        listed = media.frames(self.home, self.store, held)
        if held.media != "video" or listed is None:
            raise ProblemError("frame_unready", f"The frames of {clip} are not listed")
        access.open_clip(self.custody, self.database, viewer, actor, clip)
        try:
            times = read_frames(listed.path)
            made = self._make(held, times, times.at(at_ms))
        except DerivationError as error:
            _logger.warning("no frame exported", clip=clip, reason=error.message)
            raise ProblemError("frame_failed", error.message) from error
        return self._enter(viewer, person, actor, held, made, words)

    def _make(self, held: ClipBytes, times: FrameTimes, number: int) -> _Made:
        user = self.home.settings.parser_user
        parent = Path(tempfile.gettempdir())  # nothing of it stays; what serves pages writes no copies
        with _one_at_a_time, self.store.as_file(held.sha256) as original, work_folder(parent, user) as work:
            try:
                if held.playable == "proxy":
                    own = times_in_original(original, held.container, times, number, work=work, user=user)
                else:
                    own = times
                png = make_still(original, held.container, own, number, work=work, user=user)
                return _Made(png, "original", number, _ms(own.ms(number)))
            except DerivationError as error:
                if held.playable != "proxy":
                    raise
                _logger.info("frame taken of the copy", clip=held.clip, reason=error.message)
            return self._of_copy(held, times, number, work, user)

    def _of_copy(self, held: ClipBytes, times: FrameTimes, number: int, work: Path, user: str) -> _Made:
        copy = layout.proxy_path(self.home.derived, held.sha256)
        png = make_still(copy, _COPY_CONTAINER, times, number, work=work, user=user)
        return _Made(png, "copy", number, _ms(times.ms(number)))

    def _enter(
        self, viewer: Viewer, person: PersonView, actor: Actor, held: ClipBytes, made: _Made, reason: str
    ) -> Still:
        frame = new_id()
        told: dict[str, str | int] = {
            "about": "One frame of a recording; not the original.",
            "frame_export": frame,
            "clip": held.clip,
            "clip_sha256": held.sha256,
            "made_of": made.made_of,
            "frame_number_from_0": made.number,
            "frame_time_ms": made.time_ms,
            "exported_by": person.person,
            "exported_by_name": person.name or "",
            "exported_at": clock.timestamp(),
            "log_origin": self.custody.origin,
            "clip_ledger_index": held.seq,
        }
        png = with_words(made.png, told)
        fact = FrameExported.Fact.model_validate(
            {
                "clip": held.clip,
                "frame": frame,
                "digest": {SHA256: sha256_hex(png)},
                "size_bytes": len(png),
                "original": {SHA256: held.sha256},
                "made_of": made.made_of,
                "number": made.number,
                "time_ms": made.time_ms,
            }
        )

        def compose(session: Session) -> Sequence[Entry]:
            if not can_see(session, viewer, held.clip):
                raise NotFoundError(f"There is no clip {held.clip}")
            _require_open(clip_digest(session, held.clip))
            return (FrameExported(fact=fact, text=FrameExported.Text(reason=reason), actor=actor),)

        self.custody.append_from(compose)
        return Still(png, f"frame-{held.clip}-{made.time_ms}ms.png")


def _require_open(held: ClipBytes) -> None:
    blocked = media.blocked(held)
    if blocked == "suspected_secret":
        raise ProblemError("export_secret", f"{held.clip} is a suspected state secret: nothing of it leaves by export")
    if blocked is not None:
        raise ProblemError("frame_unready", f"{held.clip} is {blocked}")


def _ms(exact: Fraction) -> int:
    return max(0, math.ceil(exact))
