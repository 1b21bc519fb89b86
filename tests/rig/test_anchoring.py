"""Outside anchors as they run on a box: a witness in a unit of its own, asked by the one that the clock starts."""

from tests.rig.dock import Dock
from tests.rig.guest import HOME, Guest


def test_the_witness_unit_cosigns_what_the_station_signed(guest: Guest) -> None:
    dock = Dock(guest)
    key = guest.text("station witness key", seconds=300).splitlines()[-1]
    # Its own log, since there is one box only: what is tried here is what each unit may touch.
    guest.run(f'station witness trust "$(head -n 1 {HOME}/log.vkey)"', seconds=300)
    assert guest.text(f"stat -c '%U %a' {HOME}/witness/witness.key") == "station-witness 400"
    guest.run("systemctl start station-witness.service", seconds=300)
    setting = f'[[witnesses]]\\nurl = "http://127.0.0.1:8471"\\nvkey = "{key}"'
    guest.run(f"printf '%b\\n' '{setting}' >> {HOME}/station.toml")

    guest.run("systemctl restart station-tend.service", seconds=300)

    guest.wait(lambda: dock.rows("select distinct kind from anchor") == [["cosignature"]], 60, "a cosignature")
    assert guest.json("station witness list --json")["evidence"] == []
