"""“Is this file ours?”: what is said, and to whom."""

import hashlib

import pytest

from station.actions.recognise import recognise
from station.errors import RequestError
from station.records.entries import Actor
from station.records.log_entries import FileCompared
from station.records.terms import Role
from station.state.copies import note_copy
from tests.fakes.stations import FakeStation

CONSOLE = Actor(via="console", os_user="root")


def digest(content: bytes) -> str:
    """Return the SHA-256."""
    return hashlib.sha256(content).hexdigest()


def test_an_original_is_ours_with_its_clip_and_time(station: FakeStation) -> None:
    clip = station.clip(b"film")
    found = recognise(station.custody, station.database, digest(b"film"), CONSOLE)
    assert (found.answer, found.clip, found.hidden) == ("original", clip, False)
    assert found.taken_in_at


def test_an_unknown_file_is_said_to_be_nothing_else(station: FakeStation) -> None:
    station.clip(b"film")
    found = recognise(station.custody, station.database, digest(b"film!"), CONSOLE)
    assert (found.answer, found.clip, found.taken_in_at) == ("unknown", None, None)


def test_a_playable_copy_leads_to_its_original(station: FakeStation) -> None:
    clip = station.clip(b"film")
    with station.database.write() as session:
        note_copy(session, digest(b"copy"), digest(b"film"), "playable", 4)
    found = recognise(station.custody, station.database, digest(b"copy"), CONSOLE)
    assert (found.answer, found.clip) == ("playable", clip)


def test_an_incomplete_clip_is_not_called_an_original(station: FakeStation) -> None:
    station.clip(b"half", whole=False)
    assert recognise(station.custody, station.database, digest(b"half"), CONSOLE).answer == "incomplete"


def test_who_may_not_see_the_clip_learns_only_that_it_is_ours(station: FakeStation) -> None:
    station.clip(b"film")
    reviewer = station.person("reviewer", Role.REVIEWER)  # the clip is in no submitted case
    _, actor = station.session(reviewer)
    found = recognise(station.custody, station.database, digest(b"film"), actor, reviewer)
    assert (found.answer, found.hidden) == ("original", True)
    assert (found.clip, found.file_name, found.taken_in_at) == (None, None, None)


def test_every_answer_is_an_entry(station: FakeStation) -> None:
    clip = station.clip(b"film")
    recognise(station.custody, station.database, digest(b"film"), CONSOLE)
    recognise(station.custody, station.database, digest(b"other"), CONSOLE)
    entries = [entry for entry in station.entries("file.compared") if isinstance(entry, FileCompared)]
    assert [entry.fact.answer for entry in entries] == ["original", "unknown"]
    assert [entry.look.clip for entry in entries if entry.look] == [clip, None]
    assert all(subject.startswith("check:") for entry in entries for subject in entry.subjects())


@pytest.mark.parametrize("text", ["", "abc", "z" * 64, "0" * 63])
def test_what_is_no_digest_is_refused(station: FakeStation, text: str) -> None:
    with pytest.raises(RequestError):
        recognise(station.custody, station.database, text, CONSOLE)
