"""What is done to the guest once, before the snapshot that all tests start from: the station is installed as on a box.

In the guest the working tree lies at /opt/station, complete and read-only, with its virtual environment: there the
script behind `make install-system` finds the programs in place and does the rest as it does on a box.
"""

from tests.rig.guest import Guest
from tests.rig.vm import DOCK_CONTROLLER

SERVICES = ("station-sign.service", "station-web.service", "station-dock.service", "station-transcode.service")
SETUP_SECONDS = 180.0


def set_up(guest: Guest) -> None:
    """Install the station with the controller `dock` as its dock, and let its services come up."""
    guest.run("systemctl is-system-running --wait", seconds=60, codes=(0, 1))
    install = "/opt/station/systemd/install.sh all"
    guest.run(f"DOCK_CONTROLLERS={DOCK_CONTROLLER} {install}", seconds=SETUP_SECONDS)
    services = " ".join(SERVICES)
    guest.wait(
        lambda: guest.run(f"systemctl is-active {services}", codes=range(8)).code == 0,
        SETUP_SECONDS,
        f"{services} to be active",
        every=1,
    )
