"""The second person of a form: their log-in name and password, or the console code, counted as an attempt."""

from starlette.requests import Request

from station.actions.people import Second
from station.api.auth import address_of
from station.api.context import station_of
from station.api.errors import SlowDownError


def second_of(request: Request, login: str, password: str, code: str) -> Second:
    """Return what the second person typed; raises SlowDownError."""
    station, address = station_of(request), address_of(request)
    if login and not station.limits.try_password(login[:100], address):
        raise SlowDownError("Too many passwords were tried")
    if code and not station.limits.try_code(address):
        raise SlowDownError("Too many codes were tried")
    return Second(login, password, code)
