"""Hot-plug through real pyudev and real libusb, in a process of its own that lives in a bed of fake devices."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.recorder.kinds import (
    ambarella_recorder,
    bcplus_recorder,
    composite,
    control_recorder,
    keyboard,
    storage_recorder,
)
from tests.fakes.recorder.testbed import CONTROLLER, Testbed
from tests.fakes.recorder.umockdev import UnavailableError

PROCESS = str(Path(__file__).with_name("watch_process.py"))
CONTROL = {
    "dialect": "control",
    "control": {
        "unlock_request": 0x51,
        "status_request": 0x52,
        "status_length": 4,
        "battery_offset": 2,
        "serial_request": 0x53,
        "serial_length": 32,
    },
}
BULK = {"endpoint_in": 0x81, "endpoint_out": 0x01, "timeout_ms": 500}


class Watching:
    """The watch process and what it has told so far."""

    def __init__(self, told: Iterator[str]) -> None:
        self._told = told
        self.heard: list[dict[str, Any]] = []

    def until(self, what: str, **more: Any) -> dict[str, Any]:
        """Return the next thing told that fits; the test's time-out ends the wait."""
        for line in self._told:
            self.heard.append(json.loads(line))
            if {"what": what, **more}.items() <= self.heard[-1].items():
                return self.heard[-1]
            assert self.heard[-1]["what"] not in ("error", "trouble"), self.heard
        raise AssertionError(f"it ended without {what} {more}: {self.heard}")

    def all_of(self, what: str) -> list[dict[str, Any]]:
        """Return all of one kind that was told."""
        return [each for each in self.heard if each["what"] == what]


@pytest.fixture
def bed() -> Iterator[Testbed]:
    try:
        made = Testbed()
    except UnavailableError as error:
        pytest.skip(str(error))
    with made:
        yield made


@contextmanager
def watching(bed: Testbed, unlock: dict[str, Any] | None = None) -> Iterator[Watching]:
    process = bed.start(sys.executable, PROCESS, json.dumps(unlock))
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        told = Watching(iter(process.stdout))
        told.until("ready")
        yield told
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


def test_a_recorder_is_authorised_greeted_unlocked_and_comes_up_as_a_disk(bed: Testbed) -> None:
    with control_recorder(None) as recorder, watching(bed, CONTROL) as told:
        bed.plug(recorder, "1.3", authorized=False)
        port = f"{CONTROLLER}/1.3"
        assert not told.until("arrived", port=port)["authorized"]
        assert told.until("changed", port=port)["authorized"]
        assert told.until("greeting", port=port)["serial"] == recorder.identity.serial
        told.until("gone", port=port)
        told.until("arrived", port=port)
        assert recorder.face.name == "storage"
        assert len(recorder.log.of("unlock")) == 1


@pytest.mark.parametrize(
    ("unlock", "password"),
    [({"dialect": "ambarella-ascii", **BULK}, "-"), ({"dialect": "bc-plus", "password": "required", **BULK}, "888888")],
    ids=["ambarella", "bcplus"],
)
def test_the_dialects_over_bulk_work_through_libusb(
    bed: Testbed, unlock: dict[str, Any], password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", password)
    make = ambarella_recorder if password == "-" else bcplus_recorder
    with make(None) as recorder, watching(bed, unlock) as told:
        bed.plug(recorder, "2")
        assert told.until("greeting")["serial"] == recorder.identity.serial
        told.until("gone")
        told.until("arrived")
        assert recorder.face.name == "storage"
        assert recorder.log.of("clock")


def test_a_wrong_password_is_told_and_the_recorder_stays(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "wrong-one")
    with control_recorder(None) as recorder, watching(bed, CONTROL) as told:
        bed.plug(recorder)
        error = told.until("error")
        assert error["kind"] == "RefusedError"
        assert "wrong-one" not in json.dumps(told.heard)
        assert recorder.face.name == "charging"


def test_recorders_that_are_there_at_the_start_have_arrived(bed: Testbed, tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    image.write_bytes(bytes(1 << 20))
    with storage_recorder(image) as recorder:
        bed.plug(recorder, "4")
        with watching(bed) as told:
            arrived = told.until("arrived")
            assert arrived["port"] == f"{CONTROLLER}/4"
            assert len(arrived["disks"]) == 1
            assert arrived["read_only"]


def test_sixteen_recorders_at_once_all_arrive(bed: Testbed) -> None:
    recorders = [control_recorder(None, serial=f"BWC{number:06}") for number in range(16)]
    with watching(bed) as told:
        for number, recorder in enumerate(recorders):
            bed.plug(recorder, f"1.{number + 1}")
        arrived = [told.until("arrived") for _ in recorders]
        assert {each["serial"] for each in arrived} == {recorder.identity.serial for recorder in recorders}
        assert len({each["port"] for each in arrived}) == 16


def test_yank_replug_and_a_move_to_another_slot_are_told_in_order(bed: Testbed) -> None:
    with control_recorder(None) as recorder, watching(bed) as told:
        bed.plug(recorder, "1")
        first = told.until("arrived", port=f"{CONTROLLER}/1")
        bed.replug("1")
        told.until("gone", session=first["session"])
        second = told.until("arrived", port=f"{CONTROLLER}/1")
        assert second["session"] != first["session"]
        bed.replug("1", to="2")
        told.until("gone", session=second["session"])
        assert told.until("arrived", port=f"{CONTROLLER}/2")["serial"] == recorder.identity.serial
        bed.unplug("2")
        told.until("gone", port=f"{CONTROLLER}/2")


def test_without_any_event_it_is_seen_all_the_same(bed: Testbed) -> None:
    with control_recorder(None) as recorder, watching(bed) as told:
        bed.losing_events = True
        bed.plug(recorder, "1")
        told.until("arrived")
        bed.unplug("1")
        told.until("gone")
        assert not told.all_of("trouble")


def test_a_recorder_that_libusb_has_missed_is_greeted_all_the_same(bed: Testbed) -> None:
    first, second = (control_recorder(None, serial=serial) for serial in ("BWC000001", "BWC000002"))
    with first, second, watching(bed, CONTROL) as told:
        bed.plug(first, "1")
        told.until("greeting", serial="BWC000001")
        told.until("arrived")
        bed.losing_events = True
        bed.plug(second, "2")
        told.until("greeting", serial="BWC000002")


def test_intruders_are_seen_but_neither_authorised_nor_spoken_to(bed: Testbed, tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    image.write_bytes(bytes(1 << 20))
    with keyboard() as typist, composite(image) as both, watching(bed, CONTROL) as told:
        bed.plug(typist, "1", authorized=False)
        bed.plug(both, "2", authorized=False)
        told.until("arrived", port=f"{CONTROLLER}/1")
        told.until("arrived", port=f"{CONTROLLER}/2")
        bed.unplug("2")
        told.until("gone", port=f"{CONTROLLER}/2")
        assert bed.attribute("1", "authorized") == "0"
        assert not typist.log.addressed()
        assert not both.log.addressed()
