"""The steps of attending to one recorder at the dock, from plugging in to "safe to remove".

Guarantees: nothing is sent to a device before a profile matched it on what sysfs tells; a recorder that is unknown,
doubled or not what it was is charged, not read; its clock is read before anything is copied and set only after
everything on it is kept and while our own clock follows a time source.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from station import clock
from station.acquire.account import Account
from station.acquire.identify import Identity, QuarantinedError
from station.board import SlotMeter
from station.catalogue import intake
from station.config import Home
from station.credentials import recorder_password
from station.custody import Custody
from station.database import Database
from station.device.usb.dialect import Dialect, DialectError, Greeting, RefusedError, open_dialect
from station.device.usb.eject import eject
from station.device.usb.link import PyusbLink
from station.device.usb.measuring import ClockReading, measure_clock
from station.device.usb.node import wait_for_node
from station.device.watch.authorising import authorise
from station.device.watch.errors import BusError, DeviceGoneError, LinkError
from station.digest import new_id
from station.errors import ConfigError, SourceError
from station.profiles.model import Profile
from station.profiles.usb import AmbiguousProfileError, FaceMatch, face_after_unlock, face_fits, match_faces
from station.records.bus import (
    CLASS_MASS_STORAGE,
    CLASS_STILL_IMAGE,
    CLASS_VENDOR,
    DeviceSeen,
    DiskSeen,
    InterfaceSeen,
)
from station.records.recorder_entries import ClockMeasured, ClockSet, RecorderQuarantined
from station.stages.docking import check_enrolled
from station.stages.erasing import Erasing
from station.stages.opening import Arrival, Request

_logger = structlog.get_logger(__name__)
_READABLE_CLASSES = frozenset({CLASS_STILL_IMAGE, CLASS_MASS_STORAGE, CLASS_VENDOR})
_AUTHORISE_SECONDS = 30.0
_AGAIN_SECONDS = 5.0
_DISKS_SECONDS = 30.0
_PROTECT_SECONDS = 30.0
_CROWD_SECONDS = 20.0
_GONE_SECONDS = 1.5
_INTERFACES = 32


class GoneError(SourceError):
    """The recorder was taken out."""


class Bay:
    """One physical port: what the watcher last saw there. The watcher shows, one attending thread waits."""

    def __init__(self, port: str) -> None:
        """Begin with nothing plugged in."""
        self.port = port
        self._present: DeviceSeen | None = None
        self._closed = False
        self._changed = threading.Condition()

    def show(self, device: DeviceSeen | None) -> None:
        """Tell what is there now."""
        with self._changed:
            self._present = device
            self._changed.notify_all()

    def close(self) -> None:
        """End all waiting: the station stops."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def present(self) -> DeviceSeen | None:
        """What is there now."""
        with self._changed:
            return self._present

    def holds(self, session: str) -> bool:
        """Tell whether this very enumeration is still there."""
        seen = self.present
        return seen is not None and seen.session == session

    def wait_for(self, wanted: Callable[[DeviceSeen | None], bool], seconds: float | None = None) -> bool:
        """Wait until what is there is as `wanted`; False when it is not so in time, or the station stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or wanted(self._present), seconds)
            return not self._closed and wanted(self._present)

    def wait_until_another(self, session: str | None, seconds: float) -> bool:
        """Wait at most so long until the bay is empty, or something other than `session` is in it."""
        return self.wait_for(lambda device: device is None or device.session != session, seconds)

    def is_left_empty(self) -> bool:
        """Tell whether the recorder is out and does not come up anew at once, as it does with every change of face."""
        return not self.wait_for(lambda device: device is not None, _GONE_SECONDS)


class Presence:
    """Which recorders are at the dock now: two that say they are the same are told apart by nothing."""

    def __init__(self) -> None:
        """Begin with none."""
        self._ports: dict[str, str] = {}
        self._lock = threading.Lock()

    def claim(self, identity: Identity, port: str) -> None:
        """Note a recorder at a port; raises QuarantinedError (duplicate_recorder) when another port has it."""
        with self._lock:
            if self._ports.setdefault(identity.key, port) != port:
                raise QuarantinedError("duplicate_recorder", identity)

    def release(self, port: str) -> None:
        """Forget what was at a port."""
        with self._lock:
            self._ports = {key: where for key, where in self._ports.items() if where != port}


@dataclass(slots=True)
class Known:
    """What is known of the recorder so far; `spoken` is the profile in whose dialect it answered."""

    matches: tuple[FaceMatch, ...] = ()
    identity: Identity | None = None
    recorder: str | None = None
    offset_ms: int | None = None
    spoken: Profile | None = None


class Attending:
    """One recorder under attention: the state that the steps of `attend` hand on."""

    def __init__(
        self,
        home: Home,
        database: Database,
        custody: Custody,
        bay: Bay,
        meter: SlotMeter,
        presence: Presence,
    ) -> None:
        self.home, self.database, self.custody, self.meter = home, database, custody, meter
        self._bay, self._presence = bay, presence
        self._known = Known()
        self._turned_away: QuarantinedError | None = None
        self._disks_then: tuple[DiskSeen, ...] = ()
        self.seen = bay.present
        self._session = self.seen.session if self.seen else None

    def recognise(self, profiles: dict[str, Profile]) -> FaceMatch:
        """Match the device on what sysfs tells, and let it be configured; raises QuarantinedError, BusError."""
        seen = self._present()
        self.meter.update(recorder_name=seen.serial or seen.product, force=True)
        try:
            self._known.matches = match_faces(profiles, seen)
        except AmbiguousProfileError as error:
            raise QuarantinedError("ambiguous_profile") from error
        if not self._known.matches:
            raise QuarantinedError("forbidden_interface" if _is_strange(seen) else "unknown_device")
        if not seen.authorized:
            self._admit(seen)
        best = self._known.matches[0]
        if best.profile.identity.serial_from == "usb" and best.pending is None:
            self._identify(best.profile, seen.serial)
        return best

    def unlock(self) -> None:
        """Speak with a charging recorder: who it is, its battery, its clock; then switch it to storage.

        Raises QuarantinedError when it may not be read, or does not answer as its profile says; BusError.
        """
        seen = self._present()
        with self._spoken_to(seen) as (dialect, greeting, profile):
            serial = greeting.serial if profile.identity.serial_from == "handshake" else seen.serial
            self.meter.update(recorder_name=serial, battery_percent=greeting.battery_percent, force=True)
            if profile.identity.serial_from in ("handshake", "usb"):
                self._identify(profile, serial)
            if profile.clock.read and dialect.can_read_clock:
                self._measure_clock(measure_clock(dialect, clock.now), profile)
            try:
                dialect.unlock()
            except DialectError as error:
                raise QuarantinedError("unlock_refused", self._known.identity, self._known.recorder) from error
            self._session = None  # it comes up anew, with another face
        self._known.spoken = profile
        settle = _settle_seconds(profile)
        if not self._bay.wait_for(lambda device: device is not None and self._is_storage(device), settle):
            raise self._lost("no_storage")
        storage = self._present()
        face = face_after_unlock(profile, storage)
        if face is None:
            raise self._lost("no_storage")
        if profile.identity.serial_from == "usb" and storage.serial != self._serial():
            raise QuarantinedError("unknown_device")
        self._known.matches = (FaceMatch(profile, face, 0, None),)
        if not storage.authorized:
            self._admit(storage)

    def requests(self) -> Iterator[Request]:
        """Wait for the recorder's disks and yield what to take in: each disk that carries recordings, or all by MTP.

        One that comes up while another is read is yielded after it; nothing is once another recorder is in the bay.

        Raises QuarantinedError where the kernel would let something be written to one, GoneError, BusError.
        """
        if self._known.matches[0].face.role == "mtp":
            node = wait_for_node(self._present())
            yield Request(node, slot=self.meter.line.slot, arrival=self._arrival(None))
            return
        wanted = self._known.matches[0].profile.transport.disks
        self._wait_for_disks(wanted)
        done: set[int] = set()
        while self._session and self._bay.holds(self._session):
            chosen = [disk for disk in _wanted_disks(self._present(), wanted) if disk.lun not in done]
            if not chosen:
                return
            # A disk is seen as soon as the kernel has it; udev's helper protects it a moment later.
            nodes = {disk.node for disk in chosen}
            if not self._bay.wait_for(partial(_is_protected, nodes=nodes), _PROTECT_SECONDS):
                raise QuarantinedError("not_read_only", self._known.identity, self._known.recorder)
            done.add(chosen[0].lun)
            yield Request(Path(chosen[0].node), slot=self.meter.line.slot, arrival=self._arrival(chosen[0]))

    def erase(self, taken: Sequence[tuple[Request, Account]]) -> None:
        """Erase what the station provably holds, where the unit and the profile allow it and all disks were read whole.

        Raises QuarantinedError when the recorder gave other bytes than before; StorageError, LedgerError.
        """
        profiles = {match.profile.id: match.profile for match in self._known.matches}
        if not all(account.whole for _, account in taken):
            return
        for request, account in taken:
            if request.arrival is None or request.arrival.gone():
                return
            erasing = Erasing(self.home, self.database, self.custody, self.meter, profiles[account.profile])
            arrival = request.arrival
            if not erasing.allowed or arrival.disk is None:
                continue
            if not erasing.run(account, arrival.disk, self._present().session, arrival.first_volume):
                raise QuarantinedError("bytes_differ", self._known.identity, account.recorder)

    def set_clock(self, accounts: Sequence[Account]) -> None:
        """Set the recorder's clock once everything on it is kept, if our own clock follows a time source.

        It is spoken to only while charging, so it is asked to put its card away first; one that does not go back to
        charging is left as it is. Trouble here is logged and never held against the docking.
        """
        profile = self._known.spoken
        if profile is None or not profile.clock.set or not all(account.whole for account in accounts):
            return
        if not clock.synchronised():
            _logger.warning("clock not set: ours follows no time source", port=self._bay.port)
            return
        try:
            self._go_back_to_charging(profile)
            with self._spoken_to(self._present()) as (dialect, greeting, _):
                if profile.identity.serial_from == "handshake" and greeting.serial != self._serial():
                    raise DialectError("another recorder answers now")
                self._set_clock(dialect, profile)
        except (BusError, DialectError, GoneError, QuarantinedError) as error:
            _logger.warning("clock not set", port=self._bay.port, reason=error.message)
            self.seen = self._bay.present or self.seen  # it is attended to, whatever it shows itself as now

    def _go_back_to_charging(self, profile: Profile) -> None:
        for disk in self._present().disks:
            eject(disk.node)
        settle, self._session = _settle_seconds(profile), None
        if not self._bay.wait_for(lambda device: device is not None and _is_charging(profile, device), settle):
            raise BusError("it did not go back to charging")
        if not self._present().authorized:
            self._admit(self._present())
        charging = [face for face in profile.faces if face.role == "charging"]
        self._known.matches = tuple(FaceMatch(profile, face, 0, None) for face in charging)

    def _set_clock(self, dialect: Dialect, profile: Profile) -> None:
        if not dialect.can_set_clock or self._known.recorder is None:
            return
        moment = clock.now().astimezone(ZoneInfo(profile.clock.zone)).replace(tzinfo=None, microsecond=0)
        dialect.set_clock(moment)
        fact = ClockSet.Fact(recorder=self._known.recorder, set_to=moment.isoformat(), zone=profile.clock.zone)
        self.custody.append(ClockSet(fact=fact))

    def _serial(self) -> str | None:
        return self._known.identity.serial if self._known.identity else None

    def _admit(self, seen: DeviceSeen) -> None:
        """Let the kernel configure a device that matched; again when that is taken back.

        udev's rules take it back when its event of the device comes after ours: with many recorders changing their
        faces at once it is seconds behind.
        """
        ends = clock.monotonic() + _AUTHORISE_SECONDS
        while clock.monotonic() < ends:
            authorise(seen)
            if self._bay.wait_for(lambda device: device is None or device.authorized, _AGAIN_SECONDS):
                break
        if not self._present().authorized:
            raise self._lost("no_storage")

    def _wait_for_disks(self, wanted: str | tuple[int, ...]) -> None:
        """Wait for the disks that have to be there, letting the device in again should that be taken back."""
        ends = clock.monotonic() + _DISKS_SECONDS
        while not _has_disks(self._present(), wanted):
            if not self._present().authorized:
                self._admit(self._present())
            if not self._bay.wait_for(
                lambda device: device is None or not device.authorized or _has_disks(device, wanted),
                max(0.0, ends - clock.monotonic()),
            ):
                raise self._lost("no_storage")

    def quarantine(self, error: QuarantinedError) -> None:
        """Turn the recorder away: say so on the board and in the ledger."""
        seen, self._turned_away = self.seen, error
        self._disks_then = self._disks_now()
        if seen is None:
            return
        identity = error.identity or self._known.identity
        profile = self._known.matches[0].profile.id if self._known.matches else None
        name = (identity.serial or identity.label) if identity else None
        _logger.warning("quarantined", port=self._bay.port, slot=self.meter.line.slot, reason=error.reason)
        self.meter.update(state="quarantined", problem=error.reason, recorder_name=name or seen.serial)
        entry = RecorderQuarantined(
            fact=RecorderQuarantined.Fact.model_validate(
                {
                    "quarantine": new_id(),
                    "reason": error.reason,
                    "slot": self.meter.line.slot,
                    "recorder": error.recorder or self._known.recorder,
                    "profile": profile,
                    "vendor_id": f"{seen.vendor_id:04x}",
                    "product_id": f"{seen.product_id:04x}",
                    "interfaces": tuple(_triple(each) for each in seen.interfaces)[:_INTERFACES],
                }
            ),
            names=RecorderQuarantined.Names(
                identity=identity.key if identity else None,
                serial=(identity.serial if identity else None) or seen.serial,
                label=identity.label if identity else None,
                product=seen.product,
            ),
        )
        self.custody.append(entry)

    def may_try_again(self) -> bool:
        """Tell whether what it was turned away for is gone: it is enrolled, or its late disks are there, protected."""
        error = self._turned_away
        if error is None:
            return False
        if error.reason in ("no_storage", "not_read_only"):
            disks = self._disks_now()
            return bool(disks) and disks != self._disks_then and all(disk.read_only for disk in disks)
        if error.identity is None or error.reason not in ("unknown_recorder", "withdrawn_recorder"):
            return False
        with self.database.read() as session:
            recorder = intake.recorder_by_identity(session, error.identity.key)
            return recorder is not None and intake.is_enrolled(session, recorder)

    def _disks_now(self) -> tuple[DiskSeen, ...]:
        seen = self._bay.present
        return seen.disks if seen else ()

    def fail(self, error: SourceError) -> None:
        """Show that the recorder could not be read; what is already kept stays kept."""
        _logger.error("recorder not read", port=self._bay.port, slot=self.meter.line.slot, reason=error.message)
        problem = "taken_out" if isinstance(error, GoneError) else "source_unreadable"
        self.meter.update(state="failed", problem=problem, eta_seconds=None, rate=None)

    @contextmanager
    def _spoken_to(self, seen: DeviceSeen) -> Iterator[tuple[Dialect, Greeting, Profile]]:
        """Find the profile whose dialect the device answers in, by harmless questions alone."""
        unset = False
        for match in self._known.matches:
            profile = match.profile
            if match.face.role != "charging" or profile.unlock is None:
                continue
            with PyusbLink(seen, profile.unlock) as link:
                try:
                    password = recorder_password(profile.id, self.home.settings.recorder_passwords)
                    dialect = open_dialect(profile.unlock, link, password)
                    greeting = dialect.hello()
                    if match.pending == "handshake" and not greeting.proven:
                        raise DialectError("its answer proves nothing")
                except ConfigError as error:
                    unset = True
                    _logger.warning("no password", port=self._bay.port, profile=profile.id, reason=error.message)
                    continue
                except RefusedError as error:  # it is this dialect: another one must not be tried on it
                    raise QuarantinedError("unlock_refused", self._known.identity, self._known.recorder) from error
                except DeviceGoneError:
                    raise
                except (DialectError, LinkError) as error:
                    _logger.info("another dialect", port=self._bay.port, profile=profile.id, reason=error.message)
                    continue
                yield dialect, greeting, profile
                return
        if unset:
            raise QuarantinedError("unlock_refused", self._known.identity, self._known.recorder)
        raise QuarantinedError("unknown_device")

    def _identify(self, profile: Profile, serial: str | None) -> None:
        if not serial or not profile.believes(serial):
            raise QuarantinedError("unknown_device")
        identity = Identity(f"serial:{serial}", "serial", serial)
        self._presence.claim(identity, self._bay.port)
        with self.database.read() as session:
            recorder = intake.recorder_by_identity(session, identity.key)
            check_enrolled(session, recorder, identity)
        self._known.identity, self._known.recorder = identity, recorder

    def _measure_clock(self, reading: ClockReading, profile: Profile) -> None:
        if self._known.recorder is None:
            return
        theirs = reading.device.replace(tzinfo=ZoneInfo(profile.clock.zone))
        self._known.offset_ms = round((theirs - reading.host) / timedelta(milliseconds=1))
        fact = ClockMeasured.Fact(
            recorder=self._known.recorder,
            device_time=reading.device.isoformat(timespec="milliseconds"),
            zone=profile.clock.zone,
            host_time=clock.format_time(reading.host),
            offset_ms=self._known.offset_ms,
            uncertainty_ms=reading.uncertainty_ms + reading.resolution_ms,
            synchronised=clock.synchronised(),
        )
        self.custody.append(ClockMeasured(fact=fact), seal=False)

    def _arrival(self, disk: DiskSeen | None) -> Arrival:
        known, session = self._known, self._present().session
        return Arrival(
            profiles=known.matches,
            claim=lambda identity: self._presence.claim(identity, self._bay.port),
            gone=lambda: not self._bay.holds(session),
            identity=known.identity,
            disk=disk,
            offset_ms=known.offset_ms,
        )

    def _is_storage(self, device: DeviceSeen) -> bool:
        profile = self._known.spoken
        return profile is not None and face_after_unlock(profile, device) is not None

    def _present(self) -> DeviceSeen:
        """Return the recorder as it is now; raises GoneError when it is out, whatever was plugged in after it."""
        seen = self._bay.present
        if seen is None or self._session not in (None, seen.session):
            raise GoneError("The recorder was taken out")
        self.seen, self._session = seen, seen.session
        return seen

    def _lost(self, reason: str) -> SourceError:
        seen = self._bay.present
        if seen is None or self._session not in (None, seen.session):
            return GoneError("The recorder was taken out")
        if _is_strange(seen):  # what it showed itself as before was a mask
            reason = "forbidden_interface"
        return QuarantinedError(reason, self._known.identity, self._known.recorder)


def _triple(interface: InterfaceSeen) -> str:
    return "/".join(f"{code:02x}" for code in interface.triple)


def _settle_seconds(profile: Profile) -> float:
    """How long a change of face may take: the recorder's own time, and ours when sixteen come at once."""
    return _CROWD_SECONDS + (profile.unlock.settle_seconds if profile.unlock else 0)


def _is_strange(device: DeviceSeen) -> bool:
    """Tell whether it has an interface that no recorder has."""
    return any(each.class_code not in _READABLE_CLASSES for each in device.interfaces)


def _is_charging(profile: Profile, device: DeviceSeen) -> bool:
    return any(face.role == "charging" and face_fits(face, device) for face in profile.faces)


def _wanted_disks(device: DeviceSeen, wanted: str | tuple[int, ...]) -> list[DiskSeen]:
    """Return the disks with a medium that carry recordings, by LUN."""
    filled = [disk for disk in device.disks if disk.size_bytes and (isinstance(wanted, str) or disk.lun in wanted)]
    return sorted(filled, key=lambda disk: disk.lun)


def _is_protected(device: DeviceSeen | None, nodes: Collection[str]) -> bool:
    """Tell whether the kernel refuses writes to those disks; a recorder that is gone needs no more waiting."""
    return device is None or all(disk.read_only for disk in device.disks if disk.node in nodes)


def _has_disks(device: DeviceSeen, wanted: str | tuple[int, ...]) -> bool:
    """Tell whether the disks that have to be there are there: the ones named, or any."""
    found = {disk.lun for disk in _wanted_disks(device, wanted)}
    return bool(found) if isinstance(wanted, str) else set(wanted) <= found
