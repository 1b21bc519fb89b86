"""What leaves with a proof is decided by one table, and nothing leaves by default."""

from typing import get_args

import pytest

from station.records.disclosure import DISCLOSED, Rule, disclosed_parts
from station.records.entries import Part
from station.records.registry import ENTRY_TYPES

OWN = {"case:own"}

# Decided against: looks, people and their sessions, the station's own housekeeping, words about other clips.
WITHHELD = (
    "access.",
    "account.",
    "person.",
    "session.",
    "token.",
    "hook.",
    "backup.",
    "blob.",
    "disposal.",
    "erase.",
    "erasure.",
    "file.",
)
# An opinion is the agency's own paper; it goes into its file, not to the other side.
WITHHELD_TYPES = ("export.refused", "opinion.given", "recorder.quarantined", "recorder.withdrawn")


def parts_of(type_name: str) -> set[str]:
    fields = ENTRY_TYPES[type_name].model_fields
    return {
        name
        for name, field in fields.items()
        if any(
            isinstance(kind, type) and issubclass(kind, Part)
            for kind in (field.annotation, *get_args(field.annotation))
        )
    }


@pytest.mark.parametrize("type_name", DISCLOSED)
def test_the_table_names_only_parts_that_exist(type_name: str) -> None:
    assert DISCLOSED[type_name].parts <= parts_of(type_name)


def test_a_type_that_nobody_has_decided_on_discloses_nothing() -> None:
    assert disclosed_parts("clip.invented", ["clip:a"], OWN) == frozenset()


@pytest.mark.parametrize("type_name", [name for name in ENTRY_TYPES if name.startswith("access.")])
def test_a_look_never_leaves_even_if_the_table_is_wrong(type_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert type_name not in DISCLOSED
    monkeypatch.setitem(DISCLOSED, type_name, Rule(frozenset({"fact", "look"})))  # type: ignore[attr-defined]
    assert disclosed_parts(type_name, ["access:a"], OWN) == frozenset()


@pytest.mark.parametrize("type_name", ["person.described", "person.roles", "session.opened", "account.changed"])
def test_people_and_their_sessions_do_not_leave(type_name: str) -> None:
    assert disclosed_parts(type_name, ["person:a"], OWN) == frozenset()


def test_a_binding_to_the_recipients_case_is_shown() -> None:
    assert disclosed_parts("clip.bound", ["clip:a", "case:own"], OWN) == {"fact", "text", "actor"}


@pytest.mark.parametrize("other", ["case:other", "matter:other", "task:other"])
def test_a_binding_to_anything_else_is_not(other: str) -> None:
    assert disclosed_parts("clip.bound", ["clip:a", other], OWN) == frozenset()


@pytest.mark.parametrize("type_name", DISCLOSED)
def test_no_entry_that_names_another_case_shows_anything(type_name: str) -> None:
    assert disclosed_parts(type_name, ["clip:a", "case:own", "case:other"], OWN) == frozenset()


def test_a_binding_to_nothing_is_shown_since_it_names_no_case() -> None:
    assert "fact" in disclosed_parts("clip.bound", ["clip:a"])


def test_a_case_is_shown_only_to_its_own_recipient() -> None:
    assert "names" in disclosed_parts("target.opened", ["case:own"], OWN)
    assert disclosed_parts("target.opened", ["case:own"]) == frozenset()
    assert disclosed_parts("target.opened", [], OWN) == frozenset()


@pytest.mark.parametrize("type_name", ENTRY_TYPES)
def test_somebody_has_decided_on_every_type(type_name: str) -> None:
    decided_against = type_name.startswith(WITHHELD) or type_name in WITHHELD_TYPES
    assert decided_against != (type_name in DISCLOSED), "decide in station/records/disclosure.py, or list it here"
