"""Where the files under test lie."""

from pathlib import Path

SYSTEMD = Path(__file__).resolve().parents[3] / "systemd"
UNITS = SYSTEMD / "units"
RULES = tuple(sorted((SYSTEMD / "udev").glob("*.rules")))
