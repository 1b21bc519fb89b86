"""Erasing by law, disposing of footage, backing up and restoring, on a whole station."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from station import clock
from station.actions import disposal, disposal_run, erasure
from station.actions.bind import BindRequest, bind
from station.actions.people import Description, add_person
from station.actions.problems import ProblemError
from station.actions.restore import restore
from station.catalogue.views import Viewer
from station.config import load_home
from station.custody import compare, rebuild
from station.database import Database
from station.errors import ConflictError, DamagedError, SignerRefusedError, SignerUnavailableError
from station.ledger.continuation import check_continued
from station.ledger.sign import Signer
from station.records.disposal_entries import Ground
from station.records.document_entries import DocumentAdded
from station.records.entries import Actor, Proof
from station.records.terms import NoneReason, Role, TargetKind
from tests.flow.images import footage
from tests.flow.stations import Station, copy_home, signing

CONSOLE = Actor(via="console", strength="console", os_user="test")
NAME = "欧阳端木烛"
FILES = {"A.MP4": footage(1, 300_000), "B.MP4": footage(2, 200_000)}


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "card"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    return folder


class People:
    """A clerk and an approver of the station's unit, and shortcuts for what they do."""

    def __init__(self, station: Station) -> None:
        self.station = station
        with station.database() as database, station.custody() as custody:
            made = {}
            for login, role in (("clerk", Role.CLERK), ("approver", Role.APPROVER)):
                description = Description("staff", f"{login} {NAME}", login, "")
                person, _ = add_person(custody, database, CONSOLE, description, [role])
                made[login] = Viewer(person, frozenset({role.value}), "")
        self.clerk, self.approver = made["clerk"], made["approver"]

    def actor(self, viewer: Viewer) -> Actor:
        return Actor(person=viewer.person, via="web", session="s", strength="password")

    def bind(self, clips: list[str], note: str = "") -> None:
        station = self.station
        with station.database() as database, station.custody() as custody:
            request = BindRequest(
                tuple(clips),
                TargetKind.NONE,
                none_reason=NoneReason.PATROL,
                proves=(Proof(text=f"{NAME}在场"),),
                note=note,
                whole_recordings=False,
            )
            bind(custody, database, station.home, self.clerk, self.actor(self.clerk), request)

    def propose(self, clips: list[str]) -> str:
        with self.station.custody() as custody:
            home = self.station.home
            return disposal.propose(custody, home, self.clerk, self.actor(self.clerk), clips, "期满")

    def decide(self, proposed: str, *, approve: bool = True) -> None:
        with self.station.custody() as custody:
            home, actor = self.station.home, self.actor(self.approver)
            disposal.decide(custody, home, self.approver, actor, proposed, approve=approve, reason="同意")


@pytest.fixture
def people(station: Station) -> People:
    return People(station)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what puts the station's clock seven months on."""
    real = clock.now
    return lambda: monkeypatch.setattr(clock, "now", lambda: real() + timedelta(days=215))


def clips(station: Station) -> dict[str, str]:
    return {row.path: row.clip for row in station.rows("SELECT path, clip FROM catalogue_clip")}


def differences(station: Station) -> list[object]:
    with station.database() as database:
        return list(compare(database, station.home.run))


def holders_of(root: Path, *texts: bytes) -> list[Path]:
    """Return every file below `root` that holds one of the texts, as UTF-8, as JSON escapes it, or as bytes."""
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            found += [path for text in texts if text in content]
    return found


def dispose(station: Station) -> None:
    with station.database() as database, station.custody() as custody:
        disposal_run.finish(station.home, database, custody, station.store)


def test_an_erased_text_is_nowhere_and_everything_agrees(station: Station, card: Path, people: People) -> None:
    assert station.dock(card).code == 0
    people.bind(list(clips(station).values()), note=f"备注{NAME}")
    backup = station.root.parent / "backup"
    assert station.run("backup", "--out", backup).code == 0
    texts = (NAME.encode(), NAME[:2].encode(), NAME.encode("unicode_escape"))
    assert {path.name for path in holders_of(station.root, *texts)} >= {"station.db"}
    assert holders_of(backup, *texts)
    rows = station.rows(
        "SELECT seq, name, type FROM part JOIN record USING (seq) WHERE instr(part, :t)", t=NAME.encode()
    )
    parts = [f"{row.seq}:{row.name}" for row in rows]
    assert {row.type for row in rows} == {"person.described", "clip.bound"}
    said = station.run("erase", *parts, "--ground", "court_order", "--json")
    assert (said.code, said.document()["parts"]) == (0, len(parts)), said.err
    assert len(said.document()["backups"]) == 1
    assert holders_of(station.root, *texts) == []
    assert holders_of(backup, *texts) == []
    assert differences(station) == []
    with station.database() as database:
        rebuild(database)
    assert differences(station) == []
    assert (station.audit()["code"], station.verify()["code"]) == (0, 0)
    assert station.rows("SELECT name FROM catalogue_person WHERE name IS NOT NULL") == []


def test_names_of_a_file_go_with_the_listing_that_repeats_them(station: Station, tmp_path: Path) -> None:
    folder = tmp_path / "named"
    folder.mkdir()
    (folder / f"{NAME}.MP4").write_bytes(FILES["A.MP4"])
    assert station.dock(folder).code == 0
    (row,) = station.rows("SELECT seq FROM record WHERE type = 'clip.ingested'")
    assert station.run("erase", f"{row.seq}:names", "--ground", "unlawful").code == 0
    assert holders_of(station.root, NAME.encode(), NAME.encode("unicode_escape")) == []
    assert differences(station) == []
    assert station.verify()["code"] == 0


def test_a_fact_and_what_is_not_there_are_not_erased(station: Station) -> None:
    for part in ("0:fact", "0:names", "999:names"):
        assert station.run("erase", part, "--ground", "court_order").code == 2
    assert station.run("erase", "0:fact", "--ground", "because").code == 2


def test_footage_goes_by_two_people_and_never_comes_back(
    station: Station, card: Path, people: People, later: Callable[[], None]
) -> None:
    assert station.dock(card).code == 0
    found = clips(station)
    people.bind(list(found.values()))
    later()
    before = {path.name for path in station.blobs()}
    proposed = people.propose([found["A.MP4"]])
    people.decide(proposed)
    assert {path.name for path in station.blobs()} == before, "recorded first"
    assert station.run("dispose").code == 0
    (row,) = station.rows("SELECT sha256 FROM catalogue_clip WHERE stage = 'disposed'")
    assert {path.name for path in station.blobs()} == before - {row.sha256}
    assert station.verify()["code"] == 0
    again = station.dock(card)
    assert (again.results["A.MP4"], again.files["A.MP4"]["reason"]) == ("skipped", "disposed")
    (card / "A.MP4").rename(card / "Z.MP4")
    renamed = station.dock(card)
    assert (renamed.results["Z.MP4"], renamed.files["Z.MP4"]["reason"]) == ("skipped", "disposed")
    assert row.sha256 not in {path.name for path in station.blobs()}
    assert station.verify()["code"] == 0
    assert differences(station) == []


def test_bytes_that_are_a_document_of_a_case_as_well_stay(
    station: Station, card: Path, people: People, later: Callable[[], None]
) -> None:
    assert station.dock(card).code == 0
    found = clips(station)
    people.bind(list(found.values()))
    (row,) = station.rows("SELECT sha256, size_bytes FROM catalogue_clip WHERE path = 'A.MP4'")
    fact = DocumentAdded.Fact(
        document="x1",
        target="t1",
        target_kind=TargetKind.CASE,
        digest={"sha256": row.sha256},
        size_bytes=row.size_bytes,
        kind="jpeg",
        readback="direct",
    )
    with station.custody() as custody:
        custody.append(DocumentAdded(fact=fact))
    later()
    people.decide(people.propose([found["A.MP4"]]))
    assert station.run("dispose").code == 0
    assert row.sha256 in {path.name for path in station.blobs()}
    assert station.verify()["code"] == 0


def test_an_original_missing_without_an_entry_is_an_alarm(
    station: Station, card: Path, people: People, later: Callable[[], None]
) -> None:
    assert station.dock(card).code == 0
    found = clips(station)
    people.bind(list(found.values()))
    later()
    people.decide(people.propose([found["A.MP4"]]))
    dispose(station)
    (row,) = station.rows("SELECT sha256 FROM catalogue_clip WHERE stage <> 'disposed'")
    station.store.path(row.sha256).unlink()
    assert station.verify()["code"] == 1


def test_a_hold_stops_a_disposal_also_between_proposal_and_decision(
    station: Station, card: Path, people: People, later: Callable[[], None]
) -> None:
    assert station.dock(card).code == 0
    found = clips(station)
    people.bind(list(found.values()))
    later()
    proposed = people.propose(list(found.values()))
    with station.custody() as custody:
        about = f"clip:{found['A.MP4']}"
        hold = disposal.hold(custody, people.clerk, people.actor(people.clerk), about, "行政诉讼")
    people.decide(proposed)
    dispose(station)
    stages = dict(station.rows("SELECT path, stage FROM catalogue_clip"))
    assert (stages["A.MP4"] != "disposed", stages["B.MP4"]) == (True, "disposed")
    with pytest.raises(ProblemError, match="held"):
        people.propose([found["A.MP4"]])
    with station.custody() as custody:
        disposal.lift(custody, people.approver, people.actor(people.approver), hold, "结案")
    people.decide(people.propose([found["A.MP4"]]))
    assert station.verify()["code"] == 0


def test_a_backup_cleared_of_footage_has_none_of_it(
    station: Station, card: Path, people: People, tmp_path: Path, later: Callable[[], None]
) -> None:
    assert station.dock(card).code == 0
    found = clips(station)
    people.bind(list(found.values()))
    later()
    backup = tmp_path / "backup"
    assert station.run("backup", "--out", backup, "--with-vault", "copy").code == 0
    gone = tmp_path / "elsewhere"
    assert station.run("backup", "--out", gone).code == 0
    shutil.move(gone, tmp_path / "unplugged")
    people.decide(people.propose([found["A.MP4"]]))
    dispose(station)
    held = {path.name for path in (backup / "vault").rglob("*") if path.is_file()}
    (row,) = station.rows("SELECT sha256 FROM catalogue_clip WHERE stage = 'disposed'")
    assert row.sha256 not in held and held
    assert station.rows("SELECT unreached FROM catalogue_disposal") == [(1,)]


def test_a_restore_goes_on_in_a_new_log_that_pins_the_old_one(station: Station, card: Path, tmp_path: Path) -> None:
    assert station.dock(card).code == 0
    backup = tmp_path / "backup"
    assert station.run("backup", "--out", backup, "--with-vault", "copy").code == 0
    assert not [path for path in backup.rglob("*") if path.name in ("sign.key", "signer.json")]
    new = Station(tmp_path / "new")
    said = new.run("restore", backup, "--json")
    assert said.code == 0, said.err
    assert said.document()["origin"] != said.document()["continues"]
    assert (new.audit()["code"], new.verify()["code"]) == (0, 0)
    assert new.clips() == station.clips()
    (folder,) = (new.root / "continued").iterdir()
    with new.database() as database, database.read() as session:
        assert check_continued(session, folder) == said.document()["carried"]
    again = new.dock(card)
    assert set(again.results.values()) == {"held"}
    assert new.verify()["code"] == 0


def test_a_restore_of_a_restore_and_of_an_erasure_stays_sound(station: Station, card: Path, tmp_path: Path) -> None:
    assert station.dock(card).code == 0
    (row,) = station.rows("SELECT seq FROM record WHERE type = 'docking.started'")
    assert station.run("erase", f"{row.seq}:names", "--ground", "court_order").code == 0
    home = station
    for number in (1, 2):
        backup = tmp_path / f"backup{number}"
        assert home.run("backup", "--out", backup, "--with-vault", "link").code == 0
        home = Station(tmp_path / f"new{number}")
        said = home.run("restore", backup)
        assert said.code == 0, said.err
        assert (home.audit()["code"], home.verify()["code"]) == (0, 0), number
    assert len(list((home.root / "continued").iterdir())) == 2
    (row,) = home.rows("SELECT seq FROM record WHERE type = 'clip.ingested' ORDER BY seq LIMIT 1 OFFSET 0")[:1]
    assert home.run("erase", f"{row.seq}:names", "--ground", "court_order").code == 0
    assert home.audit()["code"] == 0


def test_a_record_of_the_old_log_that_was_changed_is_found(station: Station, card: Path, tmp_path: Path) -> None:
    assert station.dock(card).code == 0
    assert station.run("backup", "--out", tmp_path / "b").code == 0
    new = Station(tmp_path / "new")
    assert new.run("restore", tmp_path / "b").code == 0
    (folder,) = (new.root / "continued").iterdir()
    lines = (folder / "records.jsonl").read_bytes()
    (folder / "records.jsonl").write_bytes(lines.replace(b"docking.started", b"docking.stirred"))
    with new.database() as database, database.read() as session, pytest.raises(DamagedError):
        check_continued(session, folder)


@pytest.mark.parametrize("memory", ["present", "absent"])
def test_an_old_database_put_back_never_signs_a_second_history(
    blank_home: Path, card: Path, tmp_path: Path, memory: str
) -> None:
    first = copy_home(blank_home, tmp_path / "first")
    old = (first / "station.db").read_bytes()
    with signing(first):
        assert Station(first).dock(card).code == 0
    root = copy_home(first, tmp_path / "home")
    (root / "station.db").write_bytes(old)
    if memory == "absent":
        (root / "keys" / "signer.json").unlink()
    station = Station(root)
    database = Database(station.home.database_url)
    with pytest.raises(SignerRefusedError if memory == "present" else SignerUnavailableError):
        Signer(station.home).checkpoint(database)
    database.dispose()


def test_an_old_database_with_an_old_memory_only_goes_on_in_a_new_log(
    station: Station, card: Path, tmp_path: Path
) -> None:
    # Together they can't be told from the past, which only a witness knows; a restore asks neither of them.
    assert station.run("backup", "--out", tmp_path / "b").code == 0
    origin = station.run("ledger", "head", "--json").document()["origin"]
    assert station.dock(card).code == 0
    new = Station(tmp_path / "new")
    memory = station.root / "keys" / "signer.json"
    said = new.run("restore", tmp_path / "b", "--checkpoint", memory, "--json")
    assert said.code == 0, said.err
    assert said.document()["lost"] > 0
    assert new.run("ledger", "head", "--json").document()["origin"] != origin
    assert (new.root / "log.vkey").read_text() != (station.root / "log.vkey").read_text()


def test_a_restore_touches_nothing_that_lives_and_believes_no_damage(station: Station, tmp_path: Path) -> None:
    assert station.run("backup", "--out", tmp_path / "b").code == 0
    assert station.run("restore", tmp_path / "b").code == 2
    (path,) = (tmp_path / "b").glob("database-*.db")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert Station(tmp_path / "new").run("restore", tmp_path / "b").code == 1
    with pytest.raises((ConflictError, DamagedError)):
        restore(tmp_path / "b", tmp_path / "new", CONSOLE)
    assert load_home(station.root).root == station.root


def test_erasing_is_found_and_finished_after_it_was_only_recorded(station: Station, people: People) -> None:
    (row, *_) = station.rows("SELECT seq FROM record WHERE type = 'person.described' ORDER BY seq")
    with station.database() as database, station.custody() as custody:
        erasure.record(custody, CONSOLE, [erasure.Part(row.seq, "names")], Ground.COURT_ORDER)
        with database.read() as session:
            assert erasure.pending(session) is not None
        assert erasure.finish(station.home, database, custody, station.store) is not None
        assert erasure.finish(station.home, database, custody, station.store) is None
    assert station.audit()["code"] == 0
