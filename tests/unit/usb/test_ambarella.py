"""The Ambarella ASCII dialect: what is asked, what is believed, and what is given up."""

import itertools
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.device.usb.ambarella import AmbarellaDialect
from station.device.usb.talk import MOST_READS, DialectError, Greeting, Link, RefusedError
from station.device.watch.errors import DeviceGoneError, LinkError
from tests.unit.usb.links import AnsweringLink, Clock, ScriptedLink

TIMEOUT_MS = 3000
ANSWERS = {
    b"@Ver;8;00000000;#": b"@Ver;OK;#",
    b"@Gdv;8;12345678;#": b"@Gdv;7;J800123;#",
    b"@Sdt;8;20261122;#": b"@Sdt;OK;#",
    b"@Stm;6;23590100;#": b"@Stm;OK;#",
    b"@ATH;8;12345678;#": b"@ATH;OK;#",
}


def speak(link: Link) -> AmbarellaDialect:
    return AmbarellaDialect(link, TIMEOUT_MS, monotonic=Clock())


def test_the_greeting_holds_the_device_id() -> None:
    assert speak(AnsweringLink(ANSWERS)).hello() == Greeting(serial="J800123")


def test_nothing_is_sent_before_the_hello() -> None:
    link = AnsweringLink(ANSWERS)
    speak(link)
    assert not link.sent


def test_an_answer_padded_with_nul_to_the_packet_is_understood() -> None:
    padded = {order: answer.ljust(64, b"\0") for order, answer in ANSWERS.items()}
    assert speak(AnsweringLink(padded)).hello().serial == "J800123"


def test_an_answer_split_over_packets_is_put_together() -> None:
    link = ScriptedLink(b"@V", b"", b"er;O", b"K;#", b"@Gdv;7", b";J800123;", b"#")
    assert speak(link).hello().serial == "J800123"


def test_an_answer_without_its_end_counts_once_the_device_falls_silent() -> None:
    link = AnsweringLink(ANSWERS | {b"@Gdv;8;12345678;#": b"@Gdv;7;J800123"})
    assert speak(link).hello().serial == "J800123"


def test_an_answer_to_an_earlier_order_is_passed_over() -> None:
    link = ScriptedLink(b"@ATH;OK;#@Ver;O", b"K;#", b"@Ver;OK;#", b"@Gdv;7;J800123;#")
    assert speak(link).hello().serial == "J800123"


@pytest.mark.parametrize(
    "answer",
    [b"@Ver;ERROR;#", b"@Ver;#", b"+UUID:1\r\n", b"\xff\x00\x13garbage", b"@Gdv;7;J800123;#", b"#", b"\0" * 64],
)
def test_another_answer_to_the_version_is_not_this_dialect(answer: bytes) -> None:
    with pytest.raises(DialectError):
        speak(ScriptedLink(answer)).hello()


def test_a_silent_device_does_not_speak_this_dialect() -> None:
    with pytest.raises(DialectError):
        speak(ScriptedLink()).hello()


@pytest.mark.parametrize("told", [b"@Gdv;7;#", b"@Gdv;7;;#", b"@Gdv;8;00000000;#", b"@Gdv;1;\xfe\x01;#", b"@Gdv;#"])
def test_an_unbelievable_id_is_no_id(told: bytes) -> None:
    assert speak(AnsweringLink(ANSWERS | {b"@Gdv;8;12345678;#": told})).hello().serial is None


def test_a_device_that_dribbles_without_end_is_given_up_in_time() -> None:
    clock = Clock()
    link = ScriptedLink(*[b"x"] * 1000, clock=clock, read_seconds=2.9)
    with pytest.raises(DialectError):
        AmbarellaDialect(link, TIMEOUT_MS, monotonic=clock).hello()
    assert clock.seconds < 4 * TIMEOUT_MS / 1000


def test_a_device_that_sends_empty_packets_without_end_is_given_up() -> None:
    link = ScriptedLink(*[b""] * 10_000)
    with pytest.raises(DialectError):
        speak(link).hello()
    assert link.reads <= MOST_READS


def test_the_clock_is_set_by_date_and_time() -> None:
    link = AnsweringLink(ANSWERS)
    speak(link).set_clock(datetime(2026, 11, 22, 23, 59, 1))  # noqa: DTZ001 - a recorder's clock knows no zone
    assert link.sent == [b"@Sdt;8;20261122;#", b"@Stm;6;23590100;#"]


def test_a_refused_date_is_told_and_no_time_is_set() -> None:
    link = AnsweringLink(ANSWERS | {b"@Sdt;8;20261122;#": b"@Sdt;ERROR;#"})
    with pytest.raises(RefusedError):
        speak(link).set_clock(datetime(2026, 11, 22, 23, 59, 1))  # noqa: DTZ001
    assert len(link.sent) == 1


def test_setting_the_clock_without_an_answer_is_an_error() -> None:
    with pytest.raises(DialectError):
        speak(ScriptedLink()).set_clock(datetime(2026, 11, 22, 23, 59, 1))  # noqa: DTZ001


def test_the_clock_can_not_be_read() -> None:
    dialect = speak(AnsweringLink(ANSWERS))
    assert not dialect.can_read_clock
    with pytest.raises(DialectError):
        dialect.read_clock()


@pytest.mark.parametrize("answer", [b"@ATH;OK;#", DeviceGoneError("gone"), LinkError("broken pipe"), None])
def test_unlocking_succeeds_whether_the_device_answers_or_is_off_already(answer: bytes | LinkError | None) -> None:
    answers: dict[bytes, bytes | LinkError] = {} if answer is None else {b"@ATH;8;12345678;#": answer}
    link = AnsweringLink(answers)
    speak(link).unlock()
    assert link.sent == [b"@ATH;8;12345678;#"]


def test_a_refused_unlock_is_told() -> None:
    with pytest.raises(RefusedError):
        speak(AnsweringLink({b"@ATH;8;12345678;#": b"@ATH;ERROR;#"})).unlock()


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=64), max_size=20))
def test_whatever_comes_back_ends_in_a_greeting_or_a_dialect_error(packets: list[bytes]) -> None:
    try:
        greeting = speak(ScriptedLink(*packets)).hello()
    except DialectError:
        return
    assert greeting.serial is None or (greeting.serial.isprintable() and len(greeting.serial) <= 64)


@settings(max_examples=100)
@given(st.text(alphabet="abcXYZ0189-_", min_size=1, max_size=50).filter(lambda text: text.strip("0")), st.data())
def test_an_id_survives_any_splitting(serial: str, data: st.DataObject) -> None:
    stream = f"@Gdv;{len(serial)};{serial};#".encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    bounds = [0, *cuts, len(stream)]
    packets = [stream[start:end] for start, end in itertools.pairwise(bounds)]
    assert speak(ScriptedLink(b"@Ver;OK;#", *packets)).hello().serial == serial
