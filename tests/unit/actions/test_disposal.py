"""Who may have footage destroyed, and what never is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from station import clock
from station.actions import disposal
from station.actions.bind import BindRequest, bind
from station.actions.problems import ProblemError
from station.catalogue.retaining import kept_clips
from station.catalogue.views import Viewer
from station.errors import DeniedError, NotFoundError
from station.records.terms import NoneReason, Role, TargetKind
from tests.fakes.stations import UNIT, FakeStation

Later = Callable[[], None]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    real = clock.now
    return lambda: monkeypatch.setattr(clock, "now", lambda: real() + timedelta(days=215))


def tagged(station: FakeStation, clerk: Viewer) -> str:
    clip = station.clip()
    request = BindRequest((clip,), TargetKind.NONE, none_reason=NoneReason.PATROL, whole_recordings=False)
    bind(station.custody, station.database, station.home, clerk, station.session(clerk)[1], request)
    return clip


def propose(station: FakeStation, viewer: Viewer, *clips: str) -> str:
    return disposal.propose(station.custody, station.home, viewer, station.session(viewer)[1], clips, "")


def decide(station: FakeStation, viewer: Viewer, proposed: str, *, approve: bool = True, reason: str = "") -> None:
    actor = station.session(viewer)[1]
    disposal.decide(station.custody, station.home, viewer, actor, proposed, approve=approve, reason=reason)


def test_a_clip_not_due_or_not_tagged_is_not_proposed(station: FakeStation, later: Later) -> None:
    clerk = station.person("clerk", Role.CLERK)
    clip, untagged = tagged(station, clerk), station.clip()
    with pytest.raises(ProblemError, match="not_due"):
        propose(station, clerk, clip)
    later()
    with pytest.raises(ProblemError, match="untagged"):
        propose(station, clerk, untagged)
    assert propose(station, clerk, clip)
    with pytest.raises(ProblemError, match="proposed"):
        propose(station, clerk, clip)


def test_who_proposed_does_not_decide_even_with_both_roles(station: FakeStation, later: Later) -> None:
    both = station.person("both", Role.CLERK, Role.APPROVER)
    clip = tagged(station, both)
    later()
    proposed = propose(station, both, clip)
    with pytest.raises(ProblemError) as refused:
        decide(station, both, proposed)
    assert refused.value.code == "second_person"
    assert station.entries("clip.disposed") == []


def test_a_refusal_needs_a_reason_and_leaves_everything(station: FakeStation, later: Later) -> None:
    clerk, approver = station.person("clerk", Role.CLERK), station.person("approver", Role.APPROVER)
    clip = tagged(station, clerk)
    later()
    proposed = propose(station, clerk, clip)
    with pytest.raises(ProblemError):
        decide(station, approver, proposed, approve=False)
    decide(station, approver, proposed, approve=False, reason="投诉未结")
    assert station.entries("clip.disposed") == []
    with pytest.raises(ProblemError) as refused:
        decide(station, approver, proposed)
    assert refused.value.code == "disposal_decided"


def test_other_roles_and_other_units_have_no_say(station: FakeStation, later: Later) -> None:
    clerk = station.person("clerk", Role.CLERK)
    stranger = station.person("stranger", Role.CLERK, unit="二队")
    far = station.person("far", Role.APPROVER, unit="二队")
    clip = tagged(station, clerk)
    later()
    with pytest.raises(DeniedError):
        propose(station, station.person("admin", Role.ADMIN), clip)
    with pytest.raises(NotFoundError):
        propose(station, stranger, clip)
    proposed = propose(station, clerk, clip)
    with pytest.raises(NotFoundError):
        decide(station, far, proposed)
    with pytest.raises(NotFoundError):
        disposal.hold(station.custody, far, station.session(far)[1], f"clip:{clip}", "x")
    actor = station.session(clerk)[1]
    hold = disposal.hold(station.custody, clerk, actor, f"clip:{clip}", "x")
    with pytest.raises(NotFoundError):
        disposal.lift(station.custody, far, station.session(far)[1], hold, "x")
    with pytest.raises(DeniedError):
        disposal.lift(station.custody, clerk, actor, hold, "x")


def test_what_a_clock_reset_to_2000_recorded_is_due_by_when_it_was_taken_in(station: FakeStation) -> None:
    clerk = station.person("clerk", Role.CLERK)
    clip = tagged(station, clerk)
    rules, now = disposal.rules_of(station.home), clock.now()

    (state,) = station.read(lambda session: kept_clips(session, [clip]))

    old = replace(state, recorded_at="2000-01-01T00:00:00.000000Z")
    assert disposal.judge(old, rules, now).blocked == "not_due"
    ahead = replace(state, recorded_at="2030-01-01T00:00:00.000000Z", taken_in_at="2020-01-01T00:00:00.000000Z")
    assert disposal.judge(ahead, rules, now).blocked == "not_due"
    assert state.unit == UNIT
