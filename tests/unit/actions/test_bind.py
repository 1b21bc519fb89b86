"""Binding: all clips or none, to what is there, in the capacity of whoever does it."""

import pytest

from station.actions.bind import BindRequest, bind, unbind
from station.actions.problems import ProblemError
from station.actions.review import submit_case
from station.actions.targets import NewTarget, open_target, resolve_matter
from station.catalogue import checks
from station.catalogue.clips import clip_digest
from station.catalogue.views import Viewer
from station.errors import DeniedError, NotFoundError
from station.records.case_entries import ClipAmended, ClipBound, ClipClassified, ClipUnbound, TargetOpened
from station.records.entries import Proof, TimeRange
from station.records.terms import EnforcementStage, NoneReason, Role, Sensitivity, Source, TargetKind
from tests.fakes.stations import FakeStation


def do_bind(station: FakeStation, viewer: Viewer, request: BindRequest) -> tuple[str, ...]:
    _, actor = station.session(viewer)
    return bind(station.custody, station.database, station.home, viewer, actor, request)


def open_one(station: FakeStation, viewer: Viewer, number: str = "冀石执罚〔2026〕12号", *handlers: Viewer) -> str:
    _, actor = station.session(viewer)
    wanted = NewTarget(TargetKind.CASE, number, "案件", tuple(each.person for each in handlers))
    return open_target(station.custody, station.home, viewer, actor, wanted)


def test_one_action_binds_many_clips_in_one_go(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clips = (station.clip(), station.clip(), station.clip())
    case = open_one(station, clerk)
    request = BindRequest(
        clips, TargetKind.CASE, target=case, stage=EnforcementStage.ON_SITE, proves=(Proof(text="现场情况"),), note="n"
    )
    bindings = do_bind(station, clerk, request)
    entries = station.entries("clip.bound")
    assert [entry.fact.binding for entry in entries] == list(bindings)
    assert {entry.fact.clip for entry in entries} == set(clips)
    assert len({entry.fact.action for entry in entries}) == 1
    assert all(isinstance(entry, ClipBound) and entry.fact.source == Source.CLERK for entry in entries)
    assert entries[0].text.proves[0].text == "现场情况"


def test_an_officer_binds_own_clips_as_an_officer(station: FakeStation) -> None:
    officer = station.person("wang", Role.OFFICER)
    station.take_in_recorder(officer)
    clip = station.clip()
    do_bind(station, officer, BindRequest((clip,), TargetKind.NONE, none_reason=NoneReason.PATROL))
    assert station.entries("clip.bound")[0].fact.source == Source.OFFICER


def test_nobody_binds_a_clip_they_do_not_see(station: FakeStation) -> None:
    officer = station.person("wang", Role.OFFICER)
    foreign = station.clip()
    with pytest.raises(NotFoundError):
        do_bind(station, officer, BindRequest((foreign,), TargetKind.NONE, none_reason=NoneReason.TEST))
    assert station.entries("clip.bound") == []


def test_one_clip_out_of_sight_stops_the_whole_action(station: FakeStation) -> None:
    officer = station.person("wang", Role.OFFICER)
    foreign = station.clip()
    station.take_in_recorder(officer)
    own = station.clip()
    with pytest.raises(NotFoundError):
        do_bind(station, officer, BindRequest((own, foreign), TargetKind.NONE, none_reason=NoneReason.TEST))
    assert station.entries("clip.bound") == []


def test_an_officer_never_invents_a_case_number(station: FakeStation) -> None:
    officer = station.person("wang", Role.OFFICER)
    station.take_in_recorder(officer)
    clip = station.clip()
    new = NewTarget(TargetKind.CASE, "冀石执罚〔2026〕99号")
    with pytest.raises(ProblemError) as refused:
        do_bind(station, officer, BindRequest((clip,), TargetKind.CASE, new=new))
    assert refused.value.code == "case_unknown"
    assert station.entries("target.opened") == []


def test_an_officer_who_types_a_known_number_gets_that_case(station: FakeStation) -> None:
    clerk, officer = station.person("chen", Role.CLERK), station.person("wang", Role.OFFICER)
    case = open_one(station, clerk, "冀石执罚〔2026〕12号")
    station.take_in_recorder(officer)
    clip = station.clip()
    new = NewTarget(TargetKind.CASE, "冀石执罚[2026]第12号")
    do_bind(station, officer, BindRequest((clip,), TargetKind.CASE, new=new))
    assert station.entries("clip.bound")[0].fact.target == case
    assert len(station.entries("target.opened")) == 1


def test_a_clerk_opens_a_case_and_binds_to_it_in_one_transaction(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    do_bind(station, clerk, BindRequest((clip,), TargetKind.CASE, new=NewTarget(TargetKind.CASE, "A-2026-1", "t")))
    (opened,) = station.entries("target.opened")
    assert isinstance(opened, TargetOpened) and opened.names is not None and opened.names.number == "A-2026-1"
    assert station.entries("clip.bound")[0].fact.target == opened.fact.target


def test_a_number_against_the_pattern_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    station = FakeStation(tmp_path_factory.mktemp("s") / "home", case_number_pattern=r"冀.+号")
    station.take_in_recorder()
    clerk = station.person("chen", Role.CLERK)
    with pytest.raises(ProblemError) as refused:
        open_one(station, clerk, "A-2026-1")
    assert refused.value.code == "number_invalid"


def test_matters_of_one_day_are_numbered_one_after_the_other(station: FakeStation) -> None:
    officer = station.person("wang", Role.OFFICER)
    station.take_in_recorder(officer)
    for _ in range(3):
        new = NewTarget(TargetKind.MATTER, title="占道")
        do_bind(station, officer, BindRequest((station.clip(),), TargetKind.MATTER, new=new))
    numbers = [entry.names.number for entry in station.entries("target.opened")]
    day = numbers[0].split("-")[1]
    assert numbers == [f"待立案-{day}-{count:03}" for count in (1, 2, 3)]


def test_a_form_sent_twice_binds_once(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    request = BindRequest((station.clip(),), TargetKind.CASE, target=open_one(station, clerk))
    do_bind(station, clerk, request)
    with pytest.raises(ProblemError) as refused:
        do_bind(station, clerk, request)
    assert refused.value.code == "already_bound"
    assert len(station.entries("clip.bound")) == 1


def test_a_clip_may_have_several_bindings(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    do_bind(station, clerk, BindRequest((clip,), TargetKind.CASE, target=open_one(station, clerk, "A-1")))
    do_bind(station, clerk, BindRequest((clip,), TargetKind.CASE, target=open_one(station, clerk, "A-2")))
    assert len(station.read(lambda session: checks.bindings_of(session, [clip]))) == 2


def test_a_target_takes_the_place_of_belonging_to_nothing(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    do_bind(station, clerk, BindRequest((clip,), TargetKind.NONE, none_reason=NoneReason.PATROL))
    do_bind(station, clerk, BindRequest((clip,), TargetKind.CASE, target=open_one(station, clerk)))
    (left,) = station.read(lambda session: checks.bindings_of(session, [clip]))
    assert left.kind == "case"
    assert isinstance(station.entries("clip.unbound")[0], ClipUnbound)


def test_a_clip_with_a_case_can_not_belong_to_nothing(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    do_bind(station, clerk, BindRequest((clip,), TargetKind.CASE, target=open_one(station, clerk)))
    with pytest.raises(ProblemError) as refused:
        do_bind(station, clerk, BindRequest((clip,), TargetKind.NONE, none_reason=NoneReason.PATROL))
    assert refused.value.code == "has_target"


def test_an_officer_does_not_bind_to_a_case_of_another_unit(station: FakeStation) -> None:
    other = station.person("li", Role.CLERK, unit="执法二队")
    case = open_one(station, other)
    officer = station.person("wang", Role.OFFICER)
    station.take_in_recorder(officer)
    with pytest.raises(NotFoundError):
        do_bind(station, officer, BindRequest((station.clip(),), TargetKind.CASE, target=case))


def test_nothing_is_bound_to_a_case_that_was_submitted(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    handler = station.person("zhao", Role.HANDLER)
    case = open_one(station, clerk, "A-1", handler)
    complete(station, clerk, case)
    submit(station, handler, case)
    with pytest.raises(ProblemError) as refused:
        do_bind(station, clerk, BindRequest((station.clip(),), TargetKind.CASE, target=case))
    assert refused.value.code == "target_closed"


def test_a_binding_to_a_submitted_case_stays(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    handler = station.person("zhao", Role.HANDLER)
    case = open_one(station, clerk, "A-1", handler)
    binding = complete(station, clerk, case)
    submit(station, handler, case)
    with pytest.raises(ProblemError) as refused:
        unbind(station.custody, clerk, station.session(clerk)[1], binding, "wrong case")
    assert refused.value.code == "submitted"


def complete(station: FakeStation, clerk: Viewer, case: str) -> str:
    """Bind a clip that carries all five fields."""
    from station.actions.amend import Amendment, amend, make_place

    clip = station.clip()
    _, actor = station.session(clerk)
    amend(station.custody, clerk, actor, clip, Amendment("place", place=make_place("中山路1号")))
    amend(station.custody, clerk, actor, clip, Amendment("collector", collector=clerk.person))
    (binding,) = do_bind(
        station, clerk, BindRequest((clip,), TargetKind.CASE, target=case, proves=(Proof(text="现场情况"),))
    )
    return binding


def submit(station: FakeStation, handler: Viewer, case: str) -> None:
    submit_case(station.custody, handler, station.session(handler)[1], case)


def test_only_its_handler_submits_a_case(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK, Role.HANDLER)
    case = open_one(station, clerk)
    complete(station, clerk, case)
    with pytest.raises(DeniedError):
        submit(station, clerk, case)


def test_a_case_that_lacks_a_field_is_not_submitted(station: FakeStation) -> None:
    clerk, handler = station.person("chen", Role.CLERK), station.person("zhao", Role.HANDLER)
    case = open_one(station, clerk, "A-1", handler)
    do_bind(station, clerk, BindRequest((station.clip(),), TargetKind.CASE, target=case))
    with pytest.raises(ProblemError) as refused:
        submit(station, handler, case)
    assert refused.value.code == "missing_fields"


def test_a_submission_names_its_clips_and_the_log_it_was_made_on(station: FakeStation) -> None:
    clerk, handler = station.person("chen", Role.CLERK), station.person("zhao", Role.HANDLER)
    case = open_one(station, clerk, "A-1", handler)
    complete(station, clerk, case)
    size = station.size()
    submit(station, handler, case)
    (entry,) = station.entries("target.submitted")
    assert entry.fact.log_size == size
    assert len(entry.fact.clips) == 1


def test_all_clips_follow_a_matter_into_its_case(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clips = (station.clip(), station.clip())
    do_bind(station, clerk, BindRequest(clips, TargetKind.MATTER, new=NewTarget(TargetKind.MATTER, title="占道")))
    matter = station.entries("target.opened")[0].fact.target
    _, actor = station.session(clerk)
    case = resolve_matter(
        station.custody, station.home, clerk, actor, matter, outcome="numbered", number="A-7", title="占道经营"
    )
    bound = station.read(lambda session: checks.bindings_of(session, clips))
    assert {(each.kind, each.target) for each in bound} == {("case", case)}


def test_a_dropped_matter_leaves_its_clips_untagged(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    do_bind(station, clerk, BindRequest((clip,), TargetKind.MATTER, new=NewTarget(TargetKind.MATTER, title="t")))
    matter = station.entries("target.opened")[0].fact.target
    _, actor = station.session(clerk)
    assert resolve_matter(station.custody, station.home, clerk, actor, matter, outcome="dropped") is None
    assert station.read(lambda session: checks.bindings_of(session, [clip])) == ()


def test_binding_classifies_in_the_same_transaction(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    request = BindRequest(
        (clip,), TargetKind.NONE, none_reason=NoneReason.TEST, sensitivity=Sensitivity.SUSPECTED_SECRET
    )
    do_bind(station, clerk, request)
    assert isinstance(station.entries("clip.classified")[0], ClipClassified)
    assert station.read(lambda session: clip_digest(session, clip)).sensitivity == "suspected_secret"


def test_binding_does_not_lift_a_suspected_secret(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    secret = BindRequest(
        (clip,), TargetKind.NONE, none_reason=NoneReason.TEST, sensitivity=Sensitivity.SUSPECTED_SECRET
    )
    do_bind(station, clerk, secret)
    lifted = BindRequest((clip,), TargetKind.CASE, target=open_one(station, clerk), sensitivity=Sensitivity.ORDINARY)
    with pytest.raises(ProblemError) as refused:
        do_bind(station, clerk, lifted)
    assert refused.value.code == "secret_stays"


@pytest.mark.parametrize(
    ("request_made", "code"),
    [
        (BindRequest((), TargetKind.NONE, none_reason=NoneReason.TEST), "clips_missing"),
        (BindRequest(("c",), TargetKind.NONE), "reason_missing"),
        (BindRequest(("c",), TargetKind.CASE), "target_missing"),
        (BindRequest(("c",), TargetKind.NONE, none_reason=NoneReason.TEST, note="n" * 1001), "note_long"),
        (BindRequest(tuple(map(str, range(501))), TargetKind.NONE, none_reason=NoneReason.TEST), "too_many"),
    ],
)
def test_a_request_that_can_not_be_met_says_why(station: FakeStation, request_made: BindRequest, code: str) -> None:
    clerk = station.person("chen", Role.CLERK)
    with pytest.raises(ProblemError) as refused:
        do_bind(station, clerk, request_made)
    assert refused.value.code == code


def test_roles_that_do_not_bind_are_refused(station: FakeStation) -> None:
    inspector = station.person("sun", Role.INSPECTOR)
    with pytest.raises(DeniedError):
        do_bind(station, inspector, BindRequest((station.clip(),), TargetKind.NONE, none_reason=NoneReason.TEST))


def test_unbinding_keeps_the_entry_and_gives_a_reason(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    (binding,) = do_bind(station, clerk, BindRequest((clip,), TargetKind.CASE, target=open_one(station, clerk)))
    _, actor = station.session(clerk)
    assert unbind(station.custody, clerk, actor, binding, "wrong case") == clip
    assert station.read(lambda session: checks.binding_state(session, binding)) is None
    assert station.entries("clip.unbound")[0].text.reason == "wrong case"
    with pytest.raises(ProblemError):
        unbind(station.custody, clerk, actor, binding, " ")


def test_binding_gives_every_clip_its_place_once(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clips = (station.clip(), station.clip())
    case = open_one(station, clerk)
    do_bind(station, clerk, BindRequest(clips, TargetKind.CASE, target=case, place=" 人民路  18 号 "))
    amended = station.entries("clip.amended")
    assert {entry.fact.clip for entry in amended} == set(clips)
    assert all(isinstance(entry, ClipAmended) and entry.place.text == "人民路 18 号" for entry in amended)
    other = open_one(station, clerk, "冀石执罚〔2026〕13号")
    do_bind(station, clerk, BindRequest(clips, TargetKind.CASE, target=other, place="人民路 18 号"))
    assert len(station.entries("clip.amended")) == 2


def test_binding_without_a_place_leaves_each_clip_its_own(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    do_bind(station, clerk, BindRequest((clip,), TargetKind.NONE, none_reason=NoneReason.PATROL))
    assert station.entries("clip.amended") == []


def test_a_place_too_long_binds_nothing(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    request = BindRequest((clip,), TargetKind.NONE, none_reason=NoneReason.PATROL, place="路" * 201)
    with pytest.raises(ProblemError) as refused:
        do_bind(station, clerk, request)
    assert refused.value.code == "place_wrong"
    assert station.entries("clip.bound") == []


def shown(*ranges: tuple[int, int]) -> tuple[Proof, ...]:
    return (Proof(text="当事人签收", ranges=tuple(TimeRange(start_ms=start, end_ms=end) for start, end in ranges)),)


def test_another_range_of_a_clip_is_no_repetition(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    case = open_one(station, clerk)
    for proves in (shown(), shown((0, 500)), shown((500, 900))):
        do_bind(station, clerk, BindRequest((clip,), TargetKind.CASE, target=case, proves=proves))
    with pytest.raises(ProblemError) as refused:
        do_bind(station, clerk, BindRequest((clip,), TargetKind.CASE, target=case, proves=shown((0, 500))))
    assert refused.value.code == "already_bound"
    assert [entry.text.proves for entry in station.entries("clip.bound")] == [
        shown(),
        shown((0, 500)),
        shown((500, 900)),
    ]


@pytest.mark.parametrize(
    ("ranges", "code"),
    [
        (((500, 500),), "range_backwards"),
        (((900, 500),), "range_backwards"),
        (((0, 86_400_000),), "range_beyond"),
        (tuple((n, n + 1) for n in range(51)), "ranges_too_many"),
    ],
)
def test_a_range_that_is_not_in_the_clip_is_refused(
    station: FakeStation, ranges: tuple[tuple[int, int], ...], code: str
) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    new = NewTarget(TargetKind.CASE, "A-2026-1")
    with pytest.raises(ProblemError) as refused:
        do_bind(station, clerk, BindRequest((clip,), TargetKind.CASE, new=new, proves=shown(*ranges)))
    assert refused.value.code == code
    assert station.entries("clip.bound") == []


def test_a_range_is_of_one_clip(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clips = (station.clip(), station.clip())
    new = NewTarget(TargetKind.CASE, "A-2026-1")
    with pytest.raises(ProblemError) as refused:
        do_bind(station, clerk, BindRequest(clips, TargetKind.CASE, new=new, proves=shown((0, 500))))
    assert refused.value.code == "ranges_one_clip"
