"""exFAT cards: valid data length, stored offsets, torn entry sets."""

from tests.unit.device.images import ExfatCard, exfat_set
from tests.unit.device.reading import OpenCard, content, listing

MEGA = b"frame" * 2000


def test_bytes_beyond_the_valid_data_length_are_zeros_and_not_stale_clusters(open_card: OpenCard) -> None:
    card = ExfatCard(root=exfat_set("片段.mp4", cluster=10, size=len(MEGA), valid=100))
    card.put(10, MEGA)
    opened = open_card(card.build())
    entry = listing(opened)["片段.mp4"]
    assert content(opened, entry) == MEGA[:100] + bytes(len(MEGA) - 100)
    assert entry.note is not None


def test_the_stored_offset_of_the_modification_time_is_told(open_card: OpenCard) -> None:
    offsets = {"east": 0x80 | 32, "west": 0x80 | (128 - 20), "none": 32}
    root = b"".join(exfat_set(name, cluster=0, size=0, zone=zone) for name, zone in offsets.items())
    entries = listing(open_card(ExfatCard(root=root).build()))
    assert {name: entry.times.zone_offset_minutes for name, entry in entries.items()} == {
        "east": 480,
        "west": -300,
        "none": None,
    }
    assert entries["east"].times.modified == "2026-08-04T10:00:02.070000"


def test_the_file_systems_own_files_are_left_out(open_card: OpenCard) -> None:
    card = open_card(ExfatCard(root=exfat_set("a", cluster=0, size=0)).build())
    assert list(listing(card)) == ["a"]
    assert card.whole


def test_contiguous_and_chained_files_both_come_back_whole(open_card: OpenCard) -> None:
    card = ExfatCard(
        root=exfat_set("contiguous", cluster=10, size=len(MEGA))
        + exfat_set("chained", cluster=20, size=len(MEGA), contiguous=False)
    )
    card.put(10, MEGA)
    card.put(20, MEGA[::-1])
    card.table.update({10: 0, 11: 0, 12: 0})
    opened = open_card(card.build())
    entries = listing(opened)
    assert content(opened, entries["contiguous"]) == MEGA
    assert content(opened, entries["chained"]) == MEGA[::-1]


def test_a_file_of_0_bytes_with_clusters_is_unclosed(open_card: OpenCard) -> None:
    card = ExfatCard(root=exfat_set("cut", cluster=10, size=0) + exfat_set("empty", cluster=0, size=0))
    card.put(10, MEGA)
    states = {name: entry.state for name, entry in listing(open_card(card.build())).items()}
    assert states == {"cut": "unclosed", "empty": "empty"}


def test_a_deleted_set_is_told_as_deleted(open_card: OpenCard) -> None:
    card = ExfatCard(root=exfat_set("gone", cluster=10, size=9, in_use=False))
    assert {name: entry.state for name, entry in listing(open_card(card.build())).items()} == {"gone": "deleted"}


def test_a_set_whose_checksum_is_wrong_is_listed_and_the_directory_told_as_damaged(open_card: OpenCard) -> None:
    torn = bytearray(exfat_set("torn", cluster=10, size=9))
    torn[2] ^= 1
    card = open_card(ExfatCard(root=bytes(torn)).build())
    assert {entry.state for entry in listing(card).values()} == {"file", "directory_damaged"}
    assert not card.whole


def test_a_directory_is_walked(open_card: OpenCard) -> None:
    card = ExfatCard(root=exfat_set("DCIM", cluster=10, size=4096, attributes=0x10))
    card.put(10, exfat_set("a.mp4", cluster=20, size=3))
    card.put(20, b"abc")
    opened = open_card(card.build())
    entries = listing(opened)
    assert {name: content(opened, entry) for name, entry in entries.items()} == {"DCIM/a.mp4": b"abc"}


def test_the_volume_tells_its_serial_and_label(open_card: OpenCard) -> None:
    (volume,) = open_card(ExfatCard().build()).volumes()
    assert (volume.file_system, volume.serial, volume.label) == ("exfat", "feedf00d", "CARD")
