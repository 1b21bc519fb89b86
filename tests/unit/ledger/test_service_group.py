"""Whom the signer answers where each process of the station has a user of its own."""

import grp
import os
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from station.config import Home, Settings
from station.errors import LedgerError, SignerUnavailableError
from station.ledger import sign
from station.ledger.frames import send_message
from station.ledger.service import SOCKET_FILE, listening, serve
from station.ledger.sign import Signer, create_home_key, start_signer
from tests.unit.ledger.samples import ORIGIN

STRANGER = 4_001_001  # no such user anywhere
GROUP = "daemon"  # a group of every Debian; nobody's main group but its own user's

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process as another user")

ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as peer:
    peer.connect(sys.argv[1])
    try:
        peer.sendall(bytes.fromhex(sys.argv[2]))
        sys.exit(0 if peer.recv(1) else 3)
    except (BrokenPipeError, ConnectionResetError):  # turned away before all was said
        sys.exit(3)
"""


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that other users can reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def home_of(root: Path, group: str) -> Home:
    home = Home(root, Settings(service_group=group))
    (root / "station.toml").write_text(f'service_group = "{group}"\n')
    create_home_key(home, ORIGIN)
    home.run.mkdir(mode=0o755)
    return home


@contextmanager
def serving(home: Home) -> Iterator[None]:
    ready = threading.Event()
    thread = threading.Thread(target=serve, args=(home, 0.2, ready.set))
    thread.start()
    try:
        assert ready.wait(10)
        # A conversation of ours keeps it from ending idle, however long another program takes to start.
        with socket.socket(socket.AF_UNIX) as here:
            here.connect(str(home.run / SOCKET_FILE))
            yield
    finally:
        thread.join(20)


def ask_as(home: Home, user: int, group: int, *more: int) -> subprocess.CompletedProcess[str]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send_message(ours, request="head")
        question = theirs.recv(4096).hex()
    return subprocess.run(
        ["/usr/bin/python3", "-c", ASK, str(home.run / SOCKET_FILE), question],
        user=user,
        group=group,
        extra_groups=list(more),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@needs_root
def test_members_of_the_group_are_answered_and_nobody_else(root: Path) -> None:
    home = home_of(root, GROUP)
    group = grp.getgrnam(GROUP).gr_gid
    with serving(home):
        assert ask_as(home, STRANGER, group).returncode == 0
        assert ask_as(home, STRANGER, STRANGER, 7, group).returncode == 0
        turned_away = ask_as(home, STRANGER, STRANGER, 7)
    assert turned_away.returncode == 1
    assert "PermissionError" in turned_away.stderr


@needs_root
def test_a_wide_open_socket_still_answers_the_group_only(root: Path) -> None:
    home = home_of(root, GROUP)
    with serving(home):
        (home.run / SOCKET_FILE).chmod(0o666)
        assert ask_as(home, STRANGER, grp.getgrnam(GROUP).gr_gid).returncode == 0
        assert ask_as(home, STRANGER, STRANGER, 7).returncode == 3


@needs_root
def test_without_a_group_no_other_user_is_answered(root: Path) -> None:
    home = home_of(root, "")
    with serving(home):
        (home.run / SOCKET_FILE).chmod(0o666)
        assert ask_as(home, STRANGER, 0, 1).returncode == 3


def test_the_socket_is_for_the_owner_unless_a_group_is_named(tmp_path: Path) -> None:
    with listening(tmp_path):
        assert stat.S_IMODE((tmp_path / SOCKET_FILE).stat().st_mode) == 0o600
    with listening(tmp_path, os.getegid()):
        found = (tmp_path / SOCKET_FILE).stat()
        assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o660, os.getegid())


@pytest.mark.parametrize("group", ["no-such-group", "root"])
def test_a_group_that_can_not_be_meant_is_refused(group: str, tmp_path: Path) -> None:
    home = home_of(tmp_path, group)
    with pytest.raises(LedgerError, match="group"):
        serve(home, 0.1, lambda: None)


@needs_root
def test_root_does_not_sign_with_another_users_key(tmp_path: Path) -> None:
    home = home_of(tmp_path, GROUP)
    os.chown(home.keys, STRANGER, -1)
    with pytest.raises(LedgerError, match="another user's"):
        serve(home, 0.1, lambda: None)


@needs_root
def test_a_client_waits_for_another_users_signer_instead_of_starting_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_of(tmp_path, GROUP)
    os.chown(home.keys, STRANGER, -1)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it started a signer"))
    monkeypatch.setattr(sign, "_CONNECT_SECONDS", 0.3)
    start_signer(home)
    with pytest.raises(SignerUnavailableError):
        Signer(home).head()
