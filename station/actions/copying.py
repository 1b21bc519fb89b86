"""Digests of the playable copies that were made, so that one that somebody brings back is known again.

Guarantee: a copy is hashed once, as it lies there whole (`derive.layout` publishes whole files only); a copy that was
made anew is another file, and both stay known. A chore of `station tend`; it steps back like the scrub.
"""

from contextlib import closing
from pathlib import Path

from station import clock
from station.actions.rereading import BrokenOffError, gentle, reread_all
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.derive.layout import proxy_path
from station.digest import is_sha256
from station.evidence.store import LocalStore
from station.state.copies import note_copy, noted_originals

PLAYABLE = "playable"
_MOST = 200


def run(home: Home, database: Database, custody: Custody, store: LocalStore) -> None:
    """Hash the playable copies that are not known yet, some hundred at a time."""
    with database.read() as session:
        known = noted_originals(session, PLAYABLE)
    new = [path for path in _copies(home.derived) if _is_new(path, known.get(path.parent.name))][:_MOST]
    try:
        with closing(reread_all(((path, ()) for path in new), gentle(home.run))) as readings:
            for reading in readings:
                if reading.found is not None:
                    with database.write() as session:
                        of = reading.path.parent.name
                        note_copy(session, reading.found.sha256, of, PLAYABLE, reading.found.size_bytes)
    except BrokenOffError:
        return


def _copies(derived: Path) -> list[Path]:
    name = proxy_path(derived, "0" * 64).name
    return [path for path in sorted(derived.glob(f"??/*/{name}")) if is_sha256(path.parent.name)]


def _is_new(path: Path, noted: tuple[str, int] | None) -> bool:
    if noted is None:
        return True
    try:
        status = path.stat()
    except OSError:
        return False
    noted_at, size_bytes = noted
    return status.st_size != size_bytes or status.st_mtime > clock.parse_time(noted_at).timestamp()
