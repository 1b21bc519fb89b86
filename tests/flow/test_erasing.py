"""From a docking to an empty recorder: composed, authorised, erased by the real eraser, entered, docked again."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from station import clock
from station.acquire.erasing import Outcome, authorised_entry, completed_entry, erase, reach_eraser
from station.acquire.listing import Listing, gather
from station.acquire.reading import Reading
from station.acquire.tickets import Composition, EraseRule, compose, split
from station.custody import Custody
from station.database import Database
from station.records.ticket import Refusal
from station.stages.evidence import gather_evidence, unfinished_clips
from tests.flow.images import footage, make_exfat_card, make_fat_card
from tests.flow.stations import Station
from tests.unit.erase.cards import check, read_card, run

FILES = {
    "DCIM/100MEDIA/执法001.MP4": footage(1, 1_300_000),
    "DCIM/100MEDIA/执法002.MP4": footage(2, 70_001),
    "DCIM/long name of a folder/one.mp4": footage(3, 4096),
    "notes.txt": b"not a recording",
}
RULE = EraseRule(allowed=True)


def list_card(card: Path, inbox: Path) -> Listing:
    inbox.mkdir(exist_ok=True)
    with Reading(card, inbox, code_page="gbk", user="nobody") as reading:
        return gather(reading.list())


def recorder_of(station: Station) -> str:
    found: str = station.rows("SELECT recorder FROM catalogue_recorder")[0][0]
    return found


def compose_for(station: Station, database: Database, card: Path, rule: EraseRule) -> tuple[Composition, str]:
    listing, recorder, store = list_card(card, station.root / "look"), recorder_of(station), station.store
    with database.read() as session:
        gathered = gather_evidence(session, recorder, listing.entries)
    composition = compose(
        listing,
        recorder,
        gathered.known,
        rule,
        clock.now(),
        copies=lambda _: 1,
        read_back=lambda sha256: store.read_back(sha256).sha256 == sha256,
        unfinished=gathered.unfinished,
    )
    return composition, gathered.checkpoint.note


def erase_card(station: Station, custody: Custody, composition: Composition, note: str, card: Path) -> list[Outcome]:
    recorder = recorder_of(station)
    about = {"erasing": f"e{clock.monotonic()}", "docking": "d1", "recorder": recorder}
    custody.append(authorised_entry(composition, RULE, profile="generic-storage", **about))
    outcomes = []
    for head, lines in split(
        composition, device=str(card), diskseq=0, session="port@1.1", recorder=recorder, checkpoint=note
    ):
        with reach_eraser(station.home, images=[card]) as channel:
            outcomes.append((len(lines), erase(channel, head, lines)))
    custody.append(completed_entry(composition, outcomes, **about))
    return [outcome for _, outcome in outcomes]


def results(outcomes: Sequence[Outcome]) -> list[str]:
    return [answer.reason or answer.result for outcome in outcomes for _, answer in sorted(outcome.files.items())]


@pytest.mark.parametrize("make", [make_fat_card, make_exfat_card], ids=["fat32", "exfat"])
def test_a_docked_recorder_is_erased_and_its_other_files_stay(station: Station, tmp_path: Path, make) -> None:
    card = make(tmp_path / "card.img", FILES)
    station.dock(card)
    with station.database() as database, station.custody() as custody:
        composition, note = compose_for(station, database, card, RULE)
        outcomes = erase_card(station, custody, composition, note, card)
        assert results(outcomes) == ["erased"] * 3 and outcomes[0].ended.complete
        with database.read() as session:
            assert unfinished_clips(session, recorder_of(station)) == []
    assert read_card(card) == {"notes.txt": FILES["notes.txt"]}
    assert check(card) == ""
    assert station.audit()["sound"]
    assert station.dock(card).count("new") == 0


def test_what_was_recorded_after_the_docking_survives(station: Station, tmp_path: Path) -> None:
    card = make_fat_card(tmp_path / "card.img", FILES)
    station.dock(card)
    (tmp_path / "new").write_bytes(b"later" * 1000)
    run("mcopy", "-i", card, tmp_path / "new", "::/DCIM/100MEDIA/NEW.MP4")
    with station.database() as database, station.custody() as custody:
        composition, note = compose_for(station, database, card, RULE)
        assert results(erase_card(station, custody, composition, note, card)) == ["erased"] * 3
    assert read_card(card) == {"notes.txt": FILES["notes.txt"], "DCIM/100MEDIA/NEW.MP4": b"later" * 1000}


def test_an_erasing_that_was_never_answered_is_found_and_ended_later(station: Station, tmp_path: Path) -> None:
    card = make_fat_card(tmp_path / "card.img", FILES)
    station.dock(card)
    recorder = recorder_of(station)
    with station.database() as database, station.custody() as custody:
        composition, note = compose_for(station, database, card, RULE)
        about = {"erasing": "e0", "docking": "d0", "recorder": recorder}
        custody.append(authorised_entry(composition, RULE, profile="generic-storage", **about))
        # The card was yanked after the first entry was deleted; its clusters are still taken.
        deleted = bytearray(card.read_bytes())
        slot = deleted.index(b"ONE     MP4")
        deleted[slot] = 0xE5
        card.write_bytes(deleted)
        with database.read() as session:
            assert unfinished_clips(session, recorder) == sorted(composition.clips)
        again, note = compose_for(station, database, card, RULE)
        assert sorted(again.clips) == sorted(composition.clips)
        assert sorted(results(erase_card(station, custody, again, note, card))) == ["erased", "erased", "gone"]
        with database.read() as session:
            assert unfinished_clips(session, recorder) == []
    assert check(card) == ""


def test_a_recorder_that_gives_other_bytes_now_keeps_everything_and_is_told_of(
    station: Station, tmp_path: Path
) -> None:
    card = make_fat_card(tmp_path / "card.img", FILES)
    station.dock(card)
    data = bytearray(card.read_bytes())
    data[data.index(FILES["DCIM/100MEDIA/执法002.MP4"][:512]) + 100] ^= 1
    card.write_bytes(data)
    with station.database() as database, station.custody() as custody:
        composition, note = compose_for(station, database, card, RULE)
        outcomes = erase_card(station, custody, composition, note, card)
    assert outcomes[0].lied
    assert sorted(results(outcomes)) == [Refusal.DIGEST_DIFFERS, *[Refusal.RECORDER_UNTRUSTED] * 2]
    assert card.read_bytes() == data


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (EraseRule(), "not_allowed"),
        (EraseRule(allowed=True, minimum_age=timedelta(days=1)), "too_young"),
        (EraseRule(allowed=True, copies_required=2), "too_few_copies"),
    ],
)
def test_what_the_rule_does_not_allow_is_left_with_its_reason(station: Station, tmp_path: Path, rule, reason) -> None:
    card = make_fat_card(tmp_path / "card.img", {"a.mp4": footage(1, 5000)})
    station.dock(card)
    with station.database() as database:
        composition, _ = compose_for(station, database, card, rule)
    assert composition.lines == () and set(composition.left.values()) == {reason}
