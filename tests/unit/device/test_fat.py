"""FAT cards: names, times, unclosed recordings, damage."""

import pytest

from station.errors import SourceError
from tests.unit.device.images import SECTOR, FatCard, dots, long_entries, short_entry
from tests.unit.device.reading import OpenCard, content, listing

VIDEO = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 6


def card_with(root: bytes, **files: bytes) -> FatCard:
    card = FatCard()
    card.put(2, root)
    for cluster, data in files.items():
        card.put(int(cluster.removeprefix("c")), data)
    return card


def test_two_names_that_differ_only_in_bytes_no_codec_shows_are_two_files_with_their_own_bytes(
    open_card: OpenCard,
) -> None:
    first, second = "现场".encode("gbk") + b"0001MP4", "笔录".encode("gbk") + b"0001MP4"
    root = short_entry(first, cluster=10, size=4) + short_entry(second, cluster=20, size=5)
    card = open_card(card_with(root, c10=b"ONE!", c20=b"TWO!!").build())
    entries = listing(card)
    assert {name: content(card, entry) for name, entry in entries.items()} == {
        "现场0001.MP4": b"ONE!",
        "笔录0001.MP4": b"TWO!!",
    }
    assert [entry.path[0].raw for entry in entries.values()] == [first.hex(), second.hex()]


def test_names_equal_to_the_byte_are_two_files_told_apart_by_address(open_card: OpenCard) -> None:
    root = short_entry(b"FILE0001MP4", cluster=10, size=4) + short_entry(b"FILE0001MP4", cluster=20, size=4)
    card = open_card(card_with(root, c10=b"ONE!", c20=b"TWO!").build())
    entries = [entry for entry in card.entries() if entry.event == "entry"]
    assert [content(card, entry) for entry in entries] == [b"ONE!", b"TWO!"]
    assert len({entry.address for entry in entries}) == 2


def test_a_long_name_is_kept_as_the_utf16_it_is_stored_in(open_card: OpenCard) -> None:
    short = b"ZHIFA~1 MP4"
    root = long_entries("执法记录 2026 一号现场.mp4", short) + short_entry(short, cluster=10, size=4)
    entry = listing(open_card(card_with(root, c10=b"ONE!").build()))["执法记录 2026 一号现场.mp4"]
    assert entry.path[0].encoding == "utf-16le"
    assert bytes.fromhex(entry.path[0].raw).decode("utf-16-le") == "执法记录 2026 一号现场.mp4"


def test_a_long_name_that_belongs_to_another_entry_is_not_used(open_card: OpenCard) -> None:
    root = long_entries("other.mp4", b"OTHER   MP4") + short_entry(b"MINE    MP4", cluster=10, size=4)
    assert list(listing(open_card(card_with(root, c10=b"ONE!").build()))) == ["MINE.MP4"]


def test_a_first_byte_05_stands_for_e5_and_is_not_a_deleted_entry(open_card: OpenCard) -> None:
    stored = b"\x05" + "錏".encode("gbk")[1:] + b"000001MP4"
    entries = listing(open_card(card_with(short_entry(stored, cluster=10, size=4), c10=b"ONE!").build()))
    assert {name: (entry.state, entry.path[0].raw) for name, entry in entries.items()} == {
        "錏000001.MP4": ("file", stored.hex())
    }


def test_control_characters_in_a_name_show_as_replacements_and_are_kept_raw(open_card: OpenCard) -> None:
    short = b"BAD~1   MP4"
    root = long_entries("a\x1b[2J\u202eb.mp4", short) + short_entry(short, cluster=10, size=4)
    card = open_card(card_with(root, c10=b"ONE!").build())
    (entry,) = listing(card).values()
    assert entry.path[0].text == "a\ufffd[2J\ufffdb.mp4"
    assert "\x1b" in bytes.fromhex(entry.path[0].raw).decode("utf-16-le")
    assert content(card, entry) == b"ONE!"


def test_control_characters_in_a_short_name_lose_nothing(open_card: OpenCard) -> None:
    card = open_card(card_with(short_entry(b"A\x01\x1fB    MP4", cluster=10, size=4), c10=b"ONE!").build())
    (entry,) = listing(card).values()
    assert (entry.state, entry.path[0].text, content(card, entry)) == ("file", "A\ufffd\ufffdB.MP4", b"ONE!")


def test_times_are_those_stored_without_any_zone(open_card: OpenCard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    root = short_entry(b"FILE0001MP4", cluster=10, size=4)
    (entry,) = listing(open_card(card_with(root, c10=b"ONE!").build())).values()
    assert entry.times.modified == "2026-08-04T10:00:02"
    assert entry.times.created == "2026-08-04T10:00:01.990000"
    assert entry.times.zone_offset_minutes is None


def test_a_file_of_0_bytes_with_clusters_is_unclosed_and_without_is_empty(open_card: OpenCard) -> None:
    root = short_entry(b"CUTOFF  MP4", cluster=10) + short_entry(b"NOTHING MP4")
    states = {name: entry.state for name, entry in listing(open_card(card_with(root, c10=VIDEO).build())).items()}
    assert states == {"CUTOFF.MP4": "unclosed", "NOTHING.MP4": "empty"}


def test_a_deleted_entry_is_told_as_deleted(open_card: OpenCard) -> None:
    root = short_entry(b"\xe5ILE0001MP4", cluster=10, size=4) + short_entry(b"FILE0002MP4", cluster=20, size=4)
    card = open_card(card_with(root, c10=b"ONE!", c20=b"TWO!").build())
    assert {name: entry.state for name, entry in listing(card).items()} == {
        "\ufffdILE0001.MP4": "deleted",
        "FILE0002.MP4": "file",
    }
    assert card.whole


def test_a_file_that_is_no_metadata_of_the_parser_is_listed_even_if_it_is_named_so(open_card: OpenCard) -> None:
    card = open_card(card_with(short_entry(b"$MBR       ", cluster=10, size=4), c10=b"MINE").build())
    entries = listing(card)
    assert {name: content(card, entry) for name, entry in entries.items()} == {"$MBR": b"MINE"}


def test_the_first_bytes_decide_what_a_file_is(open_card: OpenCard) -> None:
    root = short_entry(b"PICTURE JPG", cluster=10, size=len(VIDEO))
    (entry,) = listing(open_card(card_with(root, c10=VIDEO).build())).values()
    assert (entry.media, entry.container) == ("video", "mov")


def test_a_fragmented_file_comes_back_in_the_order_of_its_chain(open_card: OpenCard) -> None:
    card = card_with(short_entry(b"FILE0001MP4", cluster=10, size=3 * SECTOR))
    for cluster, following, letter in ((10, 30, b"a"), (30, 12, b"b"), (12, 0x0FFFFFFF, b"c")):
        card.clusters[cluster], card.table[cluster] = letter * SECTOR, following
    opened = open_card(card.build())
    (entry,) = listing(opened).values()
    assert content(opened, entry) == b"a" * SECTOR + b"b" * SECTOR + b"c" * SECTOR


def test_a_chain_shorter_than_its_file_leaves_the_rest_missing(open_card: OpenCard) -> None:
    card = card_with(short_entry(b"FILE0001MP4", cluster=10, size=3 * SECTOR), c10=b"x" * SECTOR)
    opened = open_card(card.build())
    (entry,) = listing(opened).values()
    assert opened.open_content(entry.id).missing == ((SECTOR, 2 * SECTOR),)


def test_a_chain_that_runs_in_a_circle_ends(open_card: OpenCard) -> None:
    card = card_with(short_entry(b"FILE0001MP4", cluster=10, size=100 * SECTOR), c10=b"x" * SECTOR)
    card.table[10] = 10
    opened = open_card(card.build())
    (entry,) = listing(opened).values()
    try:
        missing = opened.open_content(entry.id).missing
    except OSError:
        return
    assert sum(length for _, length in missing) >= 98 * SECTOR


def test_a_sound_card_without_files_is_whole(open_card: OpenCard) -> None:
    card = open_card(card_with(b"").build())
    assert listing(card) == {}
    assert card.whole


def test_a_directory_that_holds_something_else_is_damaged_and_none_of_it_is_listed(open_card: OpenCard) -> None:
    root = short_entry(b"DCIM       ", cluster=10, attributes=0x10) + short_entry(b"FILE0001MP4", cluster=20, size=4)
    card = open_card(card_with(root, c10=VIDEO, c20=b"ONE!").build())
    assert {name: entry.state for name, entry in listing(card).items()} == {
        "DCIM": "directory_damaged",
        "FILE0001.MP4": "file",
    }
    assert not card.whole


def test_a_directory_whose_chain_breaks_off_is_damaged_and_the_rest_of_it_is_listed(open_card: OpenCard) -> None:
    root = short_entry(b"DCIM       ", cluster=10, attributes=0x10)
    card = card_with(root, c10=dots(10, 0) + short_entry(b"FILE0001MP4", cluster=20, size=4), c20=b"ONE!")
    card.table[10] = 0
    opened = open_card(card.build())
    assert {name: entry.state for name, entry in listing(opened).items()} == {
        "DCIM": "directory_damaged",
        "DCIM/FILE0001.MP4": "file",
    }


def test_entries_behind_the_end_mark_make_the_listing_not_whole(open_card: OpenCard) -> None:
    root = short_entry(b"FILE0001MP4", cluster=10, size=4) + bytes(32) + short_entry(b"FILE0002MP4", cluster=20, size=4)
    card = open_card(card_with(root, c10=b"ONE!", c20=b"TWO!").build())
    assert {entry.state for entry in listing(card).values()} == {"file", "directory_damaged"}
    assert not card.whole


def test_a_directory_inside_itself_is_listed_once(open_card: OpenCard) -> None:
    root = short_entry(b"DCIM       ", cluster=10, attributes=0x10)
    inside = (
        dots(10, 0)
        + short_entry(b"AGAIN      ", cluster=10, attributes=0x10)
        + short_entry(b"UP         ", cluster=2, attributes=0x10)
        + short_entry(b"FILE0001MP4", cluster=20, size=4)
    )
    card = open_card(card_with(root, c10=inside, c20=b"ONE!").build())
    assert {name: entry.state for name, entry in listing(card).items()} == {
        "DCIM/FILE0001.MP4": "file",
        "DCIM/AGAIN": "directory_damaged",
        "DCIM/UP": "directory_damaged",
    }


def test_a_ladder_of_directories_is_left_at_an_absurd_depth(open_card: OpenCard) -> None:
    card = card_with(short_entry(b"D          ", cluster=10, attributes=0x10))
    for cluster in range(10, 110):
        card.put(
            cluster, dots(cluster, cluster - 1) + short_entry(b"D          ", cluster=cluster + 1, attributes=0x10)
        )
    opened = open_card(card.build())
    assert [entry.state for entry in listing(opened).values()] == ["directory_damaged"]


def test_a_card_cut_off_before_a_directory_says_so_and_keeps_what_is_there(open_card: OpenCard) -> None:
    root = short_entry(b"FILE0001MP4", cluster=10, size=4) + short_entry(b"DCIM       ", cluster=500, attributes=0x10)
    card = card_with(root, c10=b"ONE!", c500=dots(500, 0) + short_entry(b"FILE0002MP4", cluster=11, size=4))
    opened = open_card(card.build()[: card.offset(400)])
    entries = listing(opened)
    assert {name: entry.state for name, entry in entries.items()} == {
        "FILE0001.MP4": "file",
        "DCIM": "directory_damaged",
    }
    assert content(opened, entries["FILE0001.MP4"]) == b"ONE!"
    assert not opened.whole


def test_a_file_cut_off_by_the_end_of_the_card_is_missing_from_there(open_card: OpenCard) -> None:
    card = card_with(short_entry(b"FILE0001MP4", cluster=10, size=4 * SECTOR), c10=b"x" * 4 * SECTOR)
    opened = open_card(card.build()[: card.offset(12)])
    (entry,) = listing(opened).values()
    assert opened.open_content(entry.id).missing == ((2 * SECTOR, 2 * SECTOR),)


@pytest.mark.parametrize("image", [b"", b"x" * 5000, bytes(100_000)], ids=["nothing", "noise", "zeros"])
def test_what_holds_no_file_system_is_no_empty_card(open_card: OpenCard, image: bytes) -> None:
    with pytest.raises(SourceError):
        list(open_card(image).volumes())


def test_the_volume_tells_its_serial_and_label(open_card: OpenCard) -> None:
    (volume,) = open_card(card_with(short_entry(b"BODYCAM    ", attributes=0x08)).build()).volumes()
    assert (volume.file_system, volume.serial, volume.label) == ("fat32", "1234abcd", "BODYCAM")
