"""Disclosure copies (披露副本): what goes into a picture's caption, making them, and their lineage in the ledger.

Guarantees: an original is only read; a copy that goes into a package has an entry that says of which original, by
which tool and graph and with which caption it was made; made again it is the same bytes, or nothing goes out (so one
with content credentials, which never come out the same, is made once).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from station.actions.casefile import CaseFile
from station.actions.problems import ProblemError
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.derive import layout
from station.derive.caption import Caption
from station.derive.content_credentials import Lineage, add_credentials, find_signer
from station.derive.probe import probe
from station.derive.proxy import make_proxy
from station.digest import SHA256, digest_of, sha256_hex
from station.errors import DamagedError
from station.evidence.store import LocalStore
from station.i18n import Translator, translator
from station.ledger import log
from station.package.content import Clip, Derived
from station.records.export_entries import ClipDerived
from station.records.registry import read_entry
from station.sandbox.program import work_folder
from station.sniff import Sniffed

_GROUP = "caption"
_READ_BYTES = 4 * 1024 * 1024
Show = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Copies:
    """What makes the disclosure copies of one export's case."""

    home: Home
    database: Database
    custody: Custody
    store: LocalStore
    export: str

    def make(self, case: CaseFile, clips: Sequence[str], end: int | None, show: Show, cancel: threading.Event) -> None:
        """Make the missing copies of a case's videos; `show` gets per-mille of all of them.

        With `end` (the size of a checkpoint that a package of this export spoke of before) nothing new is entered.
        Raises DerivationError, SandboxError, ProblemError (export_copy_differs), StorageError.
        """
        wanted = [clip for clip in case.clips if clip.clip in set(clips) and is_captioned(clip)]
        for number, clip in enumerate(wanted):
            show(1000 * number // len(wanted))
            known = self.entry(clip.clip, end)
            if known is not None and self._is_there(clip, known):
                continue
            if known is None and end is not None:
                raise ProblemError("export_copy_differs", f"No copy of {clip.clip} belongs to the first package")
            self._make(case, clip, known, partial(_show_part, show, number, len(wanted)), cancel)

    def derived(self, case: CaseFile, end: int | None) -> Iterator[Derived]:
        """Yield the copies as a package takes them; raises DamagedError for one that has no entry (below `end`)."""
        zh, en = translator("zh_CN"), translator("en")
        for clip in case.clips:
            if not is_captioned(clip):
                continue
            known = self.entry(clip.clip, end)
            if known is None:
                raise DamagedError(f"No entry tells how the copy of the clip {clip.clip} was made")
            fact = known.fact
            words = {"original": clip.sha256, "tool": fact.tool, "version": fact.tool_version}
            told = [_description(say, fact, words) for say in (zh, en)]
            path = layout.disclosure_path(self.home.derived, clip.sha256, self.export)
            yield Derived("disclosure", clip.clip, path, told[0], told[1], sha256=fact.digest[SHA256])

    def entry(self, clip: str, end: int | None) -> ClipDerived | None:
        """Return the last entry about the copy of a clip for this export, below `end` if given."""
        with self.database.read() as session:
            stored = list(log.subject_entries(session, f"clip:{clip}", end=end, types=(ClipDerived.TYPE,)))
        for each in reversed(stored):
            entry = read_entry(each.seq, each.type, each.values())
            if isinstance(entry, ClipDerived) and entry.fact.export == self.export:
                return entry
        return None

    def _is_there(self, clip: Clip, known: ClipDerived) -> bool:
        path = layout.disclosure_path(self.home.derived, clip.sha256, self.export)
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return digest_of(iter(lambda: file.read(_READ_BYTES), b"")) == known.fact.digest[SHA256]

    def _make(self, case: CaseFile, clip: Clip, known: ClipDerived | None, show: Show, cancel: threading.Event) -> None:
        lines = known.text.lines if known is not None and known.text else caption_lines(self.home, case, clip)
        target = layout.disclosure_path(self.home.derived, clip.sha256, self.export)
        parent, user = layout.work_parent(self.home.derived), self.home.settings.parser_user
        caption = Caption(lines)
        signer = find_signer(self.home.settings) if known is None or known.fact.credentials else None
        with self.store.as_file(clip.sha256) as original, work_folder(parent, user) as work:
            facts = probe(original, Sniffed(clip.media, clip.container), work=work, user=user)
            made = make_proxy(
                original, facts, target, work=work, user=user, on_progress=show, cancel=cancel, caption=caption
            )
        if signer is not None:
            lineage = Lineage(clip.sha256, self.custody.origin, clip.clip, sha256_hex(caption.text.encode()))
            add_credentials(target, signer, lineage)
        with target.open("rb") as file:
            digest = digest_of(iter(lambda: file.read(_READ_BYTES), b""))
        if known is not None:
            if digest != known.fact.digest[SHA256]:
                target.unlink()
                raise ProblemError(
                    "export_copy_differs",
                    f"The disclosure copy of {clip.clip} does not come out as it was entered",
                    hint="Ask for the export anew",
                )
            return
        fact = ClipDerived.Fact(
            clip=clip.clip,
            target=case.target,
            export=self.export,
            digest={SHA256: digest},
            size_bytes=target.stat().st_size,
            original={SHA256: clip.sha256},
            tool="ffmpeg",
            tool_version=facts.tool_version,
            graph=made.command,
            caption=sha256_hex(caption.text.encode()),
            missing_ms=made.missing_ms,
            without_sound=made.without_sound,
            credentials=signer is not None,
        )
        self.custody.append(ClipDerived(fact=fact, text=ClipDerived.Text(lines=lines)), seal=False)


def _show_part(show: Show, number: int, count: int, per_mille: int) -> None:
    show((1000 * number + per_mille) // count)


def is_captioned(clip: Clip) -> bool:
    """Tell whether a disclosure copy is made of a clip: of whole videos only."""
    return clip.state == "whole" and clip.media == "video" and clip.video_codec is not None


def caption_lines(home: Home, case: CaseFile, clip: Clip) -> tuple[str, ...]:
    """Return what the caption says: that this is a copy, then the case, time, place and officer of the five fields."""
    say = translator(home.settings.locale, home.zone)
    both = [translator(locale).code(_GROUP, "head") for locale in ("zh_CN", "en")]
    time, place, collector = (clip.field(name) for name in ("time", "place", "collector"))
    missing = say.code(_GROUP, "missing")
    recorded = say.moment(time.value) if time.value else missing
    doubt = f" ({say.code('doubt', time.doubt)})" if time.doubt else ""
    return (
        " · ".join(both),
        say.code(_GROUP, "number", text=case.number),
        say.code(_GROUP, "time", text=recorded + doubt),
        say.code(_GROUP, "place", text=place.value or missing),
        say.code(_GROUP, "officer", text=collector.value or missing),
        say.code(_GROUP, "original", text=clip.sha256),
    )


def _description(say: Translator, fact: ClipDerived.Fact, words: dict[str, str]) -> str:
    parts = [say.code(_GROUP, "description", **words)]
    if fact.missing_ms:
        parts.append(say.code(_GROUP, "shorter", seconds=(fact.missing_ms + 999) // 1000))
    if fact.without_sound:
        parts.append(say.code(_GROUP, "silent"))
    if fact.credentials:
        parts.append(say.code(_GROUP, "credentials"))
    return " ".join(parts)
