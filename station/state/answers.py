"""Answers that are given again: one row for each Idempotency-Key of a token, for a day.

Guarantee: of several requests with one key, `begin` lets one go on; the others are told of it. One that never ended
(the station stopped in the middle) is taken over by whoever asks again a minute later.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from station import clock
from station.state.tables import ApiAnswer

KEPT_FOR = timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Kept:
    """The first request with a key: `status` None while its answer is still being made."""

    fingerprint: str
    status: int | None
    body: str


def begin(session: Session, token: str, key: str, fingerprint: str, now: datetime) -> Kept | None:
    """Note that a request begins, and return None; or return the one there was before with that key."""
    row = session.get(ApiAnswer, (token, key))
    if row is not None:
        age = now - clock.parse_time(row.begun_at)
        given_up = row.status is None and age >= GIVEN_UP_AFTER and row.fingerprint == fingerprint
        if not given_up and age < KEPT_FOR:
            return Kept(row.fingerprint, row.status, row.body)
    row = row or ApiAnswer(token=token, key=key, fingerprint="", begun_at="")
    row.fingerprint, row.begun_at = fingerprint, clock.format_time(now)
    row.status, row.body = None, ""
    session.add(row)
    return None


def keep(session: Session, token: str, key: str, status: int, body: str) -> None:
    """Keep the answer of the request that `begin` let go on."""
    row = session.get(ApiAnswer, (token, key))
    if row is not None:
        row.status, row.body = status, body
        session.add(row)


def release(session: Session, token: str, key: str) -> None:
    """Forget a request that changed nothing, so that it may be tried again with the same key."""
    session.execute(delete(ApiAnswer).where(col(ApiAnswer.token) == token, col(ApiAnswer.key) == key))


def drop_expired(session: Session, now: datetime) -> None:
    """Forget answers that are not given again any more."""
    session.execute(delete(ApiAnswer).where(col(ApiAnswer.begun_at) < clock.format_time(now - KEPT_FOR)))
