"""The closed vocabularies of the station; the values are what the ledger stores, so none is ever renamed.

Sources: the five fields, 执法环节 and classes of sensitivity follow 国办发〔2018〕118号 as carried out by
冀政办字〔2019〕31号; the roles are those of legal review (办、审、定分离) and of GB/T 22239 8.1.4 (administrator and
auditor apart).
"""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a person may do; one person may hold several, within `INCOMPATIBLE_ROLES`."""

    OFFICER = "officer"
    CLERK = "clerk"
    HANDLER = "handler"
    REVIEWER = "reviewer"
    APPROVER = "approver"
    INSPECTOR = "inspector"
    AUDITOR = "auditor"
    ADMIN = "admin"


# GB/T 22239-2019 8.1.4: who administers does not audit, and neither sees footage by virtue of that role.
INCOMPATIBLE_ROLES: Final = (frozenset({Role.ADMIN, Role.AUDITOR}),)


class TargetKind(StrEnum):
    """What a clip can be bound to; `NONE` carries a reason instead of a target."""

    CASE = "case"
    MATTER = "matter"
    TASK = "task"
    NONE = "none"


class NoneReason(StrEnum):
    """Why a clip belongs to nothing: the agency list's defaults."""

    PATROL = "patrol"
    MIS_RECORDED = "mis_recorded"
    TEST = "test"
    TRAINING = "training"
    OTHER = "other"


class EnforcementStage(StrEnum):
    """执法环节: where in the enforcement the recording belongs."""

    ON_SITE = "on_site"
    INQUIRY = "inquiry"
    INSPECTION = "inspection"
    SAMPLING = "sampling"
    PRESERVATION = "preservation"
    SEIZURE = "seizure"
    COERCION = "coercion"
    DEMOLITION = "demolition"
    HEARING = "hearing"
    SERVICE_LEAVING = "service_leaving"
    SERVICE_ANNOUNCEMENT = "service_announcement"
    DISPOSAL = "disposal"
    HANDLING_ROOM = "handling_room"
    OTHER = "other"


class Sensitivity(StrEnum):
    """Who may see a clip besides its role: `SUSPECTED_SECRET` stops playback, copies and export."""

    ORDINARY = "ordinary"
    PRIVACY = "privacy"
    TRADE_SECRET = "trade_secret"  # noqa: S105 - a class of sensitivity
    SUSPECTED_SECRET = "suspected_secret"  # noqa: S105 - a class of sensitivity


class Source(StrEnum):
    """Where a value comes from; shown beside every one of the five fields."""

    RECORDER = "recorder"
    FILE_NAME = "file_name"
    FILE_SYSTEM = "file_system"
    CONTAINER = "container"
    GPS = "gps"
    HOLDER_REGISTER = "holder_register"
    OFFICER = "officer"
    CLERK = "clerk"
    CASE_SYSTEM = "case_system"
    STATED = "stated"


class Origin(StrEnum):
    """What footage was made with that did not come by the dock, as stated; `inbox`: put into the watched folder.

    `document`: no footage, but a document of a case.
    """

    PHONE = "phone"
    ROOM_CAMERA = "room_camera"
    OTHER = "other"
    INBOX = "inbox"
    DOCUMENT = "document"


class TimeTrust(StrEnum):
    """How far a device's time can be relied on."""

    PLAIN = "plain"
    SUSPICIOUS = "suspicious"
    UNKNOWN = "unknown"


class ClipStage(StrEnum):
    """How far a clip has come."""

    INCOMPLETE = "incomplete"
    SEALED = "sealed"
    PROBED = "probed"
    DISPOSED = "disposed"


# An incomplete clip becomes sealed when a later docking reads it whole; nothing ever leaves `disposed`.
CLIP_TRANSITIONS: Final = {
    ClipStage.INCOMPLETE: {ClipStage.SEALED, ClipStage.DISPOSED},
    ClipStage.SEALED: {ClipStage.PROBED, ClipStage.DISPOSED},
    ClipStage.PROBED: {ClipStage.PROBED, ClipStage.DISPOSED},
    ClipStage.DISPOSED: set[ClipStage](),
}


class FileResult(StrEnum):
    """What became of one file of a docking (`station dock --json`)."""

    NEW = "new"
    HELD = "held"
    CHANGED = "changed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    SKIPPED = "skipped"
