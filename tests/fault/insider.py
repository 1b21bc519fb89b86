"""What somebody with every right on the box can do to a log: the tools of tests/fault/test_insider.py.

He knows the format as well as we do: whatever he writes is well formed, chained and hashed as it should be, the tree
and the catalogue are made anew, and the guards are back in place when he is done.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from station.config import load_home
from station.custody import rebuild
from station.database import Database
from station.ledger import keys, log, tables
from station.ledger.entry import leaf_of, parse_record
from station.ledger.keys import SigningKey
from station.ledger.memory import MEMORY_FILE, Memory
from station.ledger.merkle import CompactRange
from station.ledger.note import checkpoint_text, make_note
from station.records.draft import Draft, Json


@dataclass(frozen=True, slots=True)
class Told:
    """One entry as he reads it: everything but its place in the log."""

    type: str
    time: str
    subjects: tuple[str, ...]
    parts: dict[str, Json]


Rewrite = Callable[[list[Told]], list[Told]]


class Insider:
    """Root on the box, with the home at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def sql(self) -> Iterator[sqlite3.Connection]:
        """Open the database with its guards off; they are back afterwards."""
        connection = sqlite3.connect(self.root / "station.db", isolation_level=None)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for name in tables.expected_triggers("sqlite"):
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for statements in tables.expected_triggers("sqlite").values():
            connection.execute(statements[0])
        connection.close()

    def entries(self) -> list[Told]:
        """Read the whole log."""
        with self._database() as database, database.read() as session:
            return [
                Told(each.type, each.time, tuple(parse_record(each.record).subjects), each.values())
                for each in log.entries(session)
            ]

    def rewrite(self, change: Rewrite, *, key: SigningKey | None = None, remember: bool = False) -> None:
        """Write the log anew as `change` makes it, all chains and hashes right.

        With `key` every checkpoint is signed anew at the size it had; with `remember` the signer's memory made to fit.
        """
        told = change(self.entries())
        with self.sql() as connection:
            sizes = [size for (size,) in connection.execute("SELECT size FROM checkpoint ORDER BY number")]
            connection.execute("PRAGMA foreign_keys = OFF")
            kept = ("checkpoint",) if key is None else ()
            for table in tables.metadata.tables:
                if table not in kept:
                    connection.execute(f"DELETE FROM {table}")  # noqa: S608  our own names
        origin = keys.load_verifier(self.root / "log.vkey").name
        signed = {min(size, len(told)) for size in sizes} | {len(told)}
        tree, note = CompactRange(), ""
        with self._database() as database:
            with database.write() as session:
                for number, each in enumerate(told, 1):
                    draft = Draft(each.type, each.subjects, each.parts)
                    (appended,) = log.append(session, [draft], origin=origin, time=each.time)
                    tree.append(appended.leaf)
                    if key is not None and number in signed:
                        body = checkpoint_text(origin, number, tree.root())
                        note = make_note(body, [key.sign(body)])
                        log.store_checkpoint(session, note)
            rebuild(database)
        if remember:
            memory = Memory(tree, appended.leaf.hex(), note)
            path = self.root / "keys" / MEMORY_FILE
            path.chmod(0o600)
            path.write_bytes(memory.serialise())

    def stolen_key(self) -> SigningKey:
        """Return the log's private key."""
        return keys.load_key(self.root / "keys")

    def change_key(self) -> SigningKey:
        """Put another key under the log's name in place of its own."""
        key = SigningKey(self.stolen_key().verifier.name, secrets.token_bytes(32))
        for path, content in (
            (self.root / "keys" / keys.KEY_FILE, key.private_text()),
            (self.root / "keys" / keys.VERIFIER_FILE, f"{key.verifier}\n"),
            (self.root / "log.vkey", f"{key.verifier}\n"),
        ):
            path.chmod(0o600)
            path.write_text(content)
        return key

    def alter_in_place(self, seq: int, change: Callable[[bytes], bytes]) -> None:
        """Change one record's bytes and its leaf, and the whole tree above, but nothing that comes after."""
        with self.sql() as connection:
            ((record,),) = connection.execute("SELECT record FROM record WHERE seq = ?", [seq]).fetchall()
            forged = change(record)
            assert forged != record
            connection.execute("UPDATE record SET record = ?, leaf = ? WHERE seq = ?", [forged, leaf_of(forged), seq])
            self.replant(connection)

    @staticmethod
    def replant(connection: sqlite3.Connection) -> None:
        """Make the tree's nodes anew over the leaves as they are."""
        connection.execute("DELETE FROM node")
        tree = CompactRange()
        for (leaf,) in connection.execute("SELECT leaf FROM record ORDER BY seq").fetchall():
            for node in tree.append(leaf):
                connection.execute("INSERT INTO node VALUES (?, ?, ?)", [node.level, node.index, node.hash])

    @contextmanager
    def _database(self) -> Iterator[Database]:
        database = Database(load_home(self.root).database_url)
        try:
            yield database
        finally:
            database.dispose()


def without(seq: int) -> Rewrite:
    """Leave one entry out."""
    return lambda told: [each for at, each in enumerate(told) if at != seq]


def swapped(one: int, other: int) -> Rewrite:
    """Let two entries change places."""

    def change(told: list[Told]) -> list[Told]:
        told[one], told[other] = told[other], told[one]
        return told

    return change


def cut(count: int) -> Rewrite:
    """Leave the last entries out."""
    return lambda told: told[:-count]


def with_another(seq: int, entry: Told) -> Rewrite:
    """Put an entry in that was never made."""
    return lambda told: [*told[:seq], entry, *told[seq:]]


def retold(seq: int, **fact: Json) -> Rewrite:
    """Let an entry's `fact` say something else."""

    def change(told: list[Told]) -> list[Told]:
        said = told[seq].parts["fact"]
        assert isinstance(said, dict) and set(fact) <= set(said)
        told[seq] = replace(told[seq], parts=told[seq].parts | {"fact": said | fact})
        return told

    return change


def unchanged(told: Sequence[Told]) -> list[Told]:
    """Write the same again: only the salts differ."""
    return list(told)


def run_sql(connection: sqlite3.Connection, script: str) -> int:
    """Run statements one by one; return how many rows changed."""
    before = connection.total_changes
    for statement in script.split(";"):
        connection.execute(statement)
    return connection.total_changes - before
