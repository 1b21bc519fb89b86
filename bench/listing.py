"""How long the server takes for one page of a list of 100,000 clips, its total and the badges, by role and filter.

Each figure is one request's queries from opening the session to the finished views, as the pages do it. Rows are
written straight into a throw-away catalogue: a projection's speed is not the question here.
"""

import argparse
import base64
import json
import os
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import make_url

from station import clock
from station.catalogue.clips import list_clips, untagged_recordings
from station.catalogue.grams import gram_rows, grams_of, searched_text
from station.catalogue.overview import counts, queue_counts
from station.catalogue.project import create_tables
from station.catalogue.tables import metadata
from station.catalogue.views import ClipFilter, Queue, Viewer
from station.database import Database, Session, sqlite_url

CLIPS = 100_000
OFFICERS = 200
RECORDERS = 60
CASES = 8_000
SUBMITTED_EVERY = 3  # every third case is with the reviewers: the widest view that is not a whole unit's
TAGGED = 0.85
UNIT = "执法支队"
BUDGET_MS = 100.0
_BATCH = 5_000
_LETTERS = str.maketrans("0189", "ghij")  # an id has the letters of base32 alone
_LAST = datetime(2026, 8, 4, 10, tzinfo=UTC)
_PLACES = ("建设大街12号", "中山路市场东门", "高新区仓储园3号库", "河西街道办门前", None)
_PROVES = "现场检查过程合法"
_MATTERS = ("涉嫌超限运输", "占道经营", "擅自挖掘道路")


@dataclass(frozen=True, slots=True)
class Timing:
    """One line of the table; milliseconds of server time for a request's queries.

    `cpu_ms` is the median of this process alone: on a machine busy with other things it tells what a quiet one takes
    with SQLite; PostgreSQL works in processes of its own.
    """

    engine: str
    role: str
    listing: str
    total: int
    p50_ms: float
    p95_ms: float
    cpu_ms: float


def fill(database: Database, clips: int = CLIPS) -> None:
    """Fill an empty catalogue with `clips` clips of one unit and what belongs to them."""
    create_tables(database)
    chance = random.Random(947)
    with database.write() as session:
        for table, rows in _tables(chance, clips):
            _insert(session, table, rows)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not database.is_sqlite:
            connection.execute(text("VACUUM ANALYZE"))


def _insert(session: Session, table: str, rows: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            session.connection().execute(metadata.tables[table].insert(), batch)
            batch = []
    if batch:
        session.connection().execute(metadata.tables[table].insert(), batch)


def _tables(chance: random.Random, clips: int) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    tagged = [number for number in range(clips) if chance.random() < TAGGED]
    yield "catalogue_person", (_person(number) for number in range(OFFICERS))
    yield "catalogue_recorder", (_recorder(number) for number in range(RECORDERS))
    yield "catalogue_target", (_target(number) for number in range(CASES))
    yield "catalogue_handler", (_handler(number) for number in range(CASES))
    cases = {number: chance.randrange(CASES) for number in tagged}
    yield "catalogue_clip", (_clip(chance, number, clips, cases) for number in range(clips))
    yield (
        "catalogue_gram",
        (row for number in range(clips) for row in gram_rows(_id("c", number), grams_of(_searched(number)))),
    )
    yield "catalogue_clip_holder", ({"clip": _id("c", n), "person": _id("p", n % OFFICERS)} for n in range(clips))
    yield "catalogue_binding", (_binding(number, case) for number, case in cases.items())
    yield (
        "catalogue_proves",
        ({"binding": _id("b", n), "position": 0, "text": _PROVES, "ranges": "[]"} for n in tagged),
    )
    reviewed = defaultdict(list)
    for number, case in cases.items():
        if case % SUBMITTED_EVERY == 0:
            reviewed[case].append(number)
    yield "catalogue_submission", (_submission(case, len(numbers)) for case, numbers in reviewed.items())
    yield (
        "catalogue_submission_line",
        (_line(case, number, clips) for case, numbers in reviewed.items() for number in numbers),
    )
    yield (
        "catalogue_submission_change",
        (
            {"submission": _id("s", case), "clip": _id("c", number)}
            for case, numbers in reviewed.items()
            for number in numbers
            if _has_changed(case)
        ),
    )
    yield "catalogue_opinion", (_opinion(case, len(numbers)) for case, numbers in reviewed.items() if case % 2)


def _id(kind: str, number: int) -> str:
    # Random-looking and 26 characters long like the station's ids, yet known from the number.
    return kind + f"{number * 2654435761 % 2**64:025x}".translate(_LETTERS)


def _person(number: int) -> dict[str, Any]:
    return {
        "person": _id("p", number),
        "kind": "officer",
        "name": f"执法员{number}",
        "searched": searched_text([f"执法员{number}"]),
        "login": f"officer{number}",
        "unit": UNIT,
        "certificate_number": f"0301{number:08}",
        "police_number": f"{number:06}",
        "roles": "officer",
        "disabled": False,
    }


def _recorder(number: int) -> dict[str, Any]:
    return {
        "recorder": _id("r", number),
        "profile": "ga-t-947-named",
        "identified_by": "serial",
        "identity": f"serial:{number:07}",
        "serial": f"DSJ{number:07}",
        "label": None,
        "unit": UNIT,
        "searched": searched_text([f"DSJ{number:07}"]),
    }


def _target(number: int) -> dict[str, Any]:
    submitted = number % SUBMITTED_EVERY == 0
    return {
        "target": _id("t", number),
        "kind": "case",
        "number": f"冀石执罚〔2026〕第{number}号",
        "folded": f"冀石执罚-2026-{number}",
        "title": f"{_MATTERS[number % len(_MATTERS)]}第{number}号案",
        "searched": searched_text([f"{_MATTERS[number % len(_MATTERS)]}第{number}号案"]),
        "unit": UNIT,
        "number_source": "case_system",
        "status": "submitted" if submitted else "open",
        "opened_at": clock.format_time(_LAST - timedelta(hours=number)),
        "submitted_at": clock.format_time(_LAST) if submitted else None,
    }


def _handler(number: int) -> dict[str, Any]:
    return {"target": _id("t", number), "person": _id("p", number % 20)}


def _file_name(number: int) -> str:
    return f"DSJ{number % RECORDERS:07}_{number % OFFICERS:06}_{number:014}_{number % 10_000:04}.MP4"


def _place(number: int) -> str | None:
    # Half of the places are typed with a house number of their own, the others are a few that everybody goes to.
    usual = _PLACES[number % len(_PLACES)]
    return usual if usual is None or number % 2 else f"{usual}{number % 5_003}室"


def _searched(number: int) -> str:
    return searched_text((_file_name(number), _place(number)))


def _clip(chance: random.Random, number: int, clips: int, cases: dict[int, int]) -> dict[str, Any]:
    recorded = clock.format_time(_LAST - timedelta(minutes=clips - number))
    blank = chance.random() < 0.1
    return {
        "clip": _id("c", number),
        "recorder": _id("r", number % RECORDERS),
        "docking": _id("d", number // 400),
        "sha256": f"{number:064x}",
        "size_bytes": chance.randrange(10**6, 10**9),
        "media": "video",
        "container": "mp4",
        "stage": "probed",
        "readback": "direct",
        "important": chance.random() < 0.03,
        "sequence": number % 10_000,
        "recording": _id("c", number - number % 4),
        "file_name": _file_name(number),
        "path": f"DCIM/100MEDIA/{number:014}.MP4",
        "file_serial": f"DSJ{number % RECORDERS:07}",
        "police_number": f"{number % OFFICERS:06}",
        "device_time": recorded[:19],
        "zone": "Asia/Shanghai",
        "recorded_at": recorded,
        "time_source": "file_name",
        "time_trust": "plain",
        "taken_in_at": recorded,
        "seq": number,
        "sort_at": recorded,
        "unit": UNIT,
        "duration_ms": 60_000,
        "playable": "original",
        "collector": None if blank else _id("p", number % OFFICERS),
        "collector_source": None if blank else "holder_register",
        "place": _place(number),
        "sensitivity": "ordinary",
        "tagged": number in cases,
        "submitted": number in cases and cases[number] % SUBMITTED_EVERY == 0,
        "target": _id("t", cases[number]) if number in cases else None,
        "several_targets": False,
        # About as many as a busy unit lets lie; late ones are never cleared and so the most.
        "missing_field": number in cases and (number % 50 == 0 or _place(number) is None),
        "clock_doubt": number % 97 == 0,
        "overdue": number % 60 == 0,
        "in_doubt": blank and number % 3 == 0,
        "collector_doubt": "holder_ambiguous" if blank and number % 3 == 0 else None,
        "damaged": number % 7_919 == 0 or number % 9_973 == 0,
        "searched": _searched(number),
        "conflicts": int(number % 7_919 == 0),
        "missing_bytes": 4096 if number % 9_973 == 0 else 0,
        "check_outcome": "sound" if number % 3 == 0 else None,
    }


def _binding(number: int, case: int) -> dict[str, Any]:
    return {
        "binding": _id("b", number),
        "action": _id("a", number // 4),
        "clip": _id("c", number),
        "kind": "case",
        "target": _id("t", case),
        "none_reason": None,
        "stage": "on_site",
        "note": "",
        "source": "officer",
        "bound_at": clock.format_time(_LAST),
        "bound_by": _id("p", number % OFFICERS),
    }


def _submission(case: int, clips: int) -> dict[str, Any]:
    return {
        "submission": _id("s", case),
        "target": _id("t", case),
        "version": 1,
        "seq": 10_000_000 + case,
        "submitted_at": clock.format_time(_LAST),
        "submitted_by": _id("p", case % 20),
        "log_size": 10_000_000,
        "clips": clips,
        "act": "penalty",
        "note": "",
        "gaps": "[]",
        "latest": True,
    }


def _has_changed(case: int) -> bool:
    return case // SUBMITTED_EVERY % 20 == 0


def _line(case: int, number: int, clips: int) -> dict[str, Any]:
    collector = None if _has_changed(case) else number % OFFICERS
    sealed = {
        "sha256": f"{number:064x}",
        "size_bytes": 10**6,
        "taken_in": number,
        "stage": "probed",
        "sensitivity": "ordinary",
        "recorded_at": clock.format_time(_LAST - timedelta(minutes=clips - number)),
        "time_source": "file_name",
        "place": [_place(number), None, None, None],
        "place_source": "officer",
        "collector": None if collector is None else _id("p", collector),
        "collector_name": None if collector is None else f"执法员{collector}",
        "companions": [],
        "collector_source": "holder_register",
        "file_name": _file_name(number),
        "number": f"冀石执罚〔2026〕第{case}号",
        "bindings": [
            {
                "binding": _id("b", number),
                "stage": "on_site",
                "source": "officer",
                "proves": [[_PROVES, []]],
                "note": "",
            }
        ],
        "erased": [],
    }
    return {"submission": _id("s", case), "clip": _id("c", number), "sealed": json.dumps(sealed, ensure_ascii=False)}


def _opinion(case: int, clips: int) -> dict[str, Any]:
    return {
        "opinion": _id("o", case),
        "submission": _id("s", case),
        "seq": 20_000_000 + case,
        "verdict": "agree",
        "points": "[]",
        "words": "同意",
        "sound": clips,
        "damaged": 0,
        "unchecked": 0,
        "given_at": clock.format_time(_LAST),
        "given_by": _id("p", 199),
    }


def viewers() -> dict[str, Viewer]:
    """Return one viewer a role, and one who holds several."""
    me = _id("p", 7)
    roles = ("officer", "clerk", "handler", "reviewer", "inspector", "officer clerk handler")
    return {name: Viewer(me, frozenset(name.split()), UNIT) for name in roles}


def listings() -> dict[str, ClipFilter]:
    """Return the filters measured; `nothing found` makes the server look at everything in vain."""
    return {
        "all": ClipFilter(),
        "untagged": ClipFilter(tagged=False),
        "tagged": ClipFilter(tagged=True),
        "one collector": ClipFilter(collector=_id("p", 7)),
        "one recorder": ClipFilter(recorder=_id("r", 7)),
        "important": ClipFilter(important=True),
        "one day": ClipFilter(time_from=_days_ago(30), time_to=_days_ago(29)),
        "half": ClipFilter(time_to=_days_ago(35)),
        **{f"queue: {queue}": ClipFilter(queue=queue) for queue in Queue},
        "one case": ClipFilter(target=_id("t", 3)),
        "text: place of thousands": ClipFilter(text="中山路"),
        "text: two characters": ClipFilter(text="市场"),
        "text: rare place": ClipFilter(text="街12号4730室"),
        "text: number": ClipFilter(text="〔2026〕第777号"),
        "text: title of thousands": ClipFilter(text="超限"),
        "text: every title": ClipFilter(text="号案"),
        "text: one character": ClipFilter(text="号"),
        "text: everybody": ClipFilter(text="执法员"),
        "text: one person": ClipFilter(text="执法员77"),
        "text: recorder": ClipFilter(text="dsj0000007"),
        "text: every file": ClipFilter(text="mp4"),
        "text: digits": ClipFilter(text="000123"),
        "text: nothing found": ClipFilter(text="没有这样的地方"),
        "text: no such digits": ClipFilter(text="987654321"),
        "text: untagged, a day": ClipFilter(text="市场", tagged=False, time_from=_days_ago(30), time_to=_days_ago(29)),
        "untagged important of a day": ClipFilter(
            tagged=False, important=True, time_from=_days_ago(30), time_to=_days_ago(29)
        ),
    }


def _days_ago(days: int) -> str:
    return clock.format_time(_LAST - timedelta(days=days))


def measure(database: Database, engine: str, rounds: int = 20) -> list[Timing]:
    """Time every role with every filter, `rounds` requests each; a first one warms up and is left out."""
    results = []
    for role, viewer in viewers().items():
        for name, narrowed in listings().items():
            results.append(_time(engine, role, name, rounds, _page(database, viewer, narrowed)))
        results.append(_time(engine, role, "badges", rounds, _badges(database, viewer)))
        results.append(_time(engine, role, "queue counters", rounds, _queues(database, viewer)))
        results.append(_time(engine, role, "today's tagging", rounds, _today(database, viewer)))
        results.append(_time(engine, role, "last page", rounds, _last_page(database, viewer)))
    return results


def _page(database: Database, viewer: Viewer, narrowed: ClipFilter) -> Callable[[], int]:
    def request() -> int:
        with database.read() as session:
            return list_clips(session, viewer, narrowed).total

    return request


def _last_page(database: Database, viewer: Viewer) -> Callable[[], int]:
    cursor = base64.urlsafe_b64encode(f"{_days_ago(68)} c".encode()).decode().rstrip("=")

    def request() -> int:
        with database.read() as session:
            return list_clips(session, viewer, ClipFilter(), cursor=cursor).total

    return request


def _badges(database: Database, viewer: Viewer) -> Callable[[], int]:
    def request() -> int:
        with database.read() as session:
            return counts(session, viewer, today=_days_ago(1)).total

    return request


def _queues(database: Database, viewer: Viewer) -> Callable[[], int]:
    def request() -> int:
        with database.read() as session:
            return sum(queue_counts(session, viewer).values())

    return request


def _today(database: Database, viewer: Viewer) -> Callable[[], int]:
    def request() -> int:
        with database.read() as session:
            return len(untagged_recordings(session, viewer))

    return request


def _time(engine: str, role: str, listing: str, rounds: int, request: Callable[[], int]) -> Timing:
    total, spent, worked = request(), [], []
    for _ in range(rounds):
        start, cpu = time.perf_counter(), time.process_time()
        total = request()
        spent.append((time.perf_counter() - start) * 1000)
        worked.append((time.process_time() - cpu) * 1000)
    p50, p95 = statistics.median(spent), statistics.quantiles(spent, n=20)[-1]
    return Timing(engine, role, listing, total, round(p50, 1), round(p95, 1), round(statistics.median(worked), 1))


@contextmanager
def databases() -> Iterator[dict[str, Database]]:
    """Yield the engines to measure: SQLite, and PostgreSQL when STATION_TEST_POSTGRES names a server."""
    with TemporaryDirectory() as folder:
        opened = {"sqlite": Database(sqlite_url(Path(folder) / "listing.db"))}
        server = os.environ.get("STATION_TEST_POSTGRES")
        if server:
            admin = Database(server)
            _own_database(admin, "CREATE DATABASE bench_listing")
            opened["postgresql"] = Database(
                make_url(server).set(database="bench_listing").render_as_string(hide_password=False)
            )
        try:
            yield opened
        finally:
            for database in opened.values():
                database.dispose()
            if server:
                _own_database(admin, "DROP DATABASE bench_listing WITH (FORCE)")
                admin.dispose()


def _own_database(admin: Database, statement: str) -> None:
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))


def run(clips: int = CLIPS, rounds: int = 20) -> list[Timing]:
    """Build the catalogue and measure it on every engine there is."""
    results = []
    with databases() as engines:
        for engine, database in engines.items():
            fill(database, clips)
            results += measure(database, engine, rounds)
    return results


def main() -> None:
    """Print the table, or with --json the same as JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clips", type=int, default=CLIPS)
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    results = run(given.clips, given.rounds)
    if given.json:
        print(json.dumps([asdict(each) for each in results], ensure_ascii=False, indent=1))
        return
    for each in results:
        late = "  over budget" if each.p95_ms > BUDGET_MS else ""
        figures = f"{each.p50_ms:8} {each.p95_ms:8} {each.cpu_ms:8}"
        print(f"{each.engine:10} {each.role:22} {each.listing:28} {each.total:7} {figures}{late}")


if __name__ == "__main__":
    main()
