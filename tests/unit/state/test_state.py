"""Local state keeps secrets only as digests, and everything in it ends in time."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from station import clock
from station.database import Database
from station.state import accounts, folders, looks, secrets, sessions, work
from station.state.tables import create_tables, metadata

IDLE = timedelta(minutes=30)


@pytest.fixture
def state(database: Database) -> Database:
    create_tables(database)
    return database


def open_session(database: Database, token: str = "secret-token", public_id: str = "s1", person: str = "p1") -> None:
    with database.write() as session:
        sessions.add(
            session,
            public_id=public_id,
            token=token,
            person=person,
            strength="password",
            address="127.0.0.1",
            now=clock.now(),
        )


def test_tables_can_be_created_twice(state: Database) -> None:
    create_tables(state)
    with state.read() as session:
        assert session.execute(text("SELECT count(*) FROM state_session")).scalar_one() == 0


def test_a_session_is_found_by_its_secret_and_no_other(state: Database) -> None:
    open_session(state)
    with state.read() as session:
        found = sessions.find(session, "secret-token", IDLE, clock.now())
        assert found is not None and found.person == "p1"
        assert sessions.find(session, "other-token", IDLE, clock.now()) is None


def test_no_secret_of_a_session_is_stored(state: Database) -> None:
    open_session(state)
    with state.write() as session:
        accounts.add_link(session, "p1", "link-token", clock.now())
        accounts.add_code(session, "first_admin", "ABCD-EFGH-JKLM", clock.now())
    with state.read() as session:
        everything = str([session.execute(table.select()).all() for table in metadata.sorted_tables])
    for secret in ("secret-token", "link-token", "ABCD-EFGH-JKLM", "ABCDEFGHJKLM"):
        assert secret not in everything


def test_an_idle_session_ends(state: Database) -> None:
    open_session(state)
    with state.read() as session:
        assert sessions.find(session, "secret-token", IDLE, clock.now() + IDLE + timedelta(seconds=5)) is None


def test_a_session_in_use_ends_after_twelve_hours(state: Database) -> None:
    open_session(state)
    later = clock.now() + timedelta(hours=12, minutes=1)
    with state.write() as session:
        sessions.touch(session, "s1", later - timedelta(minutes=2))
    with state.read() as session:
        assert sessions.find(session, "secret-token", IDLE, later - timedelta(minutes=2)) is not None
        assert sessions.find(session, "secret-token", IDLE, later) is None


def test_touching_an_ended_session_does_not_bring_it_back(state: Database) -> None:
    open_session(state)
    with state.write() as session:
        sessions.end(session, "s1")
        sessions.touch(session, "s1", clock.now())
    with state.read() as session:
        assert sessions.find(session, "secret-token", IDLE, clock.now()) is None


def test_ending_all_sessions_of_a_person_can_spare_one(state: Database) -> None:
    open_session(state, "one", "s1")
    open_session(state, "two", "s2")
    with state.write() as session:
        sessions.end_all_of(session, "p1", but="s2")
    with state.read() as session:
        assert sessions.find(session, "one", IDLE, clock.now()) is None
        assert sessions.find(session, "two", IDLE, clock.now()) is not None


def test_dropping_expired_sessions_takes_their_tickets_along(state: Database) -> None:
    open_session(state)
    with state.write() as session:
        looks.grant_ticket(session, "s1", "c1", None, clock.now())
        assert sessions.drop_expired(session, IDLE, clock.now() + timedelta(hours=1)) == 1
        assert looks.ticket(session, "s1", "c1", clock.now()) is None


def test_a_link_counts_once(state: Database) -> None:
    with state.write() as session:
        accounts.add_link(session, "p1", "link-token", clock.now())
        assert accounts.link_person(session, "link-token", clock.now()) == "p1"
        assert accounts.use_link(session, "link-token", clock.now())
        assert not accounts.use_link(session, "link-token", clock.now())


def test_a_link_ends_after_a_day(state: Database) -> None:
    with state.write() as session:
        accounts.add_link(session, "p1", "link-token", clock.now())
        assert accounts.link_person(session, "link-token", clock.now() + timedelta(hours=24, seconds=1)) is None


def test_a_new_link_ends_the_former_one(state: Database) -> None:
    with state.write() as session:
        accounts.add_link(session, "p1", "former", clock.now())
        accounts.add_link(session, "p1", "newer", clock.now())
        assert accounts.link_person(session, "former", clock.now()) is None
        assert accounts.link_person(session, "newer", clock.now()) == "p1"


def test_a_console_code_counts_once_for_its_purpose_however_it_is_typed(state: Database) -> None:
    code = secrets.new_code()
    with state.write() as session:
        accounts.add_code(session, "second_admin", code, clock.now())
        assert not accounts.use_code(session, "first_admin", code, clock.now())
        assert accounts.use_code(session, "second_admin", code.lower().replace("-", " "), clock.now())
        assert not accounts.use_code(session, "second_admin", code, clock.now())


def test_a_console_code_ends_after_half_an_hour(state: Database) -> None:
    with state.write() as session:
        accounts.add_code(session, "first_admin", "ABCD-EFGH-JKLM", clock.now())
        assert not accounts.code_counts(session, "first_admin", "ABCD-EFGH-JKLM", clock.now() + timedelta(minutes=31))


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("short-one", "password_short"),
        ("x" * 300, "password_long"),
        ("1234567890", "password_common"),
        ("Password123", "password_common"),
        ("aaaaaaaaaaaa", "password_common"),
        ("wang.xiaoming", "password_like_login"),
        ("wang.xiaoming123", "password_like_login"),
        ("four stones in a creek", None),
    ],
)
def test_weak_passwords_are_refused_by_name(password: str, problem: str | None) -> None:
    assert secrets.password_problem(password, "wang.xiaoming") == problem


def test_a_password_is_stored_as_argon2id_and_matches_only_itself() -> None:
    stored = secrets.hash_password("four stones in a creek")
    assert stored.startswith("$argon2id$")
    assert secrets.password_matches("four stones in a creek", stored)
    assert not secrets.password_matches("five stones in a creek", stored)
    assert not secrets.password_matches("", None)


def test_posters_shown_before_the_window_are_to_be_listed_again(state: Database) -> None:
    with state.write() as session:
        looks.mark_shown(session, "s1", ["c1", "c2"], clock.now())
        now = clock.now()
        assert looks.shown_since(session, "s1", ["c1", "c3"], now - looks.WINDOW) == {"c1"}
        assert looks.shown_since(session, "s1", ["c1"], now + timedelta(seconds=1)) == frozenset()
        assert looks.shown_since(session, "s2", ["c1"], now - looks.WINDOW) == frozenset()


def test_a_ticket_goes_stale_after_the_window_and_keeps_its_purpose(state: Database) -> None:
    with state.write() as session:
        looks.grant_ticket(session, "s1", "c1", "complaint 12", clock.now())
        fresh = looks.ticket(session, "s1", "c1", clock.now())
        stale = looks.ticket(session, "s1", "c1", clock.now() + looks.WINDOW)
    assert fresh is not None and fresh.fresh
    assert stale is not None and not stale.fresh and stale.purpose == "complaint 12"


def refusal(minute: str = "2026-11-22T10:00", subject: str | None = "clip:c1") -> looks.Refusals:
    return looks.Refusals("p1", subject, "GET /clips/{clip}", minute, "s1", "password", "role", 1)


def test_only_the_first_refusal_of_a_minute_is_due_at_once(state: Database) -> None:
    with state.write() as session:
        assert looks.count_refusal(session, refusal())
        assert not looks.count_refusal(session, refusal())
        assert not looks.count_refusal(session, refusal())
        assert looks.count_refusal(session, refusal(subject=None))


def test_further_refusals_are_handed_out_once_when_their_minute_is_over(state: Database) -> None:
    with state.write() as session:
        for _ in range(3):
            looks.count_refusal(session, refusal())
        assert looks.take_refusals(session, "2026-11-22T10:00") == ()
        assert looks.refusals_are_due(session, "2026-11-22T10:01")
        (taken,) = looks.take_refusals(session, "2026-11-22T10:01")
        assert (taken.count, taken.subject) == (2, "clip:c1")
        assert looks.take_refusals(session, "2026-11-22T10:01") == ()


def test_work_is_handed_out_once_and_again_after_a_restart(state: Database) -> None:
    with state.write() as session:
        assert work.want(session, "d1", "proxy")
        assert not work.want(session, "d1", "proxy")
        assert work.start(session, "d1", "proxy")
        assert not work.start(session, "d1", "proxy")
        work.report(session, "d1", "proxy", 431)
        running = work.find(session, "d1", "proxy")
        assert running is not None and (running.state, running.per_mille) == ("running", 431)
        work.restart(session)
    with state.read() as session:
        assert [each.attempts for each in work.waiting(session, "proxy")] == [1]


def test_failed_work_says_why_and_ready_work_is_whole(state: Database) -> None:
    with state.write() as session:
        work.want(session, "d1", "proxy")
        work.fail(session, "d1", "proxy", "no video stream")
        failed = work.find(session, "d1", "proxy")
        assert failed is not None and (failed.state, failed.error) == ("failed", "no video stream")
        work.finish(session, "d1", "proxy")
        ready = work.find(session, "d1", "proxy")
        assert ready is not None and (ready.state, ready.per_mille, ready.error) == ("ready", 1000, None)
        assert work.counts(session) == {"ready": 1}


def test_a_folder_keeps_its_identity_by_real_path(state: Database, tmp_path: Path) -> None:
    folder = tmp_path / "card"
    folder.mkdir()
    (tmp_path / "alias").symlink_to(folder)
    with state.write() as session:
        first = folders.folder_identity(session, folder)
    with state.write() as session:
        assert folders.folder_identity(session, tmp_path / "alias") == first
        assert folders.folder_identity(session, tmp_path) != first
