"""SM3 beside SHA-256: taken at intake where the settings ask for it, checked whenever an original is read again."""

import json
import subprocess
from pathlib import Path
from typing import Any

from station.digest import SHA256, SM3
from station.records.docking_entries import ClipIngested
from tests.flow.images import footage, make_fat_card, write_folder
from tests.flow.stations import Station
from tests.unit.device.images import SECTOR, FatCard, short_entry

FILES = {"DCIM/执法001.MP4": footage(1, 5_300_000), "DCIM/执法002.MP4": footage(2, 70_001), "tiny.mp4": footage(3, 1)}


def ask_for(station: Station, *algorithms: str) -> None:
    (station.root / "station.toml").write_text(f"further_digests = {json.dumps(list(algorithms))}\n")


def facts(station: Station, kind: str = "clip.ingested") -> list[dict[str, Any]]:
    """Return the facts of all entries of a type, in order."""
    rows = station.rows(
        "SELECT part.part FROM part JOIN record ON record.seq = part.seq "
        "WHERE record.type = :kind AND part.name = 'fact' ORDER BY part.seq",
        kind=kind,
    )
    return [json.loads(row.part)["value"] for row in rows]


def openssl_sm3(path: Path) -> str:
    said = subprocess.run(["openssl", "dgst", "-sm3", "-r", path], check=True, capture_output=True, text=True)
    return said.stdout.split()[0]


def test_the_sm3_taken_in_is_what_openssl_says_of_the_file(station: Station, tmp_path: Path) -> None:
    ask_for(station, SM3)
    originals = write_folder(tmp_path / "originals", FILES)
    assert station.dock(make_fat_card(tmp_path / "card.img", FILES)).code == 0
    expected = {openssl_sm3(originals / name) for name in FILES}
    assert {fact["digest"][SM3] for fact in facts(station)} == expected
    assert all(set(fact["digest"]) == {SHA256, SM3} for fact in facts(station))
    assert station.verify()["code"] == 0


def test_without_the_setting_only_sha256_is_taken(station: Station, tmp_path: Path) -> None:
    assert station.dock(write_folder(tmp_path / "card", FILES)).code == 0
    assert {tuple(fact["digest"]) for fact in facts(station)} == {(SHA256,)}


def test_a_half_read_recording_has_an_sm3_too(station: Station, tmp_path: Path) -> None:
    ask_for(station, SM3)
    half = FatCard()
    half.put(2, short_entry(b"HALF    MP4", cluster=200, size=20 * SECTOR))
    half.put(200, footage(9, 20 * SECTOR))
    (tmp_path / "half.img").write_bytes(half.build()[: FatCard.offset(210)])
    assert station.dock(tmp_path / "half.img").count("incomplete") == 1
    (fact,) = facts(station, "clip.incomplete")
    assert fact["digest"][SM3] == openssl_sm3(station.store.partial_path(fact["digest"][SHA256]))
    assert station.verify()["code"] == 0


def test_dockings_with_and_without_it_mix(station: Station, tmp_path: Path) -> None:
    first = write_folder(tmp_path / "first", FILES)
    assert station.dock(first).code == 0
    ask_for(station, SM3)
    assert set(station.dock(first).results.values()) == {"held"}, "what was taken in before is known again"
    assert set(station.dock(first, "--rehash").results.values()) == {"held"}
    # The same bytes from elsewhere: a clip of its own on the same blob, and with both digests.
    second = write_folder(tmp_path / "second", {"again.mp4": FILES["DCIM/执法001.MP4"], "new.mp4": footage(8, 9000)})
    assert set(station.dock(second).results.values()) == {"new"}
    assert [SM3 in fact["digest"] for fact in facts(station)] == [False] * len(FILES) + [True, True]
    ask_for(station)
    assert set(station.dock(second).results.values()) == {"held"}
    assert len({fact["digest"][SHA256] for fact in facts(station)}) == len(FILES) + 1
    assert station.verify()["code"] == 0


def test_a_recorded_sm3_that_does_not_fit_is_named(station: Station, tmp_path: Path) -> None:
    ask_for(station, SM3)
    assert station.dock(write_folder(tmp_path / "card", {"a.mp4": footage(1, 3000)})).code == 0
    (fact,) = facts(station)
    wrong = {**fact, "clip": "b" * 26, "digest": {**fact["digest"], SM3: "0" * 64}}
    with station.custody() as custody:
        custody.append(ClipIngested.model_validate({"fact": wrong}))
    ask_for(station)  # it is checked because the entry has it, whatever the settings say now
    one = station.run("verify", "--clip", wrong["clip"], "--json")
    assert one.code == 1
    (damage,) = one.document()["damage"]
    assert (damage["code"], damage["about"]) == ("original.digests_differ", f"clip:{wrong['clip']}")
    assert "0" * 64 in damage["message"] and fact["digest"][SM3] in damage["message"]
    everything = station.verify()
    assert everything["code"] == 1
    assert [each["about"] for each in everything["damage"] if each["code"].startswith("original")] == [damage["about"]]
    assert station.run("verify", "--clip", fact["clip"]).code == 0, "the clip whose digests fit is sound"
