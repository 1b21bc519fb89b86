"""Footage fetched by a program: entered in the ledger, with what the token is for, before the first byte leaves.

Guarantees: an original and a copy are different looks; one entry stands for a quarter of an hour of range requests of
one token for one file; a suspected secret is fetched by nobody; where a person would have to state a purpose, their
program has to as well.
"""

from collections.abc import Sequence
from typing import Literal

from station import clock
from station.actions.access import needs_purpose
from station.actions.problems import ProblemError
from station.catalogue.views import Viewer
from station.custody import Custody
from station.database import Database, Session
from station.digest import new_id
from station.records.entries import Actor, Entry
from station.records.log_entries import AccessOpened
from station.state import looks

_PURPOSE_CHARACTERS = 500


def enter_fetch(
    custody: Custody,
    database: Database,
    viewer: Viewer,
    actor: Actor,
    clip: str,
    kind: Literal["original", "copy"],
    *,
    token_name: str,
    purpose: str = "",
) -> bool:
    """Enter that a program fetches the clip's original or copy; True when an entry was made.

    The purpose entered begins with the token's name. The caller has made sure that the viewer sees the clip. Raises
    ProblemError (purpose_missing, purpose_long).
    """
    stated = " ".join(purpose.split())
    if len(stated) > _PURPOSE_CHARACTERS:
        raise ProblemError("purpose_long", f"A purpose has {_PURPOSE_CHARACTERS} characters at most")
    key = f"{actor.session}/{kind}"
    told = f"{token_name}: {stated}" if stated else token_name
    with database.read() as session:
        held = looks.ticket(session, key, clip, clock.now())
        if not stated and needs_purpose(session, viewer, clip):
            raise ProblemError("purpose_missing", "An inspector states a purpose before a clip opens")
    if held is not None and held.fresh and held.purpose == told:
        return False
    entered: list[bool] = []

    def compose(session: Session) -> Sequence[Entry]:
        now = clock.now()
        ticket = looks.ticket(session, key, clip, now)
        if ticket is not None and ticket.fresh and ticket.purpose == told:
            return ()
        looks.grant_ticket(session, key, clip, told, now)
        entered.append(True)
        look = AccessOpened.Look(clip=clip, kind=kind, purpose=told)
        return (AccessOpened(fact=AccessOpened.Fact(access=new_id()), look=look, actor=actor),)

    custody.append_from(compose, seal=False)
    return bool(entered)
