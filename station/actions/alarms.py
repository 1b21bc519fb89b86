"""Seeing to alarms: who looked, what they found, and whether the cause is gone.

Guarantee: an alarm is never taken away. Whoever sees to it is in the ledger with what they say; it stays listed with
its cause standing until a person says that it is gone, or the station itself finds so (`catalogue.project_alarms`).
"""

from collections.abc import Sequence

from station.actions.problems import ProblemError
from station.catalogue.alarms import find_alarm
from station.custody import Custody
from station.database import Session
from station.errors import NotFoundError
from station.records.entries import Actor, Entry
from station.records.log_entries import AlarmAcknowledged

NOTE_CHARACTERS = 500


def acknowledge(custody: Custody, actor: Actor, alarm: str, note: str, *, gone: bool) -> None:
    """Enter that somebody saw to an alarm, and whether its cause is gone.

    Raises NotFoundError, ProblemError (note_missing, note_long, alarm_seen, alarm_gone).
    """
    text = " ".join(note.split())
    if not text:
        raise ProblemError("note_missing", "Seeing to an alarm needs a note of what was found or done")
    if len(text) > NOTE_CHARACTERS:
        raise ProblemError("note_long", f"A note has {NOTE_CHARACTERS} characters at most")

    def compose(session: Session) -> Sequence[Entry]:
        found = find_alarm(session, alarm)
        if found is None:
            raise NotFoundError(f"There is no alarm {alarm}")
        if found.gone_at is not None:
            raise ProblemError("alarm_gone", "The cause of that alarm is gone already")
        if found.seen_at is not None and not gone:
            raise ProblemError("alarm_seen", "Somebody has seen to that alarm already")
        fact = AlarmAcknowledged.Fact(alarm=alarm, about=found.about, gone=gone)
        return (AlarmAcknowledged(fact=fact, text=AlarmAcknowledged.Text(note=text), actor=actor),)

    custody.append_from(compose)
