"""All entry types by name, and the way back from stored parts to a typed entry."""

from collections.abc import Mapping

from pydantic import ValidationError

from station.errors import DamagedError
from station.records import (
    case_entries,
    disposal_entries,
    docking_entries,
    document_entries,
    erase_entries,
    export_entries,
    handing_entries,
    log_entries,
    note_entries,
    people_entries,
    recorder_entries,
    review_entries,
)
from station.records.draft import Json
from station.records.entries import Entry

ENTRY_TYPES: dict[str, type[Entry]] = {
    entry.TYPE: entry
    for entry in (
        log_entries.LogStarted,
        log_entries.LogContinues,
        log_entries.KeyRotated,
        log_entries.AlarmRaised,
        log_entries.AlarmAcknowledged,
        log_entries.CheckCompleted,
        log_entries.FileCompared,
        log_entries.AccessOpened,
        log_entries.AccessListed,
        log_entries.AccessDenied,
        log_entries.PayloadErased,
        people_entries.PersonDescribed,
        people_entries.RolesGranted,
        people_entries.AccountChanged,
        people_entries.TokenIssued,
        people_entries.TokenRevoked,
        people_entries.HookAdded,
        people_entries.HookRemoved,
        people_entries.SessionOpened,
        docking_entries.RecorderKnown,
        recorder_entries.RecorderEnrolled,
        recorder_entries.RecorderWithdrawn,
        recorder_entries.RecorderQuarantined,
        recorder_entries.ClockMeasured,
        recorder_entries.ClockSet,
        docking_entries.HolderIssued,
        docking_entries.HolderReturned,
        docking_entries.DockingStarted,
        docking_entries.ClipIngested,
        docking_entries.ClipIncomplete,
        docking_entries.ClipConflicted,
        docking_entries.DockingFinished,
        erase_entries.EraseAuthorised,
        erase_entries.EraseCompleted,
        docking_entries.ClipProbed,
        handing_entries.ClipHandedIn,
        document_entries.DocumentAdded,
        document_entries.DocumentOpened,
        case_entries.TargetOpened,
        case_entries.TargetResolved,
        case_entries.TargetSubmitted,
        review_entries.ClipSubmitted,
        review_entries.OpinionGiven,
        review_entries.ChangeAgreed,
        case_entries.ClipBound,
        case_entries.ClipUnbound,
        case_entries.ClipAmended,
        case_entries.ClipDisclaimed,
        note_entries.ClipNoted,
        case_entries.ClipClassified,
        export_entries.ExportRequested,
        export_entries.ExportApproved,
        export_entries.ExportRefused,
        export_entries.ExportProduced,
        export_entries.ExportTaken,
        export_entries.ClipDerived,
        export_entries.FrameExported,
        disposal_entries.DisposalProposed,
        disposal_entries.DisposalApproved,
        disposal_entries.DisposalRefused,
        disposal_entries.ClipDisposed,
        disposal_entries.DisposalCompleted,
        disposal_entries.HoldPlaced,
        disposal_entries.HoldLifted,
        disposal_entries.BlobErased,
        disposal_entries.ErasureCompleted,
        disposal_entries.BackupBegun,
        disposal_entries.BackupCompleted,
        disposal_entries.BackupDrilled,
        disposal_entries.BackupForgotten,
    )
}


def read_entry(seq: int, type_name: str, parts: Mapping[str, Json]) -> Entry:
    """Rebuild a typed entry; raises DamagedError for an unknown type or parts that do not fit it."""
    entry_type = ENTRY_TYPES.get(type_name)
    if entry_type is None:
        raise DamagedError(
            f"Entry {seq} is of the type {type_name!r}, which this version does not know",
            kept="The entry itself is untouched",
            hint="Use the version of the station that wrote it, or a newer one",
        )
    try:
        return entry_type.read(parts)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise DamagedError(f"Entry {seq} ({type_name}) does not fit its type: {where}: {first['msg']}") from error
