"""不是我录的: an officer says that a recording the station took for theirs is somebody else's.

Guarantees: it is said of a whole recording, as recordings are tagged; it is in the ledger with who said it and in what
kind of session; from then on the recording is in the clerk's queue of collectors in doubt (`catalogue.doubts`) and out
of the officer's sight, until a clerk names its collector.
"""

from collections.abc import Sequence

from station.actions.problems import ProblemError
from station.catalogue import checks
from station.catalogue.clips import expand_recordings
from station.catalogue.views import Viewer
from station.catalogue.visibility import as_roles
from station.custody import Custody
from station.database import Session
from station.errors import NotFoundError
from station.records.case_entries import ClipDisclaimed
from station.records.entries import Actor, Entry
from station.records.terms import ClipStage, Role


def disclaim(custody: Custody, viewer: Viewer, actor: Actor, clip: str) -> int:
    """Enter for every segment of the clip's recording that the officer did not record it; returns how many these are.

    Raises NotFoundError (no such clip, or not the officer's), ProblemError submitted.
    """
    officer = as_roles(viewer, frozenset({Role.OFFICER}))
    said = list[Entry]()

    def compose(session: Session) -> Sequence[Entry]:
        segments = expand_recordings(session, officer, [clip])
        states = checks.clip_states(session, segments)
        if not segments:
            raise NotFoundError(f"There is no clip {clip}")
        if any(state.submitted for state in states.values()):
            raise ProblemError("submitted", "The case was submitted: changing it takes two people")
        said[:] = [
            ClipDisclaimed(fact=ClipDisclaimed.Fact(clip=each, person=viewer.person), actor=actor)
            for each in segments
            if states[each].stage != ClipStage.DISPOSED
        ]
        return said

    custody.append_from(compose)
    return len(said)
