"""Settings: defaults, the file, the environment over it; nothing wrong is ignored."""

from pathlib import Path

import pytest

from station.config import Settings, home_folder, load_home, read_settings
from station.errors import ConfigError, HomeError

FILE = Path("/somewhere/station.toml")


def test_an_empty_file_gives_the_defaults() -> None:
    settings = read_settings("", FILE)
    assert (settings.listen, settings.time_zone, settings.slots) == ("127.0.0.1:8470", "Asia/Shanghai", 8)


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_SLOTS", "3")
    assert read_settings("slots = 5\nunit = '一大队'", FILE).slots == 3
    assert read_settings("slots = 5\nunit = '一大队'", FILE).unit == "一大队"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("slotz = 5", "slotz"),
        ("slots = 0", "slots"),
        ("slots = 'many'", "slots"),
        ("time_zone = 'Mars/Olympus'", "time_zone"),
        ("listen = '8470'", "listen"),
        ("locale = 'fr'", "locale"),
        ("slots = ", "TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(content: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as told:
        read_settings(content, FILE)
    assert str(FILE) in f"{told.value.message} {told.value.hint}"


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_SLOTS", "many")
    with pytest.raises(ConfigError) as told:
        read_settings("", FILE)
    assert "STATION_SLOTS" in told.value.hint


def test_the_home_is_the_one_given_else_the_variables_else_var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATION_HOME", "by/variable")
    assert home_folder(Path("given")) == tmp_path / "given"
    assert home_folder() == tmp_path / "by" / "variable"
    monkeypatch.setenv("STATION_HOME", "")
    assert home_folder() == tmp_path / "var"


def test_a_folder_without_a_station_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match=str(tmp_path)) as told:
        load_home(tmp_path)
    assert "station init" in told.value.hint


def test_places_follow_the_home_unless_set_otherwise(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text("")
    home = load_home(tmp_path)
    assert home.vault == tmp_path / "vault"
    assert home.database_url == f"sqlite:///{tmp_path / 'station.db'}"
    (shipped,) = home.profiles
    assert (shipped / "generic-storage" / "profile.toml").is_file()
    (tmp_path / "station.toml").write_text(
        "vault = '/mnt/vault'\ndatabase_url = 'postgresql+psycopg://x/y'\nprofiles = '/ours'"
    )
    moved = load_home(tmp_path)
    assert moved.profiles == (shipped, Path("/ours"))
    assert (moved.vault, moved.database_url) == (Path("/mnt/vault"), "postgresql+psycopg://x/y")


def test_the_readme_lists_every_setting() -> None:
    text = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Settings")[2].partition("\n## ")[0]
    assert [name for name in Settings.model_fields if name != "demo" and f"`{name}`" not in table] == []
