"""Cards with one flaw each: it is named, it costs nothing but itself, and nothing half is shown as whole."""

import os
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from station.acquire import reading
from tests.flow.images import footage, write_folder
from tests.flow.stations import Station
from tests.unit.device.images import SECTOR, ExfatCard, FatCard, dots, exfat_set, long_entries, short_entry

GOOD = footage(1, 3000)
GIB = 1024**3


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def fat_card(path: Path, root: bytes, contents: Mapping[int, bytes] | None = None) -> Path:
    """Write a card whose root holds GOOD.MP4 and the entries given; `contents` by first cluster."""
    card = FatCard()
    card.put(2, short_entry(b"GOOD    MP4", cluster=100, size=len(GOOD)) + root)
    card.put(100, GOOD)
    for cluster, content in (contents or {}).items():
        card.put(cluster, content)
    path.write_bytes(card.build())
    return path


def test_a_file_of_no_bytes_is_skipped_as_empty(station: Station, tmp_path: Path) -> None:
    docked = station.dock(fat_card(tmp_path / "card.img", short_entry(b"NOTHING MP4")))
    assert docked.code == 0
    assert docked.results == {"GOOD.MP4": "new", "NOTHING.MP4": "skipped"}
    assert docked.files["NOTHING.MP4"]["reason"] == "empty"


def test_an_unclosed_recording_is_failed_and_never_called_empty(station: Station, tmp_path: Path) -> None:
    card = fat_card(tmp_path / "card.img", short_entry(b"CUTOFF  MP4", cluster=200), {200: footage(2, 2000)})
    docked = station.dock(card)
    assert docked.code == 1
    assert docked.results == {"GOOD.MP4": "new", "CUTOFF.MP4": "failed"}
    assert docked.files["CUTOFF.MP4"]["reason"] == "unclosed"
    assert station.dock(card).code == 1, "and so it is the next time"


def test_a_deleted_entry_is_told_and_not_taken_in(station: Station, tmp_path: Path) -> None:
    entry = short_entry(b"\xe5ONE    MP4", cluster=200, size=2000)
    docked = station.dock(fat_card(tmp_path / "card.img", entry, {200: footage(2, 2000)}))
    assert docked.code == 0
    (gone,) = [line for line in docked.document["files"] if line["path"] != "GOOD.MP4"]
    assert (gone["result"], gone["reason"], gone["clip"]) == ("skipped", "deleted", None)


def test_names_that_look_alike_are_two_clips(station: Station, tmp_path: Path) -> None:
    one, two = footage(2, 2000), footage(3, 2000)
    root = short_entry(b"\xfe\xfe\xfe\xfe0001MP4", cluster=200, size=2000) + short_entry(
        b"\xff\xff\xff\xff0001MP4", cluster=300, size=2000
    )
    docked = station.dock(fat_card(tmp_path / "card.img", root, {200: one, 300: two}))
    assert docked.code == 0
    twins = [line for line in docked.document["files"] if line["path"] != "GOOD.MP4"]
    assert len({line["path"] for line in twins}) == 1, "the test is about names that show alike"
    assert {line["sha256"] for line in twins} == {digest(one), digest(two)}
    assert len({line["clip"] for line in twins}) == 2
    assert station.dock(tmp_path / "card.img").count("held") == 3


def test_gbk_names_are_shown_as_they_were_meant(station: Station, tmp_path: Path) -> None:
    name = "执法01".encode("gbk").ljust(8) + b"MP4"
    docked = station.dock(fat_card(tmp_path / "card.img", short_entry(name, cluster=200, size=9), {200: b"123456789"}))
    assert docked.results == {"GOOD.MP4": "new", "执法01.MP4": "new"}


def test_control_characters_in_names_reach_nobody(station: Station, tmp_path: Path) -> None:
    short = short_entry(b"EVIL~1  MP4", cluster=200, size=2000)
    root = long_entries("a\x1b[2J\n\u202egpj.mp4", short[:11]) + short
    docked = station.dock(fat_card(tmp_path / "card.img", root, {200: footage(2, 2000)}))
    assert docked.code == 0
    (evil,) = [line for line in docked.document["files"] if line["path"] != "GOOD.MP4"]
    assert evil["result"] == "new"
    assert evil["path"].isprintable()
    assert evil["path"].endswith("gpj.mp4")


def test_a_damaged_directory_is_named_and_the_rest_is_kept(station: Station, tmp_path: Path) -> None:
    lost = short_entry(b"LOST       ", cluster=0x0FFFFF0, attributes=0x10)
    docked = station.dock(fat_card(tmp_path / "card.img", lost))
    assert docked.code == 1
    assert docked.results == {"GOOD.MP4": "new", "LOST": "failed"}
    assert docked.files["LOST"]["reason"] == "directory_damaged"
    ((whole,),) = station.rows("SELECT whole FROM catalogue_docking")
    assert not whole


def test_a_damaged_root_directory_is_named(station: Station, tmp_path: Path) -> None:
    card = FatCard()
    card.put(2, short_entry(b"GOOD    MP4", cluster=100, size=len(GOOD)))
    card.put(100, GOOD)
    card.table[2] = 2  # a circle
    (tmp_path / "card.img").write_bytes(card.build())
    docked = station.dock(tmp_path / "card.img")
    assert docked.code == 1
    assert "/" in docked.results
    assert docked.files["/"]["reason"] == "directory_damaged"


def test_a_path_longer_than_an_entry_can_hold_fails_alone(station: Station, tmp_path: Path) -> None:
    levels, first = 60, 400
    contents: dict[int, bytes] = {}
    inner = short_entry(b"DEEP    MP4", cluster=200, size=2000)
    for level in reversed(range(levels)):
        own = first + 4 * level
        contents[own] = dots(own, 0) + inner
        folder = short_entry(b"FOLDER~1   ", cluster=own, attributes=0x10)
        inner = long_entries("夹" * 250, folder[:11]) + folder
    contents[200] = footage(2, 2000)
    docked = station.dock(fat_card(tmp_path / "card.img", inner, contents))
    (deep,) = [line for line in docked.document["files"] if line["path"] != "GOOD.MP4"]
    assert (docked.code, deep["result"], deep["reason"]) == (1, "failed", "path_too_long")
    assert docked.files["GOOD.MP4"]["result"] == "new"


def test_links_and_special_files_of_a_folder_are_told_and_not_followed(station: Station, tmp_path: Path) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(footage(9, 500))
    folder = write_folder(tmp_path / "card", {"GOOD.mp4": GOOD})
    (folder / "link.mp4").symlink_to(secret)
    (folder / "elsewhere").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.mp4")
    docked = station.dock(folder)
    assert docked.code == 0
    assert docked.results == {"GOOD.mp4": "new", "link.mp4": "skipped", "elsewhere": "skipped", "pipe.mp4": "skipped"}
    assert (docked.files["link.mp4"]["reason"], docked.files["pipe.mp4"]["reason"]) == ("symlink", "special")
    assert digest(footage(9, 500)) not in {path.name for path in station.blobs()}


def test_beyond_its_valid_data_an_exfat_file_is_zeros(station: Station, tmp_path: Path) -> None:
    stale = footage(2, 3 * ExfatCard.CLUSTER)
    card = ExfatCard(root=exfat_set("part.mp4", cluster=10, size=10_000, valid=5000))
    card.put(10, stale)
    (tmp_path / "card.img").write_bytes(card.build())
    docked = station.dock(tmp_path / "card.img")
    expected = stale[:5000] + bytes(5000)
    assert docked.code == 0
    assert docked.files["part.mp4"]["sha256"] == digest(expected)
    assert station.store.path(digest(expected)).read_bytes() == expected


def truncated_card(tmp_path: Path) -> tuple[Path, bytes, bytes]:
    """Return a card cut off in the midst of HALF.MP4, before AWAY.MP4, with what HALF is whole, and the whole card."""
    half = footage(2, 20 * SECTOR)
    root = short_entry(b"HALF    MP4", cluster=200, size=len(half)) + short_entry(
        b"AWAY    MP4", cluster=300, size=5 * SECTOR
    )
    card = fat_card(tmp_path / "whole.img", root, {200: half, 300: footage(3, 5 * SECTOR)})
    whole = card.read_bytes()
    cut = tmp_path / "cut.img"
    cut.write_bytes(whole[: FatCard.offset(210)])
    return cut, half, whole


def test_a_truncated_card_keeps_the_rest_and_names_what_is_not_whole(station: Station, tmp_path: Path) -> None:
    cut, half, _ = truncated_card(tmp_path)
    docked = station.dock(cut)
    assert docked.code == 1
    assert docked.results == {"GOOD.MP4": "new", "HALF.MP4": "incomplete", "AWAY.MP4": "failed"}
    partial = half[: 10 * SECTOR] + bytes(10 * SECTOR)
    line = docked.files["HALF.MP4"]
    assert line["sha256"] == digest(partial)
    assert station.store.partial_path(digest(partial)).read_bytes() == partial
    assert not station.store.exists(digest(partial)), "what is not whole is no original"
    ((stage, missing),) = station.rows(
        "SELECT stage, missing_bytes FROM catalogue_clip WHERE clip = :clip", clip=line["clip"]
    )
    assert (stage, missing) == ("incomplete", 10 * SECTOR)
    assert "AWAY.MP4" in docked.err or docked.files["AWAY.MP4"]["reason"] == "unreadable"
    assert station.verify()["code"] == 0


def test_a_later_whole_reading_takes_the_place_of_an_incomplete_one(station: Station, tmp_path: Path) -> None:
    cut, half, whole = truncated_card(tmp_path)
    first = station.dock(cut)
    cut.write_bytes(whole)
    again = station.dock(cut)
    assert again.code == 0
    assert again.results == {"GOOD.MP4": "held", "HALF.MP4": "new", "AWAY.MP4": "new"}
    assert again.files["HALF.MP4"]["clip"] == first.files["HALF.MP4"]["clip"]
    assert again.files["HALF.MP4"]["sha256"] == digest(half)
    rows = station.rows("SELECT stage, missing_bytes, sha256 FROM catalogue_clip WHERE path = 'HALF.MP4'")
    assert [tuple(row) for row in rows] == [("sealed", 0, digest(half))]
    assert station.dock(cut).count("held") == 3
    assert station.verify()["code"] == 0


def test_an_incomplete_clip_is_read_again_and_never_called_held(station: Station, tmp_path: Path) -> None:
    cut, _, _ = truncated_card(tmp_path)
    station.dock(cut)
    again = station.dock(cut)
    assert again.code == 1
    assert again.results == {"GOOD.MP4": "held", "HALF.MP4": "incomplete", "AWAY.MP4": "failed"}
    assert len(station.rows("SELECT clip FROM catalogue_clip WHERE path = 'HALF.MP4'")) == 1


_DYING = """
import os, sys
from station import reader
taken = 0
copy = reader.Copier.copy
def dying(self, entry_id, content):
    global taken
    taken += 1
    if taken > 2:
        self.__exit__()
        os.kill(os.getpid(), 9)
        os._exit(9)
    copy(self, entry_id, content)
reader.Copier.copy = dying
sys.exit(reader.main(sys.argv[1:]))
"""


def test_a_reader_that_is_killed_ends_this_docking_only(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{n}.mp4": footage(n, 50_000) for n in range(5)}
    folder = write_folder(tmp_path / "card", files)
    with monkeypatch.context() as patched:
        patched.setattr(reading, "READER", (sys.executable, "-P", "-c", _DYING))
        docked = station.dock(folder)
    assert docked.code == 1
    assert (docked.count("new"), docked.count("failed")) == (2, 3)
    assert {line["reason"] for line in docked.document["files"] if line["result"] == "failed"} == {"reader_died"}
    assert docked.document["checkpoint"], "what was kept is sealed"
    again = station.dock(folder)
    assert (again.code, again.count("held"), again.count("new")) == (0, 2, 3)
    assert station.clips() == {(name, digest(data)): 1 for name, data in files.items()}
    assert station.verify()["code"] == 0


def test_a_reader_that_gives_up_while_copying_ends_with_an_account(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    giving_up = _DYING.replace("os.kill(os.getpid(), 9)", "sys.stderr.write('no more'); os._exit(2)")
    monkeypatch.setattr(reading, "READER", (sys.executable, "-P", "-c", giving_up))
    docked = station.dock(write_folder(tmp_path / "card", {f"{n}.mp4": footage(n, 50_000) for n in range(3)}))
    assert (docked.code, docked.count("new"), docked.count("failed")) == (1, 2, 1)


def test_a_full_disk_fails_the_files_and_names_the_reason(station: Station, tmp_path: Path) -> None:
    settings = station.root / "station.toml"
    settings.write_text(f"reserve_bytes = {2**60}\n")
    docked = station.dock(write_folder(tmp_path / "card", {"a.mp4": GOOD, "b.mp4": GOOD}))
    assert docked.code == 1
    assert {(line["result"], line["reason"]) for line in docked.document["files"]} == {("failed", "no_space")}
    assert docked.document["checkpoint"], "the reserve is for the ledger"
    settings.write_text("")
    assert station.dock(tmp_path / "card").count("new") == 2


def test_without_the_vaults_identity_nothing_is_written(station: Station, tmp_path: Path) -> None:
    identity = station.home.vault / "vault.json"
    kept = identity.read_bytes()
    identity.unlink()
    size = station.rows("SELECT count(*) FROM record")
    said = station.run("dock", write_folder(tmp_path / "card", {"a.mp4": GOOD}), "--json")
    assert (said.code, said.out) == (2, "")
    assert "vault.json" in said.err
    assert station.rows("SELECT count(*) FROM record") == size
    assert station.blobs() == []
    identity.write_bytes(kept)
    assert station.dock(tmp_path / "card").code == 0


def test_a_damaged_blob_in_the_vault_fails_its_file_alone_and_raises_an_alarm(station: Station, tmp_path: Path) -> None:
    station.dock(write_folder(tmp_path / "one", {"a.mp4": GOOD}))
    blob = station.store.path(digest(GOOD))
    blob.chmod(0o640)
    blob.write_bytes(b"\1" + GOOD[1:])
    docked = station.dock(write_folder(tmp_path / "two", {"a.mp4": GOOD, "b.mp4": footage(5, 5000)}))
    assert docked.code == 1
    assert docked.results == {"a.mp4": "failed", "b.mp4": "new"}
    assert docked.files["a.mp4"]["reason"] == "vault_damaged"
    (kept,) = (station.home.vault / "quarantine").iterdir()
    assert kept.read_bytes() == GOOD, "what was read is kept"
    assert [tuple(row) for row in station.rows("SELECT kind FROM catalogue_alarm")] == [("damaged",)]


@pytest.mark.skipif(not os.environ.get("STATION_LARGE"), reason="writes 4 GiB: set STATION_LARGE=1")
def test_a_file_of_four_gib_less_one_byte_is_taken_in_whole(station: Station, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "card", {})
    with (folder / "long.mp4").open("wb") as file:
        file.write(GOOD)
        file.truncate(4 * GIB - 1)
    hasher = sha256(GOOD)
    left = 4 * GIB - 1 - len(GOOD)
    while left:
        hasher.update(bytes(min(left, 1 << 22)))
        left -= min(left, 1 << 22)
    docked = station.dock(folder)
    assert docked.code == 0
    assert docked.files["long.mp4"]["size_bytes"] == 4 * GIB - 1
    assert docked.files["long.mp4"]["sha256"] == hasher.hexdigest()
