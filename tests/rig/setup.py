"""What is done to the guest once, before the snapshot that all tests start from: the station is installed as on a box.

In the guest the working tree is at /opt/station, complete and read-only, where `make install-system` puts it on a box;
what that target does beyond copying is done here by the same script.
"""

from tests.rig.guest import HOME, Guest

SETUP_SECONDS = 120.0


def set_up(guest: Guest) -> None:
    """Install the units, make a station and let its services come up."""
    guest.run("systemctl is-system-running --wait", seconds=60, codes=(0, 1))
    # Every program and library read once is in the snapshot's memory: no test waits for it again.
    guest.run(f"station init --home {HOME}", seconds=SETUP_SECONDS)
