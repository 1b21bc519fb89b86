"""The fakes at a port that no rule guards: the threats of the other tests are real ones, and faults look real.

A refused keyboard proves nothing if the guest's kernel would not have taken it for a keyboard.
"""

from pathlib import Path

import pytest

from tests.fakes.recorder import Faults
from tests.fakes.recorder.kinds import (
    composite,
    control_recorder,
    disks,
    ethernet,
    keyboard,
    storage_recorder,
    turncoat,
)
from tests.rig.guest import Guest

UNGUARDED = "desk.1"
BLOCK_BYTES = 512
BLOCKS = 2048


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.img"
    path.write_bytes(b"".join(number.to_bytes(2, "big") * (BLOCK_BYTES // 2) for number in range(BLOCKS)))
    return path


def first_bytes(guest: Guest, node: str, block: int) -> str:
    """Read a block past the guest's cache; return its first two bytes in hex."""
    read = f"dd if={node} bs={BLOCK_BYTES} skip={block} count=1 iflag=direct status=none"
    return guest.text(f"{read} | od -An -tx1 -N2 | tr -d ' '")


def test_the_keyboard_is_a_keyboard_and_types(guest: Guest) -> None:
    with keyboard(text="ab") as recorder:
        guest.port(UNGUARDED).plug(recorder)
        guest.wait(lambda: guest.text("find /sys/bus/hid/devices/ -type l || true"), 20, "a keyboard")
        guest.start("listen", "/bin/sh -c 'cat /dev/input/event*'")
        guest.wait(lambda: len(recorder.log.of("typed")) == 2, 20, "keystrokes to be fetched")
        assert "Acme" in guest.text("cat /sys/class/input/input*/name")


def test_the_network_card_is_a_network_card(guest: Guest) -> None:
    with ethernet() as recorder:
        guest.port(UNGUARDED).plug(recorder)
        guest.wait(lambda: "02:53:54:4e:44:01" in guest.text("cat /sys/class/net/*/address"), 20, "a network card")


def test_the_composite_is_both(guest: Guest, card: Path) -> None:
    with composite(card) as recorder:
        guest.port(UNGUARDED).plug(recorder).disk()
        guest.wait(lambda: guest.text("find /sys/bus/hid/devices/ -type l || true"), 20, "a keyboard")


def test_both_cards_of_a_recorder_are_disks(guest: Guest, card: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.img"
    second.write_bytes(b"\x22" * (1 << 20))
    with storage_recorder([card, second]) as recorder:
        bay = guest.port(UNGUARDED).plug(recorder)
        nodes = guest.wait(lambda: nodes if len(nodes := guest.disks().get(bay.path, [])) == 2 else None, 30, "2 disks")
        told = {first_bytes(guest, node, 7) for node in nodes}
        assert told == {"0007", "2222"}
        assert [disk.writes for disk in disks(recorder)] == [[], []]


def test_a_lying_block_a_bad_block_and_a_yank_are_seen_as_such(guest: Guest, card: Path) -> None:
    faults = Faults(lying_blocks={1000}, bad_blocks={1500})
    with storage_recorder(card, faults=faults) as recorder:
        bay = guest.port(UNGUARDED).plug(recorder)
        node = bay.disk()
        assert [first_bytes(guest, node, 1000) for _ in range(2)] == ["03e8", "fce8"]
        assert first_bytes(guest, node, 1001) == "03e9"
        failed = guest.run(f"dd if={node} bs=512 skip=1500 count=1 iflag=direct of=/dev/null", codes=(1,))
        assert "No data available" in failed.err  # the kernel's word for a medium error
        faults.yank_after_read_bytes = disks(recorder)[0].read_bytes + 512 * 1024
        guest.run(f"dd if={node} bs=64k iflag=direct of=/dev/null", codes=(1,))
        guest.wait(lambda: not guest.disks(), 20, "the disk to go")
        assert len(recorder.log.of("yank")) == 1
        assert disks(recorder)[0].writes == []


def test_a_write_reaches_the_card_and_is_counted(guest: Guest, card: Path) -> None:
    with storage_recorder(card) as recorder:
        node = guest.port(UNGUARDED).plug(recorder).disk()
        guest.run(f"printf hello | dd of={node} bs=512 seek=9 conv=sync,fsync status=none", codes=(0,))
        assert card.read_bytes()[9 * 512 : 9 * 512 + 5] == b"hello"
        assert sum(count for _, count in disks(recorder)[0].writes) >= 1


def test_a_hanging_disk_lets_the_kernel_reset_it_and_goes_on_when_healed(guest: Guest, card: Path) -> None:
    faults = Faults()
    with storage_recorder(card, faults=faults) as recorder:
        node = guest.port(UNGUARDED).plug(recorder).disk()
        resets = len(recorder.log.of("reset"))
        guest.run(f"echo 3 >/sys/block/{node.removeprefix('/dev/')}/device/timeout")
        faults.hang_reads = True
        guest.start("reader", f"/bin/dd if={node} bs=512 skip=1000 count=1 iflag=direct of=/tmp/read")
        guest.wait(lambda: len(recorder.log.of("reset")) > resets, 60, "the kernel to reset the device")
        faults.hang_reads = False
        guest.wait(lambda: guest.run("cmp -n 2 /tmp/read - ", stdin=b"\3\xe8", codes=(0, 1, 2)).code == 0, 60, "data")


def test_a_change_of_face_brings_what_was_planned_friend_or_foe(guest: Guest, card: Path) -> None:
    with control_recorder(card) as recorder:
        bay = guest.port(UNGUARDED).plug(recorder)
        guest.wait(lambda: bay.attribute("idProduct") == "0c01", 20, "the charging face")
        recorder.become("storage")
        assert first_bytes(guest, bay.disk(), 7) == "0007"
        assert bay.attribute("idProduct") == "0d51"
    with turncoat(card) as traitor:
        bay.plug(traitor)
        guest.wait(lambda: bay.attribute("idProduct") == "0c01", 20, "the charging face")
        traitor.become("intruder")
        guest.wait(lambda: guest.text("find /sys/bus/hid/devices/ -type l || true"), 20, "a keyboard")
