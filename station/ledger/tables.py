"""The ledger's tables: never migrated, INSERT-only by trigger, each with the one order in which rows may come.

Guarantees, on SQLite and PostgreSQL alike: UPDATE, DELETE and TRUNCATE are refused; records, checkpoints and
anchors are numbered without gaps; a part row may go only after the `payload.erased` entry that names it. Every stored
column can be recomputed or is signed, so that the audit can name any row that was changed behind the station's back.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    inspect,
    text,
)

from station.database import Database

metadata = MetaData()

_Integer = BigInteger().with_variant(Integer(), "sqlite")  # STRICT knows INTEGER only
_Text = Text().with_variant(Text(collation="C"), "postgresql")  # order by bytes everywhere

record = Table(
    "record",
    metadata,
    Column("seq", _Integer, primary_key=True, autoincrement=False),
    Column("record", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, CheckConstraint("length(leaf) = 32"), nullable=False),
    Column("type", _Text, nullable=False),
    Column("time", _Text, CheckConstraint("length(time) = 27"), nullable=False),
    CheckConstraint("seq >= 0"),
    sqlite_strict=True,
    comment="RFC 8785 bytes of each record; leaf is SHA-256(00 || record); type and time repeat the record's",
)
payload = Table(
    "payload",
    metadata,
    Column("seq", _Integer, ForeignKey(record.c.seq), primary_key=True, autoincrement=False),
    Column("payload", LargeBinary, nullable=False),
    sqlite_strict=True,
)
part = Table(
    "part",
    metadata,
    Column("seq", _Integer, ForeignKey(record.c.seq), primary_key=True, autoincrement=False),
    Column("name", _Text, primary_key=True),
    Column("part", LargeBinary, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
node = Table(
    "node",
    metadata,
    Column("level", _Integer, CheckConstraint("level >= 1"), primary_key=True, autoincrement=False),
    Column("index", _Integer, CheckConstraint('"index" >= 0'), primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, CheckConstraint("length(hash) = 32"), nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
    comment="roots of perfect subtrees above the leaves",
)
subject = Table(
    "subject",
    metadata,
    Column("seq", _Integer, ForeignKey(record.c.seq), primary_key=True, autoincrement=False),
    Column("subject", _Text, primary_key=True),
    Index("subject_by_name", "subject", "seq"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
checkpoint = Table(
    "checkpoint",
    metadata,
    Column("number", _Integer, primary_key=True, autoincrement=False),
    Column("size", _Integer, CheckConstraint("size >= 0"), nullable=False, unique=True),
    Column("note", _Text, nullable=False),
    sqlite_strict=True,
    comment="signed notes in the order in which they came; numbered, so that a missing one shows",
)
erasure = Table(
    "erasure",
    metadata,
    Column("seq", _Integer, primary_key=True, autoincrement=False),
    Column("name", _Text, primary_key=True),
    Column("by_seq", _Integer, ForeignKey(record.c.seq), nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
    comment="parts that the payload.erased entry by_seq allows to be deleted",
)
anchor = Table(
    "anchor",
    metadata,
    Column("number", _Integer, primary_key=True, autoincrement=False),
    Column("size", _Integer, ForeignKey(checkpoint.c.size), nullable=False),
    Column("kind", _Text, nullable=False),
    Column("key", _Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("time", _Text, CheckConstraint("length(time) = 27"), nullable=False),
    Index("anchor_by_size", "size", "kind"),
    sqlite_strict=True,
    comment="witnesses' signature lines and RFC 3161 responses over the checkpoint of that size; key is the witness's"
    " vkey or the authority's address, time what the anchor itself states; numbered, so that a missing one shows",
)

_APPEND_ONLY = "the ledger is append-only"

# What must not hold for a row to be inserted; NEW is the row. An existing key is refused here too, since SQLite's
# INSERT OR REPLACE would delete the old row without asking the DELETE trigger.
_REFUSED_INSERTS = {
    "record": "NEW.seq <> COALESCE((SELECT max(seq) + 1 FROM record), 0)",
    "payload": "EXISTS (SELECT 1 FROM payload WHERE seq = NEW.seq)",
    "part": "EXISTS (SELECT 1 FROM part WHERE seq = NEW.seq AND name = NEW.name)",
    "node": 'EXISTS (SELECT 1 FROM node WHERE level = NEW.level AND "index" = NEW."index")',
    "subject": "EXISTS (SELECT 1 FROM subject WHERE seq = NEW.seq AND subject = NEW.subject)",
    "checkpoint": "NEW.number <> COALESCE((SELECT max(number) + 1 FROM checkpoint), 0)"
    " OR NEW.size <= COALESCE((SELECT max(size) FROM checkpoint), -1)",
    "anchor": "NEW.number <> COALESCE((SELECT max(number) + 1 FROM anchor), 0)"
    " OR NEW.kind NOT IN ('cosignature', 'timestamp')",
    "erasure": "EXISTS (SELECT 1 FROM erasure WHERE seq = NEW.seq AND name = NEW.name)"
    " OR NOT EXISTS (SELECT 1 FROM part WHERE seq = NEW.seq AND name = NEW.name)"
    " OR NOT EXISTS (SELECT 1 FROM record WHERE seq = NEW.by_seq AND type = 'payload.erased')",
}
# What must not hold for a row to be deleted; OLD is the row.
_REFUSED_DELETES = {
    "part": "NOT EXISTS (SELECT 1 FROM erasure WHERE seq = OLD.seq AND name = OLD.name)",
}


def create_tables(database: Database) -> None:
    """Create what is missing of the ledger's tables and triggers; raises DatabaseError."""
    with database.write() as session:
        connection = session.connection()
        metadata.create_all(connection)
        existing = installed_triggers(connection)
        for name, statements in expected_triggers(connection.dialect.name).items():
            if name not in existing:
                for statement in statements:
                    connection.execute(text(statement))


def add_missing_tables(database: Database) -> None:
    """Create tables that a database of an earlier version lacks; a trigger that is missing stays so, for the audit."""
    with database.read() as session:
        existing = set(inspect(session.connection()).get_table_names())
    if record.name in existing and not set(metadata.tables) <= existing:
        create_tables(database)


def expected_triggers(dialect: str) -> dict[str, tuple[str, ...]]:
    """Return trigger names and the statements that make them, for `sqlite` or `postgresql`."""
    make = _sqlite_trigger if dialect == "sqlite" else _postgresql_trigger
    triggers: dict[str, tuple[str, ...]] = {}
    for table in metadata.tables:
        for operation, condition in (
            ("INSERT", _REFUSED_INSERTS[table]),
            ("UPDATE", "TRUE"),
            ("DELETE", _REFUSED_DELETES.get(table, "TRUE")),
        ):
            name = f"ledger_{table}_{operation.lower()}"
            triggers[name] = make(name, table, operation, condition)
        if dialect != "sqlite":
            name = f"ledger_{table}_truncate"
            triggers[name] = (
                _function(name, "TRUE"),
                f"CREATE TRIGGER {name} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
            )
    return triggers


def installed_triggers(connection: Connection) -> dict[str, str]:
    """Return the triggers on our tables that are switched on: name to what makes them, as the database tells it."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = (
            "SELECT t.tgname, p.prosrc FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')"
            " AND c.relnamespace = current_schema()::regnamespace"
        )
    return {str(name): str(source) for name, source in connection.execute(text(query))}


def _sqlite_trigger(name: str, table: str, operation: str, condition: str) -> tuple[str, ...]:
    return (
        f"CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW WHEN {condition}"
        f" BEGIN SELECT RAISE(ABORT, '{_APPEND_ONLY}'); END",
    )


def _postgresql_trigger(name: str, table: str, operation: str, condition: str) -> tuple[str, ...]:
    return (
        _function(name, condition, "OLD" if operation == "DELETE" else "NEW"),
        f"CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    )


def _function(name: str, condition: str, result: str = "NULL") -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {condition} THEN RAISE EXCEPTION '{_APPEND_ONLY}'; END IF; RETURN {result}; END $$"
    )
