"""Passwords, tokens and codes: how they are made, and what of them is stored.

Guarantees: tokens have 256 random bits and console codes 60; only digests are stored; a password is stored as argon2id
(RFC 9106) and hashed by two threads at most, so that guesses can't exhaust the memory; checking a password takes as
long for an account that does not exist as for one that does.
"""

import secrets
from functools import cache
from hashlib import sha256
from threading import BoundedSemaphore

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

PASSWORD_CHARACTERS = 10
_PASSWORD_LONGEST = 256
_CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32 signs nobody mistakes for each other
_CODE_GROUPS, _CODE_GROUP = 3, 4

# Those that pass the length rule and lead every list of leaked passwords.
_COMMON_TEXT = """
1234567890 0123456789 0987654321 1111111111 0000000000 8888888888 123456789a a123456789 12345678910 1q2w3e4r5t
1qaz2wsx3edc qwertyuiop qwerty1234 qwerty12345 qwertyuiop123 password12 password123 password1234 passw0rd123
iloveyou123 administrator admin12345 admin123456 adminadmin letmein123 welcome123 welcome1234 changeme123
asdfghjkl1 zxcvbnm123 abcd123456 abc1234567 abcdefghij woaini1314 woaini5201314 5201314520 aa12345678 aa123456789
qq123456789 zhifajiluyi
"""
_COMMON = frozenset(_COMMON_TEXT.split())
_hasher = PasswordHash((Argon2Hasher(),))
_hashing = BoundedSemaphore(2)


def new_token() -> str:
    """Return a secret of 256 random bits as text safe in addresses and cookies."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """Return a code a person can copy from a screen: `ABCD-EFGH-JKLM`, 60 random bits."""
    groups = ("".join(secrets.choice(_CODE_ALPHABET) for _ in range(_CODE_GROUP)) for _ in range(_CODE_GROUPS))
    return "-".join(groups)


def token_digest(token: str) -> str:
    """Return what is stored of a token."""
    return sha256(token.encode()).hexdigest()


def code_digest(code: str) -> str:
    """Return what is stored of a console code, however its groups were typed."""
    return sha256("".join(code.upper().replace("-", " ").split()).encode()).hexdigest()


def password_problem(password: str, login: str) -> str | None:
    """Return why a password can't be chosen, as a code, or None: too short or long, common, or the login itself."""
    folded = password.strip().lower()
    if len(password) < PASSWORD_CHARACTERS:
        return "password_short"
    if len(password) > _PASSWORD_LONGEST:
        return "password_long"
    if login and folded.replace(login.lower(), "") in ("", *"0123456789", "123", "1234", "12345", "123456"):
        return "password_like_login"
    if folded in _COMMON or len(set(folded)) < 4:
        return "password_common"
    return None


@cache
def nobodys_hash() -> str:
    """Return a hash that no password fits; called once at start, so that not even the first guess takes longer."""
    return _hasher.hash(secrets.token_hex(16))


def hash_password(password: str) -> str:
    """Return what is stored of a password."""
    with _hashing:
        return _hasher.hash(password)


def password_matches(password: str, stored: str | None) -> bool:
    """Tell whether `password` is the one stored; None (no account, no password) costs the same time and is never it."""
    with _hashing:
        try:
            matches = _hasher.verify(password[: _PASSWORD_LONGEST + 1], stored or nobodys_hash())
        except UnknownHashError:
            return False
    return matches and stored is not None
