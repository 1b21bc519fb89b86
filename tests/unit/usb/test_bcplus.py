"""The BC+ dialect: what is asked, what is believed, and that the password never shows."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from station.device.usb.bcplus import BcPlusDialect
from station.device.usb.talk import DialectError, Greeting, Link, RefusedError
from station.device.watch.errors import DeviceGoneError, LinkError
from station.errors import ConfigError
from tests.unit.usb.links import AnsweringLink, Clock, ScriptedLink

PASSWORD = "s3cret-888"
LOGIN = f"BC+LOGIN=admin:{PASSWORD}\r\n".encode()
MOMENT = datetime(2026, 11, 22, 23, 59, 1)  # noqa: DTZ001 - a recorder's clock knows no zone
ANSWERS: dict[bytes, bytes | LinkError] = {
    LOGIN: b"+LOGIN:Sucess\r\n",
    b"BC+UUID?\r\n": b"+UUID:J800123\r\n",
    b"BC+BATVAL?\r\n": b"+BATVAL:87%\r\n",
    b"BC+GBIDCODE?\r\n": b"+GBIDCODE:001234\r\n",
    b"BC+SYSTIME=20261122235901\r\n": b"+SYSTIME:Sucess\r\n",
    b"BC+UDISKEN=1\r\n": b"+UDISKEN:Sucess\r\n",
}


def speak(link: Link, password: str | None = PASSWORD) -> BcPlusDialect:
    return BcPlusDialect(link, 3000, None if password is None else SecretStr(password), monotonic=Clock())


def test_the_greeting_holds_id_police_number_and_battery() -> None:
    expected = Greeting(serial="J800123", police_number="001234", battery_percent=87)
    assert speak(AnsweringLink(ANSWERS)).hello() == expected


def test_the_id_alone_proves_the_dialect_where_there_is_no_password() -> None:
    link = AnsweringLink(ANSWERS)
    assert speak(link, password=None).hello().serial == "J800123"
    assert LOGIN not in link.sent


def test_silence_about_battery_and_police_number_leaves_them_unknown() -> None:
    answers = {LOGIN: ANSWERS[LOGIN], b"BC+UUID?\r\n": ANSWERS[b"BC+UUID?\r\n"]}
    assert speak(AnsweringLink(answers)).hello() == Greeting(serial="J800123")


@pytest.mark.parametrize("level", [b"101", b"-1", b"", b"full", b"1e1", "八".encode()])
def test_a_battery_level_that_can_not_be_is_unknown(level: bytes) -> None:
    link = AnsweringLink(ANSWERS | {b"BC+BATVAL?\r\n": b"+BATVAL:" + level + b"\r\n"})
    assert speak(link).hello().battery_percent is None


def test_answers_split_padded_and_mixed_with_others_are_understood() -> None:
    link = ScriptedLink(
        b"+BATVAL:3\r\n+LOG", b"IN:Sucess\r", b"\n+UUID:J800", b"123\r\n\0\0\0", b"noise\r\n", b"+BATVAL:9\r\n"
    )
    greeting = speak(link).hello()
    assert (greeting.serial, greeting.battery_percent) == ("J800123", 9)


def test_an_echo_of_our_own_order_is_no_answer() -> None:
    order = b"BC+SYSTIME=20261122235901\r\n"
    with pytest.raises(DialectError):
        speak(AnsweringLink({LOGIN: ANSWERS[LOGIN], order: order})).set_clock(MOMENT)


def test_a_wrong_password_is_refused_without_being_told() -> None:
    link = AnsweringLink({LOGIN: f"+LOGIN:Fail admin:{PASSWORD}\r\n".encode()})
    with pytest.raises(RefusedError) as caught:
        speak(link).hello()
    assert PASSWORD not in repr((caught.value, caught.value.hint, caught.value.__cause__))


def test_the_password_does_not_show_in_the_dialect() -> None:
    dialect = speak(AnsweringLink(ANSWERS))
    assert PASSWORD not in repr(dialect)
    assert PASSWORD not in repr(vars(dialect))


@pytest.mark.parametrize("password", ["a\r\nBC+UDISKEN=1", "密码", "a\0b"])
def test_a_password_that_would_break_the_line_is_a_wrong_setting(password: str) -> None:
    with pytest.raises(ConfigError) as caught:
        speak(ScriptedLink(), password)
    assert password not in str(caught.value)


@pytest.mark.parametrize("answer", [b"@Ver;OK;#", b"\xff\xfe\xfd\r\n", b"LOGIN:Sucess\r\n", b"\r\n\r\n", b"\0" * 64])
def test_another_answer_is_not_this_dialect(answer: bytes) -> None:
    with pytest.raises(DialectError):
        speak(ScriptedLink(answer)).hello()


def test_a_line_without_end_is_given_up() -> None:
    link = ScriptedLink(*[b"A" * 64] * 1000)
    with pytest.raises(DialectError):
        speak(link).hello()
    assert link.reads < 100


def test_the_clock_is_set_after_logging_in() -> None:
    link = AnsweringLink(ANSWERS)
    speak(link).set_clock(MOMENT)
    assert link.sent == [LOGIN, b"BC+SYSTIME=20261122235901\r\n"]


@pytest.mark.parametrize("word", [b"Fail", b"ERROR 3", b"not logged in"])
def test_a_refused_time_is_told(word: bytes) -> None:
    link = AnsweringLink(ANSWERS | {b"BC+SYSTIME=20261122235901\r\n": b"+SYSTIME:" + word + b"\r\n"})
    with pytest.raises(RefusedError):
        speak(link).set_clock(MOMENT)


@pytest.mark.parametrize("answer", [b"+UDISKEN:Sucess\r\n", b"", DeviceGoneError("gone"), LinkError("broke")])
def test_unlocking_succeeds_whether_the_device_answers_or_is_off_already(answer: bytes | LinkError) -> None:
    link = AnsweringLink(ANSWERS | {b"BC+UDISKEN=1\r\n": answer})
    speak(link).unlock()
    assert link.sent == [LOGIN, b"BC+UDISKEN=1\r\n"]


def test_a_refused_unlock_is_told() -> None:
    with pytest.raises(RefusedError):
        speak(AnsweringLink(ANSWERS | {b"BC+UDISKEN=1\r\n": b"+UDISKEN:Fail\r\n"})).unlock()


def test_a_device_that_goes_during_the_log_in_has_not_been_unlocked() -> None:
    with pytest.raises(DeviceGoneError):
        speak(ScriptedLink(DeviceGoneError("gone"))).unlock()


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=64) | st.sampled_from([b"+LOGIN:Sucess\r\n", b"+UUID:1\r\n"]), max_size=20))
def test_whatever_comes_back_ends_in_a_greeting_or_a_dialect_error(packets: list[bytes]) -> None:
    try:
        greeting = speak(ScriptedLink(*packets)).hello()
    except DialectError:
        return
    for text in (greeting.serial, greeting.police_number):
        assert text is None or (text.isprintable() and text.isascii() and len(text) <= 64)
