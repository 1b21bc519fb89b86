"""What has to be recorded (音像记录事项清单): the list as data, and what it says of one case. Pure.

Guarantee: a stage the list wants is present, missing with the handler's reason, or missing; a stage it does not want is
shown as well when it was recorded, so that nothing submitted is left out of the comparison.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from station.errors import ConfigError
from station.records.terms import EnforcementStage

SHIPPED = Path(__file__).with_name("recording_list.toml")
Need = Literal["whole", "key", "none"]


class Act(BaseModel):
    """A kind of act (事项): the stages recorded as a whole, and those of which key steps are enough."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    name: str = Field(default="", max_length=80)
    whole: tuple[EnforcementStage, ...] = ()
    key: tuple[EnforcementStage, ...] = ()
    source: str = Field(min_length=4)


class _Always(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    whole: tuple[EnforcementStage, ...] = ()
    source: str = Field(min_length=4)


class RecordingList(BaseModel):
    """The list; `always` holds whatever the act is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    always: _Always | None = None
    act: tuple[Act, ...] = Field(min_length=1)

    def find(self, act: str | None) -> Act | None:
        """Return the act of that id, None when the list has none."""
        return next((each for each in self.act if each.id == act), None)


@dataclass(frozen=True, slots=True)
class StageState:
    """A stage of a case: what the list wants, how many clips there are and how long, and why there are none.

    `state` is present, explained (none, with a `reason`), missing, or extra (recorded without being wanted).
    """

    stage: str
    need: Need
    clips: int
    duration_ms: int
    reason: str = ""

    @property
    def state(self) -> Literal["present", "explained", "missing", "extra"]:
        """Say how the stage stands."""
        if self.clips:
            return "present" if self.need != "none" else "extra"
        return "explained" if self.reason else "missing"


def load_list(path: Path = SHIPPED) -> RecordingList:
    """Read a list of matters to be recorded; raises ConfigError naming what is wrong in it."""
    try:
        found = RecordingList.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"The list of matters to be recorded {path} can't be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ConfigError(f"The list of matters to be recorded {path} is wrong: {where}: {first['msg']}") from error
    if len({act.id for act in found.act}) != len(found.act):
        raise ConfigError(f"The list of matters to be recorded {path} repeats an id")
    return found


def stage_states(
    listed: RecordingList,
    act: str | None,
    recorded: Mapping[str, Sequence[int]],
    gaps: Mapping[str, str],
) -> tuple[StageState, ...]:
    """Return every stage that is wanted or recorded, in the order of the stages.

    `recorded` maps a stage to the lengths of its clips in milliseconds, `gaps` a stage to the reason for having none.
    """
    chosen = listed.find(act)
    always = listed.always.whole if listed.always else ()
    states = []
    for stage in EnforcementStage:
        lengths = recorded.get(stage.value, ())
        need: Need = "none"
        if (chosen is not None and stage in chosen.whole) or (stage in always and lengths):
            need = "whole"
        elif chosen is not None and stage in chosen.key:
            need = "key"
        if need != "none" or lengths:
            reason = gaps.get(stage.value, "") if not lengths else ""
            states.append(StageState(stage.value, need, len(lengths), sum(lengths), reason))
    return tuple(states)
