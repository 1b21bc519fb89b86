"""People as the catalogue knows them: accounts, roles and numbers, never secrets."""

from typing import Any

from sqlalchemy import ColumnElement, Row, select
from sqlmodel import Session

from station.catalogue.clip_rows import PERSON, fetch
from station.catalogue.views import PersonView
from station.records.terms import Role


def person(session: Session, person_id: str) -> PersonView | None:
    """Return a person by id, None when there is no such one."""
    return _one(session, PERSON.c.person == person_id)


def list_people(session: Session) -> tuple[PersonView, ...]:
    """Return everybody, the disabled last, by name."""
    return _many(session)


def list_officers(session: Session, unit: str | None = None) -> tuple[PersonView, ...]:
    """Return those who may be a collector, of one unit or of all, by name: officers whose account is open."""
    # The stored form is sorted and comma-separated; commas at both ends keep a role from matching inside another.
    roles = "," + PERSON.c.roles + ","
    conditions = [roles.contains(f",{Role.OFFICER},"), PERSON.c.disabled.is_(False)]
    if unit is not None:
        conditions.append(PERSON.c.unit == unit)
    return _many(session, *conditions)


def _one(session: Session, condition: ColumnElement[bool]) -> PersonView | None:
    row = session.connection().execute(select(PERSON).where(condition)).first()
    return None if row is None else _view(row)


def _many(session: Session, *conditions: ColumnElement[bool]) -> tuple[PersonView, ...]:
    order = (PERSON.c.disabled, PERSON.c.name, PERSON.c.person)
    return tuple(_view(row) for row in fetch(session, select(PERSON).where(*conditions).order_by(*order)))


def _view(row: Row[Any]) -> PersonView:
    return PersonView(
        person=row.person,
        kind=row.kind,
        name=row.name or "",
        login=row.login or "",
        unit=row.unit,
        certificate_number=row.certificate_number,
        police_number=row.police_number,
        roles=tuple(row.roles.split(",")) if row.roles else (),
        disabled=bool(row.disabled),
    )
