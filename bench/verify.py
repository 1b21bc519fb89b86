"""How fast `station verify --all` re-reads originals, beside plain hashing of the same files.

The baseline is Python's `hashlib.file_digest` in threads, which uses the processor's own instructions for SHA-256;
`xargs -P sha256sum` is told too, but Debian 12's does not use them. All have as many workers as this process has
processors. Rounds alternate and begin with cold caches; the ratios are of the medians of seconds. Two are told of the
station: of the whole command, with Python's start, the audit and the comparison of the catalogue; and of the re-reading
alone, from the first original to the last.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.intake import Figure, cool

FILES = 40
FILE_BYTES = 50_000_000
ROUNDS = 5
BUDGET = 1.11  # at least 90 % of the baseline's rate
_RESULTS = Path(__file__).parent / "results"  # on the disk that is measured, and ignored by git

# Runs `station verify --all`, and notes the seconds that the re-reading took.
_WATCHED = """
import sys, time
from station.actions import verify
from station.cli import main
check, notes = verify._check_blobs, sys.argv[1]
def watched(*arguments):
    start = time.monotonic()
    check(*arguments)
    with open(notes, "w") as file:
        file.write(str(time.monotonic() - start))
verify._check_blobs = watched
sys.argv[1:] = sys.argv[2:]
main()
"""


# Hashes the files named on its input, NUL between them, with as many threads as its argument says.
_HASHING = """
import hashlib, sys
from concurrent.futures import ThreadPoolExecutor
def digest(name):
    with open(name, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
with ThreadPoolExecutor(int(sys.argv[1])) as pool:
    list(pool.map(digest, sys.stdin.read().split("\\0")))
"""


def make_station(folder: Path, files: int, file_bytes: int) -> Path:
    """Dock random files into a station of their own; returns its home."""
    card, home = folder / "card", folder / "home"
    card.mkdir()
    for number in range(files):
        with (card / f"MOV{number:05d}.MP4").open("wb") as file:
            left = file_bytes
            while left:
                left -= file.write(os.urandom(min(left, 4 * 1024 * 1024)))
    station = [sys.executable, "-m", "station.cli"]
    for words in (["init"], ["dock", card, "--json"]):
        subprocess.run([*station, *words, "--home", home], check=True, stdout=subprocess.DEVNULL)
    return home


def time_hashing(originals: list[Path], *command: str) -> float:
    """Return the seconds of a command that hashes the files named on its input."""
    names = b"\0".join(os.fsencode(each) for each in originals)
    start = time.monotonic()
    subprocess.run(command, input=names, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def time_verify(home: Path, notes: Path) -> tuple[float, float]:
    """Return the seconds of `station verify --all`, and those of them that the re-reading took."""
    command = [sys.executable, "-c", _WATCHED, notes, "verify", "--all", "--json", "--home", home]
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start, float(notes.read_text(encoding="ascii"))


def run(rounds: int = ROUNDS, files: int = FILES, file_bytes: int = FILE_BYTES) -> list[Figure]:
    """Measure both `rounds` times, alternating; returns the table's lines."""
    workers = len(os.sched_getaffinity(0))
    _RESULTS.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=_RESULTS, prefix="verify-") as name:
        folder = Path(name)
        home = make_station(folder, files, file_bytes)
        originals = sorted((home / "vault" / "originals").glob("??/*"))
        folders = sorted({each.parent for each in originals})
        hashes, sums, wholes, readings = [], [], [], []
        for _ in range(rounds):
            cool(*folders)
            hashes.append(time_hashing(originals, sys.executable, "-c", _HASHING, str(workers)))
            cool(*folders)
            sums.append(time_hashing(originals, "xargs", "-0", "-n", "1", "-P", str(workers), "sha256sum"))
            cool(*folders)
            whole, reading = time_verify(home, folder / "notes")
            wholes.append(whole)
            readings.append(reading)
        size_mb = sum(each.stat().st_size for each in originals) / 1e6
    hashed, summed, whole, reading = (statistics.median(each) for each in (hashes, sums, wholes, readings))
    return [
        Figure("processors", workers, None),
        Figure("load of the machine at the end", round(os.getloadavg()[0], 2), None),
        Figure("hashlib in threads, MB/s", round(size_mb / hashed, 1), None),
        Figure("xargs sha256sum, MB/s", round(size_mb / summed, 1), None),
        Figure("verify --all, re-reading, MB/s", round(size_mb / reading, 1), None),
        Figure("verify --all, whole command, MB/s", round(size_mb / whole, 1), None),
        Figure("re-reading to hashlib in threads, seconds", round(reading / hashed, 2), BUDGET),
        Figure("whole command to hashlib in threads, seconds", round(whole / hashed, 2), None),
    ]


def main() -> None:
    """Print the table, or with --json the same as JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--files", type=int, default=FILES)
    options.add_argument("--file-bytes", type=int, default=FILE_BYTES)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    results = run(given.rounds, given.files, given.file_bytes)
    if given.json:
        print(json.dumps([asdict(each) for each in results], indent=1))
        return
    for each in results:
        late = "  over budget" if each.budget is not None and each.value > each.budget else ""
        print(f"{each.name:46} {each.value:10}{late}")


if __name__ == "__main__":
    main()
