"""A recorder that speaks MTP at the dock: the same confined reader, plan, vault and entries as for a card."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from station.acquire import reading
from station.acquire.reading import OpenSource
from station.actions import recorders
from station.board import SlotBoard, read_slots, slot_meter
from station.custody import Custody
from station.database import Database
from station.ledger import log
from station.pipeline import attend
from station.profiles.library import load_profiles
from station.records.bus import DeviceSeen, EndpointSeen, InterfaceSeen
from station.records.entries import Actor
from station.stages import attending as stage
from station.stages.attending import Attending, Bay, Presence
from tests.flow.mtp_reader import FILES, WHOLE_BYTES
from tests.flow.stations import Station

SERIAL, PORT = "MTP000001", "0000:00:04.0/5"
ENDS = (EndpointSeen(0x81, "bulk"), EndpointSeen(0x02, "bulk"), EndpointSeen(0x83, "interrupt"))
SEEN = DeviceSeen(
    sys_path="/sys/devices/none",
    port=PORT,
    bus=1,
    address=4,
    vendor_id=0x46F4,
    product_id=0x0004,
    release=0,
    manufacturer="QEMU",
    product="QEMU filesharing",
    serial=SERIAL,
    interfaces=(InterfaceSeen(0, 0, 6, 1, 1, ENDS),),
    authorized=True,
)
DockOne = Callable[..., SlotBoard]
Entries = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def database(station: Station) -> Iterator[Database]:
    found = Database(station.home.database_url)
    yield found
    found.dispose()


@pytest.fixture
def entries(database: Database) -> Entries:
    def read(kind: str) -> list[dict[str, Any]]:
        with database.read() as session:
            return [entry.values() for entry in log.entries(session) if entry.type == kind]

    return read


@pytest.fixture
def dock_one(station: Station, database: Database, monkeypatch: pytest.MonkeyPatch) -> DockOne:
    """Return what docks the recorder once, which goes away after so many bytes; its slot's line at the end."""
    home, custody, asked = station.home, Custody(station.home, database), [WHOLE_BYTES]
    recorders.enrol_serial(custody, home, Actor(via="console", strength="console"), SERIAL, "qemu-mtp")

    def open_source(path: Path, *, direct: bool, usb: bool) -> OpenSource:
        assert usb and path == Path("/dev/bus/usb/001/004")
        ours, theirs = os.pipe()
        os.write(theirs, str(asked[0]).encode())
        os.close(theirs)
        return OpenSource(ours, "mtp", None, None)

    monkeypatch.setattr(reading, "open_source", open_source)
    monkeypatch.setattr(reading, "READER", (sys.executable, "-P", "-m", "tests.flow.mtp_reader"))
    monkeypatch.setattr(stage, "wait_for_node", lambda seen: Path(f"/dev/bus/usb/{seen.bus:03}/{seen.address:03}"))

    def run(gone_after_bytes: int, *, seen_to_go: bool = False) -> SlotBoard:
        asked[0] = gone_after_bytes
        bay = Bay(PORT)
        bay.show(SEEN)

        def shown(line: SlotBoard) -> None:
            if seen_to_go and line.state == "copying":
                bay.show(None)

        with slot_meter(home.run, 5, 8, shown, state="unlocking") as meter:
            attend(Attending(home, database, custody, bay, meter, Presence()), load_profiles(*home.profiles))
        return read_slots(home.run)[5]

    return run


def test_it_is_taken_in_by_the_confined_reader_and_held_when_it_comes_again(
    station: Station, dock_one: DockOne, entries: Entries
) -> None:
    line = dock_one(WHOLE_BYTES)
    assert (line.state, line.new, line.recorder_name) == ("done", 3, SERIAL)

    again = dock_one(WHOLE_BYTES)
    assert (again.state, again.new, again.held) == ("done", 0, 3)

    kinds = {each["fact"]["source_kind"] for each in entries("docking.started")}
    taken = {each["fact"]["digest"]["sha256"] for each in entries("clip.ingested")}
    assert (kinds, taken) == ({"mtp"}, {hashlib.sha256(content).hexdigest() for content in FILES.values()})


def test_pulled_out_half_way_it_is_whole_after_the_next_time(dock_one: DockOne, entries: Entries) -> None:
    line = dock_one(600_000)
    assert (line.state, line.problem) == ("partly", "not_whole") and line.not_kept

    again = dock_one(WHOLE_BYTES)

    assert (again.state, again.new + again.held) == ("done", 3)
    assert {each["fact"]["digest"]["sha256"] for each in entries("clip.ingested")} >= {
        hashlib.sha256(content).hexdigest() for content in FILES.values()
    }


def test_the_slot_says_that_it_was_taken_out_where_the_bus_saw_it_go(dock_one: DockOne) -> None:
    line = dock_one(600_000, seen_to_go=True)
    assert (line.state, line.problem) == ("partly", "taken_out") and line.not_kept


def test_only_a_recorder_at_the_dock_is_read_so() -> None:
    with pytest.raises(Exception, match="neither a block device"):
        reading.open_source(Path("/dev/null"), direct=True, usb=True)
