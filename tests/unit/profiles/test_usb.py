"""What a profile may say of USB, and which profiles fit a device, by what sysfs told alone."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from station.profiles.model import Profile
from station.profiles.usb import (
    AmbiguousProfileError,
    choose_by_label,
    face_after_unlock,
    match_face,
    match_faces,
)
from station.records.bus import EndpointSeen
from tests.unit.profiles.devices import (
    ETHERNET,
    KEYBOARD,
    STORAGE,
    UNLOCK,
    VENDOR,
    Triple,
    device,
    face,
    library,
    profile,
    values,
)

CHARGING = face("charging", product_id=0x0C01, handshake=True)
PLAIN = profile("plain", face(serial=r"BWC\d{6}"))
RECORDER = device(STORAGE, serial="BWC000001", manufacturer="Acme", product="AC-200")


def names(profiles: dict[str, Profile], *args: Any, **texts: Any) -> list[str]:
    return [match.profile.id for match in match_faces(profiles, device(*args, **texts))]


def test_a_device_is_known_by_ids_interfaces_and_a_whole_serial() -> None:
    found = match_face(library(PLAIN), RECORDER)
    assert found is not None
    assert (found.profile.id, found.face.role, found.pending) == ("plain", "storage", None)


@pytest.mark.parametrize(
    ("triples", "ids", "serial"),
    [
        ((STORAGE,), (0x3F0A, 0x0D52), "BWC000001"),
        ((STORAGE,), (0x3F0B, 0x0D51), "BWC000001"),
        ((STORAGE,), (0x3F0A, 0x0D51), "BWC0000011"),
        ((STORAGE,), (0x3F0A, 0x0D51), None),
        ((VENDOR,), (0x3F0A, 0x0D51), "BWC000001"),
        ((), (0x3F0A, 0x0D51), "BWC000001"),
        ((STORAGE, KEYBOARD), (0x3F0A, 0x0D51), "BWC000001"),
        ((ETHERNET, STORAGE), (0x3F0A, 0x0D51), "BWC000001"),
        ((STORAGE, VENDOR), (0x3F0A, 0x0D51), "BWC000001"),
    ],
)
def test_a_device_that_differs_in_anything_or_has_an_interface_more_is_unknown(
    triples: tuple[Triple, ...], ids: tuple[int, int], serial: str | None
) -> None:
    assert match_faces(library(PLAIN), device(*triples, ids=ids, serial=serial)) == ()


def test_an_interface_hidden_in_an_alternate_setting_counts_too() -> None:
    hidden = replace(RECORDER.interfaces[0], alternate=1, class_code=KEYBOARD[0])
    assert match_faces(library(PLAIN), replace(RECORDER, interfaces=(*RECORDER.interfaces, hidden))) == ()


def test_a_face_with_two_interfaces_needs_both() -> None:
    both = library(profile("both", face("charging", interfaces=["ff/42/01", "08/06/50"]), face(), unlock=UNLOCK))
    assert names(both, STORAGE, VENDOR) == ["both"]
    assert names(both, VENDOR) == []


@pytest.mark.parametrize(("shown", "fits"), [((0xFF, 1, 2), True), ((0x08, 1, 2), False)])
def test_a_star_stands_for_a_subclass_or_protocol_that_is_not_known(shown: Triple, fits: bool) -> None:
    known = library(profile("star", face("charging", interfaces=["ff/*/*"]), face(product_id=1), unlock=UNLOCK))
    assert bool(names(known, shown)) is fits


def test_the_more_specific_profile_wins_alone() -> None:
    rivals = library(PLAIN, profile("finer", face(serial=r"BWC\d{6}", product="AC-.*")))
    assert [match.profile.id for match in match_faces(rivals, RECORDER)] == ["finer"]
    assert names(rivals, STORAGE, serial="BWC000001") == ["plain"]


def test_two_profiles_that_fit_equally_are_named_and_never_guessed() -> None:
    with pytest.raises(AmbiguousProfileError, match="plain, twin") as told:
        match_faces(library(profile("twin", face(product="AC-200")), PLAIN), RECORDER)
    assert told.value.names == ("plain", "twin")


def test_profiles_proven_by_a_handshake_are_tried_in_order_before_a_sure_one() -> None:
    charging = face("charging")
    rivals = library(
        profile("b", {**charging, "handshake": True}, face(product_id=1), unlock=UNLOCK),
        profile("a", {**charging, "handshake": True}, face(product_id=1), unlock=UNLOCK),
        profile("sure", charging, face(product_id=1), unlock=UNLOCK),
    )
    found = match_faces(rivals, device(VENDOR))
    assert [(match.profile.id, match.pending) for match in found] == [
        ("a", "handshake"),
        ("b", "handshake"),
        ("sure", None),
    ]


def test_a_dialect_over_bulk_needs_its_endpoints_on_its_interface() -> None:
    known = library(profile("a", face("charging", handshake=True), face(product_id=1), unlock=UNLOCK))
    good = device(VENDOR)
    elsewhere = replace(good.interfaces[0], endpoints=(EndpointSeen(0x82, "bulk"), EndpointSeen(0x01, "bulk")))
    slow = replace(good.interfaces[0], endpoints=(EndpointSeen(0x81, "interrupt"), EndpointSeen(0x01, "bulk")))
    assert len(match_faces(known, good)) == 1
    assert match_faces(known, replace(good, interfaces=(elsewhere,))) == ()
    assert match_faces(known, replace(good, interfaces=(slow,))) == ()
    assert match_faces(known, replace(good, interfaces=(replace(good.interfaces[0], number=1),))) == ()


@pytest.mark.parametrize(
    ("labels", "chosen"), [(["DPB30"], "dpb"), (["XDPB30"], "sure"), ([None], "sure"), ([None, "CAM01"], "cam")]
)
def test_a_label_decides_between_storages_of_one_id(labels: list[str | None], chosen: str) -> None:
    rivals = library(
        profile("sure", face()),
        profile("dpb", face(), match={"labels": [r"DPB\d{2}"]}),
        profile("cam", face(), match={"labels": [r"CAM\d{2}"]}),
    )
    found = match_faces(rivals, device(STORAGE))
    assert [match.profile.id for match in found] == ["cam", "dpb", "sure"]
    settled = choose_by_label(found, labels)
    assert settled is not None
    assert settled.profile.id == chosen


def test_a_label_that_fits_nothing_leaves_no_profile_and_one_that_fits_two_is_ambiguous() -> None:
    one = profile("one", face(), match={"labels": ["DPB.*"]})
    two = profile("two", face(), match={"labels": [".*30"]})
    found = match_faces(library(one, two), device(STORAGE))
    assert choose_by_label(found, ["CAM"]) is None
    with pytest.raises(AmbiguousProfileError, match="one, two"):
        choose_by_label(found, ["DPB30"])


def test_a_face_without_product_id_takes_any_product_of_the_vendor_after_one_that_names_it() -> None:
    labels = {"labels": ["DPB.*"]}
    loose = {key: value for key, value in face().items() if key != "product_id"}
    rivals = library(profile("loose", loose, match=labels), profile("exact", face(), match=labels))
    assert names(rivals, STORAGE) == ["exact", "loose"]
    assert names(rivals, STORAGE, ids=(0x3F0A, 0x9999)) == ["loose"]


def test_a_storage_face_without_ids_is_taken_after_the_unlock_and_never_by_itself() -> None:
    unknown = {"role": "storage", "interfaces": ["08/06/50"]}
    known = profile("a", CHARGING, unknown, unlock=UNLOCK)
    came_up = device(STORAGE, ids=(0x1234, 0x5678))
    assert match_faces(library(known), came_up) == ()
    taken = face_after_unlock(known, came_up)
    assert taken is not None
    assert taken.role == "storage"
    assert face_after_unlock(known, device(STORAGE, KEYBOARD)) is None
    assert face_after_unlock(known, device(VENDOR, ids=(0x3F0A, 0x0C01))) is None


@pytest.mark.parametrize(
    "wrong",
    [
        values("x"),
        values("x", face(colour=1)),
        values("x", face(vendor_id=0x10000)),
        values("x", face(interfaces=[])),
        values("x", face(interfaces=["03/01/01"])),
        values("x", face(interfaces=["e0/01/01"])),
        values("x", face(interfaces=["08/6/50"])),
        values("x", face(interfaces=["*/*/*"])),
        values("x", face(interfaces=["ff/42/01"])),
        values("x", face(serial="(")),
        values("x", face(handshake=True)),
        values("x", face(product_id=None)),
        values("x", {"role": "storage", "interfaces": ["08/06/50"]}),
        values("x", CHARGING, face()),
        values("x", face(), unlock=UNLOCK),
        values("x", CHARGING, unlock=UNLOCK),
        values("x", {**CHARGING, "vendor_id": None, "product_id": None}, face(), unlock=UNLOCK),
        values("x", face(), transport={"kind": "mtp"}),
        values("x", face(), transport={"kind": "folder"}),
        values("x", face(), transport={"kind": "wifi"}),
        values("x", face(), transport={"kind": "mass-storage", "disks": []}),
        values("x", CHARGING, face(), unlock={**UNLOCK, "dialect": "telnet"}),
        values("x", CHARGING, face(), unlock={**UNLOCK, "endpoint_in": None}),
        values("x", CHARGING, face(), unlock={**UNLOCK, "password": "none"}),
        values("x", CHARGING, face(), unlock={**UNLOCK, "password": "abc"}),
        values("x", CHARGING, face(), unlock={**UNLOCK, "control": {"unlock_request": 1}}),
        values("x", CHARGING, face(), unlock={"dialect": "control"}),
        values("x", CHARGING, face(), unlock={"dialect": "control", "control": {"unlock_request": 1}}),
        values("x", face(), clock={"set": True}),
        values("x", face(), identity={"serial_from": "handshake"}),
        values("x", face(), identity={"serial_from": "usb", "serial_pattern": "("}),
    ],
)
def test_what_a_profile_may_not_say_of_usb_is_refused(wrong: dict[str, Any]) -> None:
    assert Profile.model_validate(values("x", face()))
    assert Profile.model_validate(values("x", CHARGING, face(), unlock=UNLOCK))
    with pytest.raises(ValidationError):
        Profile.model_validate(wrong)


@pytest.mark.parametrize(
    "control",
    [
        {"unlock_request": 256},
        {"unlock_request": 1, "status_request": 2},
        {"unlock_request": 1, "serial_length": 2},
        {"unlock_request": 1, "battery_offset": 0},
        {"unlock_request": 1, "status_request": 2, "status_length": 4, "battery_offset": 4},
    ],
)
def test_requests_of_the_control_dialect_must_be_complete(control: dict[str, int]) -> None:
    plain = face("charging", product_id=0x0C01)
    good = {"unlock_request": 1, "status_request": 2, "status_length": 4, "battery_offset": 3}
    assert profile("x", plain, face(), unlock={"dialect": "control", "control": good})
    with pytest.raises(ValidationError):
        profile("x", plain, face(), unlock={"dialect": "control", "control": control})


@pytest.mark.parametrize(("serial", "good"), [("BWC000001", True), ("BWC1", False), ("", False)])
def test_a_serial_is_believed_when_it_looks_like_one(serial: str, good: bool) -> None:
    strict = profile("x", face(), identity={"serial_from": "usb", "serial_pattern": r"BWC\d{6}"})
    assert strict.believes(serial) is good
    assert profile("y", face(), identity={"serial_from": "usb"}).believes(serial) is bool(serial)
