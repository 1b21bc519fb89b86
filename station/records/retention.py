"""How long recordings are kept (保存期限): the table as data, and what it says of one recording. Pure.

Guarantees: every rule that fits counts and the longest wins; time runs from the later of recorded and taken in, so a
recorder whose clock was reset to 2000 makes nothing due; where the table says nothing of a recording, it stays.
"""

import tomllib
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from station.errors import ConfigError
from station.records.terms import EnforcementStage, NoneReason, Sensitivity, TargetKind

SHIPPED = Path(__file__).with_name("retention.toml")


class Rule(BaseModel):
    """One rule: conditions that are given must all hold (`kind`, `none_reason` and `stage` in one binding)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    kind: tuple[TargetKind, ...] = ()
    none_reason: tuple[NoneReason, ...] = ()
    stage: tuple[EnforcementStage, ...] = ()
    sensitivity: tuple[Sensitivity, ...] = ()
    important: bool | None = None
    months: int | None = Field(default=None, ge=1, le=1200)
    permanent: bool = False
    source: str = Field(min_length=4)

    @model_validator(mode="after")
    def _one_length(self) -> "Rule":
        if (self.months is None) == (not self.permanent):
            raise ValueError("a rule has either months or permanent = true")
        return self


@dataclass(frozen=True, slots=True)
class Bound:
    """What of a binding the table looks at; `none_reason` and `stage` "" where there is none."""

    kind: str
    none_reason: str = ""
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the table says: by which rule, and from when on it may go; None: it is kept for good."""

    rule: str
    due_at: datetime | None


def load_rules(path: Path = SHIPPED) -> tuple[Rule, ...]:
    """Read a retention table; raises ConfigError naming what is wrong in it."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        rules = tuple(Rule.model_validate(each) for each in document.pop("rule"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ConfigError(f"The retention table {path} can't be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ConfigError(f"The retention table {path} is wrong: {where}: {first['msg']}") from error
    if document or len({rule.id for rule in rules}) != len(rules):
        raise ConfigError(f"The retention table {path} repeats an id or holds something else than rules")
    return rules


def keep_until(
    rules: Sequence[Rule], bindings: Sequence[Bound], *, sensitivity: str, important: bool, start: datetime
) -> Kept | None:
    """Return the longest of the rules that fit a recording whose time runs from `start`; None if none fits."""
    fitting = [rule for rule in rules if _fits(rule, bindings, sensitivity, important)]
    if not fitting:
        return None
    longest = max(fitting, key=lambda rule: (rule.permanent, rule.months or 0, rule.id))
    if longest.permanent:
        return Kept(longest.id, None)
    return Kept(longest.id, add_months(start, longest.months or 0))


def add_months(start: datetime, months: int) -> datetime:
    """Return the same day so many months later, the last of the month where there is none (民法典 art. 202)."""
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    if year > 9999:
        return datetime.max.replace(tzinfo=start.tzinfo)
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))


def _fits(rule: Rule, bindings: Sequence[Bound], sensitivity: str, important: bool) -> bool:
    if rule.sensitivity and sensitivity not in rule.sensitivity:
        return False
    if rule.important is not None and important != rule.important:
        return False
    if not (rule.kind or rule.none_reason or rule.stage):
        return True
    return any(_fits_binding(rule, binding) for binding in bindings)


def _fits_binding(rule: Rule, binding: Bound) -> bool:
    return (
        (not rule.kind or binding.kind in rule.kind)
        and (not rule.none_reason or binding.none_reason in rule.none_reason)
        and (not rule.stage or binding.stage in rule.stage)
    )
