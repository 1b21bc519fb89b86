"""The units as systemd itself judges them; `make test` installs it, so that its absence is a failure, not a skip."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.systemd.places import SYSTEMD, UNITS

RESIDENT = ("station-dock", "station-sign", "station-tend", "station-transcode", "station-web", "station-witness")
MOST_EXPOSURE = 2.0
STATION = "/opt/station/.venv/bin/station"
# What every unit must have, as text; `systemd-analyze security` weighs, this forbids.
ALWAYS = (
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "RestrictNamespaces=yes",
    "MemoryDenyWriteExecute=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "DevicePolicy=closed",
    "IPAddressDeny=any",
)


def lines_of(unit: str) -> list[str]:
    text = (UNITS / unit).read_text()
    return [line for line in text.splitlines() if line and not line.startswith(("#", "["))]


def values(unit: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in lines_of(unit) if line.partition("=")[0] == key]


def analyse(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing: `make test` installs Debian's package systemd"
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder with our units, Debian's own, and programs at the places that the units name."""
    root = tmp_path_factory.mktemp("root")
    ours = root / "usr/local/lib/systemd/system"
    shutil.copytree(UNITS, ours)
    shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
    for name in ("station", "python"):
        program = root / "opt/station/.venv/bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    return root


@pytest.mark.parametrize("unit", RESIDENT)
def test_a_resident_unit_is_exposed_little(unit: str) -> None:
    done = analyse("security", "--offline=true", "--no-pager", str(UNITS / f"{unit}.service"))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= MOST_EXPOSURE


@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.iterdir()))
def test_systemd_finds_nothing_wrong_with_a_unit(unit: str, system: Path) -> None:
    place = system / "usr/local/lib/systemd/system" / unit
    done = analyse("verify", "--man=no", f"--root={system}", str(place))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_would_find_a_setting_misspelt(system: Path) -> None:
    wrong = system / "usr/local/lib/systemd/system/station-wrong.service"
    wrong.write_text((UNITS / "station-web.service").read_text() + "ProtectSystme=strict\n")
    assert "ProtectSystme" in analyse("verify", "--man=no", f"--root={system}", str(wrong)).stderr


@pytest.mark.parametrize(
    "unit", [*(f"{name}.service" for name in RESIDENT), "station-dispose.service", "station-erase@.service"]
)
def test_no_unit_does_without_the_ground_rules(unit: str) -> None:
    assert set(ALWAYS) <= set(lines_of(unit))


def test_only_the_signer_sees_the_key() -> None:
    hidden = {path.name for path in UNITS.glob("*.service") if "-/var/lib/station/keys" in path.read_text()}
    assert hidden == {path.name for path in UNITS.glob("*.service")} - {"station-sign.service"}
    assert "/var/lib/station/keys" in values("station-sign.service", "ReadWritePaths")[0]


def test_no_two_resident_units_share_a_user_and_none_is_root() -> None:
    users = [values(f"{unit}.service", "User")[0] for unit in RESIDENT]
    assert users == list(RESIDENT)


def test_residents_have_no_capability_the_eraser_four_and_disposal_one() -> None:
    assert {tuple(values(f"{unit}.service", "CapabilityBoundingSet")) for unit in RESIDENT} == {("",)}
    assert values("station-erase@.service", "CapabilityBoundingSet") == ["CAP_SYS_ADMIN CAP_SETUID CAP_SETGID CAP_KILL"]
    assert values("station-dispose.service", "CapabilityBoundingSet") == ["CAP_DAC_OVERRIDE"]


def test_only_the_dock_and_disposal_can_write_the_vault() -> None:
    writers = {
        path.name
        for path in UNITS.glob("*.service")
        if "/var/lib/station/vault" in " ".join(values(path.name, "ReadWritePaths")).split()
    }
    assert writers == {"station-dock.service", "station-dispose.service"}


def test_every_chore_is_done_by_one_unit() -> None:
    from station.actions.chores import CHORES

    words = [values(f"station-{name}.service", "ExecStart")[0].split()[2:] for name in ("tend", "dispose")]
    done = [word for each in words for word in each if not word.startswith("--")]
    assert sorted(done) == sorted(chore.name for chore in CHORES)


def test_devices_are_for_dock_and_eraser_alone() -> None:
    opened = {path.name: values(path.name, "DeviceAllow") for path in UNITS.glob("*.service")}
    assert {unit: allowed for unit, allowed in opened.items() if allowed} == {
        "station-dock.service": ["char-usb_device rw", "block-sd r"],
        "station-erase@.service": ["block-sd rw"],
    }


def test_only_pages_anchoring_and_the_witness_speak_to_the_network_and_only_to_this_machine() -> None:
    families = {unit: " ".join(values(f"{unit}.service", "RestrictAddressFamilies")) for unit in RESIDENT}
    assert [unit for unit, allowed in families.items() if "AF_INET" in allowed] == [
        "station-tend",
        "station-web",
        "station-witness",
    ]
    for unit in ("station-tend", "station-web", "station-witness"):
        assert values(f"{unit}.service", "IPAddressAllow") == ["localhost"]


def test_the_eraser_answers_the_dock_alone() -> None:
    assert values("station-erase.socket", "SocketGroup") == ["station-dock"]
    assert values("station-erase.socket", "SocketMode") == ["0660"]
    assert values("station-erase.socket", "Accept") == ["yes"]


def test_the_target_pulls_everything_in() -> None:
    wanted = values("station.target", "Wants")[0].split()
    others = ["station-dispose.timer", "station-erase.socket"]
    assert sorted(wanted) == sorted([*(f"{unit}.service" for unit in RESIDENT), *others])


@pytest.mark.parametrize("unit", [*RESIDENT, "station-dispose"])
def test_the_command_of_a_unit_exists(unit: str) -> None:
    from station.cli.main import app

    program, command, *_ = values(f"{unit}.service", "ExecStart")[0].split()
    assert program == STATION
    assert command in {each.name for each in (*app.registered_commands, *app.registered_groups)}


def test_every_setting_that_hardens_is_explained() -> None:
    told = set(re.findall(r"^\| `([A-Za-z]+)", (SYSTEMD / "README.md").read_text(), re.MULTILINE))
    plain = {"Type", "NotifyAccess", "Environment", "ExecStart", "Restart", "RestartSec", "TimeoutStopSec", "KillMode"}
    plain |= {"StandardInput", "StandardOutput", "StandardError", "Nice", "CPUWeight", "IOWeight", "RuntimeMaxSec"}
    plain |= {"TimeoutStartSec"}
    for path in UNITS.glob("*.service"):
        service = path.read_text().partition("[Service]")[2]
        used = set(re.findall(r"^([A-Za-z]+)=", service, re.MULTILINE)) - plain
        assert used <= told, f"{path.name}: {sorted(used - told)}"
