"""Projection of entries about people."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from station.catalogue.doubts import settle_collectors_of
from station.catalogue.grams import searched_text
from station.catalogue.tables import Person
from station.records import people_entries


def _person_described(session: Session, _seq: int, _time: str, entry: people_entries.PersonDescribed) -> None:
    former = session.get(Person, entry.fact.person)
    names = entry.names
    known_as = former.police_number if former else None
    session.merge(
        Person(
            person=entry.fact.person,
            kind=entry.fact.kind,
            name=names.name if names else None,
            login=names.login if names else None,
            unit=names.unit if names else "",
            certificate_number=names.certificate_number if names else None,
            police_number=names.police_number if names else None,
            searched=searched_text([names.name]) if names else "",
            roles=former.roles if former else "",
            disabled=former.disabled if former else False,
        )
    )
    if former is not None and known_as != (names.police_number if names else None):
        session.flush()
        settle_collectors_of(session, entry.fact.person)


def _roles_granted(session: Session, _seq: int, _time: str, entry: people_entries.RolesGranted) -> None:
    person = session.get(Person, entry.fact.person)
    if person is not None:
        person.roles = ",".join(sorted(entry.fact.roles))
        session.add(person)


def _account_changed(session: Session, _seq: int, _time: str, entry: people_entries.AccountChanged) -> None:
    person = session.get(Person, entry.fact.person)
    if person is not None and entry.fact.change in ("disabled", "enabled"):
        person.disabled = entry.fact.change == "disabled"
        session.add(person)


PROJECTORS: dict[str, Callable[[Session, int, str, Any], None]] = {
    people_entries.PersonDescribed.TYPE: _person_described,
    people_entries.RolesGranted.TYPE: _roles_granted,
    people_entries.AccountChanged.TYPE: _account_changed,
}
