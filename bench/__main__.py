"""`make bench`: every benchmark in turn, as a table and as JSON (bench/results.json, not committed).

Figures are ratios to a baseline measured in the same run wherever there is one; the machine's own speed then matters
little. `BENCH_ARGS="--quick"` runs everything small, to see that it runs.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import anchoring, intake, ledger, listing, pages, plugging, scrolling, verify

RESULTS = Path(__file__).parent / "results.json"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure; `budget` is an upper bound, None where there is no target."""

    group: str
    name: str
    value: float
    budget: float | None = None

    def text(self) -> str:
        """Return the line of the table."""
        judged = (
            ""
            if self.budget is None
            else f"  target ≤ {self.budget:g}{'' if self.value <= self.budget else '  MISSED'}"
        )
        return f"{self.group:10} {self.name:52} {self.value:12,.2f}{judged}"


def intake_lines(quick: bool) -> Iterator[Line]:
    """Yield the figures of taking in 20 × 100 MB beside cp and rsync."""
    small = {"rounds": 1, "files": 4, "file_bytes": 5_000_000} if quick else {}
    for each in intake.run(**small):
        yield Line("intake", each.name, each.value, each.budget)


def verify_lines(quick: bool) -> Iterator[Line]:
    """Yield the figures of verifying 40 × 50 MB beside sha256sum."""
    small = {"rounds": 1, "files": 4, "file_bytes": 5_000_000} if quick else {}
    for each in verify.run(**small):
        yield Line("verify", each.name, each.value, each.budget)


def ledger_lines(quick: bool) -> Iterator[Line]:
    """Yield entries a second: appended one by one, grouped, signed; and audit and proof of a large log."""
    runs: tuple[tuple[str, Callable[[Path, int], ledger.Rate], int], ...] = (
        ("appended one a transaction, per second", ledger.append_single, 300),
        ("appended 100 a transaction, per second", ledger.append_grouped, 20_000),
        ("appended and signed one by one, per second", ledger.append_signed, 100),
    )
    for name, work, entries in runs:
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-ledger-") as folder:
            rate = work(Path(folder) / "log", max(10, entries // 100) if quick else entries)
        yield Line("ledger", name, rate.per_second)
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-ledger-") as folder:
        entries = 10_000 if quick else ledger.ENTRIES
        found = ledger.large_log(Path(folder) / "log", entries)
    yield Line("ledger", f"audit of {entries:,} entries, seconds", found.audit.seconds, 60)
    yield Line("ledger", "audit, peak memory of the process, MB", found.memory_mb)
    yield Line("ledger", f"proof of one of {entries:,} entries, median ms", found.proof_median_ms, 5)
    yield Line("ledger", "proof, p95 ms", found.proof_p95_ms)
    yield Line("ledger", "load of the machine at the end", found.load)


def plugging_lines(quick: bool) -> Iterator[Line]:
    """Yield the waiting before the first byte of a recorder and after its last."""
    small = {"rounds": 1, "files": 2, "file_bytes": 5_000_000} if quick else {}
    for each in plugging.run(**small):
        yield Line("plugging", each.name, each.value, each.budget)


def anchor_lines(quick: bool) -> Iterator[Line]:
    """Yield the time of an entry appended, signed and cosigned twice on this machine, and how busy it was."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-anchors-") as folder:
        found = anchoring.append_cosigned(Path(folder) / "log", 10 if quick else anchoring.ENTRIES)
    yield Line("anchors", "appended, signed, two cosignatures: median ms", found.median_ms, anchoring.BUDGET_MS)
    yield Line("anchors", "appended, signed, two cosignatures: p95 ms", found.p95_ms)
    yield Line("anchors", "load of the machine meanwhile", anchoring.load())


def listing_lines(quick: bool) -> Iterator[Line]:
    """Yield the time of the queries behind a page of 100,000 clips, by role and filter."""
    small = {"clips": 2_000, "rounds": 3} if quick else {}
    for each in listing.run(**small):
        yield Line("listing", f"p95 ms, {each.engine}, {each.role}, {each.listing}", each.p95_ms, listing.BUDGET_MS)


def page_lines(quick: bool) -> Iterator[Line]:
    """Yield the server time of whole list pages of 100,000 clips."""
    small = {"clips": 2_000, "rounds": 3} if quick else {}
    for each in pages.run(**small):
        yield Line("page", f"p95 ms, {each.role}, {each.page}", each.p95_ms, pages.BUDGET_MS)
        yield Line("page", f"p50 ms, {each.role}, {each.page}", each.p50_ms)


def scrolling_lines(quick: bool) -> Iterator[Line]:
    """Yield the longest tasks of a browser that scrolls through hundreds of cards."""
    passes = scrolling.run(**({"clips": 120, "passes": 1} if quick else {}))
    yield Line("scrolling", "longest task, ms, quietest pass", passes[0].longest_ms, scrolling.BUDGET_MS)
    yield Line("scrolling", "longest task, ms, middle pass", passes[len(passes) // 2].longest_ms)


GROUPS = {
    "intake": intake_lines,
    "verify": verify_lines,
    "plugging": plugging_lines,
    "ledger": ledger_lines,
    "listing": listing_lines,
    "page": page_lines,
    "scrolling": scrolling_lines,
    "anchors": anchor_lines,
}


def main() -> None:
    """Run the groups named, or all; print as they come, write the JSON at the end."""
    options = argparse.ArgumentParser(prog="make bench", description=__doc__)
    options.add_argument("groups", nargs="*", choices=[*GROUPS, []], default=[])
    options.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, not how fast")
    given = options.parse_args()
    lines = []
    print(f"{platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()}")
    for name in given.groups or GROUPS:
        for line in GROUPS[name](given.quick):
            lines.append(line)
            print(line.text(), flush=True)
    RESULTS.write_text(json.dumps([asdict(line) for line in lines], ensure_ascii=False, indent=1) + "\n")
    print(f"also in {RESULTS.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
