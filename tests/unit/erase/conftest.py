"""Cards of each kind, made once a run and copied for each test, in memory where there is a file system for that."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.erase.cards import Files, make_card

MakeCard = Callable[..., tuple[Path, Files]]
_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def _made() -> Iterator[tuple[Path, dict[tuple[str, int], Files]]]:
    folder = Path(tempfile.mkdtemp(prefix="station-erase-", dir=_MEMORY if _MEMORY.is_dir() else None))
    yield folder, {}
    shutil.rmtree(folder)


@pytest.fixture
def make(_made: tuple[Path, dict[tuple[str, int], Files]]) -> Iterator[MakeCard]:
    """Return what gives a fresh card of a kind, and its files."""
    for tool in ("mkfs.fat", "mcopy", "fsck.fat", "mkfs.exfat", "fsck.exfat"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder, made = _made
    copies: list[Path] = []

    def make_one(kind: str, seed: int = 1) -> tuple[Path, Files]:
        original = folder / f"{kind}-{seed}.img"
        if (kind, seed) not in made:
            made[kind, seed] = make_card(original, kind, seed)
        copies.append(folder / f"copy{len(copies)}.img")
        shutil.copyfile(original, copies[-1])
        return copies[-1], made[kind, seed]

    yield make_one
    for copy in copies:
        copy.unlink()


@pytest.fixture(params=["fat16", "fat32", "exfat"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of file system that files are deleted from."""
    name: str = request.param
    return name
