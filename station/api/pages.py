"""What each page's template gets as `page`: frozen values and codes, never sentences and never rows to write back.

Every template also gets `me` (PersonView or None), `locale`, `zone`, `demo`, `assets`, `path` (path and query of the
request) and `counts` (badges of the navigation, or None). Codes are translated by the templates; a `problem` is a
stable code of the group `problem`, None when there is none.
"""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

from markupsafe import Markup

from station.actions.receipt import Receipt
from station.actions.shown_proof import ShownProof
from station.api.disposal_pages import HoldingView
from station.api.maps import MapView
from station.api.timeline import DayStrip
from station.api.upload_pages import DocumentsPage
from station.api.waves import WaveView
from station.board import SlotBoard
from station.catalogue.exports import ExportRow
from station.catalogue.meanwhile import Meanwhile
from station.catalogue.notes import NoteView
from station.catalogue.reviews import SubmissionView
from station.catalogue.views import (
    AlarmView,
    BindingView,
    ClipDetail,
    ClipFilter,
    ClipPage,
    ClipRow,
    DockingView,
    FieldView,
    PersonView,
    QuarantineView,
    Queue,
    RecorderView,
    RecordingGroup,
    TargetDetail,
    TargetRow,
)
from station.state.searches import Search
from station.state.sessions import SessionView


@dataclass(frozen=True, slots=True)
class LoginPage:
    """login.html. Problems: login_wrong, login_slow_down, session_ended. `first` True: there is no admin yet."""

    login: str = ""
    next: str = ""
    problem: str | None = None
    first: bool = False


@dataclass(frozen=True, slots=True)
class WelcomePage:
    """welcome.html: choose a password. `person` None: the link is used up, expired or unknown (link_invalid).

    Other problems: password_short, password_common, password_like_login, password_differs.
    """

    person: PersonView | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class DockPage:
    """dock.html and its fragment dock_slots.html: `slots[i]` is slot i + 1, None when nothing is there.

    `entered`: `issue` or `return`, after a line of the register was entered by badge. `kiosk`: at a screen beside the
    slots, where a badge opens a session.
    """

    slots: tuple[SlotBoard | None, ...]
    dockings: tuple[DockingView, ...] = ()
    problem: str | None = None
    entered: str | None = None
    kiosk: bool = True


@dataclass(frozen=True, slots=True)
class TodayPage:
    """today.html, 今日标记. `phrases` maps a stage to message ids of ready-made 证明对象 phrases.

    `at_dock`: entered by badge and PIN; the page returns to the board after `idle_seconds` without a touch.
    """

    recordings: tuple[RecordingGroup, ...]
    recent: tuple[TargetRow, ...]
    none_reasons: tuple[str, ...]
    stages: tuple[str, ...]
    phrases: dict[str, tuple[str, ...]]
    done_today: int = 0
    posters: frozenset[str] = frozenset()
    action: str = "/bind"
    at_dock: bool = False
    idle_seconds: int = 0
    problem: str | None = None
    places: tuple[str, ...] = ()
    """Where the officer was lately: filled in by a tap, without an input method."""


@dataclass(frozen=True, slots=True)
class DockPinPage:
    """dock_pin.html: badge and PIN at the dock. `choosing`: a start PIN was right, and another has to be chosen."""

    badge: str = ""
    problem: str | None = None
    choosing: bool = False


@dataclass(frozen=True, slots=True)
class ClipsPage:
    """clips.html, and clips_rows.html for one more page of it. `form` holds the raw query values by name."""

    list: ClipPage
    filter: ClipFilter
    form: dict[str, str]
    officers: tuple[PersonView, ...]
    recorders: tuple[RecorderView, ...]
    view: Literal["grid", "table"] = "grid"
    posters: frozenset[str] = frozenset()
    """Clips of this page whose poster may be asked for; the others get an icon."""
    queues: tuple[tuple[Queue, int], ...] = ()
    searches: tuple[Search, ...] = ()
    after: str = ""
    """Time of the last clip of the page before: its day has its heading already."""
    strip: DayStrip | None = None
    filmstrips: frozenset[str] = frozenset()
    """Clips of this page whose poster can be scrubbed."""

    @property
    def groups(self) -> tuple[tuple[ClipRow, ...], ...]:
        """The rows by recording, each where its latest segment stands, the segments in the order they were recorded."""
        found: dict[str, list[ClipRow]] = {}
        for row in self.list.rows:
            found.setdefault(row.recording, []).append(row)
        return tuple(tuple(reversed(rows)) for rows in found.values())

    @property
    def query(self) -> str:
        """What follows the `?` of the list's address, as kept searches have it."""
        return self.address(cursor="").partition("?")[2]

    def address(self, path: str = "/clips", **changes: str) -> str:
        """Return the address of this list, or of `path`, with other values in its form; without the empty ones."""
        given = {name: value for name, value in {**self.form, "cursor": "", **changes}.items() if value}
        return f"{path}?{urlencode(given)}" if given else path


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """preview.html, a clip beside its list. `media_url` None: nothing of it plays now; `posters` as on ClipsPage."""

    row: ClipRow
    fields: tuple[FieldView, ...]
    posters: frozenset[str] = frozenset()
    media_url: str | None = None
    can_bind: bool = False


@dataclass(frozen=True, slots=True)
class ProxyState:
    """How far a playable copy is: `per_mille` of the running one; `none`: none is needed or possible."""

    state: Literal["none", "waiting", "running", "ready", "failed"]
    per_mille: int = 0


@dataclass(frozen=True, slots=True)
class ClipPageView:
    """clip.html. `media_url` None: there is nothing to play now; `blocked` says why when it is forbidden.

    `blocked`: suspected_secret (show the handover steps), disposed, incomplete. `needs_purpose`: ask an inspector
    for one, posting to /clips/{id}/open; until then neither poster nor media is offered. `submitted`: a case
    it is bound to was submitted, so that changes take two people. `frames` says whether a video can be stepped by
    frame (none: no video); `frames_url` has the times when it can. `filmstrip_url` None: it has none (yet).
    `wave` None: nothing with sound plays. `map` None: it may not be shown (yet). `meanwhile` are other recorders' clips
    that overlap, `meanwhile_more` how many more there are; `posters` as on ClipsPage.
    """

    detail: ClipDetail
    media_url: str | None
    poster_url: str | None
    proxy: ProxyState
    can_bind: bool
    can_amend: bool
    can_verify: bool
    can_classify: bool
    needs_purpose: bool
    blocked: str | None
    officers: tuple[PersonView, ...]
    sensitivities: tuple[str, ...] = ()
    submitted: bool = False
    problem: str | None = None
    holding: HoldingView = field(default_factory=HoldingView)
    frames: str = "none"
    frames_url: str | None = None
    filmstrip_url: str | None = None
    wave: WaveView | None = None
    map: MapView | None = None
    notes: tuple[NoteView, ...] = ()
    can_note: bool = False
    meanwhile: tuple[Meanwhile, ...] = ()
    meanwhile_more: int = 0
    posters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class VerifyView:
    """verify_result.html: outcome sound, damaged, not_checked or disposed; `findings` are codes of group `finding`.

    `proof` is folded below; None where there is nothing to prove it by.
    """

    outcome: str
    taken_in_at: str | None
    checked_at: str
    sha256: str
    found_sha256: str | None
    log_size: int
    findings: tuple[str, ...] = ()
    clip: str | None = None
    readback: str = "direct"
    proof: ShownProof | None = None


@dataclass(frozen=True, slots=True)
class CheckView:
    """check.html and its part check_state.html: a check in the background; `outcome` None until it is done.

    `damaged` are clips the visitor may open, `damaged_hidden` counts the others. `number` None: not theirs to know.
    """

    check: str
    scope: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    target: str | None
    number: str | None
    clips: int
    asked_at: str
    ended_at: str | None
    per_mille: int
    size_bytes: int
    total_bytes: int
    originals: int
    outcome: str | None
    log_size: int
    findings: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    damaged_hidden: int = 0
    mine: bool = True
    readback: str = "direct"


@dataclass(frozen=True, slots=True)
class ScrubView:
    """How far the scheduled re-reading is; `days` 0: switched off. `begun_at` None: it has not begun yet."""

    days: float
    begun_at: str | None = None
    per_mille: int = 0
    last_pass_at: str | None = None
    last_originals: int = 0
    last_damaged: int = 0
    last_unchecked: int = 0


@dataclass(frozen=True, slots=True)
class VerifyPage:
    """verify.html. Problems: check_running, no_clips, case_unknown, clip_unknown, digest_missing, digest_wrong."""

    checks: tuple[CheckView, ...]
    scrub: ScrubView | None
    may_sweep: bool
    may_see: bool
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class FileView:
    """file_result.html: what a file is by its digest; `hidden`: a clip of ours that the visitor may not see."""

    answer: str
    sha256: str
    compared_at: str
    clip: str | None = None
    file_name: str | None = None
    taken_in_at: str | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class RangeTyped:
    """A row of a form: a stretch of a clip and what it proves, as typed or marked in the player."""

    start: str = ""
    end: str = ""
    proves: str = ""


@dataclass(frozen=True, slots=True)
class BindPage:
    """bind.html, dialog or page. `recordings` counts the recordings the clips belong to; `values` what was typed.

    `ranges` are rows to fill in, the last one blank; none when several clips are bound, or one that does not last.
    """

    clips: tuple[ClipRow, ...]
    recordings: int
    recent: tuple[TargetRow, ...]
    kinds: tuple[str, ...]
    none_reasons: tuple[str, ...]
    stages: tuple[str, ...]
    phrases: dict[str, tuple[str, ...]]
    sensitivities: tuple[str, ...]
    may_open: tuple[str, ...]
    """The kinds of target this person may open while binding: an officer never `case`."""
    problem: str | None = None
    values: dict[str, str] = field(default_factory=dict)
    ranges: tuple[RangeTyped, ...] = ()


@dataclass(frozen=True, slots=True)
class BoundView:
    """bound.html, the answer to a binding made from a dialog: how many clips, to what."""

    clips: int
    bindings: tuple[str, ...]
    kind: str
    number: str | None
    none_reason: str | None
    action: str | None = None


@dataclass(frozen=True, slots=True)
class CasesPage:
    """cases.html. `may_open` are the kinds of target this person may open; `form` the raw values."""

    targets: tuple[TargetRow, ...]
    form: dict[str, str]
    officers: tuple[PersonView, ...]
    may_open: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class JobView:
    """A package in a place: `place` None is the station itself, else a disk's path. States and steps are codes.

    `state` is waiting, running, ready, gone (it was made, and lies there no more) or failed with a `problem`.
    """

    place: str | None
    state: str
    step: str
    per_mille: int
    problem: str | None = None
    clip: str | None = None


@dataclass(frozen=True, slots=True)
class ExportView:
    """An export as one visitor sees it; `can_fetch`: a package lies here and may be downloaded by them."""

    row: ExportRow
    jobs: tuple[JobView, ...] = ()
    can_decide: bool = False
    can_produce: bool = False
    can_fetch: bool = False

    @property
    def state(self) -> str:
        """Where it stands: requested, refused, approved, making, failed, ready or produced (and fetched since)."""
        states = {job.state for job in self.jobs}
        if states & {"waiting", "running"}:
            return "making"
        if "ready" in states:
            return "ready"
        return "failed" if "failed" in states else self.row.status

    @property
    def waits_for_me(self) -> bool:
        """Tell whether the visitor is the one who has to do something."""
        return self.can_decide or (self.can_produce and self.state in ("approved", "failed"))


@dataclass(frozen=True, slots=True)
class ExportsPage:
    """exports.html."""

    exports: tuple[ExportView, ...]


@dataclass(frozen=True, slots=True)
class ExportPage:
    """export.html and its part export_state.html. `disks` are (path, free bytes or None); `two_parts`: an approver
    who asked or handles the case, and so does not decide.
    """

    view: ExportView
    disks: tuple[tuple[str, int | None], ...] = ()
    two_parts: bool = False
    can_open_case: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class CasePage:
    """case.html. `posters` as on ClipsPage; `cases` are those a matter may be resolved into.

    `exports`: the packages asked for; `can_ask` for one more, for a reason of `export_reasons`.
    `can_verify`: there are clips, and the visitor may have them all checked. `submissions`: newest first.
    """

    detail: TargetDetail
    can_submit: bool
    can_edit: bool
    can_bind: bool = False
    posters: frozenset[str] = frozenset()
    cases: tuple[TargetRow, ...] = ()
    bindings: tuple[BindingView, ...] = ()
    problem: str | None = None
    exports: tuple[ExportView, ...] = ()
    can_ask: bool = False
    export_reasons: tuple[str, ...] = ()
    export_problem: str | None = None
    can_verify: bool = False
    holding: HoldingView = field(default_factory=HoldingView)
    submissions: tuple[SubmissionView, ...] = ()
    documents: DocumentsPage | None = None


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One entry as an auditor sees it: no footage, no part's content."""

    seq: int
    time: str
    type: str
    subjects: tuple[str, ...]
    leaf: str


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """ledger.html. `note` is the last signed checkpoint's text, None before the first; `next` the next `before`."""

    size: int
    root: str
    note: str | None
    checkpoint_time: str | None
    entries: tuple[LedgerLine, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """people.html. `issued_link` is shown once, right after it was made, for the person `issued_for`.

    `second_needed`: `password` (another admin's login and password: fields second_login, second_password) or
    `console` (field console_code), for whatever grants or takes away the role of an admin.
    """

    people: tuple[PersonView, ...]
    roles: tuple[str, ...]
    kinds: tuple[str, ...]
    second_needed: Literal["password", "console"]
    issued_link: str | None = None
    issued_for: str | None = None
    issued_pin: str | None = None
    problem: str | None = None
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordersPage:
    """recorders.html, with the register of holders (领用登记)."""

    recorders: tuple[RecorderView, ...]
    officers: tuple[PersonView, ...]
    problem: str | None = None
    quarantine: tuple[QuarantineView, ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmsPage:
    """alarms.html. With a `problem`, `note` is what was typed about the alarm `returned`."""

    alarms: tuple[AlarmView, ...]
    problem: str | None = None
    returned: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class FactorView:
    """A person's second factor: whether it is there and must be; `secret` and `qr` while it waits for its first code.

    `codes` are the recovery codes, right after they were made.
    """

    there: bool = False
    required: bool = False
    secret: str = ""
    qr: Markup | None = None
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MePage:
    """me.html: who I am, where I am logged in, my password. `done`: a code of that group, or None."""

    person: PersonView
    since: str
    strength: str
    session: str
    sessions: tuple[SessionView, ...]
    factor: FactorView
    problem: str | None = None
    done: str | None = None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One line of the health page: `code` of the group `health`, `value` a plain figure or name, never a sentence."""

    code: str
    state: Literal["ok", "warn", "bad"]
    value: str


@dataclass(frozen=True, slots=True)
class HealthPage:
    """health.html."""

    checks: tuple[HealthCheck, ...]


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """receipt.html and _receipt_pdf.html. `facts` are label and value in words, `qr` the code as inline SVG."""

    receipt: Receipt
    facts: tuple[tuple[str, str], ...]
    qr: Markup


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """error.html. `code`: denied, not_found, conflict, slow_down, invalid, unavailable, internal.

    `message`, `kept` and `hint` are message ids or "", never an exception's own text.
    """

    status: int
    code: str
    message: str = ""
    kept: str = ""
    hint: str = ""
