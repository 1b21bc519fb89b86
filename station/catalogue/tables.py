"""The projection's tables. Nothing in them is evidence: every row follows from ledger entries alone.

Times are text as `station.clock` writes them, so that text order is time order. Column comments name what a reader
could mistake. Bump `PROJECTION_VERSION` with any change here or in `project`: the catalogue is then rebuilt.

`project` fills `History` with `history.history_rows(seq, time, entry)` for every entry, `Target.folded` with
`folding.fold_number(number)`, each `searched` with the row's folded text, and moves the bindings of a resolved
matter to the case it went into.
"""

from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, MetaData, text
from sqlmodel import Field, SQLModel

from station.database import strict_columns

PROJECTION_VERSION = 8
metadata = MetaData()


class Table(SQLModel):
    """Base of the projection's tables, in a metadata of their own."""

    metadata: ClassVar[MetaData] = metadata


_LIST_COLUMNS = (
    "sort_at",
    "clip",
    "unit",
    "tagged",
    "submitted",
    "important",
    "damaged",
    "recorder",
    "collector",
    "recording",
    "target",
    "several_targets",
    "searched",
)


# Flags of clips that a clerk has to look into: few clips each, so that a queue and its counter are quick.
QUEUE_FLAGS = ("missing_field", "in_doubt", "clock_doubt", "damaged", "overdue")


def _queue_index(column: str) -> Index:
    return Index(
        f"catalogue_clip_{column}",
        "sort_at",
        "clip",
        "unit",
        "submitted",
        column,  # always true here; without it SQLite would look it up in the table
        sqlite_where=text(f"{column} IS 1"),
        postgresql_where=text(f"{column} IS true"),
    )


class Meta(Table, table=True):
    """One row: which version of the projection this is, and how many entries it has taken in."""

    __tablename__: ClassVar[Any] = "catalogue_meta"
    id: int = Field(default=1, primary_key=True)
    version: int
    entries: int


class Person(Table, table=True):
    """A person and the roles they hold; `roles` is sorted and comma-separated, `disabled` closes the account."""

    __tablename__: ClassVar[Any] = "catalogue_person"
    person: str = Field(primary_key=True)
    kind: str
    name: str | None
    login: str | None = Field(index=True)
    unit: str
    certificate_number: str | None
    police_number: str | None
    searched: str = Field(default="", description="the name as it is looked for")
    roles: str = ""
    disabled: bool = False


class Recorder(Table, table=True):
    """A recorder; `identity` is the key it is recognised by when it is docked again.

    `enrolled` tells that the dock may read it without a hand; `offset_ms` how far its clock was ahead when last read.
    """

    __tablename__: ClassVar[Any] = "catalogue_recorder"
    recorder: str = Field(primary_key=True)
    profile: str
    identified_by: str
    identity: str | None = Field(index=True)
    serial: str | None
    label: str | None
    unit: str
    searched: str = Field(default="", description="serial and label as they are looked for")
    enrolled: bool = False
    offset_ms: int | None = None
    clock_read_at: str | None = None
    clock_set_at: str | None = None


class Quarantine(Table, table=True):
    """Something turned away at the dock, so that an administrator can see what it was and enrol it."""

    __tablename__: ClassVar[Any] = "catalogue_quarantine"
    quarantine: str = Field(primary_key=True)
    reason: str
    slot: int | None
    recorder: str | None
    profile: str | None
    identity: str | None = Field(index=True)
    serial: str | None
    label: str | None
    product: str | None
    device: str
    at: str


class Holding(Table, table=True):
    """One line of the register of holders (领用登记); `until` is None while they still have it."""

    __tablename__: ClassVar[Any] = "catalogue_holding"
    holding: str = Field(primary_key=True)
    recorder: str = Field(index=True)
    person: str = Field(index=True)
    since: str
    until: str | None = None


class Docking(Table, table=True):
    """One docking; `counts` is JSON per result; `finished_at` stays None when it was cut short."""

    __tablename__: ClassVar[Any] = "catalogue_docking"
    __table_args__ = (Index("catalogue_docking_started", "started_at"),)
    docking: str = Field(primary_key=True)
    recorder: str = Field(index=True)
    profile: str
    slot: int | None
    source_kind: str
    source: str | None
    started_at: str
    finished_at: str | None = None
    whole: bool | None = None
    counts: str = "{}"
    size_bytes: int = 0
    listing: str | None = None


class Clip(Table, table=True):
    """One clip. `recording` is the id of its recording's first segment; `sort_at` orders lists.

    `recorded_at` is UTC and may rest on a clock that was wrong: see `time_trust` and `time_source`.
    """

    __tablename__: ClassVar[Any] = "catalogue_clip"
    __table_args__ = (
        CheckConstraint("size_bytes >= 0"),
        CheckConstraint("stage IN ('incomplete', 'sealed', 'probed', 'disposed')"),
        # All that lists are ordered, narrowed and counted by: SQLite answers from the index alone, which is what keeps
        # a list of 100,000 clips within its 100 ms (bench/listing.py). PostgreSQL reads the table as fast, and its
        # index rows are too short for any text.
        Index("catalogue_clip_list", *_LIST_COLUMNS).ddl_if(dialect="sqlite"),
        Index("catalogue_clip_by_time", "sort_at", "clip").ddl_if(dialect="postgresql"),
        # Totals are counted through this narrow one. It must not start with what lists are narrowed by: SQLite would
        # take it for those too and then fetch every row from the table.
        Index("catalogue_clip_count", "docking", "unit", "submitted", "tagged", "important"),
        Index("catalogue_clip_taken_in", "taken_in_at", "unit", "submitted", "clip"),
        *(_queue_index(column) for column in QUEUE_FLAGS),
        Index("catalogue_clip_neighbour", "recorder", "sequence"),
    )
    clip: str = Field(primary_key=True)
    recorder: str
    docking: str
    sha256: str = Field(index=True)
    size_bytes: int
    media: str
    container: str
    stage: str
    readback: str
    important: bool
    sequence: int | None
    recording: str = Field(index=True)
    file_name: str | None
    path: str | None
    file_serial: str | None
    police_number: str | None
    device_time: str | None
    zone: str | None
    offset_ms: int | None = None
    recorded_at: str | None
    time_source: str | None
    time_trust: str
    taken_in_at: str
    seq: int = Field(description="the entry that last took the clip's bytes in")
    sort_at: str
    unit: str
    duration_ms: int | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: str | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    playable: str | None = None
    probe_text: str | None = None
    collector: str | None = Field(default=None, index=True)
    collector_name: str | None = None
    collector_source: str | None = None
    place: str | None = None
    latitude: str | None = None
    longitude: str | None = None
    datum: str | None = None
    place_source: str | None = None
    sensitivity: str = "ordinary"
    tagged: bool = False
    submitted: bool = Field(default=False, description="bound to a case that was submitted for review")
    target: str | None = Field(default=None, description="the target, or of several the one of the oldest binding")
    several_targets: bool = False
    damaged: bool = Field(default=False, description="this and the next four: see doubts")
    missing_field: bool = False
    clock_doubt: bool = False
    overdue: bool = False
    collector_doubt: str | None = Field(default=None, description="a stable code; `in_doubt` when there is one")
    in_doubt: bool = False
    searched: str = Field(default="", description="file name, place and collector as they are looked for, in lines")
    conflicts: int = 0
    missing_bytes: int = 0
    checked_at: str | None = None
    check_outcome: str | None = None


class Gram(Table, table=True):
    """Two characters next to each other in a clip's `searched`, at least one beyond ASCII: what leads to rare words."""

    __tablename__: ClassVar[Any] = "catalogue_gram"
    __table_args__ = ({"sqlite_with_rowid": False},)
    gram: str = Field(primary_key=True)
    clip: str = Field(primary_key=True)


class ClipHolder(Table, table=True):
    """Who held the recorder when the clip was recorded: who may see it while its collector is blank.

    Not who said that the recording is not theirs.
    """

    __tablename__: ClassVar[Any] = "catalogue_clip_holder"
    clip: str = Field(primary_key=True)
    person: str = Field(primary_key=True, index=True)


class Disclaimer(Table, table=True):
    """不是我录的: who says that they did not make the recording, and when they last said so."""

    __tablename__: ClassVar[Any] = "catalogue_disclaimer"
    clip: str = Field(primary_key=True)
    person: str = Field(primary_key=True)
    at: str


class Companion(Table, table=True):
    """Who else was there."""

    __tablename__: ClassVar[Any] = "catalogue_companion"
    clip: str = Field(primary_key=True)
    person: str = Field(primary_key=True, index=True)


class Sighting(Table, table=True):
    """A file as it lay on a recorder; `key` is a digest of what makes it the same file when docked again."""

    __tablename__: ClassVar[Any] = "catalogue_sighting"
    key: str = Field(primary_key=True)
    clip: str = Field(index=True)


class Target(Table, table=True):
    """A case, pending matter or task; `folded` is the number as people type it, for finding it.

    `act` is its kind of act where that was known from the beginning; a submission has its own.
    """

    __tablename__: ClassVar[Any] = "catalogue_target"
    target: str = Field(primary_key=True)
    kind: str
    number: str | None
    folded: str | None = Field(index=True)
    title: str | None
    searched: str = Field(default="", description="the title as it is looked for")
    unit: str
    number_source: str
    act: str | None = None
    status: str = "open"
    into: str | None = None
    opened_at: str
    submitted_at: str | None = None


class Document(Table, table=True):
    """A document of a target: `kind` by its first bytes; its name, own time, giver and note as stated."""

    __tablename__: ClassVar[Any] = "catalogue_document"
    document: str = Field(primary_key=True)
    seq: int = Field(unique=True)
    target: str = Field(index=True)
    sha256: str = Field(index=True)
    size_bytes: int
    kind: str
    file_name: str
    modified_at: str | None
    from_whom: str
    note: str
    added_at: str
    added_by: str | None


class Note(Table, table=True):
    """A note on a clip: `lines` is JSON [[ms or null, words], …]; `replaced`: another stands in its place."""

    __tablename__: ClassVar[Any] = "catalogue_note"
    note: str = Field(primary_key=True)
    seq: int = Field(unique=True)
    clip: str = Field(index=True)
    lines: str
    noted_at: str
    noted_by: str | None
    replaced: bool = False


class Submission(Table, table=True):
    """送审: `version` counts the case's submissions, `clips` those of its list; `gaps` is JSON [[stage, reason], …].

    `latest`: none of the case came after it.
    """

    __tablename__: ClassVar[Any] = "catalogue_submission"
    __table_args__ = (Index("catalogue_submission_target", "target", "version"),)
    submission: str = Field(primary_key=True)
    target: str
    version: int
    seq: int = Field(unique=True)
    submitted_at: str
    submitted_by: str | None
    log_size: int
    clips: int
    act: str | None
    note: str = ""
    gaps: str = "[]"
    latest: bool = True


class SubmissionChange(Table, table=True):
    """A clip of a case's latest submission that is not as it was submitted, or is bound to the case since."""

    __tablename__: ClassVar[Any] = "catalogue_submission_change"
    submission: str = Field(primary_key=True)
    clip: str = Field(primary_key=True, index=True)


class SubmissionLine(Table, table=True):
    """A line of a submission's list as it was sealed: `sealed` is JSON, see `project_reviews`."""

    __tablename__: ClassVar[Any] = "catalogue_submission_line"
    submission: str = Field(primary_key=True)
    clip: str = Field(primary_key=True, index=True)
    sealed: str


class Opinion(Table, table=True):
    """审核意见 on a submission: `points` is JSON; counts are of the list's clips as they were checked by then."""

    __tablename__: ClassVar[Any] = "catalogue_opinion"
    opinion: str = Field(primary_key=True)
    submission: str = Field(index=True)
    seq: int = Field(unique=True)
    verdict: str
    points: str = "[]"
    words: str = ""
    sound: int = 0
    damaged: int = 0
    unchecked: int = 0
    given_at: str
    given_by: str | None


class Handler(Table, table=True):
    """承办人: who handles a case."""

    __tablename__: ClassVar[Any] = "catalogue_handler"
    target: str = Field(primary_key=True)
    person: str = Field(primary_key=True, index=True)


class Binding(Table, table=True):
    """A binding in force; a withdrawn one is only in the ledger."""

    __tablename__: ClassVar[Any] = "catalogue_binding"
    __table_args__ = (
        Index("catalogue_binding_target", "target", "bound_by", "clip"),
        Index("catalogue_binding_maker", "bound_by", "bound_at"),
    )
    binding: str = Field(primary_key=True)
    action: str
    clip: str = Field(index=True)
    kind: str
    target: str | None
    none_reason: str | None
    stage: str | None
    note: str
    source: str
    bound_at: str
    bound_by: str | None


class Proves(Table, table=True):
    """证明对象: one thing a binding proves; `ranges` is JSON [[start_ms, end_ms], …]."""

    __tablename__: ClassVar[Any] = "catalogue_proves"
    binding: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    text: str
    ranges: str = "[]"


class Look(Table, table=True):
    """Who looked at a clip, or was refused; `kind` is play, original, copy, filmstrip, listed or denied."""

    __tablename__: ClassVar[Any] = "catalogue_look"
    seq: int = Field(primary_key=True)
    clip: str = Field(primary_key=True, index=True)
    access: str
    person: str | None = Field(index=True)
    at: str
    kind: str
    purpose: str | None
    count: int = 1


class History(Table, table=True):
    """One line an entry adds to the history of a clip (`clip:<id>`) or a target (`case:<id>`, `matter:<id>`, …).

    `params` is a JSON object of text: ids and values only, names are looked up when it is read. `target` or `clip` is
    the other thing the line tells of: who may not know of it does not get the line. `person` did it; None: the
    station, or somebody at its console.
    """

    __tablename__: ClassVar[Any] = "catalogue_history"
    subject: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    at: str
    code: str
    params: str = "{}"
    person: str | None = None
    target: str | None = None
    clip: str | None = None


class Hold(Table, table=True):
    """保全: what `about` names (`clip:<id>`, `case:<id>` …) is not disposed of while `lifted_at` is None."""

    __tablename__: ClassVar[Any] = "catalogue_hold"
    hold: str = Field(primary_key=True)
    about: str = Field(index=True)
    reason: str | None
    placed_at: str
    placed_by: str | None
    lifted_at: str | None = None


class Disposal(Table, table=True):
    """到期销毁: `status` is proposed, approved, refused or completed; `unreached` are backups that still hold it."""

    __tablename__: ClassVar[Any] = "catalogue_disposal"
    __table_args__ = (CheckConstraint("status IN ('proposed', 'approved', 'refused', 'completed')"),)
    disposal: str = Field(primary_key=True)
    status: str = Field(index=True)
    reason: str | None
    proposed_at: str
    proposed_by: str | None
    decided_at: str | None = None
    decided_by: str | None = None
    answer: str | None = None
    completed_at: str | None = None
    unreached: int = 0


class DisposalClip(Table, table=True):
    """A clip of a disposal, by which rule and since when it was due; `left_for` is why it stayed after all."""

    __tablename__: ClassVar[Any] = "catalogue_disposal_clip"
    disposal: str = Field(primary_key=True)
    clip: str = Field(primary_key=True, index=True)
    rule: str
    due_at: str
    left_for: str | None = None


class Export(Table, table=True):
    """A court package asked for: `clips` is JSON, sorted; `seq` the entry that asked, `reason` a code, `words` more.

    `status` is requested, approved, refused or produced; `decision` the words of a refusal. What was produced last:
    `produced_at`, `log_size`, `tagmanifest` (SHA-256), `size_bytes`, `files`.
    """

    __tablename__: ClassVar[Any] = "catalogue_export"
    export: str = Field(primary_key=True)
    target: str = Field(index=True)
    seq: int = Field(unique=True)
    clips: str
    reason: str
    words: str = ""
    playable: bool
    disclosure: bool
    status: str = "requested"
    requested_at: str
    requested_by: str | None
    decided_at: str | None = None
    decided_by: str | None = None
    decision: str = ""
    produced_at: str | None = None
    produced_by: str | None = None
    log_size: int | None = None
    tagmanifest: str | None = None
    size_bytes: int | None = None
    files: int | None = None


class Alarm(Table, table=True):
    """Something a person must look at: who saw to it, and since when its cause is gone.

    `gone_by` None with a time: not a person's word, but a later check or the clip's disposal.
    """

    __tablename__: ClassVar[Any] = "catalogue_alarm"
    alarm: str = Field(primary_key=True)
    kind: str
    about: str | None = Field(index=True)
    text: str | None
    raised_at: str
    seen_at: str | None = None
    seen_by: str | None = None
    seen_note: str | None = None
    gone_at: str | None = Field(default=None, index=True)
    gone_by: str | None = None
    gone_note: str | None = None


strict_columns(metadata)
