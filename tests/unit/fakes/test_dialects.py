from datetime import UTC, datetime

import pytest

from station.device.watch.errors import DeviceGoneError, LinkStalledError, LinkTimeoutError
from tests.fakes.recorder.clock import RecorderClock
from tests.fakes.recorder.control import ControlFunction
from tests.fakes.recorder.kinds import ambarella_recorder, bcplus_recorder, control_recorder
from tests.fakes.recorder.plain import LinkErrors, PlainLink
from tests.fakes.recorder.spoken import BCPLUS_DEVICES, AmbarellaFunction

LOGIN = b"BC+LOGIN=admin:888888\r\n"


def noon() -> datetime:
    return datetime(2026, 8, 4, 12, 0, tzinfo=UTC)


def asked(link: PlainLink, order: bytes) -> bytes:
    link.write(order)
    return link.read(64)


def test_ambarella_answers_in_64_bytes_and_names_its_id() -> None:
    link = PlainLink(ambarella_recorder(None, serial="K7"))
    assert b"Ver;OK" in asked(link, b"@Ver;8;00000000;#")
    assert asked(link, b"@Gdv;8;12345678;#") == b"@Gdv;2;K7#".ljust(64, b"\0")


def test_ambarella_sets_its_clock_date_first() -> None:
    recorder = ambarella_recorder(None, clock=RecorderClock(zone_hours=0, now=noon))
    link = PlainLink(recorder)
    assert asked(link, b"@Sdt;8;20260805;#").startswith(b"@Sdt;OK#")
    assert asked(link, b"@Stm;6;08090700;#").startswith(b"@Stm;OK#")
    assert f"{recorder.clock.read():%Y-%m-%d %H:%M:%S}" == "2026-08-05 08:09:07"
    assert asked(link, b"@Stm;6;99090700;#").startswith(b"@Stm;ERR#")


def test_ambarella_becomes_storage_and_the_old_link_is_gone() -> None:
    recorder = ambarella_recorder(None)
    link = PlainLink(recorder)
    assert asked(link, b"@ATH;8;12345678;#").startswith(b"@ATH;OK#")
    recorder.finish_change()
    assert recorder.face.name == "storage"
    with pytest.raises(DeviceGoneError):
        link.write(b"@Ver;8;00000000;#")


@pytest.mark.parametrize(("vendor", "product", "interface", "incoming", "outgoing"), BCPLUS_DEVICES)
def test_bcplus_is_spoken_at_the_place_known_for_the_device(
    vendor: int, product: int, interface: int, incoming: int, outgoing: int
) -> None:
    recorder = bcplus_recorder(None, charging_ids=(vendor, product), serial="K7", police_number="013579")
    found = {(each.number, end.address) for each, end in recorder.face.endpoints({})}
    assert found == {(interface, incoming), (interface, outgoing)}
    link = PlainLink(recorder)
    assert asked(link, LOGIN) == b"+LOGIN:Sucess\r\n"
    facts = [asked(link, f"BC+{name}?\r\n".encode()) for name in ("UUID", "BATVAL", "PCUDISKSTAT", "GBIDCODE")]
    assert facts == [b"+UUID:K7\r\n", b"+BATVAL:87\r\n", b"+PCUDISKSTAT:0\r\n", b"+GBIDCODE:013579\r\n"]


def test_bcplus_refuses_everything_before_the_log_in_and_after_its_last_try() -> None:
    recorder = bcplus_recorder(None, tries=1)
    link = PlainLink(recorder)
    assert asked(link, b"BC+UDISKEN=1\r\n") == b"+UDISKEN:Fail\r\n"
    assert asked(link, b"BC+LOGIN=admin:000000\r\n") == b"+LOGIN:Fail\r\n"
    assert asked(link, LOGIN) == b"+LOGIN:Fail\r\n"
    assert not recorder.changing


def test_bcplus_hears_a_line_that_comes_in_pieces() -> None:
    recorder = bcplus_recorder(None)
    link = PlainLink(recorder)
    link.write(LOGIN[:9])
    with pytest.raises(LinkTimeoutError):
        link.read(64)
    assert asked(link, LOGIN[9:]) == b"+LOGIN:Sucess\r\n"
    assert asked(link, b"BC+SYSTIME=20260805080907\r\n") == b"+SYSTIME:Sucess\r\n"
    assert f"{recorder.clock.read():%Y%m%d%H%M}" == "202608050809"
    assert asked(link, b"BC+UDISKEN=1\r\n") == b"+UDISKEN:Sucess\r\n"
    assert recorder.changing


def test_control_tells_battery_and_serial_where_the_maker_put_them() -> None:
    function = ControlFunction(status_request=0x10, status_bytes=8, battery_offset=6, serial_request=0x11)
    link = PlainLink(control_recorder(None, control=function, battery_percent=41, serial="K7"))
    assert link.control(0xC0, 0x10, 0, 0, 8)[6] == 41
    assert link.control(0xC0, 0x11, 0, 0, 32) == b"K7\0"
    with pytest.raises(LinkStalledError):
        link.control(0xC0, 0x52, 0, 0, 4)


def test_garbage_silence_and_stalls_are_what_they_are_called() -> None:
    order = b"@Ver;8;00000000;#"
    assert b"Ver" not in asked(PlainLink(ambarella_recorder(None, dialect=AmbarellaFunction(mood="garbage"))), order)
    with pytest.raises(LinkTimeoutError):
        asked(PlainLink(ambarella_recorder(None, dialect=AmbarellaFunction(mood="silent"))), order)
    with pytest.raises(LinkStalledError):
        asked(PlainLink(ambarella_recorder(None, dialect=AmbarellaFunction(mood="stall"))), order)


def test_a_link_raises_the_errors_it_was_given() -> None:
    link = PlainLink(ambarella_recorder(None), errors=LinkErrors(timeout=TimeoutError))
    with pytest.raises(TimeoutError):
        link.read(64)
