"""Making a station's home: folders, settings, key, database, vault, the log's first record, the console code.

Guarantees: an existing home is never overwritten or half-extended; when `make_home` returns, every other command
works on it. There is no default password: the first admin comes in by the code, which expires.
"""

from pathlib import Path

from station import __version__, durable
from station.catalogue import project as catalogue
from station.config import Home, load_home, read_settings
from station.custody import Custody
from station.database import Database
from station.errors import ConflictError, HomeError
from station.evidence.opening import create_store
from station.ledger.keys import DEMO_PREFIX, STATION_PREFIX, new_origin
from station.ledger.sign import create_home_key
from station.ledger.tables import create_tables as create_ledger
from station.records.log_entries import LogStarted
from station.state.tables import create_tables as create_state

_PIECES = ("keys", "vault.id", "station.db")


def default_settings() -> str:
    """Return the text of a new home's station.toml: every setting is at its default until a line is changed."""
    return (
        "# Settings of this evidence station; README.md lists them all with their defaults.\n"
        "# STATION_* environment variables go before what stands here.\n"
        '# listen = "127.0.0.1:8470"\n'
        '# time_zone = "Asia/Shanghai"\n'
        '# unit = ""\n'
    )


def make_home(root: Path, *, settings: str, demo: bool = False) -> Home:
    """Make a station in `root` with `settings` as the text of station.toml; raises ConflictError where one lives."""
    path = root / "station.toml"
    if path.exists():
        raise ConflictError(
            f"There is a station in {root} already",
            kept="It was not touched",
            hint="Name another folder with --home, or use the one there",
        )
    left = [name for name in _PIECES if (root / name).exists()]
    if left:
        raise HomeError(
            f"A set-up was cut short in {root}: it holds {', '.join(left)}, but no settings",
            kept="It was not touched",
            hint="Nothing was taken in there yet: remove them and try again, or name another folder with --home",
        )
    durable.make_folder(root)
    home = Home(root, read_settings(settings, path))
    durable.make_folder(home.derived)
    durable.make_folder(home.run)
    origin = new_origin(DEMO_PREFIX if demo else STATION_PREFIX)
    create_home_key(home, origin)
    create_store(home)
    database = Database(home.database_url)
    create_tables(database)
    if database.is_sqlite and not home.settings.database_url:
        (home.root / "station.db").chmod(0o640)  # it holds password digests
    custody = Custody(home, database)
    first = LogStarted(fact=LogStarted.Fact(origin=origin, software=f"evidence-station {__version__}"))
    custody.append(first, seal=False)
    durable.replace_file(path, settings.encode())  # after all else: a folder with settings is a whole station
    custody.seal()
    database.dispose()
    return load_home(root)


def create_tables(database: Database) -> None:
    """Create what is missing of the three kinds of tables."""
    create_ledger(database)
    catalogue.create_tables(database)
    create_state(database)
