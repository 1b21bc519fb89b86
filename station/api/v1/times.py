"""Times over the wire: RFC 3339 in, the station's own text form (UTC) out."""

import re
from datetime import datetime

from station import clock
from station.actions.problems import ProblemError

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def utc(text: str | None) -> str | None:
    """Return a time with its zone as UTC text, None for none; raises ProblemError time_invalid."""
    if text is None:
        return None
    if not _RFC3339.fullmatch(text):
        raise ProblemError("time_invalid", "A time is written as RFC 3339 says, with its zone")
    try:
        return clock.format_time(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise ProblemError("time_invalid", "There is no such time") from error
