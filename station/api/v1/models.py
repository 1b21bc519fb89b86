"""What goes over the wire under /api/v1: every field with its meaning; unknown fields and parameters are refused.

Times are UTC (RFC 3339, six decimals), durations milliseconds, sizes bytes. Codes are those of the ledger.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from station.catalogue.clips import COUNTED
from station.digest import SHA256

ID_PATTERN = r"^[a-z2-7]{26}$"
# No control characters: none is typed by people, and not every database stores a NUL.
_PLAIN = r"^[^\x00-\x1f\x7f]*$"
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Line = Annotated[str, StringConstraints(pattern=_PLAIN, max_length=1000)]
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]*$", max_length=200)]


class Given(BaseModel):
    """Base of what is sent to us."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Told(BaseModel):
    """Base of what we answer."""

    model_config = ConfigDict(frozen=True)


class FieldProblem(Told):
    """One thing in a request that does not fit."""

    at: str = Field(description="where: body, query, header or path, and the names below it", examples=["body/number"])
    error: str = Field(description="the kind of error", examples=["string_too_short"])


class Problem(Told):
    """A problem document (RFC 9457)."""

    type: str = Field(description="the kind of problem", examples=["tag:evidence-station,2026:problem/denied"])
    title: str = Field(description="in words, in the language asked for")
    status: int = Field(description="the HTTP status")
    code: str = Field(default="", description="a stable code", examples=["not_found"])
    errors: list[FieldProblem] = Field(default=[], description="what in the request does not fit, if that is it")


class TokenInfo(Told):
    """The token a request came with."""

    token: Id
    name: str = Field(description="what it is for, as the administrator called it")
    person: Id = Field(description="whose rights it has, at most")
    person_name: str
    unit: str
    roles: list[str]
    scopes: list[str]
    expires_at: str


class Checkpoint(Told):
    """The last signed checkpoint of the station's log (C2SP tlog-checkpoint)."""

    origin: str = Field(description="the log's name, and its key's")
    size: int = Field(description="number of entries under it")
    root: str = Field(description="root of the Merkle tree over them (RFC 6962), hex")
    note: str = Field(description="the signed note, exactly; its signatures are checked against log.vkey")


class TimeRange(Told):
    """A stretch of a recording."""

    start_ms: int
    end_ms: int


class Proof(Told):
    """What a recording proves (证明对象), and where in it."""

    text: str
    ranges: list[TimeRange] = []


class Binding(Told):
    """A binding in force of a recording (关联)."""

    binding: Id
    kind: str = Field(description="case, matter (pending), task (of inspection) or none")
    case: Id | None = Field(description="id of the case, matter or task; null for none, and for one not to be known")
    number: str | None
    none_reason: str | None = Field(description="why it belongs to nothing, with kind none")
    stage: str | None = Field(description="stage of enforcement")
    proves: list[Proof]
    note: str
    source: str = Field(description="who said so: officer, clerk or case_system")
    bound_at: str


class Links(Told):
    """Addresses on this station, below its host."""

    self: str
    original: str
    playable: str


class Clip(Told):
    """A recording (音像记录) as in a list."""

    clip: Id
    recording: str = Field(description="the recording it is a segment of")
    file_name: str = Field(description="as the recorder named it; for show")
    media: str = Field(description="video, audio or photo")
    size_bytes: int
    duration_ms: int | None
    recorded_at: str | None
    time_trust: str = Field(description="plain, suspicious or unknown: how far the recorder's clock can be relied on")
    taken_in_at: str
    stage: str = Field(description="incomplete, sealed, probed or disposed")
    recorder: str = Field(description="id of the recorder")
    recorder_name: str
    collector: str | None = Field(description="who recorded it, by name")
    place: str | None = Field(description="where it was recorded")
    important: bool = Field(description="marked on the recorder itself")
    sensitivity: str = Field(description="ordinary, privacy, trade_secret or suspected_secret (no footage for anybody)")
    tagged: bool
    check_outcome: str | None = Field(description="last verification: sound, damaged or not_checked")
    bindings: list[Binding]
    links: Links


class ClipList(Told):
    """One page of recordings, the newest first."""

    items: list[Clip]
    total: int = Field(description=f"how many match; counting stops at {COUNTED:,}")
    at_least: bool = Field(description="there are more than `total`")
    next: str | None = Field(description="`cursor` of the next page; null on the last")


class FiveField(Told):
    """One of the five fields (音像记录要素): case_number, time, place, collector, proves."""

    field: str
    value: str | None = Field(description="null: missing")
    source: str | None = Field(description="where the value comes from, as gps, holder_register, clerk, case_system")
    doubt: str | None = Field(description="a code, as clock_suspicious or holder_ambiguous")


class Chain(Told):
    """Where the recording stands in the station's log."""

    seq: int = Field(description="number of its entry")
    leaf: str = Field(description="leaf hash of its entry, hex")
    sealed: bool = Field(description="the entry is under a signed checkpoint")
    log_size: int = Field(description="size of the last signed checkpoint; 0 before the first")


class ClipDetail(Clip):
    """A recording with all that is said of it."""

    digests: dict[str, str] = Field(description="of the original, by algorithm, hex", examples=[{SHA256: "9f86…"}])
    container: str
    device_time: str | None = Field(description="the recorder's own time, as it wrote it")
    fields: list[FiveField]
    companions: list[str]
    readback: str = Field(description="how it was read back after copying: direct, dropped or none")
    checked_at: str | None
    chain: Chain


class Case(Told):
    """A case, pending matter or inspection task."""

    case: Id
    kind: str = Field(description="case, matter or task")
    number: str = Field(description="case number; the station's temporary number for a matter or task")
    title: str
    status: str = Field(description="open, submitted, numbered, merged or dropped")
    clips: int = Field(description="how many of its recordings the token's person may see")
    opened_at: str
    submitted_at: str | None
    handlers: list[str] = Field(description="by name")


class CaseList(Told):
    """One page of cases, the newest first."""

    items: list[Case]
    next: str | None = Field(description="`cursor` of the next page; null on the last")


class CaseDetail(Case):
    """A case with its recordings and which of the five fields they lack."""

    clip_ids: list[Id]
    missing_fields: dict[str, list[str]] = Field(description="by recording, those of the five fields it lacks")


class Finding(Told):
    """One thing a verification found."""

    code: str
    about: str | None


class Verification(Told):
    """What a verification (完整性校验) found; it is an entry in the log as well."""

    clip: Id
    outcome: Literal["sound", "damaged", "not_checked"]
    disposed: bool = Field(description="disposed of by the rules; what is left was checked")
    sha256: str | None = Field(description="as sealed when it was taken in")
    found_sha256: str | None = Field(description="of the bytes as they are now; null if they could not be read")
    checked_at: str
    log_size: int
    findings: list[Finding]
