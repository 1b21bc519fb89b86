"""What changed between two looks."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from station.device.watch.changes import Arrived, Changed, Gone, compare
from station.records.bus import DeviceSeen, DiskSeen, InterfaceSeen

DISK = DiskSeen("/dev/sda", 0, 4096, 7, read_only=True)


def device(port: str = "1", address: int = 2, serial: str = "A1", *disks: DiskSeen) -> DeviceSeen:
    return DeviceSeen(
        sys_path=f"/sys/devices/usb1/1-{port}",
        port=f"0000:00:14.0/{port}",
        bus=1,
        address=address,
        vendor_id=0x4255,
        product_id=1,
        release=0x0104,
        manufacturer=None,
        product=None,
        serial=serial,
        interfaces=(InterfaceSeen(0, 0, 0xFF, 0x42, 1),),
        authorized=True,
        disks=disks,
    )


def test_what_is_there_at_first_has_arrived() -> None:
    assert compare((), (device(),)) == (Arrived(device()),)


def test_nothing_new_is_no_change() -> None:
    assert compare((device(),), (device(),)) == ()


def test_a_new_face_at_the_same_port_is_gone_and_arrived() -> None:
    before, now = device(address=2), device(address=3)
    assert compare((before,), (now,)) == (Gone(before), Arrived(now))


def test_the_same_recorder_in_another_slot_is_gone_there_and_arrived_here() -> None:
    before, now = device("1", 2), device("4", 3)
    assert compare((before,), (now,)) == (Gone(before), Arrived(now))


def test_another_identity_under_the_same_number_is_gone_and_arrived() -> None:
    before, now = device(serial="A1"), device(serial="B2")
    assert compare((before,), (now,)) == (Gone(before), Arrived(now))


def test_all_that_is_gone_comes_before_all_that_arrived() -> None:
    before = (device("1", 2), device("2", 3), device("3", 4))
    now = (device("1", 5), device("2", 6), device("3", 4))
    assert [type(change) for change in compare(before, now)] == [Gone, Gone, Arrived, Arrived]


def test_disks_that_come_and_go_change_the_device() -> None:
    before, now = device("1", 2, "A1", DISK), device("1", 2, "A1", replace(DISK, node="/dev/sdb", lun=1))
    (change,) = compare((before,), (now,))
    assert isinstance(change, Changed)
    assert (change.disks_came, change.disks_went) == (now.disks, before.disks)
    assert change.read_only_changed == ()


def test_a_changed_medium_is_another_disk() -> None:
    (change,) = compare((device("1", 2, "A1", DISK),), (device("1", 2, "A1", replace(DISK, sequence=8)),))
    assert isinstance(change, Changed)
    assert change.disks_came
    assert change.disks_went


def test_write_protection_that_comes_later_is_told() -> None:
    (change,) = compare((device("1", 2, "A1", replace(DISK, read_only=False)),), (device("1", 2, "A1", DISK),))
    assert isinstance(change, Changed)
    assert change.read_only_changed == (DISK,)
    assert not change.disks_came
    assert not change.authorized_changed


def test_an_authorisation_is_told() -> None:
    (change,) = compare((replace(device(), authorized=False),), (device(),))
    assert isinstance(change, Changed)
    assert change.authorized_changed


BUSES = st.lists(
    st.builds(
        device,
        st.sampled_from(["1", "2", "3.1"]),
        st.integers(1, 4),
        st.sampled_from(["A1", "B2"]),
        st.builds(DiskSeen, st.just("/dev/sda"), st.integers(0, 1), st.just(1), st.integers(0, 1), st.booleans()),
    ),
    max_size=5,
    unique_by=lambda each: each.session,
).map(tuple)


@given(BUSES, BUSES)
def test_applying_the_changes_to_what_was_gives_what_is(
    before: tuple[DeviceSeen, ...], now: tuple[DeviceSeen, ...]
) -> None:
    held = {each.session: each for each in before}
    for change in compare(before, now):
        if isinstance(change, Gone):
            assert held.pop(change.session) == change.device
        elif isinstance(change, Arrived):
            assert change.session not in held
            held[change.session] = change.device
        else:
            assert held[change.session] == change.before
            held[change.session] = change.device
    assert held == {each.session: each for each in now}
