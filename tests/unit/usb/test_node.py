"""The node of a recorder that speaks MTP: only when it can be claimed, and only of the device that was matched."""

from dataclasses import replace
from pathlib import Path

import pytest

from station.device.usb.node import wait_for_node
from station.device.watch.errors import DeviceGoneError, LinkError, LinkTimeoutError
from station.records.bus import DeviceSeen
from tests.unit.watch.trees import STORAGE, Tree, configuration, descriptors, interface

MTP = descriptors(configuration(interface(0, (6, 1, 1), ((0x81, 2), (0x02, 2), (0x83, 3)))))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def look_at_one(tree: Tree) -> DeviceSeen:
    (device,) = tree.bus().look()
    return device


def test_the_node_follows_from_bus_and_address(tree: Tree) -> None:
    tree.plug(address=12, data=MTP)

    assert wait_for_node(look_at_one(tree)) == Path("/dev/bus/usb/001/012")


def test_it_is_waited_for_until_the_interface_may_be_used(tree: Tree) -> None:
    folder = tree.plug(data=MTP)
    authorized = folder / f"{folder.name}:1.0" / "authorized"
    authorized.parent.mkdir()
    authorized.write_text("0\n")
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        authorized.write_text("1\n" if len(waited) == 3 else "0\n")

    wait_for_node(look_at_one(tree), pause)

    assert len(waited) == 3


def test_one_that_never_gets_ready_is_given_up(tree: Tree) -> None:
    folder = tree.plug(data=MTP)
    (folder / "bConfigurationValue").write_text("\n")
    moments = iter(range(100))

    with pytest.raises(LinkTimeoutError):
        wait_for_node(look_at_one(tree), lambda seconds: None, lambda: float(next(moments)))


def test_another_device_at_its_place_is_not_read(tree: Tree) -> None:
    tree.plug(address=2, data=MTP)

    with pytest.raises(DeviceGoneError):
        wait_for_node(replace(look_at_one(tree), address=3))


def test_a_device_without_the_pipes_is_not_read(tree: Tree) -> None:
    tree.plug(data=STORAGE)

    with pytest.raises(LinkError, match="no interface"):
        wait_for_node(look_at_one(tree))
