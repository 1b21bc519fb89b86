"""What a profile says about a recorder on USB, and which profiles fit a device that was seen on the bus.

Guarantees: matching reads only what sysfs told, nothing is sent to a device; a device with any interface that the face
does not name, or of a class no recorder needs (keyboard, network, hub), fits no profile; two profiles that fit equally
well are an error for a person to decide, never a guess. Data selects a dialect by name; no profile holds a password.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from station.errors import ProfileError
from station.records.bus import DeviceSeen

if TYPE_CHECKING:
    from station.profiles.model import Profile

DialectName = Literal["control", "ambarella-ascii", "bc-plus"]
"""The dialects that exist in code (station/device/usb); a profile can name no other."""

DIALECTS: tuple[str, ...] = get_args(DialectName)


_OVER_BULK = frozenset({"ambarella-ascii", "bc-plus"})
_INTERFACE = re.compile(r"(06|08|ff)/([0-9a-f]{2}|\*)/([0-9a-f]{2}|\*)")


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    return pattern


def _names_an_interface(value: str) -> str:
    if not _INTERFACE.fullmatch(value):
        raise ValueError(f"{value!r} must be class/subclass/protocol in hex, the class being 06, 08 or ff")
    return value


Pattern = Annotated[str, Field(min_length=1), AfterValidator(_compiles)]
"""A regular expression that has to fit the whole text."""

InterfaceName = Annotated[str, AfterValidator(_names_an_interface)]
"""`class/subclass/protocol` in lower-case hex; `*` stands for a subclass or protocol that the sources do not tell."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Transport(_Section):
    """How files come off it; `folder`: only by hand, `disks`: which LUNs carry recordings."""

    kind: Literal["mass-storage", "mtp", "folder"] = "folder"
    disks: Literal["all"] | Annotated[tuple[Annotated[int, Field(ge=0, le=15)], ...], Field(min_length=1)] = "all"


class Face(_Section):
    """How it shows itself on the bus; everything given must fit.

    Without `vendor_id` (storage or mtp behind an unlock, where the sources do not tell it) the face is accepted right
    after this profile's own unlock at the same port and at no other time. Without `product_id` alone, any product of
    the vendor fits whose volume label does, too. `handshake`: only the dialect's answer makes the match sure.
    """

    role: Literal["charging", "storage", "mtp"]
    vendor_id: int | None = Field(default=None, ge=0, le=0xFFFF)
    product_id: int | None = Field(default=None, ge=0, le=0xFFFF)
    serial: Pattern | None = None
    product: Pattern | None = None
    manufacturer: Pattern | None = None
    interfaces: tuple[InterfaceName, ...] = Field(min_length=1)
    handshake: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> "Face":
        if self.vendor_id is None and self.product_id is not None:
            raise ValueError("product_id means nothing without vendor_id")
        if self.product_id is None and self.role == "charging":
            raise ValueError("a charging face needs vendor_id and product_id")
        if self.handshake and self.role != "charging":
            raise ValueError("only a charging face is proven by a handshake")
        needed = {"storage": "08", "mtp": None, "charging": None}[self.role]
        if needed is not None and any(not name.startswith(needed) for name in self.interfaces):
            raise ValueError("a storage face has interfaces of class 08 only")
        return self

    @property
    def rank(self) -> int:
        """How specific it is beyond vendor and interfaces: what it says of the product and the device's texts."""
        return len(self.texts) + (self.product_id is not None)

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """The patterns given, each with the name of the device's text that it is for."""
        given = (("serial", self.serial), ("product", self.product), ("manufacturer", self.manufacturer))
        return tuple((name, pattern) for name, pattern in given if pattern is not None)


class ControlRequests(_Section):
    """The numbers of the vendor requests of dialect `control`; the password is the data of the unlock request.

    `status_length` and `serial_length` are bytes to ask for; `battery_offset` is the byte of the status that holds
    the battery's charge in percent. `read_clock_request` answers, and `set_clock_request` takes, the recorder's local
    time as 14 ASCII digits, YYYYMMDDhhmmss.
    """

    unlock_request: int = Field(ge=0, le=0xFF)
    unlock_value: int = Field(default=0, ge=0, le=0xFFFF)
    unlock_index: int = Field(default=0, ge=0, le=0xFFFF)
    status_request: int | None = Field(default=None, ge=0, le=0xFF)
    status_length: int | None = Field(default=None, ge=1, le=4096)
    battery_offset: int | None = Field(default=None, ge=0, le=4095)
    serial_request: int | None = Field(default=None, ge=0, le=0xFF)
    serial_length: int | None = Field(default=None, ge=1, le=4096)
    read_clock_request: int | None = Field(default=None, ge=0, le=0xFF)
    set_clock_request: int | None = Field(default=None, ge=0, le=0xFF)

    @model_validator(mode="after")
    def _complete(self) -> "ControlRequests":
        if (self.status_request is None) != (self.status_length is None):
            raise ValueError("status_request and status_length come together")
        if (self.serial_request is None) != (self.serial_length is None):
            raise ValueError("serial_request and serial_length come together")
        if self.battery_offset is not None and self.battery_offset >= (self.status_length or 0):
            raise ValueError("battery_offset must lie within status_length")
        return self


class Unlock(_Section):
    """How it is switched from charging to storage; the password is the setting or credential `recorder-<profile id>`.

    `timeout_ms`: for one transfer; `settle_seconds`: at most this long until the storage face has to be there.
    """

    dialect: DialectName
    interface: int = Field(default=0, ge=0, le=31)
    endpoint_in: int | None = Field(default=None, ge=0x81, le=0x8F)
    endpoint_out: int | None = Field(default=None, ge=0x01, le=0x0F)
    timeout_ms: int = Field(default=3000, ge=1, le=30_000)
    settle_seconds: int = Field(default=10, ge=1, le=120)
    password: Literal["required", "none"] = "none"  # noqa: S105 - whether one is needed, not which
    control: ControlRequests | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Unlock":
        if (self.control is not None) != (self.dialect == "control"):
            raise ValueError("[unlock.control] goes with dialect control and no other")
        if self.dialect in _OVER_BULK and (self.endpoint_in is None or self.endpoint_out is None):
            raise ValueError(f"dialect {self.dialect} needs endpoint_in and endpoint_out")
        if self.dialect == "bc-plus" and self.password != "required":  # noqa: S105
            raise ValueError("dialect bc-plus logs in: password must be 'required'")
        return self


def can_read_clock(unlock: Unlock) -> bool:
    """Tell whether the dialect, as set up, can read the recorder's clock; a test compares it with the code."""
    return unlock.control is not None and unlock.control.read_clock_request is not None


def can_set_clock(unlock: Unlock) -> bool:
    """Tell whether the dialect, as set up, can set the recorder's clock; a test compares it with the code."""
    return unlock.dialect in _OVER_BULK if unlock.control is None else unlock.control.set_clock_request is not None


class Erase(_Section):
    """Whether a recorder of this kind may be erased at all; the unit's policy must allow it too."""

    allowed: bool = False


def check_usb(transport: Transport, faces: Sequence[Face], unlock: Unlock | None, labels: Sequence[str] = ()) -> None:
    """Raise ValueError where the sections of one profile contradict each other."""
    roles = {face.role for face in faces}
    wanted = {"mass-storage": "storage", "mtp": "mtp"}.get(transport.kind)
    if wanted is None and faces:
        raise ValueError("faces are for transport.kind mass-storage or mtp")
    if wanted is not None and wanted not in roles:
        raise ValueError(f"transport.kind {transport.kind} needs a face with role {wanted}")
    if wanted is not None and roles - {wanted, "charging"}:
        raise ValueError(f"transport.kind {transport.kind} has faces of role {wanted} and charging only")
    if (unlock is not None) != ("charging" in roles):
        raise ValueError("[unlock] and a face with role charging come together")
    if unlock is None and any(face.vendor_id is None for face in faces):
        raise ValueError("a face without vendor_id needs an unlock before it")
    if not labels and any(face.vendor_id is not None and face.product_id is None for face in faces):
        raise ValueError("a face without product_id needs match.labels beside it")
    silent = unlock is not None and unlock.control is not None and _has_no_question(unlock.control)
    if silent and any(face.handshake for face in faces):
        raise ValueError("a handshake over dialect control needs status_request or serial_request")


def _has_no_question(control: ControlRequests) -> bool:
    return control.status_request is None and control.serial_request is None


class AmbiguousProfileError(ProfileError):
    """Several profiles fit one recorder equally well; `names` are their ids."""

    def __init__(self, names: Sequence[str]) -> None:
        """Name the profiles that fit."""
        super().__init__(
            f"Several profiles fit this recorder: {', '.join(names)}",
            kept="Nothing was read or changed",
            hint="Name the right one with --profile, or make their faces more specific",
        )
        self.names = tuple(names)


@dataclass(frozen=True, slots=True)
class FaceMatch:
    """A profile that fits by one of its faces; `rank` tells how specific the face is (`Face.rank`).

    `pending` is what must still be seen before the match is sure: the dialect's answer, a volume label, or nothing.
    """

    profile: "Profile"
    face: Face
    rank: int
    pending: Literal["handshake", "label"] | None


def match_faces(profiles: Mapping[str, "Profile"], device: DeviceSeen) -> tuple[FaceMatch, ...]:
    """Return the profiles that fit `device`, best first, empty when none does; raises AmbiguousProfileError.

    The first is the one, when its `pending` is None. Otherwise try them in order: say the dialect's harmless hello, or
    list the volume and call `choose_by_label`; all that follow a sure match are left off.
    """
    best = [match for profile in profiles.values() if (match := _best_face(profile, device)) is not None]
    found: list[FaceMatch] = []
    for match in sorted(best, key=lambda each: (-each.rank, each.pending is None, each.profile.id)):
        sure = [each for each in found if each.pending is None]
        if sure and match.pending is None and match.rank == sure[0].rank:
            raise AmbiguousProfileError([sure[0].profile.id, match.profile.id])
        if not sure:
            found.append(match)
    return tuple(found)


def match_face(profiles: Mapping[str, "Profile"], device: DeviceSeen) -> FaceMatch | None:
    """Return the best of `match_faces`, None when no profile fits; for a caller that checks `pending` itself."""
    return next(iter(match_faces(profiles, device)), None)


def face_after_unlock(profile: "Profile", device: DeviceSeen) -> Face | None:
    """Return the storage or MTP face by which `device` may be what `profile` unlocked at this port a moment ago."""
    faces = [face for face in profile.faces if face.role != "charging" and face_fits(face, device)]
    return max(faces, key=lambda face: (face.vendor_id is not None, face.rank), default=None)


def choose_by_label(matches: Sequence[FaceMatch], labels: Sequence[str | None]) -> FaceMatch | None:
    """Return the one storage match whose label patterns fit `labels`, else the sure one, else None.

    Raises AmbiguousProfileError when the labels fit two of equal rank.
    """
    fitting = [match for match in matches if match.pending == "label" and label_fits(match.profile, labels)]
    if len(fitting) > 1 and fitting[0].rank == fitting[1].rank:
        raise AmbiguousProfileError([match.profile.id for match in fitting])
    sure = [match for match in matches if match.pending is None]
    return next(iter([*fitting, *sure]), None)


def label_fits(profile: "Profile", labels: Sequence[str | None]) -> bool:
    """Tell whether one of the volume labels fits the profile's patterns; True when it demands none."""
    wanted = profile.match.labels
    return not wanted or any(re.fullmatch(pattern, label or "") for pattern in wanted for label in labels)


def face_fits(face: Face, device: DeviceSeen) -> bool:
    """Tell whether all that the face says fits what the bus told; ids the face leaves out fit any."""
    ids = ((face.vendor_id, device.vendor_id), (face.product_id, device.product_id))
    if any(wanted is not None and wanted != seen for wanted, seen in ids):
        return False
    if not _interfaces_fit(face, device):
        return False
    told = {"serial": device.serial, "product": device.product, "manufacturer": device.manufacturer}
    return all(re.fullmatch(pattern, told[name] or "") for name, pattern in face.texts)


def _interfaces_fit(face: Face, device: DeviceSeen) -> bool:
    """The sets must be the same: no interface of the device is unknown, and none of the face is missing."""
    seen = {interface.triple for interface in device.interfaces}
    named = [_triple(name) for name in face.interfaces]

    def fits(wanted: tuple[int | None, ...], triple: tuple[int, ...]) -> bool:
        return all(want is None or want == code for want, code in zip(wanted, triple, strict=True))

    known = all(any(fits(wanted, triple) for wanted in named) for triple in seen)
    return bool(seen) and known and all(any(fits(wanted, triple) for triple in seen) for wanted in named)


def _triple(name: str) -> tuple[int | None, ...]:
    return tuple(None if part == "*" else int(part, 16) for part in name.split("/"))


def _best_face(profile: "Profile", device: DeviceSeen) -> FaceMatch | None:
    fitting = [
        face
        for face in profile.faces
        if face.vendor_id is not None
        and face_fits(face, device)
        and (face.role != "charging" or _endpoints_fit(profile.unlock, device))
    ]
    face = max(fitting, key=lambda each: each.rank, default=None)
    if face is None:
        return None
    by_label = face.role == "storage" and profile.match.labels
    pending: Literal["handshake", "label"] | None = "handshake" if face.handshake else "label" if by_label else None
    return FaceMatch(profile, face, face.rank, pending)


def _endpoints_fit(unlock: Unlock | None, device: DeviceSeen) -> bool:
    """A dialect over bulk transfers needs its endpoints where the profile says they are."""
    if unlock is None or unlock.dialect not in _OVER_BULK:
        return True
    here = {
        endpoint.address
        for interface in device.interfaces
        if interface.number == unlock.interface
        for endpoint in interface.endpoints
        if endpoint.transfer == "bulk"
    }
    return {unlock.endpoint_in, unlock.endpoint_out} <= here
