"""A recorder at the dock, from plugging in to "safe to remove"; the model stands in for sysfs and USB."""

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from station import clock, pipeline
from station.acquire import erasing, reading
from station.acquire.account import Account
from station.actions import recorders
from station.board import SlotBoard, read_slots, slot_meter
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.ledger import log
from station.pipeline import attend
from station.profiles.library import load_profiles
from station.records.bus import DeviceSeen
from station.records.entries import Actor
from station.stages import attending as stage
from station.stages import erasing as erase_stage
from station.stages.attending import Attending, Presence
from tests.fakes.recorder import Recorder
from tests.fakes.recorder.clock import RecorderClock
from tests.fakes.recorder.kinds import bcplus_recorder, composite, control_recorder, keyboard, storage_recorder
from tests.flow.bays import PORT, ModelBay, let_models_answer
from tests.flow.images import footage, make_fat_card
from tests.flow.stations import Station

FILES = {
    "DCIM/100MEDIA/J800000_12345620260804100000_0016.mp4": footage(1, 40_000),
    "DCIM/100MEDIA/REC_0002.mp4": footage(2, 70_000),
}
CONSOLE = Actor(via="console", strength="console")


@dataclass(slots=True)
class Desk:
    """A station with a recorder in front of it."""

    station: Station
    home: Home
    database: Database
    custody: Custody
    presence: Presence
    bays: dict[str, ModelBay]

    def plug(self, recorder: Recorder, *images: Path, port: str = PORT) -> ModelBay:
        """Plug a recorder in."""
        self.bays[port] = ModelBay(recorder, images, port)
        return self.bays[port]

    def attend(self, bay: ModelBay, slot: int = 3) -> SlotBoard:
        """Attend to what is in the bay; return the slot's line."""
        with slot_meter(self.home.run, slot, 8, lambda line: None, state="unlocking") as meter:
            attending = Attending(self.home, self.database, self.custody, bay, meter, self.presence)
            attend(attending, load_profiles(*self.home.profiles))
        return read_slots(self.home.run)[slot]

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Return the parts of the entries of one type, in their order."""
        with self.database.read() as session:
            return [entry.values() for entry in log.entries(session) if entry.type == kind]

    def types(self) -> list[str]:
        """Return the types of all entries, in their order."""
        with self.database.read() as session:
            return [entry.type for entry in log.entries(session)]


@pytest.fixture
def desk(station: Station, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Yield a station whose dock sees the models plugged into `desk`."""
    set_passwords(station, {"acme-control": "87654321", "bc-plus-1d70-single": "888888"})
    home = station.home
    database = Database(home.database_url)
    found = Desk(station, home, database, Custody(home, database), Presence(), {})
    let_models_answer(found.bays, monkeypatch.setattr)
    monkeypatch.setattr(stage, "_DISKS_SECONDS", 1.0)
    monkeypatch.setattr(stage, "_AGAIN_SECONDS", 0.1)
    yield found
    for bay in found.bays.values():
        bay.recorder.close()
    database.dispose()


def set_passwords(station: Station, passwords: dict[str, str]) -> None:
    lines = "".join(f'{profile} = "{password}"\n' for profile, password in passwords.items())
    (station.root / "station.toml").write_text(f"[recorder_passwords]\n{lines}", encoding="utf-8")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return make_fat_card(tmp_path / "card.img", FILES, partitioned=True)


def enrol(desk: Desk, serial: str = "BWC000001", profile: str = "acme-control") -> str:
    return recorders.enrol_serial(desk.custody, desk.home, CONSOLE, serial, profile)


def test_an_unknown_recorder_is_charged_and_not_even_unlocked(desk: Desk, card: Path) -> None:
    bay = desk.plug(control_recorder(card), card)
    line = desk.attend(bay)
    assert (line.state, line.problem, line.recorder_name) == ("quarantined", "unknown_recorder", "BWC000001")
    assert bay.recorder.face.name == "charging" and not bay.recorder.log.of("unlock")
    (turned_away,) = desk.entries("recorder.quarantined")
    assert turned_away["fact"]["slot"] == 3 and turned_away["names"]["serial"] == "BWC000001"
    assert not desk.entries("docking.started")


def test_once_enrolled_it_may_be_read_without_another_plugging(desk: Desk, card: Path) -> None:
    bay = desk.plug(control_recorder(card), card)
    with slot_meter(desk.home.run, 3, 8, lambda line: None, state="unlocking") as meter:
        attending = Attending(desk.home, desk.database, desk.custody, bay, meter, desk.presence)
        attend(attending, load_profiles(*desk.home.profiles))
        assert not attending.may_try_again()
        (turned_away,) = desk.entries("recorder.quarantined")
        recorders.enrol_quarantined(desk.custody, CONSOLE, turned_away["fact"]["quarantine"])
        assert attending.may_try_again()
    assert desk.attend(bay).state == "done"


def test_an_enrolled_recorder_is_unlocked_and_taken_in(desk: Desk, card: Path) -> None:
    recorder = enrol(desk)
    line = desk.attend(desk.plug(control_recorder(card), card))
    assert (line.state, line.new, line.recorder, line.battery_percent) == ("done", 2, recorder, 87)
    (started,) = desk.entries("docking.started")
    assert started["fact"]["profile"] == "acme-control" and started["fact"]["recorder"] == recorder
    assert {entry["fact"]["sequence"] for entry in desk.entries("clip.ingested")} == {16, 2}


@pytest.mark.parametrize("taken_back_after", [[1], [2], [1, 2], [2, 3]])
def test_what_was_let_in_and_taken_back_is_let_in_again(desk: Desk, card: Path, taken_back_after: list[int]) -> None:
    enrol(desk)
    bay = desk.plug(control_recorder(card), card)
    bay.taken_back_after = taken_back_after
    line = desk.attend(bay)
    assert (line.state, line.new) == ("done", 2)
    assert bay.authorisations == 2 + len(taken_back_after)


def test_what_is_shut_out_again_while_its_disk_is_awaited_is_let_in_again(
    desk: Desk, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(desk)
    bay = desk.plug(control_recorder(card), card)
    waited, looks = bay.wait_for, []

    def wait_for(wanted: Callable[[DeviceSeen | None], bool], seconds: float | None = None) -> bool:
        if bay.recorder.face.name == "storage" and bay.authorized and not looks:
            looks.append(True)
            bay.authorized = False  # udev's late event
            bay.show(replace(bay.present, authorized=True, disks=()) if bay.present else None)
            return True
        return waited(wanted, seconds)

    monkeypatch.setattr(bay, "wait_for", wait_for)
    assert (desk.attend(bay).state, bay.authorisations) == ("done", 3)


def test_the_same_recorder_in_another_slot_brings_nothing_twice(desk: Desk, card: Path) -> None:
    enrol(desk)
    first = desk.plug(control_recorder(card), card)
    assert desk.attend(first).new == 2
    first.recorder.power_off()
    desk.presence.release(PORT)
    line = desk.attend(desk.plug(control_recorder(card), card, port="0000:00:04.0/5"), slot=5)
    assert (line.state, line.new, line.held) == ("done", 0, 2)


def test_two_recorders_of_one_serial_are_never_mixed(desk: Desk, card: Path) -> None:
    enrol(desk)
    assert desk.attend(desk.plug(control_recorder(card), card)).state == "done"
    second = desk.plug(control_recorder(card), card, port="0000:00:04.0/4")
    line = desk.attend(second, slot=4)
    assert (line.state, line.problem) == ("quarantined", "duplicate_recorder")
    assert not second.recorder.log.of("unlock")


def test_a_wrong_password_is_said_and_never_in_the_ledger(desk: Desk, card: Path) -> None:
    enrol(desk)
    set_passwords(desk.station, {"acme-control": "13572468"})
    desk.home = desk.station.home
    line = desk.attend(desk.plug(control_recorder(card), card))
    assert (line.state, line.problem) == ("quarantined", "unlock_refused")
    assert "13572468" not in str(desk.entries("recorder.quarantined"))


@pytest.mark.parametrize("make", [keyboard, lambda: composite(None)], ids=["keyboard", "keyboard beside storage"])
def test_what_is_no_recorder_is_refused_before_a_word_is_said_to_it(desk: Desk, make: Callable[[], Recorder]) -> None:
    bay = desk.plug(make())
    line = desk.attend(bay)
    assert (line.state, line.problem) == ("quarantined", "forbidden_interface")
    assert not bay.authorized
    assert "03/01/01" in desk.entries("recorder.quarantined")[0]["fact"]["interfaces"]


def test_a_disk_that_could_be_written_is_not_read(desk: Desk, card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_PROTECT_SECONDS", 0.1)
    enrol(desk)
    bay = desk.plug(control_recorder(card), card)
    bay.read_only = False
    assert desk.attend(bay).problem == "not_read_only"
    assert not desk.entries("docking.started")


@pytest.mark.parametrize("late", ["protection", "disk"])
def test_what_becomes_ready_later_than_awaited_is_read_without_another_plugging(
    desk: Desk, card: Path, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    monkeypatch.setattr(stage, "_PROTECT_SECONDS", 0.1)
    enrol(desk)
    bay = desk.plug(control_recorder(card), card)
    bay.read_only = late == "disk"
    bay.images = () if late == "disk" else bay.images
    with slot_meter(desk.home.run, 3, 8, lambda line: None, state="unlocking") as meter:
        attending = Attending(desk.home, desk.database, desk.custody, bay, meter, desk.presence)
        attend(attending, load_profiles(*desk.home.profiles))
        assert meter.line.problem == ("no_storage" if late == "disk" else "not_read_only")
        bay.look()
        assert not attending.may_try_again()
        bay.read_only, bay.images = True, (card,)
        bay.look()
        assert attending.may_try_again()
    assert (desk.attend(bay).state, len(desk.entries("clip.ingested"))) == ("done", 2)


def test_both_disks_of_a_recorder_are_read_and_stay_apart(desk: Desk, tmp_path: Path) -> None:
    first = make_fat_card(tmp_path / "first.img", FILES)
    second = make_fat_card(tmp_path / "second.img", FILES)
    enrol(desk, "BWC000220", "acme-two-lun")
    recorder = storage_recorder([first, second], serial="BWC000220", storage_ids=(0x3F0A, 0x0D52))
    line = desk.attend(desk.plug(recorder, first, second))
    assert (line.state, line.new) == ("done", 4)
    assert {entry["names"]["volume"] for entry in desk.entries("clip.ingested")} == {0, 64}


def test_the_clock_is_sealed_corrects_the_clips_and_is_set_after_copying(
    desk: Desk, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "synchronised", lambda: True)
    enrol(desk)
    bay = desk.plug(control_recorder(card, clock=RecorderClock(offset_seconds=90)), card)
    assert desk.attend(bay).state == "done"
    (measured,) = desk.entries("clock.measured")
    assert 88_000 <= measured["fact"]["offset_ms"] <= 91_500 and measured["fact"]["synchronised"] is True
    named = next(entry["fact"] for entry in desk.entries("clip.ingested") if entry["fact"]["sequence"] == 16)
    assert named["device_time"] == "2026-08-04T10:00:00"
    assert named["offset_ms"] == measured["fact"]["offset_ms"]
    assert named["recorded_at"].startswith("2026-08-04T01:58:")
    (was_set,) = desk.entries("clock.set")
    kinds = [kind for kind in desk.types() if kind in ("clock.measured", "docking.finished", "clock.set")]
    assert kinds == ["clock.measured", "docking.finished", "clock.set"]
    assert abs((bay.recorder.clock.read() - RecorderClock().read()).total_seconds()) < 5
    assert was_set["fact"]["zone"] == "Asia/Shanghai"


def test_the_clock_is_left_alone_while_ours_follows_nothing(
    desk: Desk, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "synchronised", lambda: False)
    enrol(desk)
    bay = desk.plug(control_recorder(card, clock=RecorderClock(offset_seconds=90)), card)
    assert desk.attend(bay).state == "done"
    assert desk.entries("clock.measured")[0]["fact"]["synchronised"] is False
    assert not desk.entries("clock.set") and not bay.recorder.log.of("clock")


def test_a_clock_that_was_reset_is_flagged_and_corrects_nothing(
    desk: Desk, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "synchronised", lambda: False)
    enrol(desk)
    recorder = control_recorder(card)
    recorder.clock.reset()
    desk.attend(desk.plug(recorder, card))
    facts = [entry["fact"] for entry in desk.entries("clip.ingested")]
    assert {fact["time_trust"] for fact in facts} == {"suspicious"}
    assert "2026-08-04T02:00:00.000000Z" in {fact["recorded_at"] for fact in facts}


def test_a_recorder_is_found_by_the_dialect_it_answers_in(desk: Desk, card: Path) -> None:
    enrol(desk, "1D70D5001", "bc-plus-1d70-single")
    line = desk.attend(desk.plug(bcplus_recorder(card, serial="1D70D5001"), card))
    assert (line.state, line.new) == ("done", 2)


@pytest.fixture
def erasing_desk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk of a unit that has its recorders erased; the eraser takes the card image for a disk."""
    settings = desk.station.root / "station.toml"
    settings.write_text(f"erase_recorders = true\n{settings.read_text(encoding='utf-8')}", encoding="utf-8")
    desk.home = desk.station.home

    def reach(home: Home) -> Any:
        images = [image for bay in desk.bays.values() for image in bay.images]
        return erasing.reach_eraser(home, images)

    monkeypatch.setattr(erase_stage, "reach_eraser", reach)
    return desk


def test_nothing_is_erased_unless_the_unit_says_so(desk: Desk, card: Path) -> None:
    enrol(desk)
    before = card.read_bytes()
    assert desk.attend(desk.plug(control_recorder(card), card)).state == "done"
    assert card.read_bytes() == before and not desk.entries("erase.authorised")


def test_what_is_provably_held_is_erased_and_entered(erasing_desk: Desk, card: Path) -> None:
    enrol(erasing_desk)
    bay = erasing_desk.plug(control_recorder(card), card)
    assert erasing_desk.attend(bay).state == "done"
    (authorised,), (completed,) = erasing_desk.entries("erase.authorised"), erasing_desk.entries("erase.completed")
    assert authorised["fact"]["files"] == completed["fact"]["erased"] == 2
    kinds = erasing_desk.types()
    assert kinds.index("docking.finished") < kinds.index("erase.authorised") < kinds.index("erase.completed")
    bay.recorder.power_off()
    erasing_desk.presence.release(PORT)
    line = erasing_desk.attend(erasing_desk.plug(control_recorder(card), card))
    assert (line.state, line.new, line.held) == ("done", 0, 0)
    assert len(erasing_desk.entries("clip.ingested")) == 2


def test_other_bytes_at_the_second_reading_quarantine_the_recorder(
    erasing_desk: Desk, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(erasing_desk)
    reach = erase_stage.reach_eraser

    def lie(home: Home) -> Any:
        content = card.read_bytes()
        at = content.index(FILES["DCIM/100MEDIA/REC_0002.mp4"][:600]) + 300
        card.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        return reach(home)

    monkeypatch.setattr(erase_stage, "reach_eraser", lie)
    line = erasing_desk.attend(erasing_desk.plug(control_recorder(card), card))
    assert (line.state, line.problem) == ("quarantined", "bytes_differ")
    (completed,) = erasing_desk.entries("erase.completed")
    assert completed["fact"]["erased"] == 0 and completed["fact"]["refused"]["digest_differs"] == 1


def test_sixteen_at_once_are_all_taken_in(desk: Desk, tmp_path: Path) -> None:
    serials = [f"BWC{number:06}" for number in range(1, 17)]
    bays = []
    for number, serial in enumerate(serials, 1):
        enrol(desk, serial)
        card = make_fat_card(tmp_path / f"{serial}.img", {"DCIM/REC_0001.mp4": footage(number, 200_000 + number)})
        bays.append(desk.plug(control_recorder(card, serial=serial), card, port=f"0000:00:04.0/{number}"))
    profiles = load_profiles(*desk.home.profiles)
    ended: list[int] = []

    def tend(bay: ModelBay, slot: int) -> None:
        with slot_meter(desk.home.run, slot, 16, lambda line: None, state="unlocking") as meter:
            attend(Attending(desk.home, desk.database, desk.custody, bay, meter, desk.presence), profiles)
        ended.append(slot)

    threads = [threading.Thread(target=tend, args=(bay, slot), daemon=True) for slot, bay in enumerate(bays, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    lines = read_slots(desk.home.run)
    assert {slot: lines[slot].state for slot in lines} == dict.fromkeys(range(1, 17), "done")
    assert len(desk.entries("clip.ingested")) == len(ended) == 16


def test_a_recorder_taken_out_ends_its_docking_at_once(desk: Desk, card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enrol(desk)
    bay = desk.plug(control_recorder(card), card)
    stuck = (sys.executable, "-c", "import time; time.sleep(600)")
    monkeypatch.setattr(reading, "READER", stuck)  # as one does whose disk no longer answers
    taken_out = threading.Timer(0.5, lambda: bay.show(None))
    take_in = pipeline.take_in

    def pulled(*arguments: Any) -> Account:
        taken_out.start()  # it has come back as a disk by now
        return take_in(*arguments)

    monkeypatch.setattr(pipeline, "take_in", pulled)
    line = desk.attend(bay)
    taken_out.join()
    assert line.state == "failed"
    assert not desk.entries("clip.ingested")


def test_what_is_plugged_in_while_the_one_before_is_still_ended_is_attended_to_next(
    desk: Desk, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(desk)
    bay = desk.plug(control_recorder(card), card)
    take_in, seen = pipeline.take_in, []

    def swapped(*arguments: Any) -> Account:
        account = take_in(*arguments)
        if not seen:
            seen.append(bay.present)
            bay.recorder.power_off()
            bay.recorder.power_on()
            bay.look()
        return account

    monkeypatch.setattr(pipeline, "take_in", swapped)
    with slot_meter(desk.home.run, 3, 8, lambda line: None, state="unlocking") as meter:
        attending = Attending(desk.home, desk.database, desk.custody, bay, meter, desk.presence)
        attend(attending, load_profiles(*desk.home.profiles))
    assert attending.seen == replace(seen[0], disks=attending.seen.disks)  # so that the dock takes the next for another
    assert bay.present is not None and bay.present.session != attending.seen.session
    assert len(desk.entries("docking.started")) == 1
