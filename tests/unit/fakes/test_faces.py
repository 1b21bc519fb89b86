import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.recorder import Delays, GoneError, StalledError
from tests.fakes.recorder.clock import RESET_TO, RecorderClock
from tests.fakes.recorder.kinds import (
    composite,
    control_recorder,
    ethernet,
    keyboard,
    look,
    mtp_look,
    rndis,
    storage_recorder,
    turncoat,
)
from tests.fakes.recorder.plain import device_seen
from tests.unit.fakes.scsi_host import Host

UNLOCK = (0x40, 0x51, 0, 0)


def naive(minute: int, second: int) -> datetime:
    return datetime(2026, 8, 4, 9, minute, second)  # noqa: DTZ001 - a recorder knows no zone


def test_the_right_password_brings_the_storage_face_after_the_delays(card: Path) -> None:
    now = [0.0]
    delays = Delays(leave_seconds=1, away_seconds=2)
    with control_recorder(card, delays=delays, monotonic=lambda: now[0]) as recorder:
        recorder.power_on()
        recorder.control(*UNLOCK, 8, b"87654321")
        assert (recorder.present, recorder.next_due()) == (True, 1.0)
        now[0] = 1.0
        recorder.tick()
        assert (recorder.present, recorder.next_due()) == (False, 3.0)
        with pytest.raises(GoneError):
            recorder.control(*UNLOCK, 8, b"87654321")
        now[0] = 3.0
        recorder.tick()
        assert (recorder.present, recorder.face.name, recorder.enumeration) == (True, "storage", 2)


def test_no_tries_left_refuses_even_the_right_password() -> None:
    with control_recorder(None) as recorder:
        recorder.power_on()
        for _ in range(3):
            with pytest.raises(StalledError):
                recorder.control(*UNLOCK, 5, b"wrong")
        with pytest.raises(StalledError):
            recorder.control(*UNLOCK, 8, b"87654321")
        assert [event.detail["ok"] for event in recorder.log.of("unlock")] == [False] * 4
        assert not recorder.changing


def test_unlocking_holds_for_one_plug_in_only(card: Path) -> None:
    with control_recorder(card) as recorder:
        recorder.power_on()
        recorder.become("storage")
        recorder.finish_change()
        assert recorder.face.name == "storage"
        recorder.power_off()
        recorder.power_on()
        assert recorder.face.name == "charging"


def test_enumeration_alone_is_not_speaking_to_the_device() -> None:
    with control_recorder(None) as recorder:
        recorder.power_on()
        recorder.control(0x80, 6, 0x0100, 0, 18)
        recorder.control(0x00, 9, 1, 0, 0)
        assert recorder.log.addressed() == []
        recorder.control(0xC0, 0x52, 0, 0, 4)
        assert [event.detail["request"] for event in recorder.log.addressed()] == [0x52]


def test_texts_that_are_missing_have_no_index_and_no_descriptor() -> None:
    with storage_recorder(None, usb_serial=None, manufacturer=None) as recorder:
        recorder.power_on()
        assert recorder.control(0x80, 6, 0x0100, 0, 18)[14:17] == b"\0\2\0"
        assert recorder.control(0x80, 6, 0x0302, 0x409, 255)[2:].decode("utf-16-le") == "AC-200"
        with pytest.raises(StalledError):
            recorder.control(0x80, 6, 0x0303, 0x409, 255)


@pytest.mark.parametrize(
    ("recorder", "triples"),
    [
        (keyboard(), {(3, 1, 1)}),
        (ethernet(), {(2, 6, 0), (10, 0, 0)}),
        (rndis(), {(0xE0, 1, 3), (10, 0, 0)}),
        (composite(None), {(8, 6, 0x50), (3, 1, 1)}),
        (mtp_look(), {(6, 1, 1)}),
        (look((0x0E, 1, 0), (9, 0, 0)), {(0x0E, 1, 0), (9, 0, 0)}),
    ],
    ids=["keyboard", "ethernet", "rndis", "composite", "mtp", "look"],
)
def test_a_face_shows_its_classes_in_descriptors_that_add_up(recorder, triples) -> None:
    with recorder:
        recorder.power_on()
        assert {each.triple for each in device_seen(recorder).interfaces} == triples
        configuration = recorder.face.configuration_descriptor()
        found, at = set(), 0
        while at < len(configuration):
            if configuration[at + 1] == 4:
                found.add(tuple(configuration[at + 5 : at + 8]))
            at += configuration[at]
        assert at == len(configuration) == struct.unpack_from("<H", configuration, 2)[0]
        assert found == triples


def test_a_keyboard_types_to_whoever_listens_and_that_is_logged() -> None:
    with keyboard(text="ab") as recorder:
        recorder.power_on()
        reports = [recorder.take(0x81, 8) for _ in range(5)]
        assert [report[2] if report else None for report in reports] == [4, 0, 5, 0, None]
        assert [event.detail["key"] for event in recorder.log.of("typed")] == ["a", "b"]


def test_a_turncoat_comes_up_with_the_ids_of_storage_as_a_keyboard(card: Path) -> None:
    with turncoat(card) as recorder:
        recorder.power_on()
        recorder.control(*UNLOCK, 8, b"87654321")
        recorder.finish_change()
        seen = device_seen(recorder)
        assert (seen.vendor_id, seen.product_id, seen.interfaces[0].class_code) == (0x3F0A, 0x0D51, 3)


def test_a_recorders_clock_is_off_drifts_and_is_lost() -> None:
    host = [datetime(2026, 8, 4, 2, 0, tzinfo=UTC)]
    clock = RecorderClock(offset_seconds=-90, drift_ppm=1_000_000, zone_hours=8, now=lambda: host[0])
    assert clock.read() == naive(58, 30)
    host[0] += timedelta(seconds=10)
    assert clock.read() == naive(58, 50)
    clock.reset()
    assert clock.read() == RESET_TO


def test_an_unlocked_recorder_goes_back_to_charging_when_its_last_card_is_ejected(card: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.img"
    second.write_bytes(bytes(512))
    with control_recorder([card, second]) as recorder:
        recorder.power_on()
        recorder.become("storage")
        recorder.finish_change()
        host = Host(recorder)
        host.command(b"\x1b\0\0\0\x02\0", lun=0)
        assert not recorder.changing
        host.command(b"\x1b\0\0\0\x02\0", lun=1)
        recorder.finish_change()
        assert recorder.face.name == "charging"
