"""The ASC MHL history is one that the ASC's own tool accepts, and one that it finds wrong when a byte is."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from station.package.mhl import FOLDER, Original, c4_id, mhl_files

TOOL = Path(__file__).resolve().parents[3] / ".venv" / "ascmhl" / "bin"
FILES = {"b.mp4": b"two", "a.mp4": b"one", "c.jpg": b""}
AS_OF = "2026-08-04T10:00:00.123456Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "originals"
    (place / FOLDER).mkdir(parents=True)
    originals = {}
    for name, data in FILES.items():
        (place / name).write_bytes(data)
        originals[name] = Original(len(data), hashlib.sha512(data).digest())
    for name, data in mhl_files(originals, AS_OF, ("evidence-station", "1.0")).items():
        (place / FOLDER / name).write_bytes(data)
    return place


def run(command: str, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    if not (TOOL / command).exists():
        pytest.skip("the ASC MHL tool is not there (`make test` installs it)")
    return subprocess.run([TOOL / command, *words], capture_output=True, text=True, check=False)


def test_the_ascs_tool_finds_every_file_as_listed(folder: Path) -> None:
    done = run("ascmhl-debug", "verify", "-v", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(name in done.stdout for name in FILES)


def test_the_ascs_tool_finds_a_changed_byte(folder: Path) -> None:
    (folder / "a.mp4").write_bytes(b"onf")
    assert run("ascmhl-debug", "verify", folder).returncode != 0


def test_the_ascs_tool_finds_a_changed_manifest(folder: Path) -> None:
    (path,) = (folder / FOLDER).glob("*.mhl")
    path.write_bytes(path.read_bytes().replace(b"evidence-station", b"evidence-statiom"))
    assert run("ascmhl-debug", "verify", folder).returncode != 0


def test_the_ascs_tool_reckons_the_same_hash_of_the_folder(folder: Path) -> None:
    done = run("ascmhl-debug", "verify", "-dh", "-co", "-ro", "-h", "c4", folder)
    (path,) = (folder / FOLDER).glob("*.mhl")
    roots = [line.split(">")[1].split("<")[0] for line in path.read_text().splitlines()[:18] if "<c4 hashdate" in line]
    assert len(roots) == 2
    assert all(root in done.stdout for root in roots), done.stdout + done.stderr


def test_the_ascs_tool_adds_a_generation_to_it(folder: Path) -> None:
    done = run("ascmhl", "create", "-h", "c4", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((folder / FOLDER).glob("*.mhl"))) == 2


def test_a_c4_id_is_that_of_the_standards_example() -> None:
    # SMPTE ST 2114: the id of the empty string.
    assert (
        c4_id(hashlib.sha512(b"").digest())
        == "c459dsjfscH38cYeXXYogktxf4Cd9ibshE3BHUo6a58hBXmRQdZrAkZzsWcbWtDg5oQstpDuni4Hirj75GEmTc1sFT"
    )
