"""The dialects against the recorders that all other tests use."""

from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr

from station.device.usb.dialect import Dialect, DialectError, RefusedError, open_dialect
from station.device.watch.errors import DeviceGoneError
from station.profiles.usb import Unlock
from tests.fakes.recorder import Recorder
from tests.fakes.recorder.control import ControlFunction
from tests.fakes.recorder.kinds import ambarella_recorder, bcplus_recorder, control_recorder
from tests.fakes.recorder.plain import PlainLink
from tests.fakes.recorder.spoken import AmbarellaFunction

PASSWORD = "87654321"
UNLOCKS = {
    "control": Unlock.model_validate(
        {
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
    ),
    "ambarella": Unlock(dialect="ambarella-ascii", endpoint_in=0x81, endpoint_out=0x01),
    "bcplus": Unlock(dialect="bc-plus", endpoint_in=0x81, endpoint_out=0x01, password="required"),
}


def make(kind: str, mood: str = "normal") -> Recorder:
    if kind == "control":
        return control_recorder(None, control=ControlFunction(PASSWORD.encode(), mood=mood))
    if kind == "ambarella":
        return ambarella_recorder(None, dialect=AmbarellaFunction(mood=mood))
    return bcplus_recorder(None, password=PASSWORD, mood=mood)


def speak(kind: str, recorder: Recorder, password: str = PASSWORD) -> Dialect:
    return open_dialect(UNLOCKS[kind], PlainLink(recorder), SecretStr(password))


@pytest.mark.parametrize("kind", UNLOCKS)
def test_a_recorder_is_greeted_and_unlocked(kind: str) -> None:
    with make(kind) as recorder:
        dialect = speak(kind, recorder)
        greeting = dialect.hello()
        assert greeting.proven
        assert greeting.serial == recorder.identity.serial
        dialect.unlock()
        recorder.finish_change()
        recorder.tick()
        assert recorder.face.name == "storage"


@pytest.mark.parametrize("kind", UNLOCKS)
def test_a_link_to_a_face_that_is_gone_says_so(kind: str) -> None:
    with make(kind) as recorder:
        dialect = speak(kind, recorder)
        recorder.power_off()
        with pytest.raises(DeviceGoneError):
            dialect.hello()


@pytest.mark.parametrize("kind", UNLOCKS)
@pytest.mark.parametrize("mood", ["silent", "garbage"])
def test_a_recorder_that_answers_nothing_sensible_proves_nothing(kind: str, mood: str) -> None:
    with make(kind, mood) as recorder:
        try:
            greeting = speak(kind, recorder).hello()
        except DialectError:
            return
        assert not greeting.proven
        assert greeting.serial is None


@pytest.mark.parametrize("kind", ["control", "bcplus"])
def test_a_wrong_password_costs_one_try_and_unlocks_nothing(kind: str) -> None:
    with make(kind) as recorder:
        with pytest.raises(RefusedError):
            speak(kind, recorder, "00000000").unlock()
        assert len(recorder.log.of("unlock")) == 1
        recorder.finish_change()
        assert recorder.face.name == "charging"


@pytest.mark.parametrize("kind", ["ambarella", "bcplus"])
def test_the_clock_is_set_to_the_second(kind: str) -> None:
    with make(kind) as recorder:
        dialect = speak(kind, recorder)
        assert dialect.can_set_clock
        wanted = datetime(2031, 2, 3, 4, 5, 6)  # noqa: DTZ001 - a recorder's clock knows no zone
        dialect.set_clock(wanted)
        assert abs(recorder.clock.read() - wanted) < timedelta(seconds=60)
