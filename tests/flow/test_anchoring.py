"""Stations that cosign each other's logs, a time stamping authority, and what both find that nobody inside can."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from station import clock
from station.actions import anchors, witness
from station.actions.setup import make_home
from station.custody import Custody
from station.database import Database
from station.digest import new_id
from station.errors import SignerRefusedError
from station.ledger import halt, log, service, tables
from station.ledger.anchors import anchors_at, checkpoint_text_at, cosigned_note, latest_anchors
from station.ledger.cosign import CosignerKey, verify_cosignatures
from station.ledger.keys import SigningKey, load_key
from station.ledger.memory import Memory, load_memory
from station.ledger.sign import home_verifier
from station.ledger.witness import Conflict
from station.records.log_entries import AlarmRaised
from station.stages import anchoring
from station.stages.anchoring import Round, await_cosigned, gather_anchors, want_anchor
from station.stages.erasing import Erasing, rule_of
from tests.fakes.outsiders import Authority, OutsideWitness, make_witness, stamping
from tests.flow.stations import Station, copy_home, signing


def set_up(station: Station, *witnesses: tuple[str, str], **settings: str | int) -> None:
    """Write the station's settings: witnesses as (url, vkey)."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    for url, vkey in witnesses:
        lines += ["[[witnesses]]", f'url = "{url}"', f'vkey = "{vkey}"']
    (station.root / "station.toml").write_text("\n".join(lines) + "\n")


def ask(station: Station, **options: bool) -> Round:
    with station.database() as database:
        return gather_anchors(station.home, database, Custody(station.home, database), **options)


def enter(station: Station, text: str = "x") -> None:
    with station.custody() as custody:
        fact = AlarmRaised.Fact(alarm=new_id(), kind="bytes_changed")
        custody.append(AlarmRaised(fact=fact, detail=AlarmRaised.Detail(text=text)))


def alarms(station: Station) -> list[str]:
    return [row[0] for row in station.rows("SELECT kind FROM catalogue_alarm ORDER BY raised_at")]


@dataclass
class Outside:
    """Two witnesses that trust the station, served as long as the test runs, each to be stopped and started again."""

    station: Station
    witnesses: list[OutsideWitness]
    stack: ExitStack = field(default_factory=ExitStack)

    def start(self, **settings: str | int) -> None:
        self.stack.close()
        named = [(self.stack.enter_context(each.serve()), each.vkey) for each in self.witnesses]
        set_up(self.station, *named, **settings)


@pytest.fixture
def outside(station: Station, tmp_path: Path) -> Iterator[Outside]:
    witnesses = [make_witness(tmp_path / f"w{number}", f"witness.example/w{number}") for number in range(2)]
    key = (station.root / "log.vkey").read_text()
    for each in witnesses:
        said = station.run("witness", "trust", key)  # any home can do it; the folder is what counts
        assert said.code == 0
        shutil.copytree(station.root / "witness" / "logs", each.folder.path / "logs")
    shutil.rmtree(station.root / "witness")
    made = Outside(station, witnesses)
    made.start()
    with made.stack:
        yield made


def test_a_checkpoint_gets_the_cosignatures_of_all_witnesses(station: Station, outside: Outside) -> None:
    done = ask(station)
    assert not done.failed
    with station.database() as database, database.read() as session:
        note = cosigned_note(session, done.checkpoint.size)
        assert note == log.cosigned_note(session, done.checkpoint.size)
    assert note.startswith(done.checkpoint.note)
    keys = [each.folder.verifier() for each in outside.witnesses]
    assert verify_cosignatures(note, keys).keys() == {each.vkey for each in outside.witnesses}


def test_a_log_goes_on_being_cosigned_with_a_restart_of_everybody_between_all_steps(
    station: Station, outside: Outside
) -> None:
    sizes = []
    for _ in range(4):
        enter(station)
        outside.start()
        done = ask(station)
        assert not done.failed, done.attempts
        sizes.append(done.checkpoint.size)
    assert sizes == sorted(set(sizes))
    assert [each.folder.logs()[0].checkpoint.size for each in outside.witnesses] == [sizes[-1]] * 2  # type: ignore[union-attr]
    assert station.audit()["findings"] == []


def test_an_answer_that_was_lost_is_no_reason_to_stop(station: Station, outside: Outside) -> None:
    ask(station)
    enter(station)
    ask(station)
    with station.database() as database, database.write() as session:  # as if we had died before we kept the anchors
        session.connection().execute(text("DROP TRIGGER ledger_anchor_delete"))
        session.connection().execute(text("DELETE FROM anchor WHERE number > 1"))
    enter(station)
    assert not ask(station).failed


def test_a_witness_that_is_down_is_told_and_the_others_count(station: Station, outside: Outside) -> None:
    set_up(station, ("http://127.0.0.1:9", outside.witnesses[0].vkey), *_named(station)[1:])
    done = ask(station)
    assert [bool(each.problem) for each in done.attempts] == [True, False]
    said = station.run("anchor", "now")
    assert said.code == 1
    assert "could not be asked" in said.out


def _named(station: Station) -> list[tuple[str, str]]:
    return [(each.url, each.vkey) for each in station.home.settings.witnesses]


def test_a_cosignature_by_another_key_than_the_settings_name_is_not_kept(station: Station, outside: Outside) -> None:
    one, two = _named(station)
    set_up(station, (one[0], two[1]), (two[0], two[1]))
    with pytest.raises(Exception, match="twice"):
        ask(station)
    set_up(station, (one[0], two[1]))
    done = ask(station)
    assert [each.problem for each in done.attempts] == ["its answer holds no cosignature by its key"]
    assert station.rows("SELECT count(*) FROM anchor") == [(0,)]


def test_a_log_the_witness_does_not_know_is_told_and_stops_nothing(station: Station, outside: Outside) -> None:
    for each in outside.witnesses:
        shutil.rmtree(each.folder.path / "logs")
    assert all("404" in each.problem for each in ask(station).attempts)
    enter(station)


@dataclass
class Twin:
    """A station and its copy of an earlier day, key, signer's memory and all: what an insider with root can make."""

    true: Station
    copy: Station
    witness: OutsideWitness


@pytest.fixture
def twin(station: Station, tmp_path: Path) -> Iterator[Twin]:
    """Both are signed for by their own signers; the true one has gone on by two entries, and a witness has seen it."""
    one = make_witness(tmp_path / "w", "witness.example/w")
    one.folder.trust(home_verifier(station.home))
    with one.serve() as url:
        set_up(station, (url, one.vkey))
        ask(station)
        copy = Station(copy_home(station.root, tmp_path / "copy"))
        enter(station)
        enter(station)
        ask(station)
        with signing(copy.root):
            yield Twin(station, copy, one)


def test_a_database_rolled_back_together_with_the_signer_is_found_and_nothing_more_is_signed(twin: Twin) -> None:
    copy = twin.copy
    assert copy.audit()["sound"], "from inside, nothing is to be seen"
    with pytest.raises(SignerRefusedError, match="knows 3 entries of this log, which has 1"):
        ask(copy)
    with pytest.raises(SignerRefusedError):
        enter(copy)
    assert alarms(copy) == ["witness_larger_log", "bytes_changed"]
    assert copy.run("dock", copy.root).code == 2
    assert copy.run("ledger", "head").code == 2
    with copy.database() as database, database.read() as session:
        checkpoint = log.latest_checkpoint(session)
        state = anchors.age(copy.home, session)
    assert checkpoint is not None
    assert checkpoint.size == 1, "the entries are there, but nobody signed for them"
    assert (state.grade, bool(state.halted)) == ("bad", True)
    assert [each.kind for each in twin.witness.found] == [Conflict.ROLLBACK]


@pytest.mark.parametrize(("entries", "kind"), [(2, Conflict.FORK), (4, Conflict.UNPROVEN)])
def test_a_second_history_under_the_same_key_is_found(twin: Twin, entries: int, kind: Conflict) -> None:
    for _ in range(entries):
        enter(twin.copy, "another")
    with pytest.raises(SignerRefusedError, match="another log than this one"):
        ask(twin.copy)
    assert alarms(twin.copy)[-1] == "witness_other_log"
    assert [each.kind for each in twin.witness.found] == [kind]
    enter(twin.true)
    assert not ask(twin.true).failed, "the true log goes on"


def test_the_halt_survives_restarts_and_the_signer_itself_keeps_it(twin: Twin) -> None:
    with pytest.raises(SignerRefusedError):
        ask(twin.copy)
    with twin.copy.custody() as custody, pytest.raises(SignerRefusedError):
        custody.seal()
    # Also whoever passes our client by is refused by the signer.
    refused = service.Service(twin.copy.home.keys, *_opened(twin.copy)).halted()
    assert isinstance(refused, SignerRefusedError)
    with twin.copy.database() as database, pytest.raises(SignerRefusedError):
        anchors.check_start(twin.copy.home, database, Custody(twin.copy.home, database))


def _opened(station: Station) -> tuple[SigningKey, Memory]:
    key = load_key(station.home.keys)
    return key, load_memory(station.home.keys, key.verifier)


def test_a_start_finds_a_larger_log_before_anything_is_done(twin: Twin) -> None:
    with twin.copy.database() as database, pytest.raises(SignerRefusedError):
        anchors.check_start(twin.copy.home, database, Custody(twin.copy.home, database))
    assert halt.read_halt(twin.copy.home.run) is not None


def test_a_start_does_not_need_its_witnesses(twin: Twin) -> None:
    set_up(twin.true, ("http://127.0.0.1:9", twin.witness.vkey))
    with twin.true.database() as database:
        anchors.check_start(twin.true.home, database, Custody(twin.true.home, database))
    enter(twin.true)


def test_only_a_person_lifts_the_halt_and_says_why(twin: Twin) -> None:
    with pytest.raises(SignerRefusedError):
        ask(twin.copy)
    assert twin.copy.run("anchor", "resume", "--reason", " ").code == 2
    said = twin.copy.run("anchor", "resume", "--reason", "the witness was set up wrong")
    assert said.code == 0, said.err
    enter(twin.copy)
    assert alarms(twin.copy)[:2] == ["witness_larger_log", "signing_resumed"]
    assert twin.copy.run("anchor", "resume", "--reason", "again").code == 2
    with pytest.raises(SignerRefusedError):
        ask(twin.copy)  # and the witness is still of its opinion


def test_two_stations_witness_each_other_and_raise_the_alarm_in_their_own_logs(
    blank_home: Path, tmp_path: Path
) -> None:
    stations = [Station(make_home(tmp_path / name, settings="").root) for name in ("one", "two")]
    for each, other in (stations, stations[::-1]):
        key = each.run("witness", "key").out.strip()
        assert key == each.run("witness", "key").out.strip()
        assert each.run("witness", "trust", (other.root / "log.vkey").read_text()).code == 0
    with ExitStack() as stack:
        witnesses = [OutsideWitness(witness.witness_folder(each.home)) for each in stations]
        urls = [stack.enter_context(each.serve()) for each in witnesses]
        set_up(stations[0], (urls[1], witnesses[1].vkey))
        set_up(stations[1], (urls[0], witnesses[0].vkey))
        copy = Station(copy_home(stations[0].root, tmp_path / "copy"))
        for each in (*stations, *stations):
            enter(each)
            assert each.run("anchor", "now").code == 0
        assert [each.run("witness", "list").code for each in stations] == [0, 0]
        with signing(copy.root), pytest.raises(SignerRefusedError):
            ask(copy)
        assert stations[1].run("witness", "list").code == 1
        with stations[1].database() as database:
            custody = Custody(stations[1].home, database)
            for _ in range(2):
                witness.run(stations[1].home, database, custody, None)
            witness.report_evidence(custody, *witnesses[1].folder.evidence())
        assert alarms(stations[1]).count("witness_rollback") == 1
        assert [each.audit()["findings"] for each in stations] == [[], []]
        listed = stations[0].run("anchor", "list", "--json").document()
        assert [each["kind"] for each in listed] == ["cosignature"] * 2


def test_the_command_forgets_a_log_and_says_what_it_kept(station: Station) -> None:
    key = (station.root / "log.vkey").read_text()
    origin = key.partition("+")[0]
    station.run("witness", "trust", key)
    said = station.run("witness", "forget", origin)
    assert said.code == 0, said.err
    (kept,) = (station.root / "witness" / "logs").glob("*/keys.*.forgotten")
    assert str(kept) in said.out
    assert station.run("witness", "list", "--json").document()["logs"] == []
    assert station.run("witness", "forget", origin).code == 2
    assert station.run("witness", "trust", key).code == 0
    assert len(station.run("witness", "list", "--json").document()["logs"]) == 1


def test_a_served_witness_is_a_process_of_its_own(station: Station, tmp_path: Path) -> None:
    station.run("witness", "key")
    station.run("witness", "trust", (station.root / "log.vkey").read_text())
    vkey = station.run("witness", "key").out.strip()
    set_up(station, witness_listen="127.0.0.1:0")
    command = [sys.executable, "-m", "station.cli", "witness", "serve", "--home", str(station.root)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        set_up(station, (url, vkey), witness_listen="127.0.0.1:0")
        assert station.run("anchor", "now").code == 0
        assert station.run("witness", "serve").code == 2, "two do not serve one folder"
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode in (0, -15)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "authority")


def test_a_time_stamp_is_kept_with_the_checkpoint_and_openssl_believes_it(
    station: Station, authority: Authority
) -> None:
    with stamping(authority) as url:
        set_up(station, timestamp_authority=url, timestamp_certificates=str(authority.root))
        done = ask(station)
        assert not done.failed, done.attempts
        again = ask(station)
        assert not again.failed
    with station.database() as database, database.read() as session:
        (kept,) = anchors_at(session, done.checkpoint.size)
        stamped = checkpoint_text_at(session, done.checkpoint.size)
    assert stamped == f"{done.checkpoint.note.rpartition(chr(10) * 2)[0]}{chr(10)}"
    assert authority.verifies(kept.data, stamped)
    assert not authority.verifies(kept.data, stamped + "x")
    assert station.audit()["findings"] == []


def test_a_time_stamp_of_an_authority_that_is_not_ours_is_not_kept(
    station: Station, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other", "Other")
    with stamping(other) as url:
        set_up(station, timestamp_authority=url, timestamp_certificates=str(authority.root))
        (attempt,) = ask(station).attempts
    assert "does not verify" in attempt.problem
    assert station.rows("SELECT count(*) FROM anchor") == [(0,)]


def test_an_old_answer_is_not_taken_for_a_new_one(station: Station, authority: Authority) -> None:
    queries: list[bytes] = []
    with stamping(authority, queries) as url:
        set_up(station, timestamp_authority=url, timestamp_certificates=str(authority.root))
        ask(station)
        old = authority.reply(queries[0])
        enter(station)
    with stamping(authority, replay=old) as url:
        set_up(station, timestamp_authority=url, timestamp_certificates=str(authority.root))
        (attempt,) = ask(station).attempts
    assert "does not verify" in attempt.problem


def test_a_kept_time_stamp_that_was_altered_is_a_finding(station: Station, authority: Authority) -> None:
    with stamping(authority) as url:
        set_up(station, timestamp_authority=url, timestamp_certificates=str(authority.root))
        ask(station)
    with station.database() as database, database.write() as session:
        data = bytearray(latest_anchors(session)[0].data)
        data[-20] ^= 1
        connection = session.connection()
        connection.execute(text("DROP TRIGGER ledger_anchor_update"))
        connection.execute(text("UPDATE anchor SET data = :data"), {"data": bytes(data)})
    tables.create_tables(Database(station.home.database_url))
    assert [each["kind"] for each in station.audit()["findings"]] == ["anchor.altered"]


def test_without_certificates_no_time_stamp_is_asked_for(station: Station) -> None:
    set_up(station, timestamp_authority="http://127.0.0.1:9")
    assert "timestamp_certificates" in ask(station).attempts[0].problem


def test_the_chore_asks_when_it_is_time_or_when_somebody_waits(station: Station, outside: Outside) -> None:
    def tend() -> int:
        with station.database() as database:
            anchors.run(station.home, database, Custody(station.home, database), None)
        return int(station.rows("SELECT count(*) FROM anchor")[0][0])

    assert [tend(), tend()] == [2, 2]
    enter(station)
    assert tend() == 2
    want_anchor(station.home, 2)
    assert [tend(), tend()] == [4, 4]
    (station.home.run / "anchor.tried").unlink()
    assert tend() == 6


def test_the_dock_waits_for_cosignatures_that_another_process_gathers(
    station: Station, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchoring, "has_network", lambda: False)
    monkeypatch.setattr(anchoring, "_POLL_SECONDS", 0.01)

    def tend() -> None:
        while anchoring.wanted_size(station.home) == 0:
            threading.Event().wait(0.01)
        with station.database() as database:
            anchors.run(station.home, database, Custody(station.home, database), None)

    other = threading.Thread(target=tend)
    other.start()
    with station.database() as database:
        found = await_cosigned(station.home, database, Custody(station.home, database), 2)
    other.join()
    assert found.witnesses == 2
    keys = [CosignerKey.parse(each.vkey) for each in outside.witnesses]
    assert len(verify_cosignatures(found.checkpoint.note, keys)) == 2


def test_fewer_cosignatures_than_asked_for_are_told_as_they_are(station: Station, outside: Outside) -> None:
    set_up(station, _named(station)[0], ("http://127.0.0.1:9", outside.witnesses[1].vkey))
    with station.database() as database:
        assert await_cosigned(station.home, database, Custody(station.home, database), 2).witnesses == 1


@pytest.mark.parametrize("required", [0, 2])
def test_the_step_of_erasing_has_its_tickets_checkpoint_cosigned_if_the_rule_asks_for_it(
    station: Station, outside: Outside, required: int
) -> None:
    set_up(station, *_named(station), erase_recorders=True, erase_cosignatures=required)
    profile: Any = SimpleNamespace(erase=SimpleNamespace(allowed=True))
    meter: Any = None
    with station.database() as database:
        erasing = Erasing(station.home, database, Custody(station.home, database), meter, profile)
        found = erasing._cosigned()
    assert rule_of(station.home, profile).cosignatures_required == required
    assert found.witnesses == required
    assert found.checkpoint.note.count("— ") == 1 + required


@pytest.mark.parametrize(("hours", "grade"), [(0, "ok"), (30, "warn"), (200, "bad")])
def test_the_age_of_the_last_anchor_is_judged(
    station: Station, outside: Outside, hours: int, grade: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(station)
    later = clock.now() + timedelta(hours=hours)
    monkeypatch.setattr(clock, "now", lambda: later)
    with station.database() as database, database.read() as session:
        state = anchors.age(station.home, session)
    assert (state.grade, state.configured) == (grade, True)
    assert state.seconds is not None
    assert abs(state.seconds - hours * 3600) < 60


def test_the_health_says_how_old_the_last_anchor_is_or_why_there_is_none(station: Station, outside: Outside) -> None:
    def line() -> dict[str, str]:
        found: dict[str, str] = station.run("health", "--json").document()["outside_anchor"]
        return found

    assert line() == {"state": "warn", "value": "never"}
    ask(station)
    assert line()["state"] == "ok"
    assert int(line()["value"]) < 60
    set_up(station)
    assert line()["state"] == "warn", "nobody is asked any more"
    mark = halt.Halt("witness_larger_log", "w+0+0", 9, 1, clock.timestamp())
    halt.stop_signing(station.home.run, mark)
    assert line() == {"state": "bad", "value": "halted"}


def test_a_witness_that_is_asked_no_more_still_counts(station: Station, outside: Outside) -> None:
    ask(station)
    set_up(station, *[("", vkey) for _, vkey in _named(station)])
    assert ask(station).attempts == ()
    assert station.audit()["findings"] == []
    set_up(station)
    assert {each["kind"] for each in station.audit()["findings"]} == {"anchor.foreign"}
