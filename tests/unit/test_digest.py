"""Hashers: SM3 by whatever the machine has, and a clear refusal where it has nothing."""

import hashlib
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from station.config import read_settings
from station.digest import SHA256, SM3, further_of, new_hasher
from station.errors import ConfigError

# GB/T 32905-2016, annex A.1: the message "abc".
ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def without_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, *_: object) -> None:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(hashlib, "new", refuse)


def without_both(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_algorithm: object) -> None:
        raise UnsupportedAlgorithm("sm3")

    without_openssl(monkeypatch)
    monkeypatch.setattr(hashes, "Hash", refuse)


@pytest.mark.parametrize("openssl", [True, False], ids=["hashlib", "cryptography"])
def test_sm3_is_that_of_the_standards_example(monkeypatch: pytest.MonkeyPatch, openssl: bool) -> None:
    if not openssl:
        without_openssl(monkeypatch)
    hasher = new_hasher(SM3)
    hasher.update(b"a")
    hasher.update(memoryview(b"bc"))
    assert hasher.hexdigest() == ABC


def test_a_machine_without_sm3_refuses_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings('further_digests = ["sm3", "sm3"]', Path("station.toml")).further_digests == (SM3,)
    without_both(monkeypatch)
    assert read_settings("", Path("station.toml")).further_digests == ()
    with pytest.raises(ConfigError, match=r"further_digests.*SM3"):
        read_settings('further_digests = ["sm3"]', Path("station.toml"))
    with pytest.raises(ConfigError, match="SM3"):
        new_hasher(SM3)


@pytest.mark.parametrize("setting", ['["md5"]', '["sha256"]', '"sm3"'])
def test_another_algorithm_is_no_setting(setting: str) -> None:
    with pytest.raises(ConfigError, match="further_digests"):
        read_settings(f"further_digests = {setting}", Path("station.toml"))


def test_what_stands_beside_the_sha256_is_told_apart() -> None:
    assert further_of({SHA256: "0" * 64}) == {}
    assert further_of({SHA256: "0" * 64, SM3: ABC}) == {SM3: ABC}
