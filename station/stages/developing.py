"""The copies for looking at: what a clip contains, its poster, a playable copy where needed, what stands beside it.

Guarantees: an original is only ever read; a failure is remembered with its reason and never holds up another clip;
what to do follows from what is stored, so a restart goes on where it stopped, and `derived/` can be deleted any time.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from station import clock
from station.catalogue.intake import WholeClip, whole_clip_of, whole_clips
from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.derive import layout
from station.derive.frames import make_frames
from station.derive.playback import Playable
from station.derive.poster import make_filmstrip, make_poster
from station.derive.probe import Probe, probe
from station.derive.proxy import make_proxy
from station.derive.track import make_track
from station.derive.waveform import make_waveform
from station.errors import DerivationError, SandboxError
from station.evidence.store import LocalStore
from station.records.docking_entries import ClipProbed
from station.records.entries import Place
from station.sandbox.program import clear_work_folders, work_folder
from station.sniff import Sniffed
from station.state import work

_logger = structlog.get_logger(__name__)
_BATCH = 50
_REPORT_SECONDS = 2.0
_DETAIL_CHARACTERS = 2000
PROXY, POSTER, FRAMES = "proxy", "poster", "frames"


@dataclass(frozen=True, slots=True)
class _Aside:
    """What is shown beside the player of clips of some media: it waits until everything can be seen and played."""

    path: Callable[[Path, str], Path]
    media: frozenset[str]
    make: Callable[..., None]


_ASIDES = {
    "filmstrip": _Aside(layout.filmstrip_path, frozenset({"video"}), make_filmstrip),
    "waveform": _Aside(layout.waveform_path, frozenset({"video", "audio"}), make_waveform),
    "track": _Aside(layout.track_path, frozenset({"video"}), make_track),
}


class Developing:
    """Works through the clips taken in, oldest first: all posters, then frame times, playable copies, and the rest."""

    def __init__(self, home: Home, database: Database, custody: Custody, store: LocalStore) -> None:
        """Begin from the first clip; what is there already is passed over."""
        self._home, self._database, self._custody, self._store = home, database, custody, store
        self._user = home.settings.parser_user
        self._looked_at = -1
        clear_work_folders(layout.work_parent(home.derived))
        with database.write() as session:
            work.restart(session)

    def step(self, cancel: threading.Event) -> bool:
        """Do the next piece of work; False when there is none now. Raises StationError when our own side fails."""
        with self._database.read() as session:
            clips = whole_clips(session, self._looked_at, _BATCH)
            timed = None if clips else _waiting_for(session, FRAMES)
            copy = None if clips or timed else _waiting_for(session, PROXY)
            kinds = () if clips or timed or copy else _ASIDES
            aside = next(((kind, clip) for kind in kinds if (clip := _waiting_for(session, kind))), None)
        for clip in clips:
            if cancel.is_set():
                return True
            self._look_at(clip, cancel)
            self._looked_at = clip.seq
        if timed is not None:
            self._time(timed, cancel)
        if copy is not None:
            self._copy(copy, cancel)
        if aside is not None:
            self._set_beside(*aside, cancel)
        return bool(clips) or timed is not None or copy is not None or aside is not None

    def _look_at(self, clip: WholeClip, cancel: threading.Event) -> None:
        """Probe a clip and make its poster; put on the list what else it needs."""
        poster = layout.poster_path(self._home.derived, clip.sha256)
        proxy = layout.proxy_path(self._home.derived, clip.sha256)
        frames = layout.frames_path(self._home.derived, clip.sha256)
        with self._database.read() as session:
            poster_due = not poster.exists() and not _failed(session, clip, POSTER)
            frames_due = not frames.exists() and not _failed(session, clip, FRAMES) and clip.media == "video"
            # The frame times of a copy are read while it is made: it is made again where they are lost.
            proxy_due = not proxy.exists() or frames_due
            proxy_due = proxy_due and not _failed(session, clip, PROXY) and clip.playable != Playable.ORIGINAL
            asides = [
                kind
                for kind, each in _ASIDES.items()
                if not each.path(self._home.derived, clip.sha256).exists() and not _failed(session, clip, kind)
            ]
        if frames_due and clip.playable == Playable.ORIGINAL:
            self._want(clip, FRAMES)
        if clip.playable is not None and not poster_due and not proxy_due:
            self._want(clip, *_fitting(asides, clip.media, clip.playable))
            return
        with self._opened(clip) as (original, folder):
            facts = self._probe(clip, original, folder)
            if poster_due and facts.ok:
                make = partial(make_poster, original, facts, poster, work=folder, user=self._user, cancel=cancel)
                self._make(clip, POSTER, make, cancel)
        seen = facts.ok and facts.media == "video"
        if clip.playable is None and frames_due and seen and facts.playable == Playable.ORIGINAL:
            self._want(clip, FRAMES)
        copied = facts.ok and facts.playable == Playable.PROXY and facts.media != "photo"
        if proxy_due and copied and (seen or not proxy.exists()):  # sound has no frames to read again
            self._want(clip, PROXY)
        self._want(clip, *_fitting(asides, facts.media, facts.playable))

    def _want(self, clip: WholeClip, *kinds: str) -> None:
        if not kinds:
            return
        with self._database.write() as session:
            for kind in kinds:
                if not work.want(session, clip.sha256, kind):
                    work.fail(session, clip.sha256, kind, f"{kind}: it is gone", again=True)

    def _set_beside(self, kind: str, clip: WholeClip, cancel: threading.Event) -> None:
        """Make one of the things that stand beside the player."""
        aside = _ASIDES[kind]
        with self._database.write() as session:
            work.start(session, clip.sha256, kind)

        def make() -> None:
            with self._opened(clip) as (original, folder):
                facts = probe(original, Sniffed(clip.media, clip.container), work=folder, user=self._user)
                target = aside.path(self._home.derived, clip.sha256)
                if facts.media in aside.media:  # what began like a movie may be sound only
                    aside.make(original, facts, target, work=folder, user=self._user, cancel=cancel)

        self._make(clip, kind, make, cancel)

    def _time(self, clip: WholeClip, cancel: threading.Event) -> None:
        """Read the frame times of an original that is played as it is."""
        target = layout.frames_path(self._home.derived, clip.sha256)
        with self._database.write() as session:
            work.start(session, clip.sha256, FRAMES)

        def make() -> None:
            with self._opened(clip) as (original, folder):
                make_frames(original, clip.container, target, work=folder, user=self._user, cancel=cancel)

        self._make(clip, FRAMES, make, cancel)

    def _copy(self, clip: WholeClip, cancel: threading.Event) -> None:
        """Make a clip's playable copy, telling how far it is."""
        target = layout.proxy_path(self._home.derived, clip.sha256)
        frames = layout.frames_path(self._home.derived, clip.sha256)
        with self._database.write() as session:
            work.start(session, clip.sha256, PROXY)
        told_at = clock.monotonic()

        def report(per_mille: int) -> None:
            nonlocal told_at
            if clock.monotonic() - told_at >= _REPORT_SECONDS:
                told_at = clock.monotonic()
                with self._database.write() as session:
                    work.report(session, clip.sha256, PROXY, per_mille)

        def make() -> None:
            with self._opened(clip) as (original, folder):
                facts = probe(original, Sniffed(clip.media, clip.container), work=folder, user=self._user)

                def read_times(copy: Path) -> None:
                    try:
                        make_frames(copy, "mov", frames, work=folder, user=self._user, cancel=cancel)
                    except (DerivationError, SandboxError) as error:
                        if cancel.is_set():
                            raise  # with its copy, which is due again
                        _logger.warning("not derived", clip=clip.clip, kind=FRAMES, reason=str(error))
                        with self._database.write() as session:
                            work.fail(session, clip.sha256, FRAMES, str(error))

                made = make_proxy(
                    original,
                    facts,
                    target,
                    work=folder,
                    user=self._user,
                    on_progress=report,
                    cancel=cancel,
                    on_made=read_times if facts.media == "video" else None,
                )
            if made.missing_ms or made.without_sound:
                lost = {"missing_ms": made.missing_ms, "without_sound": made.without_sound}
                _logger.warning("copy is not whole", clip=clip.clip, **lost)

        self._make(clip, PROXY, make, cancel)

    @contextmanager
    def _opened(self, clip: WholeClip) -> Iterator[tuple[Path, Path]]:
        """Give the original's path and a work folder for a confined program."""
        parent = layout.work_parent(self._home.derived)
        with self._store.as_file(clip.sha256) as original, work_folder(parent, self._user) as folder:
            yield original, folder

    def _probe(self, clip: WholeClip, original: Path, folder: Path) -> Probe:
        facts = probe(original, Sniffed(clip.media, clip.container), work=folder, user=self._user)
        if clip.playable is None:
            self._custody.append(_probed_entry(clip.clip, facts))
        return facts

    def _make(self, clip: WholeClip, kind: str, make: Callable[[], object], cancel: threading.Event) -> None:
        """Make one thing; what fails for good is remembered, what was only interrupted is due again."""
        try:
            make()
        except (DerivationError, SandboxError) as error:
            _logger.warning("not derived", clip=clip.clip, kind=kind, reason=str(error))
            with self._database.write() as session:
                work.fail(session, clip.sha256, kind, str(error), again=cancel.is_set())
            return
        with self._database.write() as session:
            work.finish(session, clip.sha256, kind)


def _waiting_for(session: Session, kind: str) -> WholeClip | None:
    """Return the first clip that waits for it and is still there."""
    waiting = (whole_clip_of(session, each.digest) for each in work.waiting(session, kind, limit=_BATCH))
    return next((clip for clip in waiting if clip is not None), None)


def _fitting(kinds: Iterable[str], media: str, playable: str | None) -> list[str]:
    """Return those kinds of things beside the player that a clip of this media, if it is played at all, has."""
    return [kind for kind in kinds if media in _ASIDES[kind].media and playable not in (None, Playable.NONE)]


def _failed(session: Session, clip: WholeClip, kind: str) -> bool:
    found = work.find(session, clip.sha256, kind)
    return found is not None and found.state == "failed"


def _probed_entry(clip: str, facts: Probe) -> ClipProbed:
    video, audio = facts.video, facts.audio[0] if facts.audio else None
    fact = ClipProbed.Fact(
        clip=clip,
        tool=facts.tool,
        tool_version=facts.tool_version,
        ok=facts.ok,
        container=facts.container,
        duration_ms=facts.duration_ms,
        width=video.width if video else None,
        height=video.height if video else None,
        frame_rate=video.frame_rate if video else None,
        video_codec=video.codec if video else None,
        audio_codec=audio.codec if audio else None,
        creation_time=facts.creation_time,
        playable=facts.playable.value,
        reason=facts.reason.value if facts.reason else None,
    )
    place = None
    if facts.place is not None:
        place = Place(latitude=facts.place.latitude, longitude=facts.place.longitude, datum="WGS-84")
    detail = ClipProbed.Detail(text=facts.detail[-_DETAIL_CHARACTERS:]) if facts.detail else None
    return ClipProbed(fact=fact, place=place, detail=detail)
