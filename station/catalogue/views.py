"""What pages and commands get to see: frozen values made by `queries`, ready to show, never rows to write back.

All times are text as `station.clock` writes them (UTC); pages turn them into the station's zone. Codes (kinds, stages,
sources, outcomes) are the values of `station.records.terms`; pages translate them.
"""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person; `roles` are `terms.Role` values, sorted."""

    person: str
    kind: str
    name: str
    login: str
    unit: str
    certificate_number: str | None
    police_number: str | None
    roles: tuple[str, ...]
    disabled: bool


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose eyes a query sees with; `owns` rules are applied in SQL, so nothing foreign is ever loaded."""

    person: str
    roles: frozenset[str]
    unit: str


@dataclass(frozen=True, slots=True)
class BindingView:
    """A binding in force, with its target spelled out; `ranges` of a proof are (start_ms, end_ms)."""

    binding: str
    action: str
    clip: str
    kind: str
    target: str | None
    number: str | None
    title: str | None
    none_reason: str | None
    stage: str | None
    proves: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]
    note: str
    source: str
    bound_at: str
    bound_by_name: str | None


@dataclass(frozen=True, slots=True)
class FieldView:
    """One of the five fields: `value` None when missing; `source` a `terms.Source`; `doubt` a stable code or None.

    For `time` the value is the UTC text; pages show it in the station's zone with the device's own time beside it.
    Codes of doubt: clock_suspicious, clock_unknown, holder_ambiguous, number_disagrees, disclaimed.
    """

    field: str
    value: str | None
    source: str | None
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class ClipRow:
    """A clip in a list or grid; `in_doubt` tells of its collector, `sort_at` is what lists are ordered by.

    `disclaimers`: while the collector is in doubt, who said that it is not theirs, by name, and when (UTC text).
    """

    clip: str
    recording: str
    file_name: str
    media: str
    size_bytes: int
    duration_ms: int | None
    recorded_at: str | None
    time_trust: str
    taken_in_at: str
    stage: str
    playable: str | None
    important: bool
    sequence: int | None
    recorder: str
    recorder_name: str
    collector_name: str | None
    place: str | None
    sensitivity: str
    tagged: bool
    conflicts: int
    missing_bytes: int
    check_outcome: str | None
    bindings: tuple[BindingView, ...] = ()
    in_doubt: bool = False
    disclaimers: tuple[tuple[str, str], ...] = ()
    overdue: bool = False
    sort_at: str = ""


@dataclass(frozen=True, slots=True)
class RecordingGroup:
    """The segments of one recording, in order; a single clip is a recording of one."""

    recording: str
    clips: tuple[ClipRow, ...]


class Queue(StrEnum):
    """Clips that somebody has to look into, by why (`station.catalogue.doubts`)."""

    MISSING_FIELD = "missing_field"
    COLLECTOR = "collector"
    CLOCK = "clock"
    DAMAGED = "damaged"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class ClipFilter:
    """What a list is narrowed to; None means not narrowed. `day_from`/`day_to` are UTC times as text, half open."""

    tagged: bool | None = None
    collector: str | None = None
    recorder: str | None = None
    important: bool | None = None
    time_from: str | None = None
    time_to: str | None = None
    target: str | None = None
    queue: Queue | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ClipPage:
    """One page of a list, newest first. `next_cursor` None: this is the last.

    `total` counts all that match, or with `at_least` so many of them: counting goes no further.
    """

    rows: tuple[ClipRow, ...]
    total: int
    next_cursor: str | None
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of the custody history (保管流转记录): page translates `code` with `params`."""

    seq: int
    at: str
    code: str
    params: dict[str, str]
    actor_name: str | None


@dataclass(frozen=True, slots=True)
class ClipDetail:
    """All of one clip's page except its bytes."""

    row: ClipRow
    sha256: str
    container: str
    width: int | None
    height: int | None
    frame_rate: str | None
    video_codec: str | None
    audio_codec: str | None
    probe_text: str | None
    path: str | None
    device_time: str | None
    zone: str | None
    fields: tuple[FieldView, ...]
    bindings: tuple[BindingView, ...]
    companions: tuple[str, ...]
    segments: tuple[ClipRow, ...]
    history: tuple[HistoryLine, ...]
    docking: str
    docked_at: str
    readback: str
    checked_at: str | None
    seq: int
    leaf: str
    coordinates: tuple[str, str, str] | None = None
    """Degrees north and east as text, and their datum."""


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A case, matter or task in a list or a picker."""

    target: str
    kind: str
    number: str
    title: str
    status: str
    clips: int
    opened_at: str
    submitted_at: str | None
    handlers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TargetDetail:
    """A case page: its clips, those missing one of the five fields, and its history."""

    row: TargetRow
    clips: tuple[ClipRow, ...]
    history: tuple[HistoryLine, ...]
    missing_fields: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HoldingView:
    """A line of the register of holders."""

    holding: str
    recorder: str
    person: str
    person_name: str
    since: str
    until: str | None


@dataclass(frozen=True, slots=True)
class RecorderView:
    """A recorder with its present holders and counts."""

    recorder: str
    name: str
    profile: str
    identified_by: str
    serial: str | None
    label: str | None
    unit: str
    holders: tuple[HoldingView, ...]
    clips: int
    last_docked_at: str | None
    enrolled: bool = False
    offset_ms: int | None = None
    clock_read_at: str | None = None
    clock_set_at: str | None = None


@dataclass(frozen=True, slots=True)
class QuarantineView:
    """Something turned away at the dock; `device` is vendor and product id, `reason` a code."""

    quarantine: str
    reason: str
    slot: int | None
    recorder: str | None
    profile: str | None
    identity: str | None
    serial: str | None
    label: str | None
    product: str | None
    device: str
    at: str
    enrollable: bool


@dataclass(frozen=True, slots=True)
class DockingView:
    """A docking with its account."""

    docking: str
    recorder_name: str
    profile: str
    slot: int | None
    source: str | None
    started_at: str
    finished_at: str | None
    whole: bool | None
    counts: dict[str, int]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class AlarmView:
    """An alarm: who saw to it (a name, "" for nobody), and since when its cause is gone.

    `gone_by` "" with a time: a later check or the disposal ended it.
    """

    alarm: str
    kind: str
    about: str | None
    text: str
    raised_at: str
    seen_at: str | None = None
    seen_by: str = ""
    seen_note: str = ""
    gone_at: str | None = None
    gone_by: str = ""
    gone_note: str = ""
