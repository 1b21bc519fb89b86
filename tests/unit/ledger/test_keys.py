"""The key is made once and opened only in the form in which it was written."""

import re
from pathlib import Path

import pytest

from station.errors import ConflictError, DamagedError, LedgerError
from station.ledger.keys import DEMO_PREFIX, KEY_FILE, VERIFIER_FILE, create_key, load_key, load_verifier, new_origin


def test_a_key_reads_back_and_is_for_its_owner_only(tmp_path: Path) -> None:
    key = create_key(tmp_path / "keys", "evidence-station/x")
    again = load_key(tmp_path / "keys")
    assert again.verifier == key.verifier == load_verifier(tmp_path / "keys" / VERIFIER_FILE)
    assert again.sign("text\n") == key.sign("text\n")
    assert (tmp_path / "keys" / KEY_FILE).stat().st_mode & 0o777 == 0o400
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    key = create_key(tmp_path, "evidence-station/x")
    with pytest.raises(ConflictError):
        create_key(tmp_path, "evidence-station/x")
    assert load_key(tmp_path).verifier == key.verifier


def test_origins_are_random_and_of_their_kind() -> None:
    assert re.fullmatch(r"evidence-station/[a-z2-7]{26}", new_origin())
    assert re.fullmatch(r"demo\.invalid/[a-z2-7]{26}", new_origin(DEMO_PREFIX))
    assert new_origin() != new_origin()


def test_a_home_without_a_key_says_so(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=KEY_FILE):
        load_key(tmp_path)
    with pytest.raises(LedgerError, match=VERIFIER_FILE):
        load_verifier(tmp_path / VERIFIER_FILE)


@pytest.mark.parametrize("old, new", [("PRIVATE", "SECRET"), ("/x+", "/y+"), ("+A", "+B"), ("=\n", "\n")])
def test_a_key_file_that_was_changed_is_refused(tmp_path: Path, old: str, new: str) -> None:
    create_key(tmp_path, "evidence-station/x")
    path = tmp_path / KEY_FILE
    text = path.read_text()
    path.unlink()
    path.write_text(text.replace(old, new) if old in text else text[:-3])
    with pytest.raises(DamagedError):
        load_key(tmp_path)


def test_a_name_that_no_note_can_carry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError):
        create_key(tmp_path, "with space")
