"""The register (音像记录台账) as CSV in the reader's language: what each column says of a clip."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from station.catalogue.register import RegisterLine
from station.catalogue.views import BindingView
from station.i18n import Translator
from station.spreadsheet import BYTE_ORDER_MARK, csv_lines

_BETWEEN = "; "
_DOUBTS = ("missing_field", "clock_doubt", "damaged", "overdue")
_QUEUE_OF = {"missing_field": "missing_field", "clock_doubt": "clock", "damaged": "damaged", "overdue": "overdue"}


def register_head(t: Translator) -> bytes:
    """Return the byte order mark and the line of headings."""
    return BYTE_ORDER_MARK + csv_lines([[t.code("register", name) for name in _COLUMNS]])


def register_csv(t: Translator, lines: Iterable[RegisterLine]) -> bytes:
    """Return lines of the register."""
    return csv_lines([make(t, line) for make in _COLUMNS.values()] for line in lines)


def _time(t: Translator, text: str | None) -> str:
    return "" if text is None else t.moment(text)


def _place(_t: Translator, line: RegisterLine) -> str:
    if line.place is not None or line.latitude is None:
        return line.place or ""
    return f"{line.latitude}, {line.longitude} ({line.datum or 'unknown'})"


def _each(line: RegisterLine, say: Callable[[BindingView], str]) -> str:
    return _BETWEEN.join(dict.fromkeys(text for text in map(say, line.bindings) if text))


def _target(t: Translator, bound: BindingView) -> str:
    if bound.none_reason is not None:
        return t.code("none_reason", bound.none_reason)
    return bound.number or t("not visible to you")


def _proves(bound: BindingView) -> str:
    return _BETWEEN.join(text for text, _ranges in bound.proves)


def _doubts(t: Translator, line: RegisterLine) -> str:
    found = [t.code("queue", _QUEUE_OF[name]) for name in _DOUBTS if getattr(line, name)]
    if line.collector_doubt is not None:
        found.append(t.code("doubt", line.collector_doubt))
    return _BETWEEN.join(found)


_COLUMNS: Final[Mapping[str, Callable[[Translator, RegisterLine], str]]] = {
    "recorded_at": lambda t, line: _time(t, line.recorded_at),
    "time_source": lambda t, line: t.code("source", line.time_source) if line.time_source else "",
    "collector": lambda t, line: line.collector or "",
    "police_number": lambda t, line: line.police_number or "",
    "place": _place,
    "target": lambda t, line: _each(line, lambda bound: _target(t, bound)),
    "title": lambda t, line: _each(line, lambda bound: bound.title or ""),
    "stage": lambda t, line: _each(line, lambda bound: t.code("stage", bound.stage) if bound.stage else ""),
    "proves": lambda t, line: _each(line, _proves),
    "file_name": lambda t, line: line.file_name or "",
    "media": lambda t, line: t.code("media", line.media),
    "duration": lambda t, line: "" if line.duration_ms is None else t.duration(line.duration_ms),
    "size_bytes": lambda t, line: str(line.size_bytes),
    "recorder": lambda t, line: line.recorder,
    "taken_in_at": lambda t, line: _time(t, line.taken_in_at),
    "important": lambda t, line: t("yes") if line.important else "",
    "sensitivity": lambda t, line: t.code("sensitivity", line.sensitivity),
    "state": lambda t, line: t.code("clip_stage", line.stage),
    "doubts": _doubts,
    "checked_at": lambda t, line: _time(t, line.checked_at),
    "outcome": lambda t, line: t.code("outcome", line.check_outcome) if line.check_outcome else "",
    "sha256": lambda t, line: line.sha256,
    "clip": lambda t, line: line.clip,
    "seq": lambda t, line: str(line.seq),
}
COLUMNS = tuple(_COLUMNS)
