"""Amending and classifying: who may, of which clips, and what no value can be."""

import pytest

from station.actions.amend import Amendment, amend, classify, make_place
from station.actions.problems import ProblemError
from station.catalogue.clips import clip_digest
from station.errors import DeniedError, NotFoundError
from station.records.terms import Role, Sensitivity, Source
from tests.fakes.stations import FakeStation


def test_a_place_carries_who_gave_it(station: FakeStation) -> None:
    officer = station.person("wang", Role.OFFICER)
    station.take_in_recorder(officer)
    clip = station.clip()
    place = make_place(" 中山路 1号 ", "38.0412", "114.5149", "WGS-84")
    amend(station.custody, officer, station.session(officer)[1], clip, Amendment("place", place=place, reason="补录"))
    (entry,) = station.entries("clip.amended")
    assert entry.fact.source == Source.OFFICER
    assert (entry.place.text, entry.place.latitude, entry.place.datum) == ("中山路 1号", "38.0412", "WGS-84")
    assert entry.text.reason == "补录"


def test_a_clerk_amends_as_a_clerk(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    amend(station.custody, clerk, station.session(clerk)[1], clip, Amendment("place", place=make_place("中山路")))
    assert station.entries("clip.amended")[0].fact.source == Source.CLERK


@pytest.mark.parametrize(
    ("amendment", "code"),
    [
        (Amendment("time"), "value_missing"),
        (Amendment("time", recorded_at="yesterday"), "time_invalid"),
        (Amendment("time", recorded_at="1999-12-31T23:59:59.000000Z"), "time_invalid"),
        (Amendment("time", recorded_at="2999-01-01T00:00:00.000000Z"), "time_invalid"),
        (Amendment("place", place=make_place(" ")), "value_missing"),
        (Amendment("place", place=make_place("x" * 201)), "place_wrong"),
        (Amendment("place", place=make_place("x", "38.0")), "place_wrong"),
        (Amendment("collector"), "value_missing"),
        (Amendment("collector", collector="nobody"), "person_unknown"),
        (Amendment("collector", collector="a", collector_name="b"), "value_missing"),
        (Amendment("collector", collector_name="n" * 81), "name_long"),
        (Amendment("place", place=make_place("x"), reason="r" * 1001), "reason_long"),
    ],
)
def test_a_value_that_can_not_be_is_refused(station: FakeStation, amendment: Amendment, code: str) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    with pytest.raises(ProblemError) as refused:
        amend(station.custody, clerk, station.session(clerk)[1], clip, amendment)
    assert refused.value.code == code
    assert station.entries("clip.amended") == []


@pytest.mark.parametrize(("latitude", "datum"), [("north", "WGS-84"), ("1e3", "WGS-84"), ("38.0", "mars")])
def test_coordinates_are_decimal_degrees_of_a_known_datum(latitude: str, datum: str) -> None:
    with pytest.raises(ProblemError):
        make_place("x", latitude, "114.5", datum)


def test_nobody_amends_what_they_only_see_as_an_inspector(station: FakeStation) -> None:
    both = station.person("sun", Role.INSPECTOR, Role.OFFICER)
    foreign = station.clip()
    with pytest.raises(NotFoundError):
        amend(station.custody, both, station.session(both)[1], foreign, Amendment("place", place=make_place("x")))


def test_only_officers_and_clerks_amend(station: FakeStation) -> None:
    inspector = station.person("sun", Role.INSPECTOR)
    clip = station.clip()
    with pytest.raises(DeniedError):
        amend(station.custody, inspector, station.session(inspector)[1], clip, Amendment("place"))


def test_only_a_clerk_lifts_a_suspected_secret_and_says_why(station: FakeStation) -> None:
    officer = station.person("wang", Role.OFFICER)
    station.take_in_recorder(officer)
    clip = station.clip()
    clerk = station.person("chen", Role.CLERK)
    classify(station.custody, officer, station.session(officer)[1], clip, Sensitivity.SUSPECTED_SECRET)
    with pytest.raises(DeniedError):
        classify(station.custody, officer, station.session(officer)[1], clip, Sensitivity.ORDINARY, "checked")
    with pytest.raises(ProblemError):
        classify(station.custody, clerk, station.session(clerk)[1], clip, Sensitivity.ORDINARY)
    classify(station.custody, clerk, station.session(clerk)[1], clip, Sensitivity.ORDINARY, "保密办已核")
    assert station.read(lambda session: clip_digest(session, clip)).sensitivity == "ordinary"


def test_the_same_class_again_appends_nothing(station: FakeStation) -> None:
    clerk = station.person("chen", Role.CLERK)
    clip = station.clip()
    size = station.size()
    classify(station.custody, clerk, station.session(clerk)[1], clip, Sensitivity.ORDINARY)
    assert station.size() == size + 0


def test_an_auditor_classifies_nothing(station: FakeStation) -> None:
    auditor = station.person("aud", Role.AUDITOR)
    with pytest.raises(DeniedError):
        classify(station.custody, auditor, station.session(auditor)[1], station.clip(), Sensitivity.SUSPECTED_SECRET)
