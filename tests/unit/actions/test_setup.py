"""Making a home: whole or not at all."""

from pathlib import Path

import pytest

from station.actions.setup import default_settings, make_home
from station.config import load_home
from station.errors import ConflictError, HomeError, VaultMissingError
from station.evidence.opening import open_store
from station.evidence.store import LocalStore
from station.ledger.sign import Signer


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Signer, "checkpoint", lambda *_: None)  # no signer needs to run for these
    root = tmp_path / "home"
    make_home(root, settings=default_settings())
    return root


def test_a_home_is_not_made_twice(made: Path) -> None:
    with pytest.raises(ConflictError, match="already"):
        make_home(made, settings=default_settings())


def test_settings_come_last_so_that_a_set_up_cut_short_is_no_station(made: Path) -> None:
    (made / "station.toml").unlink()
    with pytest.raises(HomeError, match="no station"):
        load_home(made)
    with pytest.raises(HomeError, match="cut short"):
        make_home(made, settings=default_settings())
    assert (made / "keys" / "sign.key").exists()


def test_a_home_may_lie_beside_a_demonstration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Signer, "checkpoint", lambda *_: None)
    (tmp_path / "var" / "demo").mkdir(parents=True)
    assert make_home(tmp_path / "var", settings="").root == tmp_path / "var"


def test_another_vault_in_the_place_of_ours_is_refused(made: Path) -> None:
    home = load_home(made)
    open_store(home)
    home.vault.rename(made / "elsewhere")
    LocalStore.create(home.vault)
    with pytest.raises(VaultMissingError, match="not this station's"):
        open_store(home)
