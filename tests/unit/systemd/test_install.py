"""What install.sh puts where, below a folder that stands for the machine."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from station.config import read_settings
from tests.unit.systemd.places import RULES, SYSTEMD, UNITS
from tests.unit.systemd.rules import Device, apply_rules, read_rules

LIBRARY = "usr/local/lib"
CONTROLLERS = "etc/udev/rules.d/55-station-controllers.rules"
MEMBERS = ("station-sign", "station-dock", "station-web", "station-transcode", "station-tend", "station-witness")
USERS = (*MEMBERS, "station-reader")


def install(root: Path, *steps: str, code: int = 0, **settings: str) -> str:
    said = ""
    for step in steps:
        environment = {"PATH": os.environ["PATH"], "DESTDIR": str(root), **settings}
        done = subprocess.run(
            [str(SYSTEMD / "install.sh"), step],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stderr
        said += done.stderr
    return said


def files_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_everything_goes_to_its_place(tmp_path: Path) -> None:
    install(tmp_path, "users", "units")
    assert files_below(tmp_path) == {
        *(f"{LIBRARY}/systemd/system/{path.name}" for path in UNITS.iterdir()),
        *(f"{LIBRARY}/udev/rules.d/{path.name}" for path in RULES[1:]),
        f"{LIBRARY}/sysusers.d/station.conf",
        f"{LIBRARY}/tmpfiles.d/station.conf",
        "usr/local/bin/station",
        CONTROLLERS,
    }
    assert os.access(tmp_path / "usr/local/bin/station", os.X_OK)


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    install(tmp_path, "users", "units")
    first = {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)}
    install(tmp_path, "users", "units")
    assert {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)} == first


def test_units_run_the_programs_from_the_prefix(tmp_path: Path) -> None:
    install(tmp_path, "units", PREFIX="/srv/evidence")
    for path in (tmp_path / LIBRARY / "systemd/system").iterdir():
        text = path.read_text()
        assert "/opt/station" not in text
        assert path.suffix != ".service" or "ExecStart=/srv/evidence/.venv/bin/" in text


def test_the_programs_come_without_what_is_not_needed(tmp_path: Path) -> None:
    if not (SYSTEMD.parent / "web/dist/manifest.json").is_file():
        assert "not built" in install(tmp_path, "files", code=2)
        return
    install(tmp_path, "files")
    place = tmp_path / "opt/station"
    assert (place / "station/cli/main.py").is_file()
    assert (place / "web/dist/manifest.json").is_file()
    assert (place / "firmware_profiles").is_dir()
    assert not [path for path in place.rglob("*") if path.name in ("__pycache__", "node_modules", "tests")]
    assert all(path.stat().st_mode & stat.S_IROTH for path in place.rglob("*"))


def test_named_controllers_are_the_docks_and_stay_so(tmp_path: Path) -> None:
    install(tmp_path, "units", DOCK_CONTROLLERS="0000:00:14.0 xhci-hcd.1")
    install(tmp_path, "units")
    lines = read_rules(tmp_path / CONTROLLERS)
    docks = {}
    for controller in ("0000:00:14.0", "xhci-hcd.1", "0000:03:00.0"):
        device = Device("usb", "1-4", parents=[("usb", "usb1"), ("pci", controller)])
        apply_rules(lines, device)
        docks[controller] = device.env.get("STATION_DOCK")
    assert docks == {"0000:00:14.0": "1", "xhci-hcd.1": "1", "0000:03:00.0": None}


@pytest.mark.parametrize("name", ['x", RUN+="/bin/sh', "../x", "*", "a\nb,"])
def test_a_controllers_name_can_not_become_a_rule(name: str, tmp_path: Path) -> None:
    assert "controller" in install(tmp_path, "units", code=2, DOCK_CONTROLLERS=name)
    assert not (tmp_path / CONTROLLERS).exists()


def test_uninstalling_leaves_the_evidence(tmp_path: Path) -> None:
    install(tmp_path, "users", "units")
    kept = {"var/lib/station/keys/sign.key", "var/lib/station/vault/vault.json", "etc/station/recorder/dsj"}
    for name in kept:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("evidence")
    (tmp_path / "opt/station/station").mkdir(parents=True)
    install(tmp_path, "uninstall")
    assert files_below(tmp_path) == kept
    assert not (tmp_path / "opt/station").exists()


def test_without_a_step_it_says_what_there_is(tmp_path: Path) -> None:
    done = subprocess.run([str(SYSTEMD / "install.sh")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "DOCK_CONTROLLERS" in done.stderr


def test_the_settings_fit_the_folders(tmp_path: Path) -> None:
    settings = read_settings((SYSTEMD / "station.toml").read_text(), tmp_path / "station.toml")
    folders = (SYSTEMD / "tmpfiles.d/station.conf").read_text()
    database = Path(settings.database_url.removeprefix("sqlite://").replace("//", "/"))
    assert f" {database} " in folders
    assert f" {database.parent} " in folders
    assert settings.service_group == "station"
    assert settings.parser_user in USERS


def test_systemd_makes_the_users_from_the_list(tmp_path: Path) -> None:
    program = shutil.which("systemd-sysusers")
    assert program, "systemd-sysusers is missing: `make test` installs Debian's package systemd"
    (tmp_path / "etc").mkdir()
    command = [program, f"--root={tmp_path}", str(SYSTEMD / "sysusers.d/station.conf")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    made = {line.split(":")[0] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    assert made == set(USERS)
    groups = {line.split(":")[0]: line.split(":")[3] for line in (tmp_path / "etc/group").read_text().splitlines()}
    assert sorted(groups["station"].split(",")) == sorted(MEMBERS)
    assert groups["station-dock"] == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders to others")
def test_systemd_gives_the_folders_to_whom_they_belong(tmp_path: Path) -> None:
    program = shutil.which("systemd-tmpfiles")
    assert program, "systemd-tmpfiles is missing: `make test` installs Debian's package systemd"
    test_systemd_makes_the_users_from_the_list(tmp_path)
    tmp_path.chmod(0o755)
    for name in ("keys", "vault"):
        (tmp_path / "var/lib/station" / name).mkdir(parents=True)
    command = [program, "--create", f"--root={tmp_path}", str(SYSTEMD / "tmpfiles.d/station.conf")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    accounts = [line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()]
    numbers = {"root": 0} | {account[0]: int(account[2]) for account in accounts}
    owners = {"": "root", "run": "root", "keys": "station-sign", "vault": "station-dock"}
    for name, owner in (owners | {"derived": "station-transcode", "witness": "station-witness"}).items():
        assert (tmp_path / "var/lib/station" / name).stat().st_uid == numbers[owner]
    modes = {"": 0o2750, "keys": 0o700, "database": 0o2770, "vault": 0o2750, "run": 0o3770, "run/board": 0o2750}
    for name, mode in modes.items():
        assert stat.S_IMODE((tmp_path / "var/lib/station" / name).stat().st_mode) == mode
