"""Opening a document of a case: like a clip, a look is entered before its bytes are sent."""

from collections.abc import Sequence

from station import clock
from station.actions.access import PURPOSE_CHARACTERS
from station.actions.problems import ProblemError
from station.catalogue import checks
from station.catalogue.views import Viewer
from station.catalogue.visibility import without_role
from station.custody import Custody
from station.database import Session
from station.digest import new_id
from station.records.document_entries import DocumentOpened
from station.records.entries import Actor, Entry
from station.records.terms import Role
from station.state import looks


def needs_purpose(session: Session, viewer: Viewer, target: str) -> bool:
    """Tell whether the viewer sees the target only as an inspector, and so must state a purpose."""
    if Role.INSPECTOR not in viewer.roles:
        return False
    state = checks.target_state(session, without_role(viewer, Role.INSPECTOR), target)
    return state is None or not state.visible


def open_document(
    custody: Custody, viewer: Viewer, actor: Actor, target: str, document: str, purpose: str = ""
) -> None:
    """Enter that a document of a target was opened, once a session and quarter of an hour.

    The caller has made sure that the viewer sees it. Raises ProblemError (purpose_missing, purpose_long).
    """
    stated = " ".join(purpose.split()) or None
    if len(stated or "") > PURPOSE_CHARACTERS:
        raise ProblemError("purpose_long", f"A purpose has {PURPOSE_CHARACTERS} characters at most")
    assert actor.session is not None  # noqa: S101  only sessions look at pages
    public_id = actor.session

    def compose(session: Session) -> Sequence[Entry]:
        now = clock.now()
        ticket = looks.ticket(session, public_id, document, now)
        told = stated or (ticket.purpose if ticket else None)
        if told is None and needs_purpose(session, viewer, target):
            raise ProblemError("purpose_missing", "An inspector states a purpose before a document opens")
        if ticket is not None and ticket.fresh and ticket.purpose == told:
            return ()
        looks.grant_ticket(session, public_id, document, told, now)
        look = DocumentOpened.Look(document=document, purpose=told)
        return (DocumentOpened(fact=DocumentOpened.Fact(access=new_id()), look=look, actor=actor),)

    custody.append_from(compose, seal=False)
