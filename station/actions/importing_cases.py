"""Case numbers from a CSV file: a line gives a pending matter (待立案事项) or task the case it has become.

A matter is found by its number, by its id, or by the one matter whose title holds the number of the call (警情编号).
Guarantees: by the rules by which a single matter is resolved; a case of the same number is found however
it is typed, and opened once for all lines that name it; a matter that is in that case already is left as it is.
"""

import re
from collections.abc import Sequence

from station.actions import targets
from station.actions.importing import Change, Line, Planned, choose_word
from station.actions.problems import ProblemError
from station.actions.targets import NewTarget
from station.catalogue import checks
from station.catalogue.checks import TargetState
from station.catalogue.folding import fold_number
from station.catalogue.targets import list_targets
from station.catalogue.views import Viewer
from station.config import Home
from station.database import Session
from station.errors import DeniedError
from station.records.entries import Actor, Entry
from station.records.recording_list import RecordingList
from station.records.terms import TargetKind

COLUMNS = ("matter", "call_number", "case_number", "title", "act")
REQUIRED = ("case_number",)
_KINDS = (TargetKind.MATTER, TargetKind.TASK)
_NUMBERED = "numbered"


def plan_cases(
    lines: Sequence[Line],
    session: Session,
    actor: Actor,
    _second: str | None,
    *,
    home: Home,
    viewer: Viewer,
    acts: RecordingList,
) -> tuple[Planned, ...]:
    """Return what becomes of each line; `viewer` is whose rights count, `acts` names the kinds of act there are."""
    planning = _Planning(session, actor, home, viewer, acts)
    rows = []
    for line in lines:
        try:
            rows.append(planning.judge(line))
        except (ProblemError, DeniedError) as error:
            code = error.code if isinstance(error, ProblemError) else "role_opens_none"
            rows.append(Planned(line.number, "refused", _named(line), problem=code))
    return tuple(rows)


def _named(line: Line) -> str:
    cells = (line.cells.get(column, "") for column in ("matter", "call_number", "case_number"))
    return " · ".join(cell for cell in cells if cell)


class _Planning:
    """The state of the lines before: cases that will be opened by then, matters that will be resolved."""

    def __init__(self, session: Session, actor: Actor, home: Home, viewer: Viewer, acts: RecordingList) -> None:
        self._session, self._actor, self._home, self._viewer, self._acts = session, actor, home, viewer, acts
        self._opened: dict[str, TargetState] = {}
        self._seen: set[str] = set()

    def judge(self, line: Line) -> Planned:
        """Return what becomes of a line; raises ProblemError, DeniedError where it can't be taken."""
        matter = self._matter(line)
        if matter.target in self._seen:
            raise ProblemError("matter_twice", "That matter is in the file twice")
        self._seen.add(matter.target)
        named = " · ".join(text for text in (matter.number, matter.title) if text)
        if matter.status != "open":
            into = self._where_it_went(matter, line.cells.get("case_number", ""))
            return Planned(line.number, "unchanged", named, subject=into)
        case, opening = self._case(line)
        entries: tuple[Entry, ...] = (
            *opening,
            *targets.resolving(self._session, matter, _NUMBERED, case.target, self._actor),
        )
        act = self._acts.find(case.act)
        told = (("case_number", case.number), ("title", case.title), ("act", (act.name or act.id) if act else ""))
        changes = tuple(Change(column, "", text) for column, text in told if text)
        return Planned(
            line.number, "new" if opening else "changed", named, changes, entries=entries, subject=case.target
        )

    def _where_it_went(self, matter: TargetState, number: str) -> str:
        """Return the case of a resolved matter if it is the one named; raises ProblemError otherwise."""
        into = checks.target_state(self._session, self._viewer, matter.into) if matter.into else None
        if into is None:
            raise ProblemError("target_closed", f"The matter {matter.number!r} was dropped")
        if fold_number(into.number) != fold_number(number):
            raise ProblemError("matter_elsewhere", f"The matter {matter.number!r} went into {into.number!r}")
        return into.target

    def _matter(self, line: Line) -> TargetState:
        number, call = line.cells.get("matter", ""), line.cells.get("call_number", "")
        if not number and not call:
            raise ProblemError("matter_missing", "The line names no matter")
        found = self._by_number(number) if number else self._by_call(call)
        if number and call and not _holds(found.title, call):
            raise ProblemError("call_differs", f"The matter {number!r} is of another call than {call!r}")
        return found

    def _by_number(self, number: str) -> TargetState:
        found = checks.target_state(self._session, self._viewer, number)
        if found is not None and found.kind not in _KINDS:
            found = None
        for kind in _KINDS:
            found = found or checks.target_by_number(self._session, self._viewer, kind, fold_number(number))
        if found is None or not found.visible:
            raise ProblemError("matter_unknown", f"There is no matter {number!r}")
        return found

    def _by_call(self, call: str) -> TargetState:
        found = [
            row.target
            for kind in _KINDS
            for row in list_targets(self._session, self._viewer, kind=kind, text=call)
            if _holds(row.title, call)
        ]
        if len(found) > 1:
            raise ProblemError("call_ambiguous", f"Several matters name the call {call!r}")
        state = checks.target_state(self._session, self._viewer, found[0]) if found else None
        if state is None:
            raise ProblemError("call_unknown", f"No matter names the call {call!r}")
        return state

    def _case(self, line: Line) -> tuple[TargetState, Sequence[Entry]]:
        number, title, act = line.cells.get("case_number", ""), line.cells.get("title", ""), self._act(line)
        folded = fold_number(number)
        opening: Sequence[Entry] = ()
        if folded in self._opened:
            case = self._opened[folded]
        else:
            wanted = NewTarget(TargetKind.CASE, number, title, act=act)
            case, opening = targets.find_or_open(self._session, self._home, self._viewer, self._actor, wanted)
        if (title and case.title and title != case.title) or (act and case.act and act != case.act):
            raise ProblemError("case_differs", f"The case {number!r} has another title or kind of act")
        self._opened[folded] = case
        return case, opening

    def _act(self, line: Line) -> str | None:
        text = line.cells.get("act", "")
        if not text:
            return None
        own = {act.name.lower(): act.id for act in self._acts.act if act.name}
        act = own.get(text.lower()) or choose_word(text, "act", [act.id for act in self._acts.act])
        if act is None:
            raise ProblemError("act_unknown", f"There is no kind of act {text!r}")
        return act


def _holds(title: str, call: str) -> bool:
    """Tell whether a title holds the number of a call, and not as a part of a longer number."""
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(call)}(?![0-9A-Za-z])", title) is not None
