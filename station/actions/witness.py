"""Being a witness of other stations' logs: whose, and what is done about one that does not hold.

Guarantees: evidence that a witness kept becomes an alarm in this station's own log, once, also when the process that
found it could not write there; the evidence itself stays in the witness's folder.
"""

from collections.abc import Sequence

from station.config import Home
from station.custody import Custody
from station.database import Database, Session
from station.ledger import log
from station.ledger.keys import VERIFIER_FILE
from station.ledger.note import parse_checkpoint
from station.ledger.witness import Conflict
from station.ledger.witness_state import Evidence, WitnessFolder
from station.records.entries import Entry
from station.records.log_entries import AlarmRaised

_TEXTS = {
    Conflict.ROLLBACK: "{origin} showed a checkpoint of {size} entries, but had shown one of {known} before: rolled"
    " back, or somebody sent an old one",
    Conflict.FORK: "{origin} signed two logs of {size} entries: its key has made a second history",
    Conflict.UNPROVEN: "{origin} showed a checkpoint of {size} entries without a proof that it contains the {known}"
    " shown before: perhaps a second history",
}


def witness_folder(home: Home) -> WitnessFolder:
    """Return what this home keeps as a witness."""
    return WitnessFolder(home.witness)


def has_own_log(home: Home) -> bool:
    """Tell whether this home is a station with a log of its own, not a witness alone."""
    return (home.root / VERIFIER_FILE).exists()


def report_evidence(custody: Custody, *found: Evidence) -> int:
    """Raise an alarm for each piece of evidence that has none yet; return how many were raised."""

    def compose(session: Session) -> Sequence[Entry]:
        return [_alarm(each) for each in found if next(log.subject_entries(session, _subject(each)), None) is None]

    return len(custody.append_from(compose)) if found else 0


def run(home: Home, database: Database, custody: Custody, store: object) -> None:
    """Raise the alarms for evidence that the witness found but could not report; a chore of `station tend`."""
    if not home.witness.is_dir():
        return
    found = witness_folder(home).evidence()
    with database.read() as session:
        new = [each for each in found if next(log.subject_entries(session, _subject(each)), None) is None]
    report_evidence(custody, *new)


def _subject(evidence: Evidence) -> str:
    return f"alarm:{evidence.alarm}"


def _alarm(evidence: Evidence) -> AlarmRaised:
    known = parse_checkpoint(evidence.remembered).size if evidence.remembered else 0
    size = parse_checkpoint(evidence.note).size
    text = _TEXTS[evidence.kind].format(origin=evidence.origin, size=size, known=known)
    fact = AlarmRaised.Fact(alarm=evidence.alarm, kind=f"witness_{evidence.kind}")
    return AlarmRaised(fact=fact, detail=AlarmRaised.Detail(text=text))
