"""A small log to test on: a few clips, a case, and one entry about nothing."""

from pathlib import Path

from sqlmodel import Session

from station.config import Home, Settings
from station.database import Database
from station.ledger import log, tables
from station.ledger.entry import parse_payload
from station.ledger.sign import create_home_key
from station.records.draft import Draft

ORIGIN = "evidence-station/abcdefghijklmnopqrstuvwxyz"
TIME = "2026-08-04T10:00:00.000000Z"


def make_home(root: Path, database_url: str = "", origin: str = ORIGIN) -> Home:
    home = Home(root, Settings(database_url=database_url))
    root.mkdir(parents=True, exist_ok=True)
    (root / "station.toml").write_text(f'database_url = "{database_url}"\n' if database_url else "")
    create_home_key(home, origin)
    return home


def draft(number: int) -> Draft:
    subjects = () if number % 5 == 4 else (f"clip:{number % 3}", "case:x") if number % 2 else (f"clip:{number % 3}",)
    parts = {"fact": {"number": number}, "names": {"officer": "张三", "place": f"{number} 号楼"}}
    return Draft("clip.bound" if number % 2 else "clip.ingested", subjects, parts)


def fill(database: Database, count: int, first: int = 0, origin: str = ORIGIN) -> list[log.Appended]:
    with database.write() as session:
        return log.append(session, [draft(first + at) for at in range(count)], origin=origin, time=TIME)


def erasing(session: Session, seq: int, part: str = "names") -> Draft:
    """The draft that lets a stored part go."""
    digest = parse_payload(log.entry(session, seq).payload)[part]
    return Draft("payload.erased", (f"entry:{seq}",), {"fact": {"seq": seq, "part": part, "digest": digest}})


def make_log(database: Database, count: int = 13) -> None:
    tables.create_tables(database)
    fill(database, count)
