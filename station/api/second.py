"""The second person of a form: their log-in name, password and one-time code, or the console code; an attempt each."""

from typing import Annotated

from fastapi import Depends, Form
from starlette.requests import Request

from station.actions.people import Second
from station.api.auth import address_of
from station.api.context import station_of
from station.api.errors import SlowDownError

_LONGEST_CODE = 40


def second_of(
    request: Request,
    second_login: Annotated[str, Form()] = "",
    second_password: Annotated[str, Form()] = "",
    second_code: Annotated[str, Form()] = "",
    console_code: Annotated[str, Form()] = "",
) -> Second:
    """Return what the second person typed; raises SlowDownError."""
    station, address = station_of(request), address_of(request)
    if second_login and not station.limits.try_password(second_login[:100], address):
        raise SlowDownError("Too many passwords were tried")
    if console_code and not station.limits.try_code(address):
        raise SlowDownError("Too many codes were tried")
    return Second(second_login, second_password, second_code[:_LONGEST_CODE], console_code)


SecondPerson = Annotated[Second, Depends(second_of)]
"""A route's parameter: whoever agrees beside the one who is logged in."""
