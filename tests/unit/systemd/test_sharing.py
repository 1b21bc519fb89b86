"""A home that several users share."""

import grp
import os
import subprocess
from pathlib import Path

import pytest

from station.actions.setup import make_home
from station.errors import HomeError
from station.evidence import opening
from tests.unit.systemd.places import SYSTEMD

GROUP = "daemon" if os.geteuid() == 0 else grp.getgrgid(os.getegid()).gr_name


def test_root_is_turned_away_from_the_vault_of_the_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_home(tmp_path / "home", settings=f'service_group = "{GROUP}"\n')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(HomeError, match="not to root"):
        opening.open_store(home)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert opening.open_store(home).check_identity()


@pytest.mark.parametrize("script", ["install.sh", "bin/station"])
def test_a_script_has_no_fault_of_syntax(script: str) -> None:
    shell = "bash" if script.endswith(".sh") else "sh"
    done = subprocess.run([shell, "-n", str(SYSTEMD / script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
