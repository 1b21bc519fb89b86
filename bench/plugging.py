"""From plugging a recorder in to its first byte, and from its last byte to "safe to remove".

The dock's own stage attends to a model of a recorder that answers at once and whose card is an image on the disk, so
what is measured is the station's share: matching, unlocking, starting the reader, listing; and at the end reading the
last file back, sealing, and telling. The model is asked every 10 ms where a real dock waits for events. Not in it:
udev's rules and the kernel's drivers. Each round begins with cold caches and a new recorder; the process that attends
is running already, as it is on a box.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.intake import build_card, cool
from station import clock
from station.actions.recorders import enrol_serial
from station.board import SlotBoard, slot_meter
from station.config import load_home
from station.custody import Custody
from station.database import Database
from station.evidence.opening import open_store
from station.pipeline import attend
from station.profiles.library import load_profiles
from station.records.entries import Actor
from station.stages.attending import Attending, Presence
from tests.fakes.recorder.kinds import control_recorder
from tests.fakes.recorder.model import Delays
from tests.flow.bays import PORT, ModelBay, let_models_answer

FILES, FILE_BYTES, ROUNDS = 5, 100_000_000, 5
_PROFILE, _PASSWORD = "acme-control", "87654321"
_CONSOLE = Actor(via="console", strength="console")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; seconds."""

    name: str
    value: float
    budget: float | None


@dataclass(frozen=True, slots=True)
class Plugging:
    """One recorder: seconds from plugging in to the first byte, from the last to the end, and of one read-back."""

    first_byte: float
    after_last_byte: float
    read_back: float


def attend_once(root: Path, image: Path, serial: str) -> Plugging:
    """Attend to one recorder with this card in the home at `root`."""
    home = load_home(root)
    bays: dict[str, ModelBay] = {}
    let_models_answer(bays, setattr)
    marks: dict[str, float] = {}

    def shown(line: SlotBoard) -> None:
        if line.bytes_done:
            marks.setdefault("first", clock.monotonic())
        if line.bytes_done == line.bytes_total and line.bytes_total:
            marks.setdefault("last", clock.monotonic())

    delays = Delays(leave_seconds=0, away_seconds=0)
    database = Database(home.database_url)
    try:
        custody = Custody(home, database)
        enrol_serial(custody, home, _CONSOLE, serial, _PROFILE)
        cool(image)
        recorder = control_recorder(image, serial=serial, delays=delays)
        start = clock.monotonic()
        bays[PORT] = ModelBay(recorder, (image,))
        with slot_meter(home.run, 1, 8, shown, state="unlocking") as meter:
            attend(Attending(home, database, custody, bays[PORT], meter, Presence()), load_profiles(*home.profiles))
            ended, state = clock.monotonic(), meter.line.state
        recorder.close()
    finally:
        database.dispose()
    assert state == "done", state
    store = open_store(home)
    before = clock.monotonic()
    for digest in store.digests():
        assert store.read_back(digest).sha256 == digest
    return Plugging(marks["first"] - start, ended - marks["last"], clock.monotonic() - before)


def run(rounds: int = ROUNDS, files: int = FILES, file_bytes: int = FILE_BYTES) -> list[Figure]:
    """Plug in a card of `files` × `file_bytes` so many times; return medians."""
    taken = []
    with TemporaryDirectory(dir=Path.cwd(), prefix="bench-plugging-") as folder:
        _, image = build_card(Path(folder), files, file_bytes)
        for number in range(rounds):
            root = Path(folder) / f"home{number}"
            _station("init", "--home", str(root))
            settings = root / "station.toml"
            told = f'recorder_passwords = {{ "{_PROFILE}" = "{_PASSWORD}" }}\n'
            settings.write_text(told + settings.read_text(encoding="utf-8"), encoding="utf-8")
            taken.append(attend_once(root, image, f"BWC{number:06}"))
            shutil.rmtree(root)
    first = statistics.median(each.first_byte for each in taken)
    after = statistics.median(each.after_last_byte for each in taken)
    read_back = statistics.median(each.read_back for each in taken)
    return [
        Figure("plugged in to first byte, s", round(first, 2), 2.0),
        Figure("last byte to safe to remove, s", round(after, 2), None),
        Figure("reading the card's files back alone, s", round(read_back, 2), None),
        Figure("last byte to safe to remove beyond reading back, s", round(after - read_back, 2), 1.0),
    ]


def _station(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "station.cli", *arguments], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Print the table, or with --json the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = run(options.rounds)
    if options.json:
        print(json.dumps([asdict(each) for each in figures], indent=1))
        return
    for each in figures:
        print(f"{each.name:52} {each.value:8}")


if __name__ == "__main__":
    main()
