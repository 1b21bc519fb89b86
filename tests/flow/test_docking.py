"""Whole dockings of sound sources: every file is taken in with its own bytes, and once."""

import json
import os
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from station.actions.setup import make_home
from tests.flow.images import footage, make_exfat_card, make_fat_card, make_ntfs_card, write_folder
from tests.flow.stations import Docked, Station

FILES = {
    "DCIM/100MEDIA/执法001.MP4": footage(1, 1_300_000),
    "DCIM/100MEDIA/执法002.MP4": footage(2, 700_001),
    "DCIM/long name of a folder/一 个.mp4": footage(3, 4096),
    "tiny.mp4": footage(4, 1),
}


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def assert_kept(station: Station, docked: Docked, files: dict[str, bytes]) -> None:
    """Every file has its line, its clip, and its bytes in the vault."""
    assert docked.code == 0, docked.document
    assert {path: line["sha256"] for path, line in docked.files.items()} == {
        path: digest(data) for path, data in files.items()
    }
    assert set(docked.results.values()) == {"new"}
    assert {path: line["size_bytes"] for path, line in docked.files.items()} == {
        path: len(data) for path, data in files.items()
    }
    assert station.clips() == Counter((path, digest(data)) for path, data in files.items())
    for data in files.values():
        assert station.store.path(digest(data)).read_bytes() == data


@pytest.mark.parametrize("partitioned", [False, True], ids=["bare", "partitioned"])
def test_every_file_of_a_fat32_card_is_taken_in_as_it_is(station: Station, tmp_path: Path, partitioned: bool) -> None:
    card = make_fat_card(tmp_path / "card.img", FILES, partitioned=partitioned)
    before = digest(card.read_bytes())
    docked = station.dock(card)
    assert_kept(station, docked, FILES)
    assert digest(card.read_bytes()) == before, "nothing is written to the card"


def test_every_file_of_an_ntfs_card_is_taken_in_as_it_is(station: Station, tmp_path: Path) -> None:
    files = {"执法一.mp4": footage(1, 900_000), "resident.mp4": footage(2, 300), "b.mp4": footage(3, 65536)}
    assert_kept(station, station.dock(make_ntfs_card(tmp_path / "card.img", files)), files)


def test_every_file_of_an_exfat_card_is_taken_in_as_it_is(station: Station, tmp_path: Path) -> None:
    files = {"DCIM/执法001.MP4": footage(1, 1_300_000), "DCIM/执法002.MP4": footage(2, 70_001), "b.mp4": footage(3, 1)}
    assert_kept(station, station.dock(make_exfat_card(tmp_path / "card.img", files)), files)


@pytest.mark.postgres
def test_a_card_is_docked_into_a_station_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    root = make_home(tmp_path / "home", settings=f"database_url = {json.dumps(postgres_url)}\n").root
    station = Station(root)
    card = make_fat_card(tmp_path / "card.img", FILES)
    assert_kept(station, station.dock(card), FILES)
    assert station.dock(card).count("held") == len(FILES)
    assert (station.verify()["code"], station.audit()["code"]) == (0, 0)
    assert station.run("rebuild").code == 0
    assert station.verify()["code"] == 0


def test_every_file_of_a_folder_is_taken_in_as_it_is(station: Station, tmp_path: Path) -> None:
    assert_kept(station, station.dock(write_folder(tmp_path / "card", FILES)), FILES)


def test_files_that_are_no_recordings_are_listed_as_skipped(station: Station, tmp_path: Path) -> None:
    files = {"a.mp4": footage(1, 5000), "readme.txt": b"hello", "LOG/x.dat": b"\0" * 100}
    docked = station.dock(make_fat_card(tmp_path / "card.img", files))
    assert docked.code == 0
    assert docked.results == {"a.mp4": "new", "readme.txt": "skipped", "LOG/x.dat": "skipped"}
    assert docked.files["readme.txt"]["reason"] == "not_media"


def test_a_recording_with_a_foreign_extension_is_known_by_its_bytes(station: Station, tmp_path: Path) -> None:
    docked = station.dock(write_folder(tmp_path / "card", {"VIDEO.BIN": footage(1, 5000)}))
    assert docked.results == {"VIDEO.BIN": "new"}


def test_docking_again_copies_nothing_and_says_so(station: Station, tmp_path: Path) -> None:
    card = make_fat_card(tmp_path / "card.img", FILES)
    first = station.dock(card)
    blobs = station.blobs()
    again = station.dock(card)
    assert (again.code, set(again.results.values())) == (0, {"held"})
    assert again.document["recorder"] == first.document["recorder"]
    clips = {path: line["clip"] for path, line in first.files.items()}
    assert {path: line["clip"] for path, line in again.files.items()} == clips
    assert {path: line["sha256"] for path, line in again.files.items()} == {p: digest(d) for p, d in FILES.items()}
    assert station.clips().total() == len(FILES)
    assert len(station.blobs()) == len(blobs) + 1, "only the second docking's listing came"
    said = station.run("dock", card)
    assert said.code == 0
    assert len([line for line in said.out.splitlines() if line]) == 2, (
        "one line of figures, and that nothing was copied"
    )


def test_the_same_bytes_twice_are_two_clips_on_one_blob(station: Station, tmp_path: Path) -> None:
    data = footage(7, 200_000)
    docked = station.dock(make_fat_card(tmp_path / "card.img", {"A/one.mp4": data, "B/two.mp4": data}))
    assert docked.results == {"A/one.mp4": "new", "B/two.mp4": "new"}
    assert len({line["clip"] for line in docked.files.values()}) == 2
    assert station.clips() == {("A/one.mp4", digest(data)): 1, ("B/two.mp4", digest(data)): 1}
    assert [path.name for path in station.blobs()].count(digest(data)) == 1


def test_the_same_name_in_two_folders_is_two_clips(station: Station, tmp_path: Path) -> None:
    files = {"A/0001.MP4": footage(1, 5000), "B/0001.MP4": footage(2, 5000)}
    assert_kept(station, station.dock(make_fat_card(tmp_path / "card.img", files)), files)


def test_a_reused_path_is_a_new_clip_and_the_old_one_stays(station: Station, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "card", {"0001.mp4": footage(1, 5000)})
    first = station.dock(folder)
    write_folder(folder, {"0001.mp4": footage(2, 6000)}, age_seconds=-60)
    second = station.dock(folder)
    assert second.results == {"0001.mp4": "new"}
    assert second.files["0001.mp4"]["clip"] != first.files["0001.mp4"]["clip"]
    held = {("0001.mp4", digest(footage(1, 5000))): 1, ("0001.mp4", digest(footage(2, 6000))): 1}
    assert station.clips() == held


def test_changed_bytes_behind_an_equal_sighting_are_held_without_rehash(station: Station, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "card", {"0001.mp4": footage(1, 5000)})
    station.dock(folder)
    (folder / "0001.mp4").write_bytes(footage(2, 5000))
    os.utime(folder / "0001.mp4", (1_780_000_000,) * 2)
    assert station.dock(folder).results == {"0001.mp4": "held"}


def test_changed_bytes_behind_an_equal_sighting_are_an_alarm_and_both_are_kept(
    station: Station, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "card", {"0001.mp4": footage(1, 5000), "0002.mp4": footage(3, 5000)})
    first = station.dock(folder)
    (folder / "0001.mp4").write_bytes(footage(2, 5000))
    os.utime(folder / "0001.mp4", (1_780_000_000,) * 2)
    again = station.dock(folder, "--rehash")
    assert again.code == 1
    assert again.results == {"0001.mp4": "changed", "0002.mp4": "held"}
    line = again.files["0001.mp4"]
    assert (line["sha256"], line["reason"]) == (digest(footage(2, 5000)), "bytes_changed")
    assert line["clip"] == first.files["0001.mp4"]["clip"]
    for seed in (1, 2):
        assert station.store.path(digest(footage(seed, 5000))).read_bytes() == footage(seed, 5000)
    ((alarm,),) = station.rows("SELECT about FROM catalogue_alarm WHERE kind = 'bytes_changed'")
    assert alarm == f"clip:{line['clip']}"
    ((held, conflicts),) = station.rows("SELECT sha256, conflicts FROM catalogue_clip WHERE path = '0001.mp4'")
    assert (held, conflicts) == (digest(footage(1, 5000)), 1), "the first stays what the clip is"
    assert station.verify()["code"] == 0


def test_a_rehash_of_an_unchanged_card_finds_everything_held(station: Station, tmp_path: Path) -> None:
    card = make_fat_card(tmp_path / "card.img", FILES)
    station.dock(card)
    again = station.dock(card, "--rehash")
    assert (again.code, set(again.results.values())) == (0, {"held"})


def test_two_dockings_of_one_card_at_once_take_nothing_in_twice(station: Station, tmp_path: Path) -> None:
    card = make_fat_card(tmp_path / "card.img", {f"{n}.mp4": footage(n, 300_000) for n in range(6)})
    script = f"import sys; sys.argv = ['station', 'dock', {str(card)!r}, '--json', '--home', {str(station.root)!r}]"
    command = [sys.executable, "-c", f"{script}; from station.cli import main; main()"]
    others = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    documents = []
    for other in others:
        out, err = other.communicate(timeout=100)
        assert other.returncode == 0, err
        documents.append(json.loads(out))
    results = Counter(line["result"] for document in documents for line in document["files"])
    assert results == {"new": 6, "held": 6}
    assert len({document["recorder"] for document in documents}) == 1
    assert station.clips().total() == 6
    assert set(station.clips().values()) == {1}
    assert station.verify()["code"] == 0


def test_the_recorder_named_by_a_person_is_known_again(station: Station, tmp_path: Path) -> None:
    one = write_folder(tmp_path / "one", {"a.mp4": footage(1, 500)})
    two = write_folder(tmp_path / "two", {"b.mp4": footage(2, 500)})
    recorders = {station.dock(each, "--recorder", "A-17").document["recorder"] for each in (one, two)}
    assert len(recorders) == 1
    other = station.dock(write_folder(tmp_path / "three", {"c.mp4": footage(3, 500)}))
    assert other.document["recorder"] not in recorders


def test_an_incomplete_home_is_told_from_a_docking_that_went_wrong(tmp_path: Path) -> None:
    nowhere = Station(tmp_path / "nowhere")
    said = nowhere.run("dock", tmp_path, "--json")
    assert (said.code, said.out) == (2, "")
    assert str(tmp_path / "nowhere") in said.err
    assert "station init" in said.err


def test_an_unknown_profile_is_named_with_those_that_are_known(station: Station, tmp_path: Path) -> None:
    said = station.run("dock", tmp_path, "--profile", "no-such", "--json")
    assert (said.code, said.out) == (2, "")
    assert "no-such" in said.err
    assert "generic-storage" in said.err


def test_a_source_that_does_not_exist_is_named(station: Station, tmp_path: Path) -> None:
    said = station.run("dock", tmp_path / "none.img", "--json")
    assert (said.code, said.out) == (2, "")
    assert "none.img" in said.err
    assert station.rows("SELECT * FROM catalogue_docking") == []


def test_an_image_without_a_file_system_is_named(station: Station, tmp_path: Path) -> None:
    image = tmp_path / "noise.img"
    image.write_bytes(bytes(1024 * 1024))
    said = station.run("dock", image, "--json")
    assert (said.code, said.out) == (2, "")
    assert "noise.img" in said.err


def test_an_empty_folder_is_a_docking_without_recordings(station: Station, tmp_path: Path) -> None:
    docked = station.dock(write_folder(tmp_path / "card", {}))
    assert (docked.code, docked.document["files"]) == (0, [])


def test_json_is_one_document_and_nothing_else_with_the_fields_of_the_contract(
    station: Station, tmp_path: Path
) -> None:
    said = station.run("dock", write_folder(tmp_path / "card", {"a.mp4": footage(1, 500)}), "--json")
    document = said.document()
    assert set(document) == {"docking", "recorder", "profile", "files", "checkpoint"}
    assert set(document["files"][0]) == {"path", "size_bytes", "sha256", "clip", "result", "reason"}
    assert said.err == ""
    assert document["checkpoint"].startswith((station.root / "log.vkey").read_text().split("+")[0])


def test_a_path_that_is_no_utf8_can_be_docked(station: Station, tmp_path: Path) -> None:
    folder = write_folder(Path(os.fsdecode(os.fsencode(tmp_path) + b"/card\xff")), {"a.mp4": footage(1, 500)})
    (folder / "a.mp4").rename(folder / os.fsdecode(b"a\xfe.mp4"))
    docked = station.dock(folder)
    assert docked.code == 0
    assert docked.count("new") == 1
    assert station.dock(folder).count("held") == 1
