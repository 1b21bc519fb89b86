"""How often somebody may try: log-ins, codes, passwords. Counted in memory, over a moving window.

Guarantee: an attempt counts before it is looked at, whoever it is for, so that neither parallel guesses nor answers
differ for names that do not exist.
"""

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

_BY_LOGIN = RateLimitItemPerMinute(10, 5, namespace="login")
_BY_ADDRESS = RateLimitItemPerMinute(60, 5, namespace="address")
_CODES = RateLimitItemPerMinute(10, 10, namespace="code")


class Limits:
    """The counters of one running station."""

    def __init__(self) -> None:
        self._counters = MovingWindowRateLimiter(MemoryStorage())

    def try_password(self, login: str, address: str) -> bool:
        """Count an attempt with a password; False: too many, for this name or from this address."""
        return self._count((_BY_LOGIN, login.strip().lower()), (_BY_ADDRESS, address))

    def try_secret(self, address: str) -> bool:
        """Count an attempt with a link; False: too many from this address."""
        return self._count((_BY_ADDRESS, address))

    def try_code(self, address: str) -> bool:
        """Count an attempt with a console code; False: too many, from anywhere, since there is one code only."""
        return self._count((_CODES, "any"), (_BY_ADDRESS, address))

    def _count(self, *tries: tuple[RateLimitItem, str]) -> bool:
        return all([self._counters.hit(item, key) for item, key in tries])
