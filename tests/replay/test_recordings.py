"""Every shipped recording, played again: it is known by its own profile alone, and speaks with the real dialect."""

from dataclasses import asdict
from pathlib import Path

import pytest
from pydantic import SecretStr

from station.device.usb.dialect import DIALECTS, open_dialect
from station.device.usb.talk import DialectError
from station.device.watch import errors
from station.errors import StationError
from station.profiles.dialogue import ReplayError, ReplayLink
from station.profiles.library import load_profiles
from station.profiles.model import Profile, media_of, read_name
from station.profiles.recording import PLACEHOLDER, Recording, read_recording
from station.profiles.usb import DIALECTS as DIALECT_NAMES
from station.profiles.usb import can_read_clock, can_set_clock, face_after_unlock, label_fits, match_faces

SHIPPED = Path(__file__).resolve().parents[2] / "firmware_profiles"
PROFILES = load_profiles(SHIPPED)
RECORDINGS = {name: read_recording(SHIPPED / name) for name, each in PROFILES.items() if each.faces}
SPEAKING = [name for name in RECORDINGS if PROFILES[name].unlock is not None]
LOCKED = [name for name in SPEAKING if b"{password}".hex() in str(RECORDINGS[name].dialogue)]
FAILURES = {
    name: each for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, StationError)
}


def link(recording: Recording) -> ReplayLink:
    return ReplayLink(recording.dialogue, FAILURES)


def answers(name: str, recording: Recording) -> bool:
    """Tell whether the dialect of the profile `name` takes a recorded device for its own."""
    unlock = PROFILES[name].unlock
    assert unlock is not None
    try:
        return open_dialect(unlock, link(recording), SecretStr(PLACEHOLDER)).hello().proven
    except (DialectError, ReplayError):
        return False


def test_there_are_at_least_eight_profiles_of_recorders_on_usb() -> None:
    assert len(RECORDINGS) >= 8
    assert "transcend-drivepro-body" in RECORDINGS


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recorded_device_is_known_by_its_own_profile_and_no_other(name: str) -> None:
    recording = RECORDINGS[name]
    for face in recording.faces:
        found = match_faces(PROFILES, face.device())
        settled = [
            match.profile.id
            for match in found
            if match.pending is None
            or (match.pending == "label" and label_fits(match.profile, recording.labels))
            or (match.pending == "handshake" and answers(match.profile.id, recording))
        ]
        assert settled == [name]


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recorded_device_that_also_has_a_keyboard_is_unknown(name: str) -> None:
    keyboard = bytes([9, 4, 9, 0, 0, 3, 1, 1, 0]).hex()
    for face in RECORDINGS[name].faces:
        bad = face.model_copy(update={"descriptors": face.descriptors + keyboard}).device()
        assert match_faces(PROFILES, bad) == ()
        assert face_after_unlock(PROFILES[name], bad) is None


@pytest.mark.parametrize("name", SPEAKING)
def test_a_recorded_dialogue_drives_the_dialect_to_unlocked(name: str) -> None:
    recording, unlock = RECORDINGS[name], PROFILES[name].unlock
    assert unlock is not None
    replay = link(recording)
    dialect = open_dialect(unlock, replay, SecretStr(PLACEHOLDER))
    greeting = dialect.hello()
    if recording.greeting is not None:
        told = recording.greeting.model_dump(exclude_none=True)
        assert {key: value for key, value in asdict(greeting).items() if key in told} == told
    if PROFILES[name].clock.read:
        assert dialect.read_clock() == recording.clock_read
    if recording.clock_set is not None:
        dialect.set_clock(recording.clock_set)
    assert replay.unheard > 0, "the unlock is still to come"
    dialect.unlock()
    assert replay.unheard == 0


@pytest.mark.parametrize("name", LOCKED)
def test_a_wrong_password_is_not_what_was_recorded(name: str) -> None:
    unlock = PROFILES[name].unlock
    assert unlock is not None
    dialect = open_dialect(unlock, link(RECORDINGS[name]), SecretStr("wrong"))
    with pytest.raises(ReplayError):
        dialect.unlock()


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_names_tell_what_was_noted(name: str) -> None:
    listing = RECORDINGS[name].listing
    assert listing
    for file in listing:
        file_name = file.path.rpartition("/")[2]
        facts = read_name(PROFILES[name], file_name)
        assert media_of(PROFILES[name], file_name, None) is not None
        assert (asdict(facts) if facts else None) == (file.facts.model_dump() if file.facts else None)


def test_the_names_and_abilities_of_dialects_in_profiles_are_those_of_the_code() -> None:
    assert set(DIALECTS) == set(DIALECT_NAMES)
    for name in SPEAKING:
        unlock = PROFILES[name].unlock
        assert unlock is not None
        dialect = open_dialect(unlock, link(RECORDINGS[name]), SecretStr(PLACEHOLDER))
        assert dialect.can_set_clock is can_set_clock(unlock)
        assert dialect.can_read_clock is can_read_clock(unlock)


def test_every_dialect_is_spoken_in_a_recording() -> None:
    assert {_dialect(PROFILES[name]) for name in SPEAKING} == set(DIALECTS)


def _dialect(profile: Profile) -> str:
    assert profile.unlock is not None
    return profile.unlock.dialect
