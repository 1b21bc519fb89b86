"""People, recorders, the register of holders, dockings and alarms."""

from station.catalogue.alarms import list_alarms
from station.catalogue.people import list_officers, list_people, person
from station.catalogue.recorders import list_dockings, list_holdings, list_recorders
from station.catalogue.tables import Alarm, Docking, Holding
from tests.unit.catalogue.rows import NOON, Catalogue, at


def docking(name: str, minute: int, **other: object) -> Docking:
    return Docking(
        docking=name,
        recorder="r1",
        profile="generic-storage",
        slot=3,
        source_kind="image",
        source="card.img",
        started_at=at(minute),
        **other,
    )


def test_a_person_is_found_by_id_and_by_log_in_name(catalogue: Catalogue) -> None:
    catalogue.person("p", "王一", login="wang", roles="clerk,officer", certificate_number="03")
    with catalogue.read() as session:
        found = person(session, "p")
        assert found is not None
        assert (found.name, found.roles, found.disabled, found.certificate_number) == (
            "王一",
            ("clerk", "officer"),
            False,
            "03",
        )
        assert person(session, "q") is None


def test_an_erased_person_matches_no_log_in_name(catalogue: Catalogue) -> None:
    catalogue.person("p", login=None)
    with catalogue.read() as session:
        found = person(session, "p")
    assert found is not None
    assert found.login == ""


def test_officers_are_those_of_the_role_whose_account_is_open(catalogue: Catalogue) -> None:
    catalogue.person("a", roles="clerk,officer")
    catalogue.person("b", roles="officer", unit="别的大队")
    catalogue.person("c", roles="officer", disabled=True)
    catalogue.person("d", roles="inspector")
    catalogue.person("e", roles="")
    with catalogue.read() as session:
        assert [each.person for each in list_officers(session)] == ["a", "b"]
        assert [each.person for each in list_officers(session, "别的大队")] == ["b"]
        assert [each.person for each in list_people(session)] == ["a", "b", "d", "e", "c"]


def test_a_recorder_comes_with_its_present_holders_and_figures(catalogue: Catalogue) -> None:
    catalogue.person("p", "王一")
    catalogue.recorder("r1", serial="DSJ0001")
    catalogue.recorder("r2", label="CARD")
    catalogue.recorder("recorder3")
    catalogue.clip("a")
    catalogue.clip("b")
    catalogue.add(
        docking("d1", 1),
        docking("d2", 2),
        Holding(holding="h1", recorder="r1", person="p", since=at(1), until=at(2)),
        Holding(holding="h2", recorder="r1", person="p", since=at(3)),
    )
    with catalogue.read() as session:
        recorders = {each.recorder: each for each in list_recorders(session)}
        register = list_holdings(session, recorder="r1")
    assert [each.name for each in recorders.values()] == ["CARD", "DSJ0001", "recorder"]
    assert (recorders["r1"].clips, recorders["r1"].last_docked_at) == (2, at(2))
    assert [(each.holding, each.person_name) for each in recorders["r1"].holders] == [("h2", "王一")]
    assert (recorders["r2"].clips, recorders["r2"].last_docked_at, recorders["r2"].holders) == (0, None, ())
    assert [(each.holding, each.until) for each in register] == [("h1", at(2)), ("h2", None)]


def test_dockings_come_newest_first_with_their_account(catalogue: Catalogue) -> None:
    catalogue.recorder("r1", serial="DSJ0001")
    catalogue.add(
        docking("d1", 1, finished_at=NOON, whole=True, counts='{"new": 3, "held": 1}', size_bytes=7), docking("d2", 2)
    )
    with catalogue.read() as session:
        cut_short, done = list_dockings(session, 5)
        assert len(list_dockings(session, 1)) == 1
    assert (cut_short.docking, cut_short.finished_at, cut_short.whole, cut_short.counts) == ("d2", None, None, {})
    assert (done.counts, done.whole, done.size_bytes, done.recorder_name) == ({"new": 3, "held": 1}, True, 7, "DSJ0001")


def test_alarms_come_newest_first(catalogue: Catalogue) -> None:
    catalogue.add(
        *(
            Alarm(alarm=f"a{number}", kind="k", about=None, text="文字" if number else None, raised_at=at(number))
            for number in range(3)
        )
    )
    with catalogue.read() as session:
        assert [(each.alarm, each.text) for each in list_alarms(session)] == [
            ("a2", "文字"),
            ("a1", "文字"),
            ("a0", ""),
        ]
        assert len(list_alarms(session, 2)) == 2
