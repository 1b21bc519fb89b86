"""Capturing a recorder on the bench: an emulated one over a plain link, and what of it ends in the recording."""

import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from pydantic import SecretStr
from typer.testing import CliRunner

from station.cli import capturing, profiles
from station.cli.capturing import Bench, Capture, capture_card, capture_dialogue, capture_face, suggest_face
from station.device.usb.dialect import open_dialect
from station.device.usb.talk import RefusedError
from station.device.watch import errors
from station.device.watch.errors import BusError
from station.errors import ProfileError, StationError
from station.profiles.dialogue import ReplayLink
from station.profiles.library import load_profiles
from station.profiles.recording import PLACEHOLDER, read_recording
from station.profiles.usb import Face, Unlock, face_fits, match_face
from station.records.bus import DeviceSeen
from tests.fakes.recorder.kinds import bcplus_recorder, control_recorder
from tests.fakes.recorder.model import Recorder
from tests.fakes.recorder.plain import PlainLink, device_seen

SHIPPED = Path(__file__).resolve().parents[3] / "firmware_profiles"
PROFILES = load_profiles(SHIPPED)
ACME = PROFILES["acme-control"]
CLOCK = (0x54, 0x55)  # its requests: what they say differs from moment to moment
PORT = "0000:00:14.0/1"
PASSWORD = SecretStr("87654321")


class Clock:
    """Monotonic time that passes as it is slept away."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def bench_of(recorder: Recorder, clock: Clock) -> Bench:
    recorder.power_on()

    def look() -> tuple[DeviceSeen, ...]:
        recorder.tick()
        return (device_seen(recorder),) if recorder.present else ()

    @contextmanager
    def open_link(device: DeviceSeen, unlock: Unlock) -> Iterator[PlainLink]:
        yield PlainLink(recorder)

    return Bench(
        look=look,
        raw=lambda device: recorder.face.sysfs_descriptors(),
        authorise=lambda device: None,
        open_link=open_link,
        pause=clock.sleep,
    )


def captured(recorder: Recorder, clock: Clock, profile: str, password: SecretStr) -> Capture:
    bench, capture = bench_of(recorder, clock), Capture()
    capture.keep(capture_face(bench, bench.at(PORT)))
    capture_dialogue(bench, bench.at(PORT), PROFILES[profile], password, capture)
    return capture


def test_both_faces_and_the_dialogue_are_captured_without_the_password() -> None:
    clock = Clock()
    with control_recorder(None, monotonic=clock) as recorder:
        capture = captured(recorder, clock, "acme-control", PASSWORD)
    found = [match_face(PROFILES, face.device()) for face in capture.faces]
    assert [match.face.role for match in found if match] == ["charging", "storage"]
    assert PASSWORD.get_secret_value().encode().hex() not in str(capture.turns)
    assert capture.turns[-1].host == PLACEHOLDER.encode().hex()
    assert capture.greeting is not None
    assert capture.greeting.battery_percent == 87


def test_the_shipped_recording_of_our_emulator_is_what_it_still_shows_and_says() -> None:
    clock = Clock()
    with control_recorder(None, monotonic=clock) as recorder:
        capture = captured(recorder, clock, "acme-control", PASSWORD)
    shipped = read_recording(SHIPPED / "acme-control")
    told, said = (
        [turn for turn in turns if turn.control and turn.control[1] not in CLOCK]
        for turns in (shipped.dialogue, capture.turns)
    )
    assert (list(shipped.faces), told, shipped.greeting) == (capture.faces, said, capture.greeting)
    assert capture.clock_read is not None


def test_a_captured_dialogue_can_be_played_again() -> None:
    clock = Clock()
    with bcplus_recorder(None, monotonic=clock) as recorder:
        capture = captured(recorder, clock, "bc-plus-1d70-single", SecretStr("888888"))
    unlock = PROFILES["bc-plus-1d70-single"].unlock
    assert unlock is not None
    failures: dict[str, Any] = {name: each for name, each in vars(errors).items() if name.endswith("Error")}
    replay = ReplayLink(capture.turns, failures)
    dialect = open_dialect(unlock, replay, SecretStr(PLACEHOLDER))
    assert dialect.hello().serial == recorder.identity.serial
    dialect.unlock()
    assert replay.unheard == 0


def test_what_was_heard_before_a_refusal_is_kept() -> None:
    clock = Clock()
    with control_recorder(None, monotonic=clock) as recorder:
        bench, capture = bench_of(recorder, clock), Capture()
        with pytest.raises(RefusedError):
            capture_dialogue(bench, bench.at(PORT), ACME, SecretStr("wrong"), capture)
    assert capture.greeting is not None
    assert capture.turns[-1].fails == "LinkStalledError"
    assert b"wrong".hex() not in str(capture.turns)


def test_nothing_is_sent_to_a_device_that_the_profile_does_not_fit() -> None:
    clock = Clock()
    with bcplus_recorder(None, monotonic=clock) as recorder:
        bench = bench_of(recorder, clock)
        with pytest.raises(ProfileError, match="no charging face") as told:
            capture_dialogue(bench, bench.at(PORT), ACME, PASSWORD, Capture())
        assert told.value.kept
        assert not recorder.log.of("order", "unlock")


def test_a_port_where_nothing_is_plugged_in_names_those_where_something_is() -> None:
    clock = Clock()
    with control_recorder(None, monotonic=clock) as recorder:
        bench = bench_of(recorder, clock)
        with pytest.raises(BusError) as told:
            bench.at("elsewhere")
    assert f"{PORT} 3f0a:0c01" in told.value.hint


def test_names_and_sizes_of_recordings_are_captured_from_a_card(tmp_path: Path) -> None:
    folder = tmp_path / "card" / "DCIM"
    folder.mkdir(parents=True)
    (folder / "REC_0007.MP4").write_bytes(b"\0\0\0\x18ftypmp42")
    (folder / "notes.txt").write_text("no recording")
    tmp_path.chmod(0o755)
    capture = Capture()
    capture_card(tmp_path / "card", ACME, "nobody", capture)
    (file,) = capture.files
    assert (file.path, file.size_bytes) == ("DCIM/REC_0007.MP4", 12)
    assert file.facts is not None
    assert file.facts.sequence == 7


def test_the_suggested_face_fits_the_device_it_was_made_from() -> None:
    clock = Clock()
    with control_recorder(None, monotonic=clock, product="AC-200 (it's new)") as recorder:
        device = bench_of(recorder, clock).at(PORT)
    (table,) = tomllib.loads(suggest_face(device))["faces"]
    assert face_fits(Face.model_validate(table), device)
    assert table["role"] == "charging"


def test_every_failure_a_link_can_have_is_one_of_the_stations_errors() -> None:
    named = [each for name, each in vars(errors).items() if name.endswith("Error")]
    assert named
    assert all(issubclass(each, StationError) for each in named)


def test_the_command_adds_to_what_a_folder_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    folder = tmp_path / "acme-control"
    monkeypatch.setenv("STATION_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    with control_recorder(None, monotonic=clock) as recorder:
        bench = bench_of(recorder, clock)
        monkeypatch.setattr(capturing, "Bench", lambda: bench)
        told = run("--emulated", folder=folder)
        assert told.exit_code == 0
        assert 'interfaces = ["ff/42/01"]' in told.stdout
        assert [face.serial for face in read_recording(folder).faces] == ["BWC000001"]

        shutil.copy(SHIPPED / "acme-control" / "profile.toml", folder)
        told = run("--emulated", "--dialogue", folder=folder, answers="87654321\n")
        assert told.exit_code == 0
    recording = read_recording(folder)
    assert (recording.how, len(recording.faces)) == ("emulated", 2)
    assert "87654321" not in (folder / "recording.json").read_text()
    assert b"87654321".hex() not in (folder / "recording.json").read_text()


def test_a_dialogue_without_a_profile_is_refused_before_anything_is_looked_at(tmp_path: Path) -> None:
    told = run("--dialogue", folder=tmp_path)
    assert isinstance(told.exception, ProfileError)
    assert not (tmp_path / "recording.json").exists()


def run(*options: str, folder: Path, answers: str | None = None) -> Result:
    arguments = ["record", "--port", PORT, "--out", str(folder), *options]
    return CliRunner().invoke(profiles.app, arguments, input=answers)
