"""How long taking in 20 × 100 MB takes, beside `cp` + `sync` and `rsync` + `sha256sum -c` of the same files.

The files lie on the same disk twice: in a folder, and in a FAT32 card image. Runs alternate, each begins with cold
caches, and each ratio is of medians. Two moments count: when the last byte is fsynced (told by the reader), and when
`station dock` has ended, every clip read back, linked into the vault and under a signed checkpoint. The program's
byte code is written beforehand, as installing it does; like all else it is then read from the disk.

With `--sm3` each round also docks into a station that takes SM3 digests (`further_digests`), to see what they cost.
"""

import argparse
import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

FILES = 20
FILE_BYTES = 100_000_000
ROUNDS = 5
BUDGETS = {"fsynced to cp + sync": 1.4, "under checkpoint to cp + sync": 2.0, "memory, MB": 150.0}
_RESULTS = Path(__file__).parent / "results"  # on the disk that is measured, and ignored by git
_PROGRAM = Path(__file__).parents[1] / "station"
_DROP_CACHES = Path("/proc/sys/vm/drop_caches")

# Runs in the reader's place: the same program, which also notes when it reported each file and what memory it took.
_WATCHED_READER = """
import os, sys, time
# Not ru_maxrss: across exec it keeps what the parent had.
status = os.open("/proc/self/status", os.O_RDONLY)
notes = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
import station.reader as reader
say = reader._say
def watched(message):
    say(message)
    if message.event == "copied":
        memory = os.pread(status, 8192, 0).partition(b"VmHWM:")[2].split()[0]
        os.pwrite(notes, b"%-20d%-20d" % (time.monotonic_ns(), int(memory)), 0)
reader._say = watched
sys.exit(reader.main(sys.argv[2:]))
"""
_WATCHED_DOCK = """
import sys
from station.acquire import reading
from station.cli import main
reading.READER = (sys.executable, "-P", "-c", sys.argv[1], sys.argv[2])
sys.argv[1:] = sys.argv[3:]
main()
"""


@dataclass(frozen=True, slots=True)
class Intake:
    """One docking: seconds until the last byte was fsynced, until it ended, and peak memory of parent plus reader."""

    fsynced_seconds: float
    ended_seconds: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    value: float
    budget: float | None


def build_card(folder: Path, files: int = FILES, file_bytes: int = FILE_BYTES) -> tuple[Path, Path]:
    """Write random files into `folder`/files and the same into a FAT32 image; returns (files, image)."""
    originals = folder / "files"
    originals.mkdir()
    for number in range(files):
        path = originals / f"MOV{number:05d}.MP4"
        with path.open("wb") as file:
            left = file_bytes
            while left:
                left -= file.write(os.urandom(min(left, 4 * 1024 * 1024)))
    image = folder / "card.img"
    with image.open("wb") as file:
        file.truncate(max(files * file_bytes * 21 // 20, 64 * 1024 * 1024))
    _call("mkfs.vfat", "-F", "32", "-n", "BENCH", image)
    _call("mcopy", "-i", image, *sorted(originals.iterdir()), "::")
    return originals, image


def cool(*paths: Path) -> None:
    """Make what comes next come from the disk: by the kernel's switch for root, else file by file."""
    os.sync()
    if os.access(_DROP_CACHES, os.W_OK):
        _DROP_CACHES.write_text("3", encoding="ascii")
        return
    for path in paths:
        for file in [path] if path.is_file() else sorted(path.iterdir()):
            handle = os.open(file, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def time_copy(originals: Path, folder: Path) -> float:
    """Return the seconds of `cp -r` and `sync`."""
    target = folder / "copied"

    def run() -> None:
        _call("cp", "-r", originals, target)
        _call("sync")

    seconds = _timed(run)
    shutil.rmtree(target)
    return seconds


def time_rsync(originals: Path, folder: Path) -> float:
    """Return the seconds of `rsync`, `sync` and `sha256sum -c`, with the expected digests known beforehand."""
    target, sums = folder / "synced", folder / "sums"
    if not sums.exists():
        lines = subprocess.run(["sha256sum", *sorted(originals.iterdir())], check=True, capture_output=True)
        sums.write_bytes(lines.stdout.replace(bytes(originals) + b"/", b""))
        cool(originals)

    def run() -> None:
        _call("rsync", "-r", f"{originals}/", target)
        _call("sync")
        subprocess.run(["sha256sum", "--quiet", "-c", sums], check=True, cwd=target)

    seconds = _timed(run)
    shutil.rmtree(target)
    return seconds


def time_intake(image: Path, folder: Path, settings: str = "") -> Intake:
    """Dock the card into a fresh home with `station dock` and measure it; `settings` are added to its station.toml."""
    home, notes = folder / "home", folder / "notes"
    station = [sys.executable, "-m", "station.cli"]
    _call(*station, "init", "--home", home)
    with (home / "station.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{settings}")
    cool(image)
    command: list[str | Path] = [
        sys.executable,
        "-c",
        _WATCHED_DOCK,
        _WATCHED_READER,
        notes,
        "dock",
        image,
        "--home",
        home,
        "--json",
    ]
    start = time.monotonic_ns()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    ended = time.monotonic_ns()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"station dock ended with {process.returncode}")
    fsynced, reader_kb = (int(word) for word in notes.read_text(encoding="ascii").split())
    shutil.rmtree(home)
    return Intake((fsynced - start) / 1e9, (ended - start) / 1e9, (usage.ru_maxrss + reader_kb) / 1024)


def run(rounds: int = ROUNDS, files: int = FILES, file_bytes: int = FILE_BYTES, *, sm3: bool = False) -> list[Figure]:
    """Measure everything `rounds` times, alternating; returns the table's lines."""
    _RESULTS.mkdir(exist_ok=True)
    compileall.compile_dir(_PROGRAM, quiet=1)
    with TemporaryDirectory(dir=_RESULTS, prefix="intake-") as name:
        folder = Path(name)
        originals, image = build_card(folder, files, file_bytes)
        copies, syncs, intakes, doubled = [], [], [], []
        for _ in range(rounds):
            cool(originals)
            copies.append(time_copy(originals, folder))
            intakes.append(time_intake(image, folder))
            if sm3:
                doubled.append(time_intake(image, folder, 'further_digests = ["sm3"]\n'))
            if shutil.which("rsync"):
                cool(originals)
                syncs.append(time_rsync(originals, folder))
    copy = statistics.median(copies)
    fsynced = statistics.median(each.fsynced_seconds for each in intakes)
    ended = statistics.median(each.ended_seconds for each in intakes)
    values = {
        "cp + sync, s": copy,
        "last byte fsynced, s": fsynced,
        "last clip under checkpoint, s": ended,
        "fsynced to cp + sync": fsynced / copy,
        "under checkpoint to cp + sync": ended / copy,
        "memory, MB": max(each.memory_mb for each in intakes),
    }
    if doubled:
        fsynced_sm3 = statistics.median(each.fsynced_seconds for each in doubled)
        ended_sm3 = statistics.median(each.ended_seconds for each in doubled)
        values["with SM3: last byte fsynced, s"] = fsynced_sm3
        values["with SM3: last clip under checkpoint, s"] = ended_sm3
        values["with SM3 to without: last byte fsynced"] = fsynced_sm3 / fsynced
        values["with SM3 to without: under checkpoint"] = ended_sm3 / ended
    if syncs:
        values["rsync + sha256sum -c, s"] = statistics.median(syncs)
        values["under checkpoint to rsync + sha256sum -c"] = ended / statistics.median(syncs)
    return [Figure(name, round(value, 2), BUDGETS.get(name)) for name, value in values.items()]


def _timed(work: Callable[[], None]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def _call(*command: str | Path) -> None:
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    done = subprocess.run(command, check=False, capture_output=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")


def main() -> None:
    """Print the table, or with --json the same as JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--files", type=int, default=FILES)
    options.add_argument("--file-bytes", type=int, default=FILE_BYTES)
    options.add_argument("--sm3", action="store_true", help="also with SM3 digests")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    results = run(given.rounds, given.files, given.file_bytes, sm3=given.sm3)
    if given.json:
        print(json.dumps([asdict(each) for each in results], indent=1))
        return
    for each in results:
        late = "  over budget" if each.budget is not None and each.value > each.budget else ""
        print(f"{each.name:42} {each.value:10}{late}")


if __name__ == "__main__":
    main()
