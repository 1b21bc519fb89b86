"""The check of a folder of profiles: what it refuses, each named with its file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from station.config import read_settings
from station.profiles.library import load_profiles
from station.profiles.lint import check_profiles
from station.profiles.recording import read_recording
from station.profiles.usb import match_face

SHIPPED = Path(__file__).resolve().parents[3] / "firmware_profiles"
# The descriptors of 1209:xxxx around its product id, up to its interface.
DEVICE = "12010002000000400912"
REST = "0001000003010902120001010080fa"
NINTH = """
id = "ninth"
version = "1"
tier = "reported"

[name]
zh = "第九种"
en = "The ninth"

[transport]
kind = "mass-storage"

[[faces]]
role = "charging"
vendor_id = 0x1209
product_id = 0x0009
serial = 'NIN\\d{4}'
interfaces = ["ff/01/02"]

[[faces]]
role = "storage"
vendor_id = 0x1209
product_id = 0x000a
serial = 'NIN\\d{4}'
interfaces = ["08/06/50"]

[unlock]
dialect = "control"
password = "required"

[unlock.control]
unlock_request = 0x21

[files.extensions]
mp4 = "video"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "profiles"))


def edit(folder: Path, profile: str, old: str, new: str, file: str = "profile.toml") -> None:
    path = folder / profile / file
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), encoding="utf-8")


def twin(folder: Path, name: str, of: str) -> None:
    shutil.copytree(folder / of, folder / name)
    edit(folder, name, f'id = "{of}"', f'id = "{name}"')


def drop_in_ninth(folder: Path) -> None:
    """A recorder nobody here has heard of, as somebody outside would describe it."""
    place = folder / "ninth"
    place.mkdir()
    (place / "profile.toml").write_text(NINTH, encoding="utf-8")
    headings = ("Source", "Matching", "Unlock", "Names", "Time", "Erase", "Tried on")
    (place / "README.md").write_text("# ninth\n\n" + "\n".join(f"## {each}\n-\n" for each in headings))
    faces = [
        (f"{DEVICE}0900{REST}0904000000ff010200", "NIN0001"),
        (f"{DEVICE}0a00{REST}090400000008065000", "NIN0001"),
    ]
    recording = {
        "format": 1,
        "how": "real",
        "faces": [{"descriptors": raw, "serial": serial} for raw, serial in faces],
        "dialogue": [{"control": [0x40, 0x21, 0, 0], "host": b"{password}".hex()}],
    }
    (place / "recording.json").write_text(json.dumps(recording))


def test_a_ninth_profile_dropped_in_is_good_and_known_without_touching_code(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_in_ninth(folder)
    monkeypatch.setenv("STATION_PROFILES", str(folder))
    profiles = load_profiles(Path(read_settings("", Path("station.toml")).profiles))
    assert check_profiles(folder) == []
    for recorded, role in zip(read_recording(folder / "ninth").faces, ("charging", "storage"), strict=True):
        found = match_face(profiles, recorded.device())
        assert found is not None
        assert (found.profile.id, found.face.role, found.pending) == ("ninth", role, None)


Breaking = Callable[[Path], None]
BREAKAGES: dict[str, tuple[Breaking, str]] = {
    "an unknown key": (lambda at: edit(at, "acme-control", "[unlock]", "[unlock]\nmagic = 1"), "unlock.magic"),
    "a dialect that is not in the code": (
        lambda at: edit(at, "acme-control", 'dialect = "control"', 'dialect = "telnet"'),
        "unlock.dialect",
    ),
    "a dialect without its requests": (
        lambda at: edit(at, "acme-control", "unlock_request = 0x51", ""),
        "unlock.control.unlock_request",
    ),
    "ids alone": (lambda at: edit(at, "ambarella-4255", "handshake = true", ""), "ids alone"),
    "a clock without the request that sets it": (
        lambda at: edit(at, "acme-control", "set_clock_request = 0x55", ""),
        "can't set the clock",
    ),
    "a clock nobody can read": (lambda at: edit(at, "ambarella-4255", "set = true", "read = true"), "can't read"),
    "erasing what was only reported": (
        lambda at: edit(at, "ambarella-4255", "[clock]", "[erase]\nallowed = true\n[clock]"),
        "never erased",
    ),
    "erasing over MTP": (
        lambda at: edit(at, "qemu-mtp", "[clock]", "[erase]\nallowed = true\n[clock]"),
        "not transport.kind mtp",
    ),
    "MTP without a serial": (
        lambda at: edit(at, "qemu-mtp", 'serial_from = "usb"', 'serial_from = "names"'),
        "no volume has a serial",
    ),
    "verified without a real device": (
        lambda at: edit(at, "acme-two-lun", 'tier = "emulated"', 'tier = "verified"'),
        "needs a recording from a real device",
    ),
    "no recording": (lambda at: (at / "acme-control" / "recording.json").unlink(), "recording.json is missing"),
    "no dialogue": (lambda at: edit_recording(at, "acme-control", dialogue=[]), "no dialogue was recorded"),
    "a face that was not recorded": (lambda at: drop_face(at, "acme-control"), "no recorded face shows faces.1"),
    "a recording of another recorder": (
        lambda at: edit(at, "acme-two-lun", "product_id = 0x0d52", "product_id = 0x0d99"),
        "it must match acme-two-lun and no other, but matches none",
    ),
    "a README without unlock": (
        lambda at: edit(at, "acme-control", "## Unlock", "## Opening", "README.md"),
        "lacks the heading '## Unlock'",
    ),
    "a README without clock": (
        lambda at: edit(at, "ambarella-4255", "## Clock", "", "README.md"),
        "lacks the heading '## Clock'",
    ),
    "a README without erase": (
        lambda at: edit(at, "qemu-mtp", "## Erase", "", "README.md"),
        "lacks the heading '## Erase'",
    ),
    "a password in the README": (
        lambda at: edit(at, "acme-control", "## Names", "password: 87654321\n## Names", "README.md"),
        "seems to hold a password",
    ),
    "a password in a comment": (
        lambda at: edit(at, "acme-control", "[unlock]", "# 密码：888888\n[unlock]"),
        "seems to hold a password",
    ),
    "a password in the profile": (
        lambda at: edit(at, "acme-control", 'password = "required"', 'password = "87654321"'),
        "seems to hold a password",
    ),
    "a password in the dialogue": (
        lambda at: edit(at, "acme-control", b"{password}".hex(), b"87654321".hex(), "recording.json"),
        "nowhere the password",
    ),
    "a log-in in the dialogue": (
        lambda at: edit(at, "bc-plus-4255-0001", b"{password}".hex(), b"888888".hex(), "recording.json"),
        "nowhere the password",
    ),
    "broken descriptors": (
        lambda at: edit(at, "acme-control", '"1201', '"ff01', "recording.json"),
        "recording.json can't be read",
    ),
    "an unknown key in a recording": (
        lambda at: edit(at, "acme-control", '"format"', '"colour": 1, "format"', "recording.json"),
        "colour",
    ),
    "two profiles for one recorder": (
        lambda at: twin(at, "acme-copy", "acme-control"),
        "acme-control faces.0 and acme-copy faces.0 fit the same device equally well",
    ),
    "two profiles for one handshake": (
        lambda at: twin(at, "bc-copy", "bc-plus-4255-0001"),
        "bc-copy faces.0 and bc-plus-4255-0001 faces.0 fit the same device equally well",
    ),
    "two profiles for one label": (
        lambda at: twin(at, "dpb-copy", "transcend-drivepro-body"),
        "dpb-copy faces.0 and transcend-drivepro-body faces.0",
    ),
    "two patterns that one recording fits": (lambda at: nearly_twin(at), "Several profiles fit"),
}


def edit_recording(folder: Path, profile: str, **values: Any) -> None:
    path = folder / profile / "recording.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def drop_face(folder: Path, profile: str) -> None:
    path = folder / profile / "recording.json"
    edit_recording(folder, profile, faces=json.loads(path.read_text())["faces"][:1])


def nearly_twin(folder: Path) -> None:
    twin(folder, "acme-nearly", "acme-two-lun")
    edit(folder, "acme-nearly", r"serial = 'BWC\d{6}'", "serial = 'BWC.*'")


@pytest.mark.parametrize("flaw", BREAKAGES)
def test_a_flaw_is_told(folder: Path, flaw: str) -> None:
    breaking, said = BREAKAGES[flaw]
    breaking(folder)
    assert [complaint for complaint in check_profiles(folder) if said in complaint]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("serial = 'A1'", "serial = 'A2'"),
        ("serial = 'A-1'", r"serial = 'B-\d'"),
        (r"serial = 'A\.1'", r"serial = 'AX1'"),
    ],
)
def test_profiles_told_apart_by_a_constant_do_not_overlap(folder: Path, one: str, other: str) -> None:
    twin(folder, "acme-other", "acme-two-lun")
    edit(folder, "acme-two-lun", r"serial = 'BWC\d{6}'", one)
    edit(folder, "acme-other", r"serial = 'BWC\d{6}'", other)
    assert not [complaint for complaint in check_profiles(folder) if "equally well" in complaint]
