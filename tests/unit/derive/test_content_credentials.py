"""C2PA content credentials, read back with the library of the people who wrote the specification."""

import json
import subprocess
from pathlib import Path
from typing import Any

import c2pa
import pytest

from station.config import Settings
from station.derive.content_credentials import LINEAGE, Lineage, add_credentials, find_signer
from station.errors import ConfigError, DerivationError
from tests.unit.derive.certificates import write_credentials

OF = Lineage(original_sha256="ab" * 32, log="evidence-station/x", clip="c1", caption_sha256="cd" * 32)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    made = tmp_path / "copy.mp4"
    video = ["-f", "lavfi", "-i", "testsrc2=s=160x90:d=1", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", *video, str(made)], check=True)
    return made


def settings(chain: Path, key: Path) -> Settings:
    return Settings(c2pa_certificate=str(chain), c2pa_key=str(key))


def read(path: Path) -> dict[str, Any]:
    with c2pa.Reader(str(path)) as reader:
        told: dict[str, Any] = json.loads(reader.json())
    return told


@pytest.mark.parametrize("edwards", [False, True], ids=["p256", "ed25519"])
def test_a_copy_carries_its_lineage_under_a_signature_that_others_find_valid(
    copy: Path, tmp_path: Path, edwards: bool
) -> None:
    signer = find_signer(settings(*write_credentials(tmp_path / "keys", edwards=edwards)))
    assert signer is not None
    add_credentials(copy, signer, OF)
    told = read(copy)
    manifest = told["manifests"][told["active_manifest"]]
    assertions = {each["label"]: each["data"] for each in manifest["assertions"]}
    assert told["validation_state"] == "Valid"
    assert assertions[LINEAGE]["original_sha256"] == "ab" * 32
    assert manifest["signature_info"]["common_name"] == "Station"
    probe = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", str(copy)]
    assert subprocess.run(probe, capture_output=True, text=True, check=True).stdout.strip() == "h264"
    assert sorted(path.name for path in copy.parent.iterdir() if path.is_file()) == ["copy.mp4"]


def test_one_changed_byte_of_the_picture_is_found(copy: Path, tmp_path: Path) -> None:
    signer = find_signer(settings(*write_credentials(tmp_path / "keys")))
    assert signer is not None
    add_credentials(copy, signer, OF)
    content = bytearray(copy.read_bytes())
    content[content.rindex(b"mdat") + 500] ^= 1
    copy.write_bytes(content)
    assert read(copy)["validation_state"] == "Invalid"


def test_what_can_not_be_signed_stays_as_it_was(tmp_path: Path) -> None:
    signer = find_signer(settings(*write_credentials(tmp_path / "keys")))
    assert signer is not None
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"this is no film")
    with pytest.raises(DerivationError):
        add_credentials(broken, signer, OF)
    assert broken.read_bytes() == b"this is no film"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.mp4", "keys"]


def test_without_a_certificate_there_are_none() -> None:
    assert find_signer(Settings()) is None


def test_a_credential_of_systemd_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, key = write_credentials(tmp_path / "keys")
    key.rename(tmp_path / "c2pa-key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert find_signer(settings(chain, Path("nowhere"))) is not None


def test_a_wrong_key_or_none_is_told_before_anything_is_made(tmp_path: Path) -> None:
    chain, _ = write_credentials(tmp_path / "keys")
    _, other = write_credentials(tmp_path / "others")
    with pytest.raises(ConfigError, match="not the key of the first certificate"):
        find_signer(settings(chain, other))
    with pytest.raises(ConfigError, match="can't be read"):
        find_signer(settings(chain, tmp_path / "missing"))
    with pytest.raises(ConfigError, match="not PEM"):
        find_signer(settings(chain, chain))
