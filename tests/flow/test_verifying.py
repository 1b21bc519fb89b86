"""`station verify` as people read it: a sentence first, digests and tree after it; and whether a file is ours."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from station.digest import new_id
from station.records.case_entries import ClipBound, TargetOpened
from station.records.terms import Source, TargetKind
from tests.flow.images import footage, write_folder
from tests.flow.stations import Said, Station

FILES = {"a.mp4": footage(1, 3000), "b.mp4": footage(2, 4000)}
BEFORE = "this says nothing of the time before"


@pytest.fixture
def docked(station: Station, tmp_path: Path) -> Station:
    """Give a station with two recordings."""
    assert station.dock(write_folder(tmp_path / "card", FILES)).code == 0
    return station


def clip_of(station: Station, name: str) -> str:
    ((clip,),) = station.rows("SELECT clip FROM catalogue_clip WHERE path = :name", name=name)
    return str(clip)


def open_case(station: Station, number: str, *clips: str) -> None:
    """Enter a case and bind clips to it."""
    target = new_id()
    with station.custody() as custody:
        fact = TargetOpened.Fact(target=target, kind=TargetKind.CASE, number_source=Source.CLERK)
        custody.append(TargetOpened(fact=fact, names=TargetOpened.Names(number=number, title=number)))
        for clip in clips:
            bound = ClipBound.Fact(
                binding=new_id(), action=new_id(), clip=clip, kind=TargetKind.CASE, target=target, source=Source.CLERK
            )
            custody.append(ClipBound(fact=bound))


def first_line(said: Said) -> str:
    return said.out.splitlines()[0]


def test_a_clips_first_line_is_the_sentence_and_the_tree_follows(docked: Station) -> None:
    said = docked.run("verify", "--clip", clip_of(docked, "a.mp4"))
    assert said.code == 0, said.err
    assert first_line(said).startswith("Unaltered since it was taken in on 20")
    assert first_line(said).endswith(BEFORE)
    digest = sha256(FILES["a.mp4"]).hexdigest()
    assert said.out.index(digest) > said.out.index(BEFORE)
    assert said.out.count(digest) == 2, "as taken in, and as found now"
    head = docked.run("ledger", "head", "--json").document()
    assert "evidence-station/" in said.out.partition("Checkpoint:")[2]
    assert head["size"] >= 1


def test_a_damaged_clips_first_line_says_so(docked: Station) -> None:
    path = docked.store.path(sha256(FILES["a.mp4"]).hexdigest())
    path.chmod(0o600)
    path.write_bytes(b"X" + FILES["a.mp4"][1:])
    said = docked.run("verify", "--clip", clip_of(docked, "a.mp4"))
    assert said.code == 1
    assert first_line(said) == "Damaged: it is not what was taken in."
    assert "Unaltered" not in said.out
    everything = docked.run("verify", "--all")
    assert (everything.code, first_line(everything)) == (1, "Not everything is what was taken in.")


def test_a_cases_first_line_is_the_sentence_and_its_clips_follow(docked: Station) -> None:
    clip = clip_of(docked, "b.mp4")
    open_case(docked, "2026-12", clip)
    open_case(docked, "2026-13")
    said = docked.run("verify", "--case", "2026-12")
    assert said.code == 0, said.err
    assert first_line(said).startswith("Unaltered since it was taken in on 20")
    assert clip in said.out
    assert sha256(FILES["b.mp4"]).hexdigest() in said.out
    assert clip_of(docked, "a.mp4") not in said.out
    document = docked.run("verify", "--case", "2026-12", "--json").document()
    assert (document["scope"], document["originals"], list(document["clips"])) == ("case", 1, [clip])
    assert document["clips"][clip]["state"] == "whole"
    for unknown in ("2026-13", "2026-14"):
        assert docked.run("verify", "--case", unknown).code == 2, "a case without clips is never called sound"


def test_everythings_first_line_is_the_sentence(docked: Station) -> None:
    said = docked.run("verify", "--all")
    assert said.code == 0, said.err
    assert first_line(said) == f"All that was checked is unaltered since it was taken in; {BEFORE}"


@pytest.mark.parametrize("words", [[], ["--all", "--clip", "x"], ["--case", "1", "--file", "x"]])
def test_one_thing_is_checked_at_a_time(docked: Station, words: list[str]) -> None:
    assert docked.run("verify", *words).code == 2


def test_a_file_is_recognised_by_its_digest_and_that_is_entered(docked: Station, tmp_path: Path) -> None:
    ours, other = tmp_path / "ours.bin", tmp_path / "other.bin"
    ours.write_bytes(FILES["a.mp4"])
    other.write_bytes(FILES["a.mp4"] + b"x")
    said = docked.run("verify", "--file", ours)
    assert said.code == 0, said.err
    assert clip_of(docked, "a.mp4") in said.out
    assert sha256(FILES["a.mp4"]).hexdigest() in said.out
    document = docked.run("verify", "--file", ours, "--json").document()
    assert (document["answer"], document["clip"]) == ("original", clip_of(docked, "a.mp4"))
    assert document["taken_in_at"]
    unknown = docked.run("verify", "--file", other, "--json")
    assert (unknown.code, unknown.document()["answer"], unknown.document()["clip"]) == (2, "unknown", None)
    assert docked.rows("SELECT count(*) FROM record WHERE type = 'file.compared'") == [(3,)]
    assert docked.verify()["code"] == 0


@pytest.mark.parametrize("name", ["missing.bin", "."])
def test_a_file_that_cant_be_read_is_told_and_nothing_is_entered(docked: Station, tmp_path: Path, name: str) -> None:
    said = docked.run("verify", "--file", tmp_path / name)
    assert said.code == 2
    assert str(tmp_path) in said.err
    assert docked.rows("SELECT count(*) FROM record WHERE type = 'file.compared'") == [(0,)]


def restored(station: Station, tmp_path: Path, number: int = 1) -> Station:
    assert station.run("backup", "--out", tmp_path / f"backup{number}", "--with-vault", "copy").code == 0
    new = Station(tmp_path / f"new{number}")
    assert new.run("restore", tmp_path / f"backup{number}").code == 0
    return new


def test_verifying_everything_checks_the_logs_from_before_a_restore(docked: Station, tmp_path: Path) -> None:
    once = restored(docked, tmp_path)
    assert once.verify()["code"] == 0
    twice = restored(once, tmp_path, 2)
    assert twice.verify()["code"] == 0
    folders = list((twice.root / "continued").iterdir())
    assert len(folders) == 2
    for folder in folders:
        kept = (folder / "records.jsonl").read_bytes()
        (folder / "records.jsonl").write_bytes(kept.replace(b"docking.started", b"docking.stirred"))
        damaged = twice.verify()
        assert damaged["code"] == 1
        assert [(each["code"], str(folder) in each["message"]) for each in damaged["damage"]] == [
            ("continuation.damaged", True)
        ]
        (folder / "records.jsonl").write_bytes(kept)
    shutil.rmtree(folders[0])
    missing = twice.verify()
    assert (missing["code"], [each["code"] for each in missing["unchecked"]]) == (2, ["continuation.missing"])
    assert json.dumps(missing["unchecked"]).count(folders[0].name) == 1
