"""Vendor control transfers: the profile's numbers, the password, and answers that are not whole."""

from datetime import datetime

import pytest
from pydantic import SecretStr

from station.device.usb.control import ControlDialect
from station.device.usb.talk import DialectError, Greeting, RefusedError
from station.device.watch.errors import DeviceGoneError, LinkError, LinkStalledError, LinkTimeoutError
from station.profiles.usb import ControlRequests
from tests.unit.usb.links import ControlLink

PASSWORD = "s3cret-888"
REQUESTS = ControlRequests(
    unlock_request=0x51,
    unlock_value=3,
    unlock_index=4,
    status_request=0x52,
    status_length=4,
    battery_offset=2,
    serial_request=0x53,
    serial_length=16,
)


def speak(link: ControlLink, requests: ControlRequests = REQUESTS) -> ControlDialect:
    return ControlDialect(link, requests, SecretStr(PASSWORD))


def test_the_greeting_holds_battery_and_serial() -> None:
    link = ControlLink({0x52: b"\x01\x03\x57\x00", 0x53: b"BWC000001\0\0\0\0\0\0\0"})
    assert speak(link).hello() == Greeting(serial="BWC000001", battery_percent=87)
    assert link.asked == [(0xC0, 0x52, 0, 0, 4), (0xC0, 0x53, 0, 0, 16)]


def test_a_profile_without_questions_proves_nothing() -> None:
    link = ControlLink({})
    assert speak(link, ControlRequests(unlock_request=0x51)).hello() == Greeting(proven=False)
    assert not link.asked


def test_a_battery_of_more_than_all_is_unknown() -> None:
    link = ControlLink({0x52: b"\x01\x03\xff\x00", 0x53: b"BWC000001"})
    greeting = speak(link).hello()
    assert greeting.battery_percent is None
    assert not greeting.proven


@pytest.mark.parametrize("told", [b"\0" * 16, b"0000000000000000", b"\xff\xfeABC", b"A\x1b[2JB"])
def test_an_unbelievable_serial_is_no_serial(told: bytes) -> None:
    greeting = speak(ControlLink({0x52: b"\0\0\0\0", 0x53: told})).hello()
    assert greeting.serial is None
    assert not greeting.proven


@pytest.mark.parametrize(
    "answer", [b"", b"\x01\x03\x57", b"\0" * 5, LinkStalledError("stall"), LinkTimeoutError("silence")]
)
def test_a_status_that_is_not_whole_is_not_this_dialect(answer: bytes | LinkError) -> None:
    with pytest.raises(DialectError):
        speak(ControlLink({0x52: answer})).hello()


def test_a_device_that_goes_while_asked_is_gone() -> None:
    with pytest.raises(DeviceGoneError):
        speak(ControlLink({0x52: DeviceGoneError("gone")})).hello()


@pytest.mark.parametrize("answer", [b"", DeviceGoneError("gone"), LinkTimeoutError("silence"), LinkError("broke")])
def test_unlocking_sends_the_password_once(answer: bytes | LinkError) -> None:
    link = ControlLink({0x51: answer})
    speak(link).unlock()
    assert link.asked == [(0x40, 0x51, 3, 4, PASSWORD.encode())]


def test_without_a_password_the_request_carries_no_data() -> None:
    link = ControlLink({0x51: b""})
    ControlDialect(link, REQUESTS, None).unlock()
    assert link.asked == [(0x40, 0x51, 3, 4, b"")]


def test_a_wrong_password_is_refused_without_being_told() -> None:
    dialect = speak(ControlLink({0x51: LinkStalledError("stall")}))
    with pytest.raises(RefusedError) as caught:
        dialect.unlock()
    told = (caught.value, caught.value.hint, caught.value.__cause__, dialect, vars(dialect))
    assert PASSWORD not in repr(told)


CLOCKED = ControlRequests(unlock_request=0x51, read_clock_request=0x54, set_clock_request=0x55)
MOMENT = datetime(2026, 11, 22, 23, 59, 1)  # noqa: DTZ001 - a recorder's clock knows no zone


def test_the_clock_is_read_as_fourteen_digits() -> None:
    link = ControlLink({0x54: b"20261122235901"})
    dialect = speak(link, CLOCKED)
    assert dialect.can_read_clock
    assert dialect.read_clock() == MOMENT
    assert link.asked == [(0xC0, 0x54, 0, 0, 14)]


@pytest.mark.parametrize(
    "told", [b"20261322235901", b"2026112223590", b"20261122 35901", b"\xff" * 14, b"", LinkStalledError("stall")]
)
def test_an_answer_that_is_no_time_is_an_error(told: bytes | LinkError) -> None:
    with pytest.raises(DialectError):
        speak(ControlLink({0x54: told}), CLOCKED).read_clock()


def test_the_clock_is_set_as_fourteen_digits() -> None:
    link = ControlLink({0x55: b""})
    dialect = speak(link, CLOCKED)
    assert dialect.can_set_clock
    dialect.set_clock(MOMENT)
    assert link.asked == [(0x40, 0x55, 0, 0, b"20261122235901")]


@pytest.mark.parametrize(
    ("error", "told"), [(LinkStalledError("stall"), DialectError), (LinkTimeoutError("?"), LinkError)]
)
def test_a_time_that_was_not_taken_is_told(error: LinkError, told: type[Exception]) -> None:
    with pytest.raises(told):
        speak(ControlLink({0x55: error}), CLOCKED).set_clock(MOMENT)


def test_without_its_requests_the_clock_can_be_neither_read_nor_set() -> None:
    dialect = speak(ControlLink({}))
    assert not dialect.can_read_clock
    assert not dialect.can_set_clock
    with pytest.raises(DialectError):
        dialect.read_clock()
    with pytest.raises(DialectError):
        dialect.set_clock(MOMENT)
