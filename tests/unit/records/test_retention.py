"""The retention table: which rules fit, the longest wins, and from when time runs."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from station.errors import ConfigError
from station.records.retention import Bound, Kept, Rule, add_months, keep_until, load_rules

START = datetime(2026, 8, 31, 12, tzinfo=UTC)
NOTHING = Bound("none", "patrol")


def kept(*bindings: Bound, sensitivity: str = "ordinary", important: bool = False) -> Kept | None:
    return keep_until(load_rules(), bindings, sensitivity=sensitivity, important=important, start=START)


def test_the_shortest_time_is_six_months_to_the_day_or_the_last_of_the_month() -> None:
    assert kept(NOTHING) == Kept("minimum", datetime(2027, 2, 28, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("bindings", "more", "rule"),
    [
        ((NOTHING, Bound("case")), {}, "case_evidence"),
        ((NOTHING,), {"important": True}, "important"),
        ((NOTHING,), {"sensitivity": "suspected_secret"}, "suspected_secret"),
        ((Bound("task", stage="demolition"),), {}, "coercion"),
    ],
)
def test_what_is_permanent_by_any_rule_is_kept_for_good(
    bindings: tuple[Bound, ...], more: dict[str, object], rule: str
) -> None:
    assert kept(*bindings, **more) == Kept(rule, None)  # type: ignore[arg-type]


def test_the_longest_of_all_bindings_wins() -> None:
    assert kept(NOTHING, Bound("task")) == Kept("task", datetime(2028, 8, 31, 12, tzinfo=UTC))


def test_where_no_rule_fits_nothing_is_due() -> None:
    rules = (Rule(id="task", kind=("task",), months=1, source="test"),)  # type: ignore[arg-type]
    assert keep_until(rules, (NOTHING,), sensitivity="ordinary", important=False, start=START) is None


def test_every_shipped_rule_names_its_source() -> None:
    assert all(len(rule.source) > 10 for rule in load_rules())


@pytest.mark.parametrize(
    "text",
    [
        '[[rule]]\nid = "a"\nsource = "test"\n',
        '[[rule]]\nid = "a"\nmonths = 1\npermanent = true\nsource = "test"\n',
        '[[rule]]\nid = "a"\nmonths = 1\n',
        '[[rule]]\nid = "a"\nmonths = 1\nsource = "test"\nday = 3\n',
        '[[rule]]\nid = "a"\nmonths = 1\nsource = "test"\n' * 2,
        "rule = 3\n",
        "",
    ],
)
def test_a_wrong_table_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(ConfigError):
        load_rules(tmp_path / "r.toml")


def test_months_beyond_the_calendar_never_come() -> None:
    assert add_months(datetime(9999, 1, 1, tzinfo=UTC), 1200).year == 9999
