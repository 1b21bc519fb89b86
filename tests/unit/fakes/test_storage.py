import struct
from pathlib import Path

import pytest

from tests.fakes.recorder import Faults, GoneError, Recorder, StalledError
from tests.fakes.recorder.kinds import disks, storage_recorder
from tests.unit.fakes.scsi_host import Host

BLOCK_7 = b"\0\7" * 256


def plugged(recorder: Recorder) -> Host:
    recorder.power_on()
    return Host(recorder)


def test_a_disk_tells_its_maker_size_and_serial(card: Path) -> None:
    with storage_recorder(card, manufacturer="Acme", product="AC-200", serial="X17") as recorder:
        host = plugged(recorder)
        assert host.command(b"\x12\0\0\0\x24\0", 36)[1][8:32] == b"Acme    AC-200          "
        assert host.command(b"\x12\1\x80\0\x40\0", 64)[1][4:] == b"X17"
        assert host.command(b"\x25" + bytes(9), 8) == (0, struct.pack(">II", 255, 512))
        assert host.command(b"\x9e\x10" + bytes(14), 32)[1][:12] == struct.pack(">QI", 255, 512)


def test_reading_returns_the_image_and_counts(card: Path) -> None:
    with storage_recorder(card) as recorder:
        assert plugged(recorder).read(7) == (0, BLOCK_7)
        assert disks(recorder)[0].reads == [(7, 1)]
        assert disks(recorder)[0].writes == []


def test_writing_changes_the_image_and_counts(card: Path) -> None:
    with storage_recorder(card) as recorder:
        assert plugged(recorder).write(3, b"n" * 1024) == 0
        assert disks(recorder)[0].writes == [(3, 2)]
    assert card.read_bytes()[3 * 512 : 5 * 512] == b"n" * 1024


def test_sixteen_byte_commands_reach_the_same_blocks(card: Path) -> None:
    with storage_recorder(card) as recorder:
        host = plugged(recorder)
        assert host.command(struct.pack(">BBQIH", 0x8A, 0, 9, 1, 0), data=b"w" * 512)[0] == 0
        assert host.command(struct.pack(">BBQIH", 0x88, 0, 9, 1, 0), 512) == (0, b"w" * 512)


def test_a_write_protected_disk_refuses_and_says_so(card: Path) -> None:
    with storage_recorder(card, write_protected=True) as recorder:
        host = plugged(recorder)
        assert host.write(3, b"n" * 512) == 1
        assert host.sense() == (0x07, 0x27)
        assert host.command(b"\x1a\0\x3f\0\x04\0", 4)[1][2] == 0x80
        assert disks(recorder)[0].writes == []
        assert host.read(7) == (0, BLOCK_7)


def test_two_cards_are_two_units(card: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.img"
    second.write_bytes(b"2" * 1024)
    with storage_recorder([card, second]) as recorder:
        host = plugged(recorder)
        assert recorder.control(0xA1, 0xFE, 0, 0, 1) == b"\1"
        assert host.command(b"\xa0" + bytes(11), 24)[1] == struct.pack(">I4xBB6xBB6x", 16, 0, 0, 0, 1)
        assert host.read(0, lun=1) == (0, b"2" * 512)
        assert [len(disk.reads) for disk in disks(recorder)] == [0, 1]


def test_an_empty_slot_has_no_medium() -> None:
    with storage_recorder(None) as recorder:
        host = plugged(recorder)
        assert host.command(b"\0" * 6)[0] == 1
        assert host.sense() == (0x02, 0x3A)
        assert host.sense() == (0, 0)


def test_reading_beyond_the_end_fails(card: Path) -> None:
    with storage_recorder(card) as recorder:
        host = plugged(recorder)
        assert host.read(255, 2) == (1, b"")
        assert host.sense() == (0x05, 0x21)


def test_an_unknown_command_fails(card: Path) -> None:
    with storage_recorder(card) as recorder:
        host = plugged(recorder)
        assert host.command(b"\xc7" + bytes(5))[0] == 1
        assert host.sense() == (0x05, 0x20)


def test_ejecting_is_logged_and_takes_the_medium_away(card: Path) -> None:
    with storage_recorder(card) as recorder:
        host = plugged(recorder)
        assert host.command(b"\x1b\0\0\0\x02\0")[0] == 0
        assert [event.detail for event in recorder.log.of("eject")] == [{"lun": 0}]
        assert host.read(7)[0] == 1


def test_what_is_no_command_stalls(card: Path) -> None:
    with storage_recorder(card) as recorder:
        plugged(recorder)
        with pytest.raises(StalledError):
            recorder.send(0x02, b"hello")


def test_a_bad_block_fails_every_read_over_it_and_no_other(card: Path) -> None:
    with storage_recorder(card, faults=Faults(bad_blocks={8})) as recorder:
        host = plugged(recorder)
        assert host.read(7) == (0, BLOCK_7)
        assert host.read(7, 2) == (1, b"")
        assert host.sense() == (0x03, 0x11)


def test_it_vanishes_once_after_so_many_bytes_were_read(card: Path) -> None:
    with storage_recorder(card, faults=Faults(yank_after_read_bytes=1024)) as recorder:
        host = plugged(recorder)
        assert host.read(0, 2)[0] == 0
        with pytest.raises(GoneError):
            host.read(2)
        with pytest.raises(GoneError):
            recorder.control(0x80, 6, 0x100, 0, 18)
        assert len(recorder.log.of("yank")) == 1
        recorder.power_on()
        assert host.read(2)[0] == 0


def test_it_vanishes_before_the_write_that_goes_too_far(card: Path) -> None:
    before = card.read_bytes()
    with storage_recorder(card, faults=Faults(yank_after_written_bytes=512)) as recorder:
        host = plugged(recorder)
        assert host.write(0, b"n" * 512) == 0
        with pytest.raises(GoneError):
            host.write(1, b"n" * 512)
    assert card.read_bytes() == b"n" * 512 + before[512:]


def test_a_hanging_read_is_never_answered_until_a_reset(card: Path) -> None:
    with storage_recorder(card, faults=Faults(hang_after_read_bytes=512)) as recorder:
        host = plugged(recorder)
        assert host.read(7) == (0, BLOCK_7)
        host.order(struct.pack(">BBIBH", 0x28, 0, 8, 0, 1), 512)
        assert recorder.take(0x81, 512) is None
        assert recorder.next_due() is None
        recorder.bus_reset()
        assert host.command(b"\0" * 6)[0] == 0


def test_a_slow_disk_answers_no_sooner_than_its_speed_allows(card: Path) -> None:
    now = [0.0]
    faults = Faults(bytes_per_second=512)
    with storage_recorder(card, faults=faults, monotonic=lambda: now[0]) as recorder:
        host = plugged(recorder)
        host.order(struct.pack(">BBIBH", 0x28, 0, 7, 0, 1), 512)
        assert recorder.take(0x81, 512) is None
        assert recorder.next_due() == 1.0
        now[0] = 1.0
        assert recorder.take(0x81, 512) == BLOCK_7
        assert recorder.next_due() is None


def test_corrupt_bytes_are_always_the_same_and_not_in_the_image(card: Path) -> None:
    with storage_recorder(card, faults=Faults(corrupt={7 * 512 + 3: 0xEE})) as recorder:
        host = plugged(recorder)
        told = BLOCK_7[:3] + b"\xee" + BLOCK_7[4:]
        assert [host.read(7)[1], host.read(6, 3)[1][512:1024]] == [told, told]
    assert card.read_bytes()[7 * 512 : 8 * 512] == BLOCK_7


def test_a_lying_block_differs_from_the_second_read_on(card: Path) -> None:
    with storage_recorder(card, faults=Faults(lying_blocks=range(7, 9))) as recorder:
        host = plugged(recorder)
        first, second, third = (host.read(6, 2)[1] for _ in range(3))
        assert first[512:] == BLOCK_7
        assert second[:512] == first[:512]
        assert second[512:] != BLOCK_7
        assert third == second
