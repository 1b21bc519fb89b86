"""What changed on the bus between two looks: a pure function, so that every order of events can be tested.

Guarantees: a device that is another enumeration, or tells another identity, is Gone and Arrived, never Changed; all
Gone come first, so that a slot is free before the next recorder takes it; nothing is delayed or left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from station.records.bus import DeviceSeen, DiskSeen


@dataclass(frozen=True, slots=True)
class Arrived:
    """A device that was not there at the look before."""

    device: DeviceSeen

    @property
    def session(self) -> str:
        """The enumeration that this is about."""
        return self.device.session


@dataclass(frozen=True, slots=True)
class Gone:
    """A device that is no longer there; `device` is as it was seen last."""

    device: DeviceSeen

    @property
    def session(self) -> str:
        """The enumeration that this is about."""
        return self.device.session


@dataclass(frozen=True, slots=True)
class Changed:
    """The same enumeration with other disks, other write protection, or newly authorised."""

    before: DeviceSeen
    device: DeviceSeen

    @property
    def session(self) -> str:
        """The enumeration that this is about."""
        return self.device.session

    @property
    def disks_came(self) -> tuple[DiskSeen, ...]:
        """Disks that were not there before; a medium that was changed counts as another disk."""
        held = {_name(disk) for disk in self.before.disks}
        return tuple(disk for disk in self.device.disks if _name(disk) not in held)

    @property
    def disks_went(self) -> tuple[DiskSeen, ...]:
        """Disks that are no longer there."""
        held = {_name(disk) for disk in self.device.disks}
        return tuple(disk for disk in self.before.disks if _name(disk) not in held)

    @property
    def read_only_changed(self) -> tuple[DiskSeen, ...]:
        """Disks, as they are now, whose write protection is another than before."""
        held = {_name(disk): disk for disk in self.before.disks}
        return tuple(
            disk for disk in self.device.disks if _name(disk) in held and held[_name(disk)].read_only != disk.read_only
        )

    @property
    def authorized_changed(self) -> bool:
        """Whether it was authorised, or lost it."""
        return self.before.authorized != self.device.authorized


Change = Arrived | Gone | Changed


def compare(before: Iterable[DeviceSeen], now: Iterable[DeviceSeen]) -> tuple[Change, ...]:
    """Return what changed from `before` to `now`: all Gone, then Arrived and Changed in the order of `now`."""
    earlier = {device.session: device for device in before}
    later = {device.session: device for device in now}
    gone = [
        Gone(device) for session, device in earlier.items() if session not in later or _another(device, later[session])
    ]
    left = {change.session for change in gone}
    changes: list[Change] = [*gone]
    for session, device in later.items():
        if session not in earlier or session in left:
            changes.append(Arrived(device))
        elif earlier[session] != device:
            changes.append(Changed(earlier[session], device))
    return tuple(changes)


def _another(before: DeviceSeen, now: DeviceSeen) -> bool:
    """Tell whether two devices of one session differ in what an enumeration can't change."""
    return replace(before, authorized=now.authorized, disks=now.disks) != now


def _name(disk: DiskSeen) -> tuple[str, int, int | None]:
    return disk.node, disk.lun, disk.sequence
