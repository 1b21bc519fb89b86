"""Devices as the bus would show them, and profiles that are almost empty."""

from typing import Any

from station.profiles.model import Profile
from station.records.bus import DeviceSeen, EndpointSeen, InterfaceSeen

Triple = tuple[int, int, int]
STORAGE: Triple = (0x08, 0x06, 0x50)
VENDOR: Triple = (0xFF, 0x42, 0x01)
KEYBOARD: Triple = (0x03, 0x01, 0x01)
ETHERNET: Triple = (0x02, 0x06, 0x00)


def device(*triples: Triple, ids: tuple[int, int] = (0x3F0A, 0x0D51), **texts: str | None) -> DeviceSeen:
    """A device with one interface a triple, each with bulk endpoints 81 and 01."""
    endpoints = (EndpointSeen(0x81, "bulk"), EndpointSeen(0x01, "bulk"))
    interfaces = tuple(InterfaceSeen(n, 0, *triple, endpoints) for n, triple in enumerate(triples))
    return DeviceSeen(
        sys_path="/sys/devices/usb1/1-1",
        port="0000:00:14.0/1",
        bus=1,
        address=7,
        vendor_id=ids[0],
        product_id=ids[1],
        release=0x0104,
        manufacturer=texts.get("manufacturer"),
        product=texts.get("product"),
        serial=texts.get("serial"),
        interfaces=interfaces,
        authorized=False,
    )


def face(role: str = "storage", **values: Any) -> dict[str, Any]:
    """A face of 3f0a:0d51."""
    shown = "08/06/50" if role == "storage" else "ff/42/01"
    return {"role": role, "vendor_id": 0x3F0A, "product_id": 0x0D51, "interfaces": [shown], **values}


UNLOCK = {"dialect": "bc-plus", "endpoint_in": 0x81, "endpoint_out": 0x01, "password": "required"}


def values(name: str, *faces: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """What a profile.toml with these faces would hold."""
    return {
        "id": name,
        "version": "1",
        "name": {"zh": "甲", "en": "A"},
        "tier": "emulated",
        "files": {"extensions": {"mp4": "video"}},
        "transport": {"kind": "mass-storage"},
        "faces": list(faces),
        **sections,
    }


def profile(name: str, *faces: dict[str, Any], **sections: Any) -> Profile:
    """A profile with these faces."""
    return Profile.model_validate(values(name, *faces, **sections))


def library(*profiles: Profile) -> dict[str, Profile]:
    """Profiles by id."""
    return {each.id: each for each in profiles}
