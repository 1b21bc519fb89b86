"""Telling the service manager: what is said, to whom, and that silence is never an error."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from station import notify


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The service manager's end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield end


def test_readiness_comes_with_the_status(manager: socket.socket) -> None:
    notify.tell_ready("16 slots")
    assert manager.recv(4096) == b"READY=1\nSTATUS=16 slots"


def test_a_status_can_not_smuggle_in_another_assignment(manager: socket.socket) -> None:
    notify.tell_status("slot 3\nMAINPID=1")
    assert manager.recv(4096) == b"STATUS=slot 3 MAINPID=1"


def test_a_long_status_is_cut_between_characters(manager: socket.socket) -> None:
    notify.tell_status("接" * 400)
    assert manager.recv(4096).decode() == "STATUS=" + "接" * 170


def test_the_watchdog_is_fed_and_the_end_announced(manager: socket.socket) -> None:
    notify.tell_alive()
    notify.tell_stopping()
    assert [manager.recv(4096), manager.recv(4096)] == [b"WATCHDOG=1", b"STOPPING=1"]


def test_an_abstract_address_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"station-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(f"\0{name}")
        end.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify.tell_alive()
        assert end.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", [None, "", "relative", "/nobody/listens/here"])
def test_without_a_manager_nothing_happens(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert notify.tell_ready("here") is None


@pytest.mark.parametrize(
    ("microseconds", "process", "seconds"),
    [
        ("30000000", None, 30.0),
        ("30000000", str(os.getpid()), 30.0),
        ("30000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
    ids=["for all", "for us", "for another", "none", "senseless", "unsaid"],
)
def test_the_watchdog_is_known_to_whom_it_is_meant_for(
    microseconds: str | None, process: str | None, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("WATCHDOG_USEC", microseconds), ("WATCHDOG_PID", process)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert notify.watchdog_seconds() == seconds
