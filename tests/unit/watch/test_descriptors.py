"""Descriptors: what a device says of itself, and what a hostile one may say instead."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.device.watch.descriptors import MOST_BYTES, DescriptorsError, read_descriptors
from station.records.bus import EndpointSeen, InterfaceSeen
from tests.unit.watch.trees import (
    CHARGING,
    HUB,
    KEYBOARD,
    STORAGE_FACE,
    VENDOR_FACE,
    configuration,
    descriptors,
    interface,
)


def test_ids_interfaces_and_endpoints_are_read() -> None:
    told = read_descriptors(CHARGING)
    assert (told.vendor_id, told.product_id, told.release, told.device_class) == (0x4255, 1, 0x0104, 0)
    endpoints = (EndpointSeen(0x81, "bulk"), EndpointSeen(0x01, "bulk"))
    assert told.interfaces == (InterfaceSeen(0, 0, 0xFF, 0x42, 0x01, endpoints),)


def test_interfaces_of_all_configurations_and_alternate_settings_are_read() -> None:
    data = descriptors(
        configuration(interface(0, STORAGE_FACE), interface(0, VENDOR_FACE, alternate=1)),
        configuration(interface(0, KEYBOARD, ((0x81, 3),)), value=2),
    )
    assert [each.triple for each in read_descriptors(data).interfaces] == [STORAGE_FACE, VENDOR_FACE, KEYBOARD]


def test_a_configuration_that_claims_more_than_the_kernel_kept_hides_nothing() -> None:
    cut = bytearray(configuration(interface(0, STORAGE_FACE)))
    cut[2:4] = struct.pack("<H", 500)
    data = descriptors(bytes(cut), configuration(interface(0, KEYBOARD), value=2))
    assert [each.triple for each in read_descriptors(data).interfaces] == [STORAGE_FACE, KEYBOARD]


def test_unknown_descriptors_between_are_passed_over() -> None:
    data = descriptors(configuration(b"\x05\x24\x00\x10\x01", interface(0, STORAGE_FACE), b"\x02\x30"))
    assert [each.triple for each in read_descriptors(data).interfaces] == [STORAGE_FACE]


@pytest.mark.parametrize(
    "tail", [b"\x00", b"\x01", b"\x09", b"\x00\x04", b"\x01\x04\x00", b"\x09\x04\x00\x00", b"\x08\x04" + b"\0" * 6]
)
def test_a_tail_that_can_not_be_walked_is_an_error(tail: bytes) -> None:
    with pytest.raises(DescriptorsError):
        read_descriptors(CHARGING + tail)


@pytest.mark.parametrize("data", [b"", CHARGING[:17], b"\x12\x02" + CHARGING[2:], CHARGING[18:]])
def test_without_a_device_descriptor_nothing_is_read(data: bytes) -> None:
    with pytest.raises(DescriptorsError):
        read_descriptors(data)


def test_more_than_the_kernel_keeps_is_an_error() -> None:
    with pytest.raises(DescriptorsError):
        read_descriptors(CHARGING + b"\x02\x30" * MOST_BYTES)


def test_thousands_of_interfaces_are_an_error() -> None:
    with pytest.raises(DescriptorsError):
        read_descriptors(CHARGING + interface(0, VENDOR_FACE) * 5000)


@pytest.mark.parametrize(
    ("device_class", "triples", "is_hub"), [(9, [HUB], True), (9, [HUB, KEYBOARD], False), (0, [HUB], False)]
)
def test_only_a_hub_that_is_nothing_else_is_a_hub(
    device_class: int, triples: list[tuple[int, int, int]], is_hub: bool
) -> None:
    interfaces = [interface(number, triple) for number, triple in enumerate(triples)]
    assert read_descriptors(descriptors(configuration(*interfaces), device_class=device_class)).is_hub is is_hub


@settings(max_examples=300)
@given(st.binary(max_size=600))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    for candidate in (data, CHARGING[:18] + data, CHARGING + data):
        try:
            told = read_descriptors(candidate)
        except DescriptorsError:
            continue
        assert len(told.interfaces) <= len(candidate) // 9


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(2, 40), st.integers(0, 255).filter(lambda kind: kind != 4)), max_size=20))
def test_no_padding_of_any_kind_hides_a_keyboard_behind_it(parts: list[tuple[int, int]]) -> None:
    padding = b"".join(bytes([length, kind]) + bytes(length - 2) for length, kind in parts)
    data = descriptors(configuration(interface(0, STORAGE_FACE), padding, interface(1, KEYBOARD)))
    assert KEYBOARD in [each.triple for each in read_descriptors(data).interfaces]
