"""Capturing a real recorder into a recording: its descriptors, what it answers, and the names on its card.

Guarantees: only what the profile's own dialect says is ever sent, and nothing without `--dialogue`; the card is read
by the confined reader and nothing of its content is kept but names and sizes; no password gets into the recording.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from station import clock
from station.acquire.listing import gather
from station.acquire.reading import Reading
from station.device.usb.dialect import Link, open_dialect
from station.device.usb.link import PyusbLink
from station.device.watch.authorising import authorise
from station.device.watch.bus import look as look_at_bus
from station.device.watch.errors import BusError
from station.device.watch.sysfs import read_bytes
from station.errors import ProfileError
from station.profiles.descriptors import MOST_BYTES
from station.profiles.dialogue import RecordingLink
from station.profiles.model import Profile, media_of, read_name
from station.profiles.recording import FaceRecorded, FactsRecorded, FileRecorded, GreetingRecorded, Turn
from station.profiles.usb import Unlock, face_fits
from station.records.bus import DeviceSeen
from station.sandbox.program import work_folder

_POLL_SECONDS = 0.1
_AUTHORISE_SECONDS = 5.0


def _open_link(device: DeviceSeen, unlock: Unlock) -> AbstractContextManager[Link]:
    return PyusbLink(device, unlock)


@dataclass(slots=True)
class Capture:
    """What was captured of one recorder so far."""

    faces: list[FaceRecorded] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    greeting: GreetingRecorded | None = None
    clock_read: datetime | None = None
    labels: list[str] = field(default_factory=list)
    files: list[FileRecorded] = field(default_factory=list)

    def keep(self, face: FaceRecorded) -> None:
        """Keep a face, once however often it shows itself."""
        if face not in self.faces:
            self.faces.append(face)


@dataclass(frozen=True, slots=True)
class Bench:
    """How the bus is looked at and spoken over; the real thing by default."""

    look: Callable[[], tuple[DeviceSeen, ...]] = look_at_bus
    raw: Callable[[DeviceSeen], bytes] = lambda device: read_bytes(Path(device.sys_path) / "descriptors", MOST_BYTES)
    authorise: Callable[[DeviceSeen], None] = authorise
    open_link: Callable[[DeviceSeen, Unlock], AbstractContextManager[Link]] = _open_link
    pause: Callable[[float], None] = time.sleep

    def at(self, port: str) -> DeviceSeen:
        """Return the device at `port`; raises BusError naming what is plugged in where."""
        seen = self.look()
        for device in seen:
            if device.port == port:
                return device
        there = "; ".join(
            f"{each.port} {each.vendor_id:04x}:{each.product_id:04x} {each.product or ''}" for each in seen
        )
        raise BusError(f"Nothing is plugged in at {port}", hint=f"There is: {there or '-'}")

    def wait(self, port: str, wanted: Callable[[DeviceSeen], bool], seconds: float) -> DeviceSeen | None:
        """Return the device at `port` as soon as it is `wanted`, None when it is not within `seconds`."""
        ends = clock.monotonic() + seconds
        while True:
            for device in self.look():
                if device.port == port and wanted(device):
                    return device
            if clock.monotonic() >= ends:
                return None
            self.pause(_POLL_SECONDS)


def capture_face(bench: Bench, device: DeviceSeen) -> FaceRecorded:
    """Return the device's raw descriptors and texts, as sysfs holds them; sends nothing. Raises BusError."""
    return FaceRecorded(
        descriptors=bench.raw(device).hex(),
        manufacturer=device.manufacturer,
        product=device.product,
        serial=device.serial,
    )


def capture_dialogue(
    bench: Bench, device: DeviceSeen, profile: Profile, password: SecretStr | None, capture: Capture
) -> None:
    """Say hello to a charging recorder, unlock it, and keep every transfer and the face that it shows then.

    What was heard before an error stays in `capture`. Raises ProfileError when the device is not the profile's,
    DialectError, BusError, and ConfigError without a password that is needed.
    """
    charging = [face for face in profile.faces if face.role == "charging" and face_fits(face, device)]
    if profile.unlock is None or not charging:
        raise ProfileError(
            f"The device at {device.port} shows no charging face of {profile.id}",
            kept="Nothing was sent to it",
            hint="Correct [[faces]] and [unlock] in its profile.toml first",
        )
    if not device.authorized:
        bench.authorise(device)
        admitted = bench.wait(device.port, lambda seen: seen.authorized, _AUTHORISE_SECONDS)
        if admitted is None:
            raise BusError(f"The kernel did not configure the device at {device.port}")
        device = admitted
    with bench.open_link(device, profile.unlock) as link:
        recorded = RecordingLink(link, password)
        try:
            dialect = open_dialect(profile.unlock, recorded, password)
            greeting = dialect.hello()
            capture.greeting = GreetingRecorded(
                serial=greeting.serial,
                police_number=greeting.police_number,
                battery_percent=greeting.battery_percent,
            )
            if dialect.can_read_clock:
                capture.clock_read = dialect.read_clock()
            dialect.unlock()
        finally:
            capture.turns = recorded.turns
    after = bench.wait(device.port, lambda seen: seen.session != device.session, profile.unlock.settle_seconds)
    if after is None:
        raise BusError(f"No other face came up at {device.port} after the unlock")
    capture.keep(capture_face(bench, after))


def capture_card(source: Path, profile: Profile | None, user: str, capture: Capture) -> None:
    """List a card, image or folder through the confined reader; keeps labels, and names and sizes of recordings.

    Raises SourceError when it can't be listed whole.
    """
    code_page = profile.code_page if profile is not None else "gbk"
    with (
        work_folder(Path(tempfile.gettempdir()), user) as inbox,
        Reading(source, inbox, code_page=code_page, user=user) as reading,
    ):
        listing = gather(reading.list())
    if not listing.whole:
        raise ProfileError(f"{source} could not be listed whole: {'; '.join(listing.faults) or '-'}")
    capture.labels = [label for label in listing.labels() if label]
    for entry in listing.entries:
        if entry.state not in ("file", "unclosed"):
            continue
        name = entry.path[-1].text
        if profile is not None and media_of(profile, name, entry.media) is None:
            continue
        facts = read_name(profile, name) if profile is not None else None
        kept = FactsRecorded.model_validate(facts, from_attributes=True) if facts is not None else None
        path = "/".join(step.text for step in entry.path)
        capture.files.append(FileRecorded(path=path, size_bytes=entry.size_bytes, facts=kept))


def suggest_face(device: DeviceSeen) -> str:
    """Return the [[faces]] table that a new profile.toml may begin with; the texts want to be made patterns."""
    storage = any(interface.class_code == 0x08 for interface in device.interfaces)
    role = "storage" if storage else "mtp" if any(each.class_code == 0x06 for each in device.interfaces) else "charging"
    triples = sorted({"/".join(f"{code:02x}" for code in interface.triple) for interface in device.interfaces})
    texts = (("manufacturer", device.manufacturer), ("product", device.product), ("serial", device.serial))
    lines = [
        "[[faces]]",
        f'role = "{role}"',
        f"vendor_id = 0x{device.vendor_id:04x}",
        f"product_id = 0x{device.product_id:04x}",
        *(f"{name} = '{_as_pattern(text)}'" for name, text in texts if text),
        "interfaces = [" + ", ".join(f'"{triple}"' for triple in triples) + "]",
    ]
    return "\n".join(lines)


def _as_pattern(text: str) -> str:
    """Escape what a regular expression would read otherwise; an apostrophe, which TOML would, becomes a dot."""
    special = frozenset(r"\.^$*+?{}[]|()")
    return "".join("." if sign == "'" else f"\\{sign}" if sign in special else sign for sign in text)
