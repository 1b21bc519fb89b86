"""CSV import of people, of recorders with the register of holders, of case numbers: look first, confirm once."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal

from fastapi import File, Form, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from station.actions import importing, importing_cases, importing_people, importing_recorders, review
from station.actions.importing import Line, Plan
from station.actions.people import NOBODY, Second, second_needed
from station.actions.problems import ProblemError
from station.api.context import Station, Visit, station_of, visit_of
from station.api.import_pages import ImportPage
from station.api.render import render, translator_of
from station.api.second import SecondPerson
from station.i18n import Translator
from station.profiles.library import load_profiles
from station.spreadsheet import BYTE_ORDER_MARK, csv_lines

_OUTCOMES: tuple[importing.Outcome, ...] = ("new", "changed", "unchanged", "refused")


@dataclass(frozen=True, slots=True)
class _Kind:
    """One sort of list: its columns, how its lines are judged, and what its sample says."""

    name: Literal["people", "recorders", "cases"]
    columns: tuple[str, ...]
    required: tuple[str, ...]
    plan: Callable[[Station, Visit, Sequence[Line]], Plan]
    sample: Callable[[Station, Translator], list[list[str]]]


def _plan_people(station: Station, _visit: Visit, lines: Sequence[Line]) -> Plan:
    return partial(importing_people.plan_people, lines, unit=station.home.settings.unit)


def _plan_recorders(station: Station, _visit: Visit, lines: Sequence[Line]) -> Plan:
    home = station.home
    profiles = frozenset(load_profiles(*home.profiles))
    return partial(
        importing_recorders.plan_recorders, lines, profiles=profiles, zone=home.zone, unit=home.settings.unit
    )


def _plan_cases(station: Station, visit: Visit, lines: Sequence[Line]) -> Plan:
    acts = review.recording_list(station.home)
    return partial(importing_cases.plan_cases, lines, home=station.home, viewer=visit.viewer, acts=acts)


def _sample_people(station: Station, t: Translator) -> list[list[str]]:
    unit = station.home.settings.unit
    officer = [t.code("import_sample", "officer"), "zhangwei", t.code("person_kind", "officer"), unit]
    clerk = [t.code("import_sample", "clerk"), "chenjing", t.code("person_kind", "staff"), unit]
    both = f"{t.code('role', 'clerk')}; {t.code('role', 'inspector')}"
    return [[*officer, "13010020240018", "018233", t.code("role", "officer")], [*clerk, "", "", both]]


def _sample_recorders(station: Station, _t: Translator) -> list[list[str]]:
    unit = station.home.settings.unit
    return [
        ["J800001", "ga-t-947-named", unit, "018233", "2026-01-05 08:00", ""],
        ["J800002", "ga-t-947-named", unit, "", "", ""],
    ]


def _sample_cases(_station: Station, t: Translator) -> list[list[str]]:
    number, title = t.code("import_sample", "case_number"), t.code("import_sample", "case_title")
    matter, call = t.code("import_sample", "matter"), t.code("import_sample", "call_number")
    return [[matter, "", number, title, t.code("act", "penalty_ordinary")], ["", call, number, "", ""]]


_PEOPLE = _Kind("people", importing_people.COLUMNS, importing_people.REQUIRED, _plan_people, _sample_people)
_RECORDERS = _Kind(
    "recorders", importing_recorders.COLUMNS, importing_recorders.REQUIRED, _plan_recorders, _sample_recorders
)

_CASES = _Kind("cases", importing_cases.COLUMNS, importing_cases.REQUIRED, _plan_cases, _sample_cases)


def _page(kind: _Kind) -> ImportPage:
    return ImportPage(kind.name, kind.columns, kind.required)


def _answer(request: Request, page: ImportPage) -> Response:
    return render(request, "import.html", page, visit=visit_of(request), status=409 if page.problem else 200)


def _looked_at(request: Request, kind: _Kind, text: str) -> ImportPage:
    """Return the page that shows what a file would do; raises ProblemError where it can't be read."""
    station, visit = station_of(request), visit_of(request)
    lines = importing.read_lines(text, kind.columns, kind.required)
    rows = importing.preview(station.database, kind.plan(station, visit, lines), visit.actor)
    two = any(row.two for row in rows)
    return replace(
        _page(kind),
        rows=rows,
        counts=_counts(rows),
        text=text,
        digest=importing.plan_digest(rows),
        second_needed=second_needed(station.database, visit.person.person) if two else None,
    )


def _counts(rows: Sequence[importing.Planned]) -> dict[str, int]:
    counted = Counter(row.outcome for row in rows)
    return {str(outcome): counted[outcome] for outcome in _OUTCOMES if counted[outcome]}


def _show(request: Request, kind: _Kind) -> Response:
    return _answer(request, _page(kind))


def _look(request: Request, kind: _Kind, file: UploadFile) -> Response:
    try:
        page = _looked_at(request, kind, importing.decode(file.file.read(importing.TEXT_BYTES + 1)))
    except ProblemError as error:
        page = replace(_page(kind), problem=error.code)
    return _answer(request, page)


def _confirm(request: Request, kind: _Kind, text: str, digest: str, second: Second) -> Response:
    station, visit = station_of(request), visit_of(request)
    try:
        lines = importing.read_lines(text, kind.columns, kind.required)
        done = importing.carry_out(
            station.custody, station.database, kind.plan(station, visit, lines), visit.actor, digest, second
        )
    except ProblemError as error:
        try:
            page = _looked_at(request, kind, text)
        except ProblemError:
            page = _page(kind)
        return _answer(request, replace(page, problem=error.code))
    return _answer(request, replace(_page(kind), rows=done, counts=_counts(done)))


def _sample(request: Request, kind: _Kind) -> Response:
    station, t = station_of(request), translator_of(request)
    header = [t.code("import_column", column) for column in kind.columns]
    content = BYTE_ORDER_MARK + csv_lines([header, *kind.sample(station, t)])
    disposition = f'attachment; filename="{kind.name}.csv"'
    return Response(content, media_type="text/csv; charset=utf-8", headers={"content-disposition": disposition})


def people_page(request: Request) -> Response:
    """Show how people come from a file."""
    return _show(request, _PEOPLE)


def people_sample(request: Request) -> Response:
    """Send a file of people to fill in."""
    return _sample(request, _PEOPLE)


def look_at_people(request: Request, file: Annotated[UploadFile, File()]) -> Response:
    """Show what each line of a file of people would change."""
    return _look(request, _PEOPLE, file)


def import_people(
    request: Request,
    second: SecondPerson,
    text: Annotated[str, Form()] = "",
    digest: Annotated[str, Form()] = "",
) -> Response:
    """Do what was shown of a file of people."""
    return _confirm(request, _PEOPLE, text, digest, second)


def recorders_page(request: Request) -> Response:
    """Show how recorders and their holders come from a file."""
    return _show(request, _RECORDERS)


def recorders_sample(request: Request) -> Response:
    """Send a file of recorders to fill in."""
    return _sample(request, _RECORDERS)


def look_at_recorders(request: Request, file: Annotated[UploadFile, File()]) -> Response:
    """Show what each line of a file of recorders would change."""
    return _look(request, _RECORDERS, file)


def import_recorders(
    request: Request, text: Annotated[str, Form()] = "", digest: Annotated[str, Form()] = ""
) -> Response:
    """Do what was shown of a file of recorders."""
    return _confirm(request, _RECORDERS, text, digest, NOBODY)


def cases_page(request: Request) -> Response:
    """Show how case numbers come from a file."""
    return _show(request, _CASES)


def cases_sample(request: Request) -> Response:
    """Send a file of case numbers to fill in."""
    return _sample(request, _CASES)


def look_at_cases(request: Request, file: Annotated[UploadFile, File()]) -> Response:
    """Show what each line of a file of case numbers would resolve."""
    return _look(request, _CASES, file)


def import_cases(request: Request, text: Annotated[str, Form()] = "", digest: Annotated[str, Form()] = "") -> Response:
    """Do what was shown of a file of case numbers."""
    return _confirm(request, _CASES, text, digest, NOBODY)


ROUTES = (
    ("GET", "/people/import", people_page),
    ("GET", "/people/import/sample.csv", people_sample),
    ("POST", "/people/import", look_at_people),
    ("POST", "/people/import/confirm", import_people),
    ("GET", "/recorders/import", recorders_page),
    ("GET", "/recorders/import/sample.csv", recorders_sample),
    ("POST", "/recorders/import", look_at_recorders),
    ("POST", "/recorders/import/confirm", import_recorders),
    ("GET", "/cases/import", cases_page),
    ("GET", "/cases/import/sample.csv", cases_sample),
    ("POST", "/cases/import", look_at_cases),
    ("POST", "/cases/import/confirm", import_cases),
)
