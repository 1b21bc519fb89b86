"""The tables of local state: what must survive a restart but is no evidence, and never leaves this machine.

Guarantee: secrets are stored only as digests or password hashes, but for those of second factors, which both sides
have to compute with; they stay out of backups. Times are text as `station.clock` writes them.
"""

from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, MetaData
from sqlmodel import Field, SQLModel

from station.database import Database, strict_columns

metadata = MetaData()


class Table(SQLModel):
    """Base of the tables of local state, in a metadata of their own."""

    metadata: ClassVar[MetaData] = metadata


class Account(Table, table=True):
    """A person's way in; `password_hash` (argon2id) None: no password chosen yet, so no log-in by password."""

    __tablename__: ClassVar[Any] = "state_account"
    person: str = Field(primary_key=True)
    password_hash: str | None = None
    changed_at: str


class Login(Table, table=True):
    """One open session: `session` is its public id, as in the ledger; only a digest of its secret is kept."""

    __tablename__: ClassVar[Any] = "state_session"
    session: str = Field(primary_key=True)
    token_hash: str = Field(unique=True)
    person: str = Field(index=True)
    created_at: str
    last_seen_at: str
    strength: str
    address: str


class Link(Table, table=True):
    """A single-use log-in link."""

    __tablename__: ClassVar[Any] = "state_link"
    token_hash: str = Field(primary_key=True)
    person: str = Field(index=True)
    created_at: str
    expires_at: str
    used_at: str | None = None


class Pin(Table, table=True):
    """A person's PIN at the dock (argon2id); `single_use`: an admin issued it, good for choosing another only."""

    __tablename__: ClassVar[Any] = "state_pin"
    person: str = Field(primary_key=True)
    pin_hash: str
    single_use: bool = False
    wrong: int = 0
    locked_until: str | None = None
    changed_at: str


class Card(Table, table=True):
    """The card that stands for a person at the dock, beside the numbers on their badge: one a person."""

    __tablename__: ClassVar[Any] = "state_card"
    card_hash: str = Field(primary_key=True)
    person: str = Field(unique=True)
    changed_at: str


class Factor(Table, table=True):
    """A person's second factor (RFC 6238): `secret` in base 32; it counts once `confirmed`; `step` is the last used."""

    __tablename__: ClassVar[Any] = "state_factor"
    person: str = Field(primary_key=True)
    secret: str
    confirmed: bool = False
    step: int = 0
    changed_at: str


class RecoveryCode(Table, table=True):
    """A code that stands once for a second factor whose device is lost."""

    __tablename__: ClassVar[Any] = "state_recovery_code"
    code_hash: str = Field(primary_key=True)
    person: str = Field(index=True)


class ConsoleCode(Table, table=True):
    """A one-time code printed at the machine itself: `purpose` first_admin, or second_admin where there is one only."""

    __tablename__: ClassVar[Any] = "state_console_code"
    __table_args__ = (CheckConstraint("purpose IN ('first_admin', 'second_admin')"),)
    code_hash: str = Field(primary_key=True)
    purpose: str
    created_at: str
    expires_at: str
    used_at: str | None = None


class ApiToken(Table, table=True):
    """What a program acts with under /api/v1, in a person's name; only a digest of its secret is kept.

    `scopes` is separated by spaces; `name` says what the token is for; `revoked_at` None: in force until `expires_at`.
    """

    __tablename__: ClassVar[Any] = "state_api_token"
    token: str = Field(primary_key=True)
    token_hash: str = Field(unique=True)
    name: str
    person: str = Field(index=True)
    scopes: str
    created_at: str
    created_by: str | None = None
    expires_at: str
    revoked_at: str | None = None
    last_used_at: str | None = None
    last_address: str = ""


class Hook(Table, table=True):
    """A system that is told of events (webhook), in a person's name; `events` is separated by spaces.

    `secret` signs what is sent, so it is kept as it is. `position` is the number of the next ledger entry to look at:
    everything before it was told or was nothing to tell. `failures` in a row, the next try not before `due_at`;
    `dead_at`: no more tries until somebody tests it with success.
    """

    __tablename__: ClassVar[Any] = "state_hook"
    hook: str = Field(primary_key=True)
    person: str = Field(index=True)
    token: str | None = Field(default=None, index=True)
    name: str
    url: str
    events: str
    secret: str
    created_at: str
    position: int
    failures: int = 0
    due_at: str | None = None
    problem: str | None = None
    dead_at: str | None = None
    delivered_at: str | None = None


class ApiAnswer(Table, table=True):
    """An answer that a repeated request with the same Idempotency-Key gets again; `status` None: still being made.

    `fingerprint` is a digest of method, path and content of the first request.
    """

    __tablename__: ClassVar[Any] = "state_api_answer"
    token: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    begun_at: str = Field(index=True)
    status: int | None = None
    body: str = ""


class Shown(Table, table=True):
    """A clip whose poster was on a page sent to a session, and when that was last entered in the ledger."""

    __tablename__: ClassVar[Any] = "state_shown"
    session: str = Field(primary_key=True)
    clip: str = Field(primary_key=True)
    at: str


class Scrubbed(Table, table=True):
    """A clip whose filmstrip was sent to a session, and when that was last entered in the ledger."""

    __tablename__: ClassVar[Any] = "state_scrubbed"
    session: str = Field(primary_key=True)
    clip: str = Field(primary_key=True)
    at: str


class Ticket(Table, table=True):
    """A clip opened in a session: what lets its footage be sent, from the moment its look is in the ledger."""

    __tablename__: ClassVar[Any] = "state_ticket"
    session: str = Field(primary_key=True)
    clip: str = Field(primary_key=True)
    at: str
    purpose: str | None = None


class Undo(Table, table=True):
    """What a clip said of `field` before an action on many clips, and what the action made of it; JSON objects."""

    __tablename__: ClassVar[Any] = "state_undo"
    action: str = Field(primary_key=True)
    clip: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    person: str
    at: str = Field(index=True)
    before: str
    made: str


class SavedSearch(Table, table=True):
    """A search of the list of recordings that a person keeps; `query` is what follows the `?` of its address."""

    __tablename__: ClassVar[Any] = "state_saved_search"
    search: str = Field(primary_key=True)
    person: str = Field(index=True)
    name: str
    query: str
    kept_at: str


class Denial(Table, table=True):
    """Refusals of one person in one minute that are not in the ledger yet: `waiting` of them, the first one is."""

    __tablename__: ClassVar[Any] = "state_denial"
    person: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    route: str = Field(primary_key=True)
    minute: str = Field(primary_key=True)
    session: str
    strength: str
    reason: str
    waiting: int = 0


class Work(Table, table=True):
    """Progress of one derived copy: `kind` poster, proxy …; what there is to do follows from the catalogue."""

    __tablename__: ClassVar[Any] = "state_work"
    __table_args__ = (CheckConstraint("state IN ('waiting', 'running', 'ready', 'failed')"),)
    digest: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    state: str = Field(index=True)
    per_mille: int = 0
    error: str | None = None
    attempts: int = 0
    changed_at: str = ""


class FolderIdentity(Table, table=True):
    """The random id of a folder taken in as a recorder that carries no identity of its own."""

    __tablename__: ClassVar[Any] = "state_folder_identity"
    real_path: str = Field(primary_key=True)
    identity: str


class Upload(Table, table=True):
    """A recording that a browser sends: what was said of it, and how far it is on its way into the vault.

    `actor` is who sends it, as JSON; `sha256` what the browser computed, "" for nothing; `modified_at` the file's own
    time there; `collector`, `collector_name` and `recorded_at` as stated; `problem` a code, `clip` what it became.
    `target` the case that it is a document of, "" for a recording.
    """

    __tablename__: ClassVar[Any] = "state_upload"
    __table_args__ = (CheckConstraint("state IN ('receiving', 'arrived', 'taking', 'taken', 'held', 'refused')"),)
    upload: str = Field(primary_key=True)
    person: str = Field(index=True)
    unit: str
    actor: str
    origin: str
    target: str = ""
    name: str
    size_bytes: int
    modified_at: str | None = None
    sha256: str = ""
    device: str = ""
    from_whom: str = ""
    note: str = ""
    collector: str | None = None
    collector_name: str | None = None
    recorded_at: str | None = None
    state: str = Field(default="receiving", index=True)
    problem: str | None = None
    clip: str | None = None
    created_at: str
    changed_at: str


class InboxFile(Table, table=True):
    """A file of the watched folder that was looked at, by its path in there: what became of it, and why.

    `modified` is its time of last change in nanoseconds, as text; another time or size is another file.
    """

    __tablename__: ClassVar[Any] = "state_inbox_file"
    path: str = Field(primary_key=True)
    size_bytes: int
    modified: str
    result: str
    reason: str | None = None
    clip: str | None = None
    looked_at: str


class ChoreRun(Table, table=True):
    """When a chore of `station tend` last ran: `problem` is why it could not, None when it went well."""

    __tablename__: ClassVar[Any] = "state_chore"
    name: str = Field(primary_key=True)
    ended_at: str
    problem: str | None = None
    failures: int = 0


class Scrub(Table, table=True):
    """How far the scheduled re-reading of the vault is: one row.

    `position` is the number of the next ledger entry to look at, `until` the log's size when this pass began. Figures
    are those of this pass; `entered` tells how many of its originals the ledger's entries stand for already.
    """

    __tablename__: ClassVar[Any] = "state_scrub"
    id: int = Field(default=1, primary_key=True)
    begun_at: str
    position: int = 0
    until: int = 0
    originals: int = 0
    size_bytes: int = 0
    total_bytes: int = 0
    damaged: int = 0
    unchecked: int = 0
    readback: str = "direct"
    entered: int = 0
    entered_unchecked: int = 0
    entered_at: str
    last_pass_at: str | None = None
    last_originals: int = 0
    last_damaged: int = 0
    last_unchecked: int = 0


class Check(Table, table=True):
    """A check that somebody asked for, done in the background: of everything, or of a case's `clips` (JSON list).

    `actor` is who asked and `result` what was found until `position`, both as JSON.
    """

    __tablename__: ClassVar[Any] = "state_check"
    __table_args__ = (CheckConstraint("state IN ('waiting', 'running', 'done', 'failed', 'cancelled')"),)
    check: str = Field(primary_key=True)
    scope: str
    target: str | None = None
    clips: str = "[]"
    person: str | None = Field(default=None, index=True)
    actor: str
    state: str = Field(index=True)
    asked_at: str
    ended_at: str | None = None
    position: int = 0
    size_bytes: int = 0
    total_bytes: int = 0
    result: str = "{}"
    problem: str | None = None


class CopyDigest(Table, table=True):
    """The digest of a derived file: of which original (`of`, its SHA-256) it is a copy, and of what `kind`.

    `kind` is playable or disclosure; `made_at` and `size_bytes` tell whether the file at that place is still the same.
    """

    __tablename__: ClassVar[Any] = "state_copy"
    sha256: str = Field(primary_key=True)
    of: str = Field(index=True)
    kind: str
    size_bytes: int
    noted_at: str


class ExportJob(Table, table=True):
    """A court package being made, or made, in a place: `place` "" is the station's own folder, else a folder's path.

    `actor` is who produces it, as JSON; `step` copies, files or seal; `problem` a code, `clip` what it is about;
    `tagmanifest` pins the package that lies there, once it does.
    """

    __tablename__: ClassVar[Any] = "state_export"
    __table_args__ = (CheckConstraint("state IN ('waiting', 'running', 'ready', 'failed')"),)
    export: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    actor: str
    state: str = Field(index=True)
    step: str = "copies"
    per_mille: int = 0
    problem: str | None = None
    clip: str | None = None
    tagmanifest: str | None = None
    asked_at: str
    changed_at: str


class BackupJob(Table, table=True):
    """A backup or a drill (`kind`) that somebody asked for on a page, done in the background.

    `folder` is where the backup lies, `actor` who asked, as JSON; `step` database, footage, ledger or originals, `done`
    of `total` of it (bytes, files for originals); `problem` a code where it failed, with `detail` in words.
    """

    __tablename__: ClassVar[Any] = "state_backup_job"
    __table_args__ = (
        CheckConstraint("kind IN ('backup', 'drill')"),
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')"),
    )
    job: str = Field(primary_key=True)
    kind: str
    folder: str
    actor: str
    state: str = Field(index=True)
    asked_at: str
    ended_at: str | None = None
    step: str = ""
    done: int = 0
    total: int = 0
    problem: str | None = None
    detail: str = ""


strict_columns(metadata)


def create_tables(database: Database) -> None:
    """Create the missing tables; those that exist stay as they are."""
    with database.write() as session:  # alone, since several processes start at once
        metadata.create_all(session.connection())
