"""Recorders ready to plug in, one function for each kind; every number and text can be given, all have defaults.

`image` may be one card image or several (one LUN each). Names of faces: `charging`, `storage`, or the intruder's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

from tests.fakes.recorder.clock import RecorderClock
from tests.fakes.recorder.control import ControlFunction
from tests.fakes.recorder.descriptors import IN
from tests.fakes.recorder.disk import Disk, Faults
from tests.fakes.recorder.faces import Face, Function
from tests.fakes.recorder.intruders import (
    Appearance,
    EthernetFunction,
    KeyboardFunction,
    MtpAppearance,
    RndisFunction,
)
from tests.fakes.recorder.model import DEFAULT_SERIAL, Delays, Identity, Recorder
from tests.fakes.recorder.spoken import BCPLUS_DEVICES, AmbarellaFunction, BcPlusFunction
from tests.fakes.recorder.storage import StorageFunction

Images = Path | None | Sequence[Path | None]
Ids = tuple[int, int]
CHARGING_IDS: Ids = (0x3F0A, 0x0C01)
STORAGE_IDS: Ids = (0x3F0A, 0x0D51)


class Traits(TypedDict, total=False):
    """What any kind of recorder can be given. `usb_serial` None: no serial in the descriptors; absent: `serial`."""

    serial: str
    usb_serial: str | None
    police_number: str
    manufacturer: str | None
    product: str | None
    release: int
    battery_percent: int
    clock: RecorderClock
    delays: Delays
    faults: Faults | Sequence[Faults]
    write_protected: bool
    storage_ids: Ids
    monotonic: Any


def storage_recorder(image: Images, **traits: Unpack[Traits]) -> Recorder:
    """Return one that comes up as storage at once."""
    return _recorder([_storage_face(image, traits)], traits)


def control_recorder(
    image: Images,
    *,
    password: bytes | None = b"87654321",
    charging_ids: Ids = CHARGING_IDS,
    control: ControlFunction | None = None,
    **traits: Unpack[Traits],
) -> Recorder:
    """Return one unlocked by a vendor control transfer; `control` says more than the password."""
    return unlockable_recorder(image, control or ControlFunction(password), charging_ids, **traits)


def ambarella_recorder(
    image: Images,
    *,
    charging_ids: Ids = (0x4255, 0x0001),
    dialect: AmbarellaFunction | None = None,
    **traits: Unpack[Traits],
) -> Recorder:
    """Return one that speaks the Ambarella ASCII dialect."""
    return unlockable_recorder(image, dialect or AmbarellaFunction(), charging_ids, **traits)


def bcplus_recorder(
    image: Images,
    *,
    charging_ids: Ids = (0x1D70, 0x01D5),
    password: str = "888888",
    tries: int = 3,
    mood: str = "normal",
    **traits: Unpack[Traits],
) -> Recorder:
    """Return one that speaks BC+ with the interface and endpoints known for these ids (`BCPLUS_DEVICES`)."""
    places = {(vendor, product): rest for vendor, product, *rest in BCPLUS_DEVICES}
    interface, endpoint_in, endpoint_out = places[charging_ids]
    spoken = BcPlusFunction(
        interface=interface,
        endpoint_in=endpoint_in,
        endpoint_out=endpoint_out,
        password=password,
        tries=tries,
        mood=mood,
    )
    before = [Appearance(*[(0xFF, 0x00, 0x00)] * interface)] if interface else []
    return unlockable_recorder(image, spoken, charging_ids, before=before, **traits)


def unlockable_recorder(
    image: Images,
    charging: Function,
    charging_ids: Ids,
    *,
    before: Sequence[Function] = (),
    **traits: Unpack[Traits],
) -> Recorder:
    """Return one with any charging function, after which it comes up as storage."""
    first = _face("charging", charging_ids, [*before, charging], traits)
    return _recorder([first, _storage_face(image, traits)], traits)


def keyboard(ids: Ids = CHARGING_IDS, text: str = "rm", **traits: Unpack[Traits]) -> Recorder:
    """Return a keyboard behind a known id."""
    return _recorder([_face("keyboard", ids, [KeyboardFunction(text)], traits)], traits)


def ethernet(ids: Ids = CHARGING_IDS, **traits: Unpack[Traits]) -> Recorder:
    """Return a CDC-ECM network card behind a known id."""
    return _recorder([_face("ethernet", ids, [EthernetFunction()], traits)], traits)


def rndis(ids: Ids = CHARGING_IDS, **traits: Unpack[Traits]) -> Recorder:
    """Return a remote-NDIS network card behind a known id."""
    return _recorder([_face("rndis", ids, [RndisFunction()], traits)], traits)


def composite(image: Images, ids: Ids = STORAGE_IDS, text: str = "rm", **traits: Unpack[Traits]) -> Recorder:
    """Return a storage device, by a known id, that has a keyboard too."""
    functions = [_storage(image, traits), KeyboardFunction(text, interface=1, endpoint_in=0x83)]
    return _recorder([_face("composite", ids, functions, traits)], traits)


def mtp_look(ids: Ids = (0x3F0A, 0x0E01), **traits: Unpack[Traits]) -> Recorder:
    """Return a device whose descriptors are those of an MTP recorder."""
    return _recorder([_face("mtp", ids, [MtpAppearance()], traits)], traits)


def look(*triples: tuple[int, int, int], ids: Ids = CHARGING_IDS, **traits: Unpack[Traits]) -> Recorder:
    """Return a silent device with interfaces of any classes."""
    return _recorder([_face("look", ids, [Appearance(*triples)], traits)], traits)


def turncoat(image: Images, intruder: Function | None = None, **traits: Unpack[Traits]) -> Recorder:
    """Return one that behaves until it is unlocked, and then comes up with storage's ids as an intruder."""
    first = _face("charging", CHARGING_IDS, [ControlFunction(storage="intruder")], traits)
    functions = [intruder or KeyboardFunction()]
    then = _face("intruder", traits.get("storage_ids", STORAGE_IDS), functions, traits)
    return _recorder([first, then, _storage_face(image, traits)], traits)


def disks(recorder: Recorder) -> list[Disk]:
    """Return the recorder's disks, by LUN."""
    functions = [function for face in recorder.faces.values() for function in face.functions]
    return [disk for function in functions if isinstance(function, StorageFunction) for disk in function.disks]


def dialect_endpoints(recorder: Recorder) -> tuple[int | None, int | None]:
    """Return the endpoints (in, out) of the first face's last function that has any."""
    addresses = [each.address for _, each in next(iter(recorder.faces.values())).endpoints({})]
    incoming = [address for address in addresses if address & IN]
    outgoing = [address for address in addresses if not address & IN]
    return (incoming[-1] if incoming else None), (outgoing[-1] if outgoing else None)


def _face(name: str, ids: Ids, functions: Sequence[Function], traits: Traits) -> Face:
    serial = traits.get("serial", DEFAULT_SERIAL)
    return Face(
        name,
        *ids,
        tuple(functions),
        release=traits.get("release", 0x0104),
        manufacturer=traits.get("manufacturer", "Acme Bodycam"),
        product=traits.get("product", "AC-200"),
        serial=traits.get("usb_serial", serial),
    )


def _storage_face(image: Images, traits: Traits) -> Face:
    return _face("storage", traits.get("storage_ids", STORAGE_IDS), [_storage(image, traits)], traits)


def _storage(image: Images, traits: Traits) -> StorageFunction:
    images = [image] if image is None or isinstance(image, Path) else list(image)
    given = traits.get("faults", ())
    faults = [given] if isinstance(given, Faults) else list(given)
    faults += [Faults() for _ in images[len(faults) :]]
    return StorageFunction(
        *(
            Disk(
                path,
                faults=fault,
                write_protected=traits.get("write_protected", False),
                vendor=traits.get("manufacturer") or "Acme",
                product=traits.get("product") or "AC-200",
                serial=traits.get("serial", DEFAULT_SERIAL),
            )
            for path, fault in zip(images, faults, strict=True)
        )
    )


def _recorder(faces: Sequence[Face], traits: Traits) -> Recorder:
    identity = Identity(
        serial=traits.get("serial", DEFAULT_SERIAL), police_number=traits.get("police_number", "123456")
    )
    given: dict[str, Any] = {
        name: traits[name] for name in ("clock", "battery_percent", "delays", "monotonic") if name in traits
    }
    return Recorder(faces, identity=identity, **given)
