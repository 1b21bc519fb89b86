"""A recorder that nobody here has seen, and its profile dropped into the unit's own folder: no code is touched."""

from pathlib import Path

from tests.fakes.recorder.control import ControlFunction
from tests.fakes.recorder.kinds import control_recorder, disks
from tests.flow.images import MIB, footage
from tests.rig.dock import Dock, digests, make_card
from tests.rig.guest import HOME, Guest

SERIAL = "KX-20260042"
FILES = {
    f"RECORD/20260{month}01/KX20260042_20260{month}01093{number}00_{number:03}_IMP.MOV": footage(number, MIB + number)
    for number, month in enumerate((3, 4, 5))
}
PROFILE = """
id = "kestrel-x9"
version = "1"
tier = "reported"

[name]
zh = "红隼 X9"
en = "Kestrel X9"

[transport]
kind = "mass-storage"

[[faces]]
role = "charging"
vendor_id = 0x2a5d
product_id = 0x7001
manufacturer = 'Kestrel'
serial = 'KX-\\d{8}'
interfaces = ["ff/07/33"]

[[faces]]
role = "storage"
vendor_id = 0x2a5d
product_id = 0x7002
manufacturer = 'Kestrel'
serial = 'KX-\\d{8}'
interfaces = ["08/06/50"]

[unlock]
dialect = "control"
interface = 0
timeout_ms = 3000
settle_seconds = 10
password = "required"

[unlock.control]
unlock_request = 0x90
unlock_value = 0x1234
unlock_index = 2
status_request = 0x91
status_length = 8
battery_offset = 5

[files.extensions]
mov = "video"

[names]
patterns = ['(?P<serial>KX\\d{8})_(?P<start>\\d{14})_(?P<sequence>\\d{3})(?P<important>_IMP)?']

[identity]
serial_from = "usb"
serial_pattern = 'KX-\\d{8}'

[clock]
zone = "Asia/Shanghai"
"""


def test_an_unseen_recorder_works_by_dropping_its_profile_into_a_folder(guest: Guest, tmp_path: Path) -> None:
    dock, folder = Dock(guest), f"{HOME}/profiles"
    card = make_card(tmp_path, "card", FILES)
    foreign = control_recorder(
        card,
        charging_ids=(0x2A5D, 0x7001),
        storage_ids=(0x2A5D, 0x7002),
        control=ControlFunction(
            b"sesame",
            unlock_request=0x90,
            unlock_value=0x1234,
            unlock_index=2,
            status_request=0x91,
            status_bytes=8,
            battery_offset=5,
            serial_request=None,
            read_clock_request=None,
            set_clock_request=None,
            triple=(0xFF, 0x07, 0x33),
        ),
        serial=SERIAL,
        manufacturer="Kestrel",
        product="X9",
    )
    with foreign:
        guest.bay(4).plug(foreign)
        line = dock.wait_end(SERIAL)
        assert (line["state"], line["problem"]) == ("quarantined", "unknown_device")
        assert not foreign.log.of("control", "unlock")
        guest.bay(4).yank()

        guest.run(f"mkdir -p {folder}/kestrel-x9")
        guest.put(f"{folder}/kestrel-x9/profile.toml", PROFILE.encode())
        guest.run("printf %s sesame > /etc/station/recorder/kestrel-x9")
        guest.run(f"sed -i '1i profiles = \"{folder}\"' {HOME}/station.toml")
        guest.run("systemctl restart station-dock.service", seconds=300)
        dock.enrol(SERIAL, profile="kestrel-x9")

        guest.bay(4).plug(foreign)
        line = dock.wait(SERIAL, "done")
        assert (line["new"], line["battery_percent"]) == (3, 87)
        assert disks(foreign)[0].writes == []
    assert dock.clips() == digests(SERIAL, FILES)
    assert dock.rows("select distinct important from catalogue_clip") == [[1]]
