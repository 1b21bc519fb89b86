"""Recorders' passwords: where they come from, and that nothing shows them."""

import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr

from station.config import read_settings
from station.credentials import recorder_password
from station.errors import ConfigError

SET = {"dsj": SecretStr("from-the-settings")}


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return tmp_path


def test_a_password_comes_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    found = recorder_password("dsj", SET)
    assert found is not None and found.get_secret_value() == "from-the-settings"
    assert recorder_password("other", SET) is None


@pytest.mark.parametrize("name", ["recorder-dsj", "recorder_dsj"])
def test_a_credential_goes_before_the_settings(name: str, credentials: Path) -> None:
    (credentials / name).write_bytes(b"from-systemd\n")
    found = recorder_password("dsj", SET)
    assert found is not None and found.get_secret_value() == "from-systemd"


def test_without_a_credential_the_settings_count(credentials: Path) -> None:
    assert recorder_password("dsj", SET) == SET["dsj"]


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"hidden\xff", b"x" * 1025, b"nul\0"])
def test_a_malformed_credential_is_an_error_that_does_not_show_it(content: bytes, credentials: Path) -> None:
    (credentials / "recorder-dsj").write_bytes(content)
    with pytest.raises(ConfigError, match="recorder-dsj") as told:
        recorder_password("dsj", SET)
    shown = "".join(traceback.format_exception(told.value))
    assert not any(word in shown for word in ("hidden", "two", "xxxx"))


@pytest.mark.parametrize("profile", ["", "../dsj", "a/b", ".hidden", "x" * 90])
def test_a_profile_id_can_not_lead_out_of_the_folder(profile: str, credentials: Path) -> None:
    with pytest.raises(ConfigError, match="profile"):
        recorder_password(profile, SET)


def test_settings_hide_passwords_when_shown() -> None:
    settings = read_settings("[recorder_passwords]\ndsj = 'very-secret'", Path("station.toml"))
    assert settings.recorder_passwords["dsj"].get_secret_value() == "very-secret"
    assert "very-secret" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_a_malformed_password_in_the_settings_is_not_quoted() -> None:
    secret = "-".join(("very", "secret"))  # not as one word here, since a traceback shows this line
    with pytest.raises(ConfigError, match=r"recorder_passwords\.dsj") as told:
        read_settings(f"[recorder_passwords]\ndsj = ['{secret}']", Path("station.toml"))
    assert secret not in "".join(traceback.format_exception(told.value))
