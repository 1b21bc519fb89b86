"""The table of dialects, and measuring a recorder's clock."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from station.device.usb.dialect import DIALECTS, open_dialect
from station.device.usb.measuring import measure_clock
from station.device.usb.talk import DialectError, Greeting
from station.errors import ConfigError
from station.profiles.usb import DIALECTS as NAMED
from station.profiles.usb import Unlock
from tests.unit.usb.links import AnsweringLink, Clock

AMBARELLA = Unlock(dialect="ambarella-ascii", endpoint_in=0x81, endpoint_out=0x01)


def test_every_dialect_that_a_profile_may_name_exists() -> None:
    assert set(DIALECTS) == set(NAMED)


@pytest.mark.parametrize(
    "unlock",
    [
        AMBARELLA,
        Unlock(dialect="bc-plus", endpoint_in=0x81, endpoint_out=0x01, password="required"),
        Unlock.model_validate({"dialect": "control", "control": {"unlock_request": 0x51}}),
    ],
    ids=lambda unlock: unlock.dialect,
)
def test_opening_a_dialect_sends_nothing(unlock: Unlock) -> None:
    link = AnsweringLink({})
    dialect = open_dialect(unlock, link, SecretStr("888888"))
    assert not link.sent
    assert not dialect.can_read_clock


def test_a_required_password_that_is_not_set_is_a_wrong_setting() -> None:
    unlock = Unlock(dialect="bc-plus", endpoint_in=0x81, endpoint_out=0x01, password="required")
    with pytest.raises(ConfigError):
        open_dialect(unlock, AnsweringLink({}), None)


class ReadingDialect:
    """Takes 3 s to ask and tells a time; the wall clock says what the monotonic one does."""

    can_read_clock = True
    can_set_clock = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def hello(self) -> Greeting:
        return Greeting()

    def unlock(self) -> None:
        raise DialectError("no")

    def read_clock(self) -> datetime:
        self._clock.seconds += 3.0005
        return datetime(2000, 1, 1, 8, 0, 0)  # noqa: DTZ001 - a recorder's clock knows no zone

    def set_clock(self, moment: datetime) -> None:
        raise DialectError(str(moment))


def test_the_clock_is_measured_at_the_middle_of_the_round_trip() -> None:
    passing = Clock()
    start = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
    reading = measure_clock(ReadingDialect(passing), lambda: start + timedelta(seconds=passing.seconds), passing)
    assert reading.host == start + timedelta(seconds=1.50025)
    assert reading.uncertainty_ms == 1501
    assert reading.device == datetime(2000, 1, 1, 8, 0, 0)  # noqa: DTZ001
    assert reading.resolution_ms == 1000


def test_a_dialect_that_can_not_read_the_clock_is_told_when_measuring() -> None:
    with pytest.raises(DialectError):
        measure_clock(open_dialect(AMBARELLA, AnsweringLink({}), None))
