"""What is done to the guest once, before the snapshot that all tests start from: the station is installed as on a box.

In the guest the working tree lies at /opt/station, complete and read-only, with its virtual environment: there the
script behind `make install-system` finds the programs in place and does the rest as it does on a box.
"""

from tests.rig.guest import HOME, Guest
from tests.rig.vm import DOCK_CONTROLLER

SERVICES = tuple(f"station-{name}.service" for name in ("sign", "web", "dock", "transcode", "tend"))
SETUP_SECONDS = 300.0
PASSWORDS = {"acme-control": "87654321", "bc-plus-1d70-single": "888888"}
ENROLLED = tuple(f"BWC{number:06}" for number in range(1, 17))
"""What the station knows from the start, by the profile `acme-control`: to enrol one takes half a minute."""
SETTINGS = ("slots = 16", "erase_recorders = false")


def set_up(guest: Guest) -> None:
    """Install the station with the controller `dock` as its dock, and let its services come up."""
    guest.run("systemctl is-system-running --wait", seconds=60, codes=(0, 1))
    for profile, password in PASSWORDS.items():
        guest.run(f"mkdir -p /etc/station/recorder && printf %s {password} > /etc/station/recorder/{profile}")
    for step in ("files", "users", "units", "init"):
        guest.run(f"DOCK_CONTROLLERS={DOCK_CONTROLLER} /opt/station/systemd/install.sh {step}", seconds=SETUP_SECONDS)
    for setting in SETTINGS:
        guest.run(f"sed -i '1i {setting}' {HOME}/station.toml")
    guest.run("/opt/station/systemd/install.sh start", seconds=SETUP_SECONDS)
    services = " ".join(SERVICES)
    guest.wait(
        lambda: guest.run(f"systemctl is-active {services}", codes=range(8)).code == 0,
        SETUP_SECONDS,
        f"{services} to be active",
        every=1,
    )
    known = " ".join(f"--serial {serial}" for serial in ENROLLED)
    guest.run(f"station recorder enrol {known} --profile acme-control", seconds=SETUP_SECONDS)
    # Without ffmpeg, which the guest has not, the one would come up again and again once there is something to develop.
    # The other would take the processor from each test that lasts two minutes; a test starts what it starts.
    guest.run("systemctl is-active station-dispose.timer")
    guest.run("systemctl stop station-transcode.service station-dispose.timer")
