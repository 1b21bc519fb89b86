"""Which recorders the dock may read: an administrator enrols them, and withdraws those that are lost or broken."""

from collections.abc import Sequence

from station.actions.problems import ProblemError
from station.catalogue import intake, recorders
from station.config import Home
from station.custody import Custody
from station.database import Session
from station.digest import new_id
from station.errors import NotFoundError
from station.profiles.library import load_profiles
from station.records.entries import Actor, Entry
from station.records.recorder_entries import RecorderEnrolled, RecorderWithdrawn

SERIAL_CHARACTERS = 100


def enrol_quarantined(custody: Custody, actor: Actor, quarantine: str) -> str:
    """Enrol what was turned away at the dock as unknown or withdrawn; return the recorder's id.

    Raises NotFoundError; ProblemError (not_enrollable) where it was turned away for another reason.
    """
    recorder = new_id()

    def compose(session: Session) -> Sequence[Entry]:
        nonlocal recorder
        seen = recorders.quarantine(session, quarantine)
        if seen is None:
            raise NotFoundError(f"Nothing was turned away at the dock under {quarantine!r}")
        if seen.identity is None or seen.profile is None or seen.reason not in recorders.ENROLLABLE:
            raise ProblemError("not_enrollable", f"What was turned away for {seen.reason} can't be enrolled")
        recorder = intake.recorder_by_identity(session, seen.identity) or recorder
        return enrolment(session, actor, recorder, seen.profile, seen.identity, seen.serial, seen.label)

    custody.append_from(compose)
    return recorder


def enrol_serial(custody: Custody, home: Home, actor: Actor, serial: str, profile: str) -> str:
    """Enrol a recorder by its serial number before it was ever plugged in; return its id.

    Raises NotFoundError for an unknown profile, ProblemError (invalid) for an empty serial.
    """
    if profile not in load_profiles(*home.profiles):
        raise NotFoundError(f"There is no profile {profile!r}", hint="`station profiles list` names them")
    if not serial.strip() or len(serial) > SERIAL_CHARACTERS:
        raise ProblemError("invalid", f"A serial number has 1 to {SERIAL_CHARACTERS} characters")
    identity, recorder = f"serial:{serial.strip()}", new_id()

    def compose(session: Session) -> Sequence[Entry]:
        nonlocal recorder
        recorder = intake.recorder_by_identity(session, identity) or recorder
        return enrolment(session, actor, recorder, profile, identity, serial.strip(), None, home.settings.unit)

    custody.append_from(compose)
    return recorder


def withdraw(custody: Custody, actor: Actor, recorder: str) -> None:
    """Have the dock read this recorder no longer; raises NotFoundError, ProblemError (not_enrolled)."""

    def compose(session: Session) -> Sequence[Entry]:
        profile, _ = intake.recorder_facts(session, recorder)
        if profile is None:
            raise NotFoundError(f"There is no recorder {recorder}")
        if not intake.is_enrolled(session, recorder):
            raise ProblemError("not_enrolled", "The dock does not read that recorder anyway")
        return (RecorderWithdrawn(fact=RecorderWithdrawn.Fact(recorder=recorder), actor=actor),)

    custody.append_from(compose)


def enrolment(
    session: Session,
    actor: Actor,
    recorder: str,
    profile: str,
    identity: str,
    serial: str | None,
    label: str | None,
    unit: str = "",
) -> Sequence[Entry]:
    """Return the entry by which the dock reads a recorder from now on; none where it does so already."""
    if intake.is_enrolled(session, recorder):
        return ()
    _, known_unit = intake.recorder_facts(session, recorder)
    by = "serial" if identity.startswith("serial:") else "volume"
    return (
        RecorderEnrolled(
            fact=RecorderEnrolled.Fact(
                recorder=recorder, profile=profile, identified_by="serial" if by == "serial" else "volume"
            ),
            names=RecorderEnrolled.Names(
                identity=identity, serial=serial, label=label, unit=known_unit or unit or None
            ),
            actor=actor,
        ),
    )
