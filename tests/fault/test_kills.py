"""`station dock` killed with its whole process group at any moment: nothing is lost, nothing is there twice."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.flow.images import footage, make_fat_card
from tests.flow.stations import Station, copy_home, signing

pytestmark = pytest.mark.fault
KILLS = int(os.environ.get("STATION_KILLS", "20"))
FILES = {f"DCIM/{n:04}.MP4": footage(n, 2_000_000 + 250_000 * n) for n in range(8)}
ATTEMPTS = 4
HELD = Counter((name, sha256(data).hexdigest()) for name, data in FILES.items())


class Zygote:
    """See tests/fault/zygote.py."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def dock(self, station: Station, card: Path, after_seconds: float | None, after_blobs: int = 0) -> dict[str, Any]:
        log = station.root.with_suffix(".log")
        order = {"home": str(station.root), "source": str(card), "log": str(log)}
        order |= {"after_seconds": after_seconds, "after_blobs": after_blobs}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert answer["killed"] or answer["code"] == 0, log.read_text()
        return answer


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "tests.fault.zygote"]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Zygote(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_fat_card(tmp_path_factory.mktemp("card") / "card.img", FILES, partitioned=True, size_mib=64)


@pytest.mark.timeout(60 + 15 * KILLS)
def test_a_docking_killed_at_any_moment_loses_nothing_and_takes_nothing_in_twice(
    blank_home: Path, card: Path, zygote: Zygote, tmp_path: Path
) -> None:
    chance = random.Random(20261122)
    seconds = _dock_whole(blank_home, card, zygote, tmp_path / "measured")
    killed, clips_at_kill = 0, []
    for number in range(KILLS):
        root = tmp_path / f"home{number}"
        blobs = number * (len(FILES) + 1) // KILLS
        span = seconds / len(FILES) if blobs else seconds
        # A docking may be quicker than the one measured was; each that ends before its kill is shot at again, sooner.
        for attempt in range(ATTEMPTS):
            station = Station(copy_home(blank_home, root))
            with signing(root):
                hit = zygote.dock(station, card, chance.random() * span / 2**attempt, blobs)["killed"]
                if hit or attempt == ATTEMPTS - 1:
                    killed += hit
                    clips_at_kill.append(station.clips().total())
                    _nothing_is_lost(station, card, clips_at_kill[-1], f"kill {number}")
            shutil.rmtree(root)
            if hit:
                break
    assert killed >= KILLS / 2, "most must have hit a docking under way"
    assert len(set(clips_at_kill)) >= 3, f"the kills must be spread over the docking: {clips_at_kill}"
    sys.stderr.write(f"{killed} of {KILLS} dockings killed; clips held at the kill: {Counter(clips_at_kill)}\n")


def _nothing_is_lost(station: Station, card: Path, held: int, kill: str) -> None:
    """Audit what the kill left, dock the card again, and hold the outcome against what is on the card."""
    assert station.audit()["code"] == 0, kill
    again = station.dock(card)
    assert (again.code, set(again.results)) == (0, set(FILES)), kill
    assert again.count("held") == held, kill
    assert station.clips() == HELD, kill
    verified = station.verify()
    assert verified["code"] == 0, f"{kill}: {verified}"
    assert list((station.home.vault / "staging").glob("*/")) == [], "what the dead left is cleared away"


def _dock_whole(blank_home: Path, card: Path, zygote: Zygote, root: Path) -> float:
    station = Station(copy_home(blank_home, root))
    with signing(root):
        return float(zygote.dock(station, card, None)["seconds"])
