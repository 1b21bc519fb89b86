"""Second factors: six digits of an app that change every thirty seconds (TOTP, RFC 6238), and recovery codes.

Guarantees: a time step counts once, also of two attempts at the same time, since it is noted in the transaction that
checks it (RFC 6238 section 5.2); a clock may be off by one step either way; a recovery code counts once.
"""

import base64
import secrets as random
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlmodel import Session, col, delete

from station import clock
from station.state import secrets
from station.state.tables import Factor, RecoveryCode

DIGITS, STEP_SECONDS = 6, 30
RECOVERY_CODES = 8
_SECRET_BYTES = 20  # RFC 4226 section 4, R6: 160 bits are recommended
_DRIFT_STEPS = 1


def has_factor(session: Session, person: str) -> bool:
    """Tell whether a person has a second factor that counts."""
    row = session.get(Factor, person)
    return row is not None and row.confirmed


def begin(session: Session, person: str) -> str:
    """Keep a new secret that does not count yet, and return it in base 32; one that counts must be dropped before."""
    secret = base64.b32encode(random.token_bytes(_SECRET_BYTES)).decode()
    session.merge(Factor(person=person, secret=secret, confirmed=False, step=0, changed_at=clock.timestamp()))
    return secret


def begun(session: Session, person: str) -> str | None:
    """Return the secret that waits for its first code."""
    row = session.get(Factor, person)
    return row.secret if row is not None and not row.confirmed else None


def confirm(session: Session, person: str, code: str, now: datetime) -> list[str] | None:
    """Let a begun secret count from now on and return its recovery codes; None when the code is wrong."""
    if begun(session, person) is None or not _use_step(session, person, code, now):
        return None
    row = session.get_one(Factor, person)
    row.confirmed = True
    session.add(row)
    codes = [secrets.new_code() for _ in range(RECOVERY_CODES)]
    session.execute(delete(RecoveryCode).where(col(RecoveryCode.person) == person))
    for each in codes:
        session.add(RecoveryCode(code_hash=secrets.code_digest(each), person=person))
    return codes


def use(session: Session, person: str, code: str, now: datetime) -> bool:
    """Use up a code of the app, or a recovery code; False when it does not count."""
    if not has_factor(session, person):
        return False
    if _use_step(session, person, code, now):
        return True
    row = session.get(RecoveryCode, secrets.code_digest(code))
    if row is None or row.person != person:
        return False
    session.delete(row)
    return True


def drop(session: Session, person: str) -> bool:
    """Take a person's second factor and recovery codes away; False when they had none that counted."""
    had = has_factor(session, person)
    session.execute(delete(Factor).where(col(Factor.person) == person))
    session.execute(delete(RecoveryCode).where(col(RecoveryCode.person) == person))
    return had


def _use_step(session: Session, person: str, code: str, now: datetime) -> bool:
    row = session.get_one(Factor, person)
    typed = "".join(code.split()).encode()
    totp = _totp(row.secret)
    present = int(now.timestamp()) // STEP_SECONDS
    for step in range(present - _DRIFT_STEPS, present + _DRIFT_STEPS + 1):
        if step > row.step and _fits(totp, typed, step):
            row.step = step
            session.add(row)
            return True
    return False


def _fits(totp: TOTP, typed: bytes, step: int) -> bool:
    try:
        totp.verify(typed, step * STEP_SECONDS)
    except InvalidToken:
        return False
    return True


def _totp(secret: str) -> TOTP:
    # SHA-1 is what apps compute (RFC 6238 section 1.2); HMAC does not need it to be free of collisions.
    return TOTP(base64.b32decode(secret), DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303


def provisioning_uri(secret: str, account: str, issuer: str) -> str:
    """Return what the app reads from the code on the screen (otpauth://, Key Uri Format of Google Authenticator)."""
    return _totp(secret).get_provisioning_uri(account, issuer)
