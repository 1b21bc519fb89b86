"""What does not come by the dock goes the same way: sealed as it is, with who brought it, and once."""

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from station import clock
from station.acquire.inbox import Stability, Still, look
from station.actions import targets, uploads
from station.actions.uploads import Receiving, Wanted
from station.catalogue.documents import list_documents
from station.catalogue.views import Viewer
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.handing import Handing
from station.ledger import log
from station.records.case_entries import ClipAmended
from station.records.docking_entries import ClipIngested, DockingStarted
from station.records.document_entries import DocumentAdded
from station.records.entries import Actor, Entry
from station.records.handing_entries import ClipHandedIn
from station.records.registry import read_entry
from station.records.terms import Origin, Source, TargetKind
from station.state import uploads as state
from station.state.tables import create_tables
from station.state.uploads import UploadView
from tests.flow.images import footage
from tests.flow.stations import Station

CLERK = Viewer("chen", frozenset({"clerk"}), "一大队")
ACTOR = Actor(person="chen", via="web", session="s", strength="password")
RECORDED = "2026-08-04T10:00:00.000000Z"


class Desk:
    """A clerk's desk at a station: sends files, and has them taken in."""

    def __init__(self, home: Home, database: Database, custody: Custody) -> None:
        self.home, self.database, self.custody = home, database, custody

    def send(self, data: bytes, name: str = "手机视频.mp4", **said: str | None) -> UploadView:
        origin = Origin.DOCUMENT if "target" in said else Origin.PHONE
        wanted = Wanted(name, len(data), origin, **said)  # type: ignore[arg-type]
        upload = uploads.begin(self.database, self.home, CLERK, ACTOR, wanted)
        with Receiving(self.home, upload, 0) as receiving:
            receiving.write(data)
            assert receiving.finish()
        uploads.mark_arrived(self.database, self.home, upload)
        return upload

    def case(self) -> str:
        """Open a case of the clerk's unit."""
        wanted = targets.NewTarget(TargetKind.CASE, "冀石城罚〔2026〕9号", "占道", ())
        return targets.open_target(self.custody, self.home, CLERK, ACTOR, wanted)

    def add(self, target: str, data: bytes, name: str = "笔录.pdf") -> UploadView:
        """Send a document of a case."""
        return self.send(data, name, target=target)

    def take_in(self) -> None:
        handing = Handing(self.home, self.database, self.custody)
        try:
            handing.step()
        finally:
            handing.close()

    def now(self, upload: UploadView) -> UploadView:
        with self.database.read() as session:
            found = state.get(session, upload.upload)
        assert found is not None
        return found

    def entries(self) -> list[Entry]:
        with self.database.read() as session:
            return [read_entry(each.seq, each.type, each.values()) for each in log.entries(session)]

    def count(self, kind: type[Entry]) -> int:
        return sum(isinstance(entry, kind) for entry in self.entries())


@contextmanager
def desk_at(station: Station, **settings: object) -> Iterator[Desk]:
    with station.custody() as custody, station.database() as database:
        create_tables(database)
        home = dataclasses.replace(station.home, settings=station.home.settings.model_copy(update=settings))
        yield Desk(home, database, custody)


def test_an_upload_is_sealed_with_who_brought_it_and_what_they_said(station: Station) -> None:
    data = footage(1, 300_000)
    with desk_at(station) as desk:
        upload = desk.send(
            data,
            sha256=sha256(data).hexdigest(),
            modified_at="2026-08-04T09:59:00.000000Z",
            recorded_at=RECORDED,
            collector_name="王某",
            from_whom="店主 王某",
            device="王某的手机",
        )
        desk.take_in()
        ended = desk.now(upload)
        assert (ended.state, ended.problem) == ("taken", None)
        assert station.store.path(sha256(data).hexdigest()).read_bytes() == data
        assert not (desk.home.uploads / upload.upload).exists()
        by_type = {type(entry): entry for entry in desk.entries()}
        started, taken, handed = by_type[DockingStarted], by_type[ClipIngested], by_type[ClipHandedIn]
        assert isinstance(started, DockingStarted) and isinstance(taken, ClipIngested)
        assert isinstance(handed, ClipHandedIn) and handed.text is not None
        assert (started.fact.slot, started.actor) == (None, ACTOR)
        assert (taken.fact.clip, taken.fact.device_time) == (ended.clip, "2026-08-04T09:59:00")
        assert handed.fact.told == taken.fact.digest and handed.actor == ACTOR
        assert (handed.text.file_name, handed.text.from_whom) == ("手机视频.mp4", "店主 王某")
        stated = [entry for entry in desk.entries() if isinstance(entry, ClipAmended)]
        assert {entry.fact.source for entry in stated} == {Source.STATED} and len(stated) == 2
        unit, file_name = station.rows("SELECT unit, file_name FROM catalogue_clip")[0]
        assert (unit, file_name) == ("一大队", "手机视频.mp4")
    assert station.verify()["code"] == 0


def test_other_bytes_than_the_browser_had_are_not_sealed(station: Station) -> None:
    with desk_at(station) as desk:
        upload = desk.send(footage(1, 5000), sha256=sha256(b"something else").hexdigest())
        desk.take_in()
        assert (desk.now(upload).state, desk.now(upload).problem) == ("refused", "digest_differs")
        assert desk.count(DockingStarted) == 0


def test_what_is_no_recording_is_refused_with_the_reason(station: Station) -> None:
    with desk_at(station) as desk:
        upload = desk.send(b"%PDF-1.7 no film", "笔录.pdf")
        desk.take_in()
        assert (desk.now(upload).state, desk.now(upload).problem) == ("refused", "not_media")


def test_the_same_recording_again_is_held_already_and_sealed_once(station: Station) -> None:
    with desk_at(station) as desk:
        first, second = desk.send(footage(1, 9000)), desk.send(footage(1, 9000), "again.mp4")
        desk.take_in()
        assert (desk.now(second).state, desk.now(second).clip) == ("held", desk.now(first).clip)
        assert (desk.count(ClipIngested), desk.count(ClipHandedIn)) == (1, 1)


def test_a_crash_between_sealing_and_telling_who_brought_it_is_made_good(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with desk_at(station) as desk:
        upload = desk.send(footage(1, 9000))
        with monkeypatch.context() as patched:
            patched.setattr(Handing, "tell", die)
            with pytest.raises(KeyboardInterrupt):
                desk.take_in()
        assert (desk.now(upload).state, desk.count(ClipHandedIn)) == ("taking", 0)
        desk.take_in()
        assert (desk.now(upload).state, desk.count(ClipHandedIn), desk.count(ClipIngested)) == ("taken", 1, 1)


def test_a_half_upload_that_nobody_went_on_with_is_removed_with_a_line_in_the_log(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk_at(station, upload_days=2) as desk:
        wanted = Wanted("a.mp4", 10, Origin.PHONE)
        upload = uploads.begin(desk.database, desk.home, CLERK, ACTOR, wanted)
        with Receiving(desk.home, upload, 0) as receiving:
            receiving.write(b"half")
            receiving.finish()
        desk.take_in()
        assert desk.now(upload).state == "receiving"
        later = clock.parse_time(uploads.expires_at(desk.home, upload)).timestamp() + 1
        monkeypatch.setattr(clock, "now", lambda: clock.datetime.fromtimestamp(later, clock.UTC))
        with capture_logs() as lines:
            desk.take_in()
        assert [(line["event"], line["received_bytes"]) for line in lines if "received_bytes" in line] == [
            ("half upload removed", 4)
        ]
        assert list(desk.home.uploads.iterdir()) == []


PDF = b"%PDF-1.7\n" + b"inspection record " * 9000


def test_a_document_is_kept_and_sealed_with_its_case_once(station: Station) -> None:
    with desk_at(station) as desk:
        target = desk.case()
        upload = desk.send(PDF, "笔录.pdf", target=target, note="现场检查笔录", sha256=sha256(PDF).hexdigest())
        again = desk.add(target, PDF, "again.pdf")
        desk.take_in()
        assert (desk.now(upload).state, desk.now(again).state) == ("taken", "held")
        (added,) = [entry for entry in desk.entries() if isinstance(entry, DocumentAdded)]
        assert (added.fact.document, added.fact.target, added.fact.kind) == (upload.upload, target, "pdf")
        assert added.fact.digest["sha256"] == sha256(PDF).hexdigest() == added.fact.told["sha256"]
        assert added.text is not None and (added.text.file_name, added.text.note) == ("笔录.pdf", "现场检查笔录")
        with desk.database.read() as session:
            (found,) = list_documents(session, CLERK, target)
            assert (found.document, found.size_bytes) == (upload.upload, len(PDF))
            assert list_documents(session, Viewer("chen", frozenset({"officer"}), "一大队"), target) == ()
    path = station.store.path(sha256(PDF).hexdigest())
    assert path.read_bytes() == PDF and path.stat().st_mode & 0o777 == 0o440
    assert station.verify()["code"] == 0
    path.unlink()
    assert station.verify()["code"] != 0, "the vault is checked for documents, too"


def test_a_crash_between_keeping_a_document_and_ending_its_upload_is_made_good(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with desk_at(station) as desk:
        upload = desk.add(desk.case(), PDF)
        with monkeypatch.context() as patched:
            patched.setattr(Handing, "_end", die)
            with pytest.raises(KeyboardInterrupt):
                desk.take_in()
        desk.take_in()
        assert (desk.now(upload).state, desk.count(DocumentAdded)) == ("taken", 1)


def test_a_document_that_is_damaged_in_the_vault_stops_no_other(station: Station) -> None:
    with desk_at(station) as desk:
        target = desk.case()
        path = station.store.path(sha256(PDF).hexdigest())
        path.write_bytes(b"damaged")
        upload, other = desk.add(target, PDF), desk.add(target, PDF + b"other")
        desk.take_in()
        assert (desk.now(upload).state, desk.now(upload).problem) == ("refused", "document_damaged")
        assert (desk.now(other).state, desk.count(DocumentAdded)) == ("taken", 1)


def test_what_is_no_document_is_refused_whatever_its_name_says(station: Station) -> None:
    with desk_at(station) as desk:
        upload = desk.add(desk.case(), b"<script>alert(1)</script>", "photo.jpg")
        desk.take_in()
        assert (desk.now(upload).state, desk.now(upload).problem) == ("refused", "not_document")
        assert desk.count(DocumentAdded) == 0


def test_the_documents_of_a_matter_follow_it_into_its_case(station: Station) -> None:
    with desk_at(station) as desk:
        wanted = targets.NewTarget(TargetKind.MATTER, "", "占道", ())
        matter = targets.open_target(desk.custody, desk.home, CLERK, ACTOR, wanted)
        desk.add(matter, PDF)
        later = desk.add(matter, PDF + b"later")
        desk.take_in()
        case = targets.resolve_matter(
            desk.custody, desk.home, CLERK, ACTOR, matter, outcome="numbered", into=None, number="A-1", title="占道"
        )
        assert case is not None and desk.now(later).state == "taken"
        with desk.database.read() as session:
            assert len(list_documents(session, CLERK, case)) == 2
            assert list_documents(session, CLERK, matter) == ()
    assert station.verify()["code"] == 0, "the catalogue is as a rebuild makes it"


def test_files_in_the_watched_folder_are_taken_in_once_they_lie_still(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "inbox"
    (folder / "讯问室").mkdir(parents=True)
    (folder / "讯问室" / "1.mp4").write_bytes(footage(1, 9000))
    (folder / "notes.txt").write_bytes(b"hello")
    (folder / "2.mp4.part").write_bytes(footage(2, 9000))
    moments = [100.0]
    with desk_at(station, inbox=str(folder), inbox_settle_seconds=20) as desk:
        monkeypatch.setattr("station.handing.clock.monotonic", lambda: moments[0])
        handing = Handing(desk.home, desk.database, desk.custody)
        try:
            handing.step()
            moments[0] += 10
            (folder / "讯问室" / "1.mp4").write_bytes(footage(1, 12_000))
            handing.step()
            moments[0] += 15
            handing.step()
            assert desk.count(ClipIngested) == 0, "it was still being written ten seconds ago"
            moments[0] += 10
            handing.step()
            moments[0] += 100
            handing.step()
        finally:
            handing.close()
        assert (desk.count(ClipIngested), desk.count(ClipHandedIn)) == (1, 1)
        with desk.database.read() as session:
            known = {each.path: (each.result, each.reason) for each in state.files(session)}
        assert known == {"讯问室/1.mp4": ("new", None), "notes.txt": ("skipped", "not_media")}
        assert sorted(look(folder, bytes.decode)) == ["notes.txt", "讯问室/1.mp4"], "nothing is moved or deleted"


def test_a_file_taken_in_from_the_watched_folder_is_deleted_only_by_the_setting(
    station: Station, tmp_path: Path
) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "1.mp4").write_bytes(footage(1, 9000))
    (folder / "notes.txt").write_bytes(b"hello")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.mp4")).write_bytes(footage(2, 9000))
    with desk_at(station, inbox=str(folder), inbox_settle_seconds=0, inbox_delete=True) as desk:
        desk.take_in()
        assert desk.count(ClipIngested) == 2, "whatever a file is called"
        assert sorted(os.fsencode(each.name) for each in folder.iterdir()) == [b"notes.txt", b"\xff\xfe.mp4"]


def test_a_watched_folder_that_can_not_be_read_is_told_until_it_can(station: Station, tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    with desk_at(station, inbox=str(folder), inbox_settle_seconds=0) as desk:
        desk.take_in()
        with desk.database.read() as session:
            (told,) = state.files(session)
        assert (told.path, told.reason) == ("", "unreadable")
        folder.mkdir()
        desk.take_in()
        with desk.database.read() as session:
            assert state.files(session) == ()


def test_a_file_is_still_when_size_and_time_stayed_for_the_whole_span() -> None:
    stability = Stability(20)
    assert stability.settled({"a": Still(1, 1)}, 0) == frozenset()
    assert stability.settled({"a": Still(2, 1), "b": Still(5, 5)}, 15) == frozenset()
    assert stability.settled({"a": Still(2, 2), "b": Still(5, 5)}, 35) == {"b"}
    assert stability.settled({"a": Still(2, 2)}, 55) == {"a"}
    assert stability.waiting and stability.settled({}, 60) == frozenset() and not stability.waiting
