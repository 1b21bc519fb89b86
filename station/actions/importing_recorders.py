"""Recorders and the register of holders (领用登记) from a CSV file: a line a recorder, or one for each of its holders.

A recorder is found again by its serial number, its holder by log-in name, police or certificate number. A line of the
register is the same when recorder, person and beginning are; without a beginning, whoever holds it now.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from station import clock
from station.actions.holders import register_moment
from station.actions.importing import Change, Line, Outcome, Planned
from station.actions.problems import ProblemError
from station.actions.recorders import SERIAL_CHARACTERS, enrolment
from station.catalogue import checks, intake
from station.catalogue.recorders import list_holdings
from station.catalogue.views import HoldingView
from station.database import Session
from station.digest import new_id
from station.records.docking_entries import HolderIssued, HolderReturned
from station.records.entries import Actor, Entry

COLUMNS = ("serial", "profile", "unit", "holder", "since", "until")
REQUIRED = ("serial", "profile")
# As people and spreadsheets write it: 2026-01-31 08:00, 2026/1/31 8:00, the day alone for its beginning.
_TIME = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")


def plan_recorders(
    lines: Sequence[Line],
    session: Session,
    actor: Actor,
    _second: str | None,
    *,
    profiles: Collection[str],
    zone: ZoneInfo,
    unit: str = "",
) -> tuple[Planned, ...]:
    """Return what becomes of each line; `profiles` are the ids there are, `zone` that of the times in the file."""
    planning = _Planning(session, actor, profiles, zone, unit)
    rows = []
    for line in lines:
        try:
            rows.append(planning.judge(line))
        except ProblemError as error:
            rows.append(Planned(line.number, "refused", line.cells.get("serial", ""), problem=error.code))
    return tuple(rows)


@dataclass(slots=True)
class _Planning:
    """One look at a whole file: `made` are recorders that a line before enrols, `seen` lines of the register."""

    session: Session
    actor: Actor
    profiles: Collection[str]
    zone: ZoneInfo
    unit: str
    made: dict[str, str] = field(default_factory=dict)
    seen: set[tuple[str, str, str | None]] = field(default_factory=set)

    def judge(self, line: Line) -> Planned:
        """Return what becomes of a line; raises ProblemError where it can't be taken."""
        serial, profile = line.cells.get("serial", ""), line.cells.get("profile", "")
        if not serial or len(serial) > SERIAL_CHARACTERS:
            raise ProblemError("serial_missing", f"A serial number has 1 to {SERIAL_CHARACTERS} characters")
        if profile not in self.profiles:
            raise ProblemError("profile_unknown", f"There is no profile {profile!r}")
        identity = f"serial:{serial}"
        known = intake.recorder_by_identity(self.session, identity)
        if known is not None and intake.recorder_facts(self.session, known)[0] != profile:
            raise ProblemError("profile_other", "The station knows that recorder by another profile")
        recorder = known or self.made.get(serial) or new_id()
        entries, changes = self._register(line, recorder)
        if serial not in self.made:
            unit = line.cells.get("unit") or self.unit
            enrolled = enrolment(self.session, self.actor, recorder, profile, identity, serial, None, unit)
            if enrolled:
                entries, changes = [*enrolled, *entries], [Change("profile", "", profile), *changes]
        new = known is None and serial not in self.made
        self.made[serial] = recorder
        outcome: Outcome = "new" if new else "changed" if entries else "unchanged"
        return Planned(line.number, outcome, serial, tuple(changes), entries=tuple(entries))

    def _register(self, line: Line, recorder: str) -> tuple[list[Entry], list[Change]]:
        """Return what a line adds to the register of holders."""
        holder, since, until = line.cells.get("holder", ""), self._time(line, "since"), self._time(line, "until")
        if not holder:
            if since or until:
                raise ProblemError("holder_missing", "A time in the register needs a holder")
            return [], []
        person = self._person(holder)
        if (recorder, person, since) in self.seen:
            raise ProblemError("line_twice", "That line is in the file twice")
        self.seen.add((recorder, person, since))
        held = [each for each in list_holdings(self.session, recorder=recorder) if each.person == person]
        same = next((each for each in held if (each.since == since if since else each.until is None)), None)
        if same is not None:
            return self._returned(same, until, holder)
        if until is None and any(each.until is None for each in held):
            raise ProblemError("holds_already", "They hold that recorder already, since another time")
        if until is not None and (since is None or until < since):
            raise ProblemError("time_invalid", "Nothing is returned before it was issued")
        line_id, begun = new_id(), register_moment(since)
        issued = HolderIssued.Fact(holding=line_id, recorder=recorder, person=person, since=begun)
        entries: list[Entry] = [HolderIssued(fact=issued, actor=self.actor)]
        changes = [Change("holder", "", holder), *([Change("since", "", since)] if since else [])]
        if until is not None:
            back = HolderReturned.Fact(holding=line_id, recorder=recorder, person=person, until=until)
            entries.append(HolderReturned(fact=back, actor=self.actor))
            changes.append(Change("until", "", until))
        return entries, changes

    def _returned(self, held: HoldingView, until: str | None, holder: str) -> tuple[list[Entry], list[Change]]:
        if until is None or held.until is not None:
            return [], []
        if until < held.since:
            raise ProblemError("time_invalid", "Nothing is returned before it was issued")
        fact = HolderReturned.Fact(holding=held.holding, recorder=held.recorder, person=held.person, until=until)
        return [HolderReturned(fact=fact, actor=self.actor)], [Change("until", "", until)]

    def _person(self, holder: str) -> str:
        state = checks.person_of_login(self.session, holder.lower())
        if state is not None and not state.disabled:
            return state.person
        found = checks.persons_of_badge(self.session, holder)
        if len(found) != 1:
            raise ProblemError("holder_unknown", f"No open account, or more than one, goes by {holder!r}")
        return found[0]

    def _time(self, line: Line, column: str) -> str | None:
        text = line.cells.get(column, "")
        if not text:
            return None
        match = _TIME.fullmatch(text)
        if match is None:
            raise ProblemError("time_invalid", f"{text!r} is no time")
        try:
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
            moment = datetime(year, month, day, hour, minute, second, tzinfo=self.zone)
        except ValueError as error:
            raise ProblemError("time_invalid", f"{text!r} is no time") from error
        return register_moment(clock.format_time(moment))
