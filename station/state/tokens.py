"""Tokens of programs: found by the digest of their secret, ended by a day or by an admin.

Guarantee: a token that `find` returns is neither revoked nor expired. When it was last used is written once a minute at
most, so that asking costs no disk write.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, delete, select

from station import clock
from station.state import secrets
from station.state.tables import ApiAnswer, ApiToken, Hook, Ticket

PREFIX = "est_"  # lets scanners of source code and of logs recognise a secret that went astray
_TOUCH_EVERY = timedelta(minutes=1)


class Scope(StrEnum):
    """What a token may be used for, within the rights of the person it acts for."""

    CASES_READ = "cases:read"
    CASES_WRITE = "cases:write"
    CLIPS_READ = "clips:read"
    CLIPS_WRITE = "clips:write"
    EVIDENCE_READ = "evidence:read"
    HOOKS_WRITE = "hooks:write"
    METRICS_READ = "metrics:read"


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token without its secret; `stale` says that its time of last use is due for writing (`touch`)."""

    token: str
    name: str
    person: str
    scopes: tuple[str, ...]
    created_at: str
    expires_at: str
    revoked_at: str | None
    last_used_at: str | None
    last_address: str
    stale: bool = False


def new_secret() -> str:
    """Return a new token's secret."""
    return PREFIX + secrets.new_token()


def add(
    session: Session,
    *,
    public_id: str,
    secret: str,
    name: str,
    person: str,
    scopes: tuple[str, ...],
    created_by: str | None,
    now: datetime,
    expires_at: str,
) -> None:
    """Keep a new token."""
    session.add(
        ApiToken(
            token=public_id,
            token_hash=secrets.token_digest(secret),
            name=name,
            person=person,
            scopes=" ".join(scopes),
            created_at=clock.format_time(now),
            created_by=created_by,
            expires_at=expires_at,
        )
    )


def find(session: Session, secret: str, now: datetime) -> TokenView | None:
    """Return the token of a secret, None when there is none in force."""
    row = session.exec(select(ApiToken).where(ApiToken.token_hash == secrets.token_digest(secret))).first()
    if row is None or row.revoked_at is not None or row.expires_at <= clock.format_time(now):
        return None
    return _view(row, now)


def touch(session: Session, public_id: str, address: str, now: datetime) -> None:
    """Note that a token is in use, and from where."""
    row = session.get(ApiToken, public_id)
    if row is not None:
        row.last_used_at = clock.format_time(now)
        row.last_address = address
        session.add(row)


def get(session: Session, public_id: str) -> TokenView | None:
    """Return a token by its id, in force or not."""
    row = session.get(ApiToken, public_id)
    return None if row is None else _view(row, clock.now())


def in_force(session: Session, public_id: str, now: datetime) -> bool:
    """Tell whether a token is neither revoked nor expired."""
    row = session.get(ApiToken, public_id)
    return row is not None and row.revoked_at is None and row.expires_at > clock.format_time(now)


def list_all(session: Session) -> tuple[TokenView, ...]:
    """Return all tokens there ever were, the newest first."""
    rows = session.exec(select(ApiToken).order_by(col(ApiToken.created_at).desc(), ApiToken.token)).all()
    return tuple(_view(row, clock.now()) for row in rows)


def revoke(session: Session, public_id: str, now: datetime) -> bool:
    """End a token, what it was shown and what it had told; False when there is none in force."""
    row = session.get(ApiToken, public_id)
    if row is None or row.revoked_at is not None:
        return False
    row.revoked_at = clock.format_time(now)
    session.add(row)
    session.execute(delete(Hook).where(col(Hook.token) == public_id))
    session.execute(delete(ApiAnswer).where(col(ApiAnswer.token) == public_id))
    session.execute(delete(Ticket).where(col(Ticket.session).startswith(f"{public_id}/", autoescape=True)))
    return True


def _view(row: ApiToken, now: datetime) -> TokenView:
    used = row.last_used_at
    return TokenView(
        token=row.token,
        name=row.name,
        person=row.person,
        scopes=tuple(row.scopes.split()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=used,
        last_address=row.last_address,
        stale=used is None or now - clock.parse_time(used) >= _TOUCH_EVERY,
    )
