"""A recorder that speaks MTP as a source: everything listed, only questions asked, trouble told."""

import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.acquire.copy import Copier
from station.device.mtp import Mtp
from station.device.mtp_content import StreamContent
from station.device.ptp import Operation
from station.errors import SourceError
from station.records.reading import Copied, EntrySeen, Fault, RawTimes
from tests.unit.device.mtp_device import (
    AT_ROOT,
    PARTIAL,
    PARTIAL_64,
    PROP_VALUE,
    READING,
    STORAGE,
    MtpDevice,
    Thing,
    array,
)
from tests.unit.device.reading import content, listing

VIDEO = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 9000
FOLDERS = {1: Thing("DCIM"), 2: Thing("100MEDIA", parent=1)}
WRITES = {0x100B, 0x100C, 0x100D, 0x100E, 0x100F, 0x1010, 0x1012, 0x1014, 0x1016, 0x1019, 0x101A, 0x9804, 0x9806}


def device_with(*things: Thing, **behaviour: object) -> MtpDevice:
    return MtpDevice(FOLDERS | dict(enumerate(things, 10)), **behaviour)  # type: ignore[arg-type]


def file(name: str | bytes = "REC_0001.MP4", data: bytes = VIDEO, parent: int = 2, **more: object) -> Thing:
    return Thing(name, parent, data, **more)  # type: ignore[arg-type]


def opened(device: MtpDevice) -> Mtp:
    source = Mtp(device)
    list(source.volumes())
    return source


def everything(source: Mtp) -> tuple[list[EntrySeen], list[str]]:
    told = list(source.entries())
    faults = [each.what for each in told if isinstance(each, Fault)]
    return [each for each in told if isinstance(each, EntrySeen)], faults


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[int]:
    handle = os.open(tmp_path, os.O_RDONLY)
    yield handle
    os.close(handle)


def test_files_are_listed_with_path_size_time_and_kind() -> None:
    source = opened(device_with(file(), file("notes.txt", b"text", parent=AT_ROOT)))

    found = listing(source)

    assert set(found) == {"DCIM/100MEDIA/REC_0001.MP4", "notes.txt"}
    entry = found["DCIM/100MEDIA/REC_0001.MP4"]
    assert (entry.state, entry.size_bytes, entry.media, entry.container) == ("file", len(VIDEO), "video", "mov")
    assert entry.times == RawTimes(modified="2026-11-23T01:02:03")
    assert source.whole


def test_a_storage_is_a_volume_of_its_own_number_with_its_label() -> None:
    source = Mtp(MtpDevice(storages=(0x00020001, STORAGE, 0x00030000), label="CARD"))

    volumes = {each.volume: (each.file_system, each.label) for each in source.volumes()}

    assert volumes == {0: ("mtp", "CARD"), 0x10000: ("mtp", "CARD")}


def test_a_recorder_without_storage_is_no_empty_one() -> None:
    with pytest.raises(SourceError, match="no storage"):
        list(Mtp(MtpDevice(storages=())).volumes())


@pytest.mark.parametrize("empty_packets", [True, False], ids=["empty packets", "no empty packets"])
@pytest.mark.parametrize("header_alone", [False, True], ids=["joined", "header alone"])
@pytest.mark.parametrize("size", [1, 500, 512 - 12, 512, 1024 - 12, 65536 - 12, 65536, 1 << 20, (3 << 20) + 77])
def test_contents_come_whole_however_they_are_packed(size: int, header_alone: bool, empty_packets: bool) -> None:
    data = os.urandom(size)
    source = opened(device_with(file(data=data), empty_packets=empty_packets, header_alone=header_alone))
    (entry,) = listing(source).values()

    assert content(source, entry) == data


def test_a_device_that_gives_little_at_once_is_asked_again() -> None:
    source = opened(device_with(file(), most_at_once=10_000))
    (entry,) = listing(source).values()

    assert content(source, entry) == VIDEO


def test_a_device_that_can_not_read_in_parts_is_read_as_a_stream_and_only_when_it_is_copied() -> None:
    device = device_with(file(), supported=READING)
    source = opened(device)
    (entry,) = listing(source).values()
    assert 0x1009 not in device.asked and entry.media is None

    assert content(source, entry) == VIDEO
    assert device.asked.count(0x1009) == 1


def test_a_stream_is_never_read_twice_or_from_its_middle() -> None:
    source = opened(device_with(file(), supported=READING))
    (entry,) = listing(source).values()
    stream = source.open_content(entry.id)
    assert isinstance(stream, StreamContent)
    stream.read_into(0, memoryview(bytearray(100)))

    with pytest.raises(OSError, match="beginning to its end"):
        stream.read_into(0, memoryview(bytearray(100)))


def test_a_stream_of_another_length_than_was_told_is_refused() -> None:
    source = opened(device_with(file(said_bytes=len(VIDEO) - 1), supported=READING))
    (entry,) = listing(source).values()

    with pytest.raises(OSError, match=f"{len(VIDEO)} bytes of a file that has {len(VIDEO) - 1}"):
        content(source, entry)


def test_nothing_but_questions_is_ever_sent() -> None:
    device = device_with(file(), file("B.MP4"), supported=READING | {PARTIAL, PARTIAL_64, PROP_VALUE} | WRITES)
    source = opened(device)
    for entry in listing(source).values():
        content(source, entry)
    source.close()

    assert set(device.asked) <= set(Operation)
    assert not WRITES & set(Operation)
    assert device.asked[-1] == Operation.CLOSE_SESSION and not device.session


def test_deep_trees_end_with_a_damaged_folder() -> None:
    chain = {number: Thing(f"{number}", AT_ROOT if number == 1 else number - 1) for number in range(1, 80)}
    source = opened(MtpDevice(chain))

    entries, _ = everything(source)

    assert [entry.state for entry in entries] == ["directory_damaged"] and len(entries[0].path) == 65
    assert not source.whole


def test_a_folder_that_lists_itself_ends_the_walk_and_says_so() -> None:
    source = opened(device_with(file(), listed={2: [10, 2, 1]}))

    entries, _ = everything(source)

    notes = {entry.state: entry.note or "" for entry in entries}
    assert (len(entries), set(notes), source.whole) == (2, {"directory_damaged", "file"}, False)
    assert "2 of its entries lie in other folders" in notes["directory_damaged"]


def test_a_device_that_lists_everything_at_once_is_put_in_order_by_what_each_says_of_its_folder() -> None:
    source = opened(device_with(file(), file("B.MP4", parent=1), file("C.MP4", parent=AT_ROOT), listed={}, flat=True))

    paths = {"/".join(name.text for name in entry.path) for entry in everything(source)[0] if entry.state == "file"}

    assert paths == {"DCIM/100MEDIA/REC_0001.MP4", "DCIM/B.MP4", "C.MP4"}


def test_a_flat_listing_with_folders_in_each_other_ends() -> None:
    things = {1: Thing("a", said_parent=2), 2: Thing("b", said_parent=1), 3: Thing("c.mp4", 1, b"x")}
    source = opened(MtpDevice(things, listed={AT_ROOT: [1, 2, 3]}))

    entries, _ = everything(source)

    assert {entry.state for entry in entries} == {"directory_damaged"} and not source.whole


def test_names_are_kept_raw_and_shown_harmless() -> None:
    raw = "a\u202e4PM/../\0".encode("utf-16-le") + b"\x00\xd8"
    source = opened(device_with(file(raw)))

    (entry,) = everything(source)[0]

    name = entry.path[-1]
    assert (name.raw, name.encoding) == (raw.hex(), "utf-16le")
    assert not set(name.text) & set("\u202e/\0")


def test_names_that_a_folder_holds_twice_stay_two_files() -> None:
    source = opened(device_with(file(data=VIDEO), file(data=VIDEO + b"more")))

    first, second = everything(source)[0]

    assert (first.address, second.address) == (0, 1)
    assert (content(source, first), content(source, second)) == (VIDEO, VIDEO + b"more")


def test_what_tells_a_file_again_does_not_follow_its_handle() -> None:
    (before,) = everything(opened(MtpDevice(FOLDERS | {10: file()})))[0]
    (after,) = everything(opened(MtpDevice(FOLDERS | {77: file()})))[0]

    assert (before.path, before.address, before.times) == (after.path, after.address, after.times)


@pytest.mark.parametrize(
    ("told", "modified", "zone"),
    [
        ("20261123T010203", "2026-11-23T01:02:03", None),
        ("20261123T010203.5", "2026-11-23T01:02:03.5", None),
        ("20261123T010203Z", "2026-11-23T01:02:03", 0),
        ("20261123T010203+0800", "2026-11-23T01:02:03", 480),
        ("20261123T010203.0-0330", "2026-11-23T01:02:03.0", -210),
        ("20261323T010203", None, None),
        ("00000000T000000", None, None),
        ("yesterday", None, None),
        ("", None, None),
    ],
)
def test_times_have_a_zone_only_where_one_is_told(told: str, modified: str | None, zone: int | None) -> None:
    (entry,) = everything(opened(device_with(file(modified=told))))[0]

    assert (entry.times.modified, entry.times.zone_offset_minutes) == (modified, zone)


def test_a_size_beyond_32_bits_is_asked_for() -> None:
    size = 5 << 30
    tell = {PROP_VALUE: lambda asked: struct.pack("<Q", size)}
    supported = READING | {PARTIAL_64, PROP_VALUE}
    source = opened(device_with(file(said_bytes=0xFFFFFFFF), supported=supported, answers=tell))

    (entry,) = everything(source)[0]

    assert (entry.size_bytes, source.open_content(entry.id).size_bytes) == (size, size)


def test_beyond_4_gib_offsets_of_64_bits_are_used() -> None:
    asked: list[list[int]] = []

    def give(parameters: list[int]) -> bytes:
        asked.append(parameters)
        return bytes(parameters[3])

    tell = {PROP_VALUE: lambda parameters: struct.pack("<Q", 5 << 30), PARTIAL_64: give}
    supported = READING | {PARTIAL, PARTIAL_64, PROP_VALUE}
    source = opened(device_with(file(said_bytes=0xFFFFFFFF), supported=supported, answers=tell))
    (entry,) = everything(source)[0]
    asked.clear()

    source.open_content(entry.id).read_into((4 << 30) + 7, memoryview(bytearray(100)))

    assert asked == [[10, 7, 1, 100]]


def test_beyond_4_gib_a_device_with_offsets_of_32_bits_is_read_as_a_stream() -> None:
    tell = {PROP_VALUE: lambda parameters: struct.pack("<Q", 5 << 30)}
    supported = READING | {PARTIAL, PROP_VALUE}
    source = opened(device_with(file(said_bytes=0xFFFFFFFF), supported=supported, answers=tell))

    (entry,) = everything(source)[0]

    assert isinstance(source.open_content(entry.id), StreamContent)


def test_a_size_that_is_never_told_is_a_file_that_fails() -> None:
    source = opened(device_with(file(said_bytes=0xFFFFFFFF)))

    (entry,) = everything(source)[0]

    assert (entry.state, entry.size_bytes) == ("file", 0xFFFFFFFF)
    with pytest.raises(OSError, match="does not say how large"):
        source.open_content(entry.id)


def test_an_object_that_can_not_be_described_is_told() -> None:
    source = opened(device_with(file(), file("B.MP4"), refuses={(0x1008, 11): 0x2002}))

    entries, faults = everything(source)

    assert [entry.path[-1].text for entry in entries] == ["REC_0001.MP4"]
    assert len(faults) == 1 and "0xb" in faults[0] and not source.whole


@pytest.mark.parametrize("cut", [0, 8, 30, 53, 60])
def test_a_data_set_that_ends_too_early_is_told(cut: int) -> None:
    whole = MtpDevice(FOLDERS | {10: file()})
    whole.session = True
    data = whole._info(file())[:cut]
    source = opened(MtpDevice({10: file(parent=AT_ROOT)}, answers={0x1008: lambda asked: data}))

    entries, faults = everything(source)

    assert (entries, len(faults), source.whole) == ([], 1, False)


def test_a_list_that_claims_more_handles_than_it_holds_is_a_damaged_folder() -> None:
    source = opened(device_with(answers={0x1007: lambda asked: array("I", [1, 2])[:-1]}))

    entries, _ = everything(source)

    assert [entry.state for entry in entries] == ["directory_damaged"] and not source.whole


def test_one_that_sends_more_than_it_was_asked_for_is_spoken_to_no_more() -> None:
    device = device_with(file(), answers={PARTIAL: lambda asked: bytes(asked[2] + 1)})
    source = opened(device)
    (entry,) = everything(source)[0]
    asked = len(device.asked)

    with pytest.raises(OSError, match="more than it was asked for") as raised:
        content(source, entry)
    assert raised.value.errno == errno.ENODEV and len(device.asked) == asked


def test_one_that_goes_away_while_listing_has_not_been_listed_whole() -> None:
    things = [file(f"REC_{number:04}.MP4") for number in range(20)]
    device = device_with(*things)
    source = opened(device)
    device.gone_after_bytes = device._sent_bytes + 1500

    entries, faults = everything(source)

    assert 0 < len(entries) < 20 and not any(entry.media for entry in entries)
    assert len(faults) == 1 and "no longer answers" in faults[0] and not source.whole


def test_one_that_goes_away_while_copying_keeps_what_came_before(tmp_path: Path, staging: int) -> None:
    device = device_with(*(file(f"REC_{number:04}.MP4", VIDEO + bytes([number])) for number in range(3)))
    source = opened(device)
    entries, _ = everything(source)
    device.gone_after_bytes = device._sent_bytes + len(VIDEO) * 3 // 2
    told: list[Copied] = []

    with Copier(staging, lambda message: told.append(message) if isinstance(message, Copied) else None) as copier:
        for entry in entries:
            copier.copy(entry.id, source.open_content(entry.id))

    results = {each.id: each for each in told}
    assert not results[0].bad_ranges and (tmp_path / str(results[0].staged)).read_bytes() == VIDEO + b"\0"
    assert results[1].staged is None or results[1].bad_ranges
    assert results[2].staged is None and results[2].reason


def test_one_that_does_not_answer_in_time_is_gone() -> None:
    device = device_with(file())
    source = opened(device)
    (entry,) = everything(source)[0]
    device.hangs_at = PARTIAL

    with pytest.raises(OSError, match="no longer answers") as raised:
        content(source, entry)
    assert raised.value.errno == errno.ENODEV


def test_one_that_never_answers_can_not_be_read() -> None:
    with pytest.raises(SourceError, match="spoken to by MTP"):
        Mtp(MtpDevice(hangs_at=0x1002))


def test_a_session_that_nobody_ended_is_ended_first() -> None:
    device = device_with(file(), session=True)

    assert len(everything(opened(device))[0]) == 1
    assert device.asked[:3] == [0x1002, 0x1003, 0x1002]


def test_half_an_answer_left_by_another_reader_is_dropped() -> None:
    device = device_with(file(), session=True)
    device.send(struct.pack("<IHHIIII", 24, 1, PARTIAL, 9, 10, 0, 100_000))
    device.receive_into(memoryview(bytearray(1024)))

    assert len(everything(opened(device))[0]) == 1
