"""Recordings: written, read, without a password, and played again."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from station.errors import ProfileError, SourceError
from station.profiles.dialogue import RecordingLink, ReplayError, ReplayLink
from station.profiles.recording import PLACEHOLDER, Recording, Turn, read_recording, write_recording

RAW = "12010002000000400a3f510d0401010203010902120001010080fa090400000008065000"


class SilenceError(SourceError):
    """Stands for what a link raises."""


class LinkTimeoutError(SourceError):
    """Stands for the end of what is heard."""


class EchoLink:
    """Answers everything with what it was sent last."""

    def __init__(self) -> None:
        self.last = b""

    def control(self, request_type: int, request: int, value: int, index: int, data_or_length: bytes | int) -> bytes:
        if isinstance(data_or_length, int):
            return b"status"[:data_or_length]
        self.last = data_or_length
        return b""

    def write(self, data: bytes) -> None:
        self.last = data

    def read(self, size: int) -> bytes:
        if not self.last:
            raise SilenceError("nothing")
        return self.last[:size]


def recorded() -> list[Turn]:
    link = RecordingLink(EchoLink(), SecretStr("s3cret"))
    with pytest.raises(SilenceError):
        link.read(9)
    assert link.control(0xC0, 0x52, 0, 0, 4) == b"stat"
    link.control(0x40, 0x51, 1, 2, b"s3cret")
    link.write(b"LOGIN=admin:s3cret\r\n")
    assert link.read(64) == b"LOGIN=admin:s3cret\r\n"
    return link.turns


def test_what_is_kept_holds_the_placeholder_in_place_of_the_password() -> None:
    turns = recorded()
    text = "".join(str(turn.model_dump()) for turn in turns)
    assert b"s3cret".hex() not in text
    assert text.count(PLACEHOLDER.encode().hex()) == 3
    assert turns[0].fails == "SilenceError"
    assert turns[1] == Turn(control=(0xC0, 0x52, 0, 0), device=b"stat".hex())


def test_a_dialogue_is_played_again_with_the_placeholder_as_password_in_any_order() -> None:
    replay = ReplayLink(recorded(), {"SilenceError": SilenceError, "LinkTimeoutError": LinkTimeoutError})
    replay.write(f"LOGIN=admin:{PLACEHOLDER}\r\n".encode())
    assert replay.read(64).startswith(b"LOGIN=admin:{")
    assert replay.control(0xC0, 0x52, 0, 0, 2) == b"st"
    assert replay.unheard == 1
    assert replay.control(0x40, 0x51, 1, 2, PLACEHOLDER.encode()) == b""
    assert replay.unheard == 0
    with pytest.raises(LinkTimeoutError):
        replay.read(64)


@pytest.mark.parametrize("request_number", [0x53, 0x51])
def test_what_the_host_never_said_is_an_error(request_number: int) -> None:
    replay = ReplayLink(recorded(), {})
    with pytest.raises(ReplayError):
        replay.control(0x40, request_number, 0, 0, b"s3cret")


def test_a_recording_survives_writing_and_reading(tmp_path: Path) -> None:
    values = {
        "format": 1,
        "how": "real",
        "faces": [{"descriptors": RAW, "serial": "甲"}],
        "dialogue": recorded(),
        "listing": [{"path": "DCIM/a.mp4", "size_bytes": 3, "facts": {"start": "2026-08-04T10:00:00"}}],
    }
    recording = Recording.model_validate(values)
    write_recording(tmp_path, recording)
    assert read_recording(tmp_path) == recording
    seen = recording.faces[0].device()
    assert (seen.vendor_id, seen.product_id, seen.serial) == (0x3F0A, 0x0D51, "甲")
    assert [interface.triple for interface in seen.interfaces] == [(8, 6, 0x50)]


@pytest.mark.parametrize("content", ["{", '{"format": 2}', '{"format": 1, "how": "real", "faces": []}', "[]"])
def test_a_broken_recording_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "recording.json").write_text(content)
    with pytest.raises(ProfileError, match=r"recording\.json"):
        read_recording(tmp_path)


@pytest.mark.parametrize(
    "turn", [{}, {"host": "00", "device": "00"}, {"host": "0"}, {"control": [1, 2, 3], "host": ""}]
)
def test_a_turn_is_one_transfer_in_one_direction(turn: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Turn.model_validate(turn)
