"""The vault: written once, verified before trusted, never filling a mount point."""

import os
from pathlib import Path

import pytest

from station.digest import sha256_hex
from station.errors import DamagedError, HomeError, NoSpaceError, NotFoundError, StorageError, VaultMissingError
from station.evidence.store import LocalStore

DATA = b"footage" * 100_000
SHA256 = sha256_hex(DATA)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    LocalStore.create(tmp_path / "vault")
    return LocalStore(tmp_path / "vault")


def staged(folder: Path, data: bytes = DATA) -> Path:
    path = folder / os.urandom(8).hex()
    path.write_bytes(data)
    return path


def damage(path: Path) -> None:
    path.chmod(0o640)
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(bytes(data))


def test_a_blob_lies_under_its_digest_read_only_and_its_staging_name_is_gone(store: LocalStore) -> None:
    with store.staging("d1") as staging:
        path = store.adopt(staged(staging.root), SHA256)
        assert list(staging.root.iterdir()) == [staging.inbox]
    assert path == store.root / "originals" / SHA256[:2] / SHA256
    assert path.read_bytes() == DATA
    assert path.stat().st_mode & 0o7777 == 0o440
    assert path.stat().st_nlink == 1


def test_the_same_bytes_twice_are_one_blob(store: LocalStore) -> None:
    with store.staging("d1") as staging:
        first = store.adopt(staged(staging.root), SHA256).stat().st_ino
        assert store.adopt(staged(staging.root), SHA256).stat().st_ino == first
    assert list(store.digests()) == [SHA256]


def test_a_damaged_blob_is_an_alarm_and_both_the_damage_and_the_new_bytes_are_kept(store: LocalStore) -> None:
    with store.staging("d1") as staging:
        path = store.adopt(staged(staging.root), SHA256)
        damage(path)
        damaged = path.read_bytes()
        with pytest.raises(DamagedError):
            store.adopt(staged(staging.root), SHA256)
    assert path.read_bytes() == damaged
    (kept,) = (store.root / "quarantine").iterdir()
    assert kept.name.startswith(SHA256)
    assert kept.read_bytes() == DATA


def test_a_partial_never_counts_as_held(store: LocalStore) -> None:
    with store.staging("d1") as staging:
        path = store.adopt_partial(staged(staging.root), SHA256)
    assert path == store.partial_path(SHA256)
    assert path.read_bytes() == DATA
    assert not store.exists(SHA256)
    assert list(store.digests()) == []


def test_bytes_put_come_back_under_their_digest(store: LocalStore) -> None:
    assert store.put_bytes(DATA) == store.put_bytes(DATA) == SHA256
    with store.as_file(SHA256) as path:
        assert path.read_bytes() == DATA
    assert store.size(SHA256) == len(DATA)
    assert store.read_back(SHA256).sha256 == SHA256
    assert list((store.root / "staging").iterdir()) == []


def test_an_unmounted_vault_is_found_before_anything_is_written(store: LocalStore, tmp_path: Path) -> None:
    before = staged(tmp_path)
    (store.root / "vault.json").unlink()
    for write in (
        lambda: store.adopt(before, SHA256),
        lambda: store.put_bytes(DATA),
        lambda: store.reserve(1),
        lambda: store.staging("d1").__enter__(),
    ):
        with pytest.raises(VaultMissingError):
            write()
    assert [path for path in (store.root / "originals").rglob("*") if path.is_file()] == []
    assert before.exists()


def test_another_vault_in_the_same_place_is_found(store: LocalStore, tmp_path: Path) -> None:
    store.check_identity()
    LocalStore.create(tmp_path / "other")
    (tmp_path / "other" / "vault.json").replace(store.root / "vault.json")
    with pytest.raises(VaultMissingError, match="not this station's"):
        store.put_bytes(DATA)


def test_a_vault_is_not_made_twice(store: LocalStore) -> None:
    with pytest.raises(HomeError):
        LocalStore.create(store.root)


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "a" * 63, SHA256.upper()])
def test_what_is_no_digest_names_no_file(store: LocalStore, sha256: str) -> None:
    with pytest.raises(StorageError):
        store.open(sha256)


def test_an_absent_original_is_not_found(store: LocalStore) -> None:
    with pytest.raises(NotFoundError):
        store.open(SHA256)
    with pytest.raises(NotFoundError), store.as_file(SHA256):
        pass


def test_the_reserve_is_not_touched(tmp_path: Path) -> None:
    LocalStore.create(tmp_path / "vault")
    free = LocalStore(tmp_path / "vault").free_bytes()
    store = LocalStore(tmp_path / "vault", reserve_bytes=free * 2)
    assert store.free_bytes() == 0
    with pytest.raises(NoSpaceError):
        store.reserve(1)


def test_staging_is_empty_private_and_gone_afterwards(store: LocalStore) -> None:
    with store.staging("d1") as staging:
        assert staging.root.stat().st_mode & 0o7777 == 0o700
        assert staging.inbox.stat().st_mode & 0o7777 == 0o700
        staged(staging.inbox)
    assert list((store.root / "staging").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_the_inbox_belongs_to_the_parsers_user_and_the_folder_around_it_does_not(tmp_path: Path) -> None:
    LocalStore.create(tmp_path / "vault")
    store = LocalStore(tmp_path / "vault", parser_uid=65534, parser_gid=65534)
    with store.staging("d1") as staging:
        assert staging.inbox.stat().st_uid == 65534
        assert staging.root.stat().st_uid == 0


def test_cleaning_leaves_a_living_docking_alone_and_removes_a_dead_ones_leftovers(store: LocalStore) -> None:
    dead = store.root / "staging" / "dead"
    (dead / "inbox").mkdir(parents=True)
    staged(dead / "inbox")
    with store.staging("alive") as staging:
        left = staged(staging.inbox)
        assert store.clean_staging() == ["dead"]
        assert left.exists()
    assert list((store.root / "staging").iterdir()) == []


def test_cleaning_after_a_death_between_link_and_unlink_keeps_the_blob(store: LocalStore) -> None:
    dead = store.root / "staging" / "dead"
    dead.mkdir()
    with store.staging("d1") as staging:
        path = store.adopt(staged(staging.root), SHA256)
    (dead / "left").hardlink_to(path)
    store.clean_staging()
    assert path.read_bytes() == DATA
