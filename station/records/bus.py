"""What was seen on the USB bus, as the kernel describes it in sysfs, before anything was said to the device.

Guarantee: immutable values without logic or input and output; a `DeviceSeen` that comes again after a re-plug or a
change of face is another `session`, because the kernel numbers every enumeration anew.
"""

from dataclasses import dataclass

# Class codes of USB interfaces: USB-IF, "Defined Class Codes".
CLASS_STILL_IMAGE = 0x06
CLASS_MASS_STORAGE = 0x08
CLASS_HUB = 0x09
CLASS_VENDOR = 0xFF


@dataclass(frozen=True, slots=True)
class EndpointSeen:
    """One endpoint: `address` with the direction in bit 7, `transfer` control|isochronous|bulk|interrupt."""

    address: int
    transfer: str


@dataclass(frozen=True, slots=True)
class InterfaceSeen:
    """One alternate setting of one interface (USB 2.0, section 9.6.5)."""

    number: int
    alternate: int
    class_code: int
    subclass: int
    protocol: int
    endpoints: tuple[EndpointSeen, ...] = ()

    @property
    def triple(self) -> tuple[int, int, int]:
        """Class, subclass and protocol."""
        return self.class_code, self.subclass, self.protocol


@dataclass(frozen=True, slots=True)
class DiskSeen:
    """One disk (LUN) of the device: `node` like /dev/sda; `sequence` is the kernel's diskseq, unique since boot.

    `size_bytes` 0: no medium. `read_only` tells that the kernel refuses writes to the disk and all its partitions.
    """

    node: str
    lun: int
    size_bytes: int
    sequence: int | None
    read_only: bool


@dataclass(frozen=True, slots=True)
class DeviceSeen:
    """One USB device that is no hub.

    `sys_path` is its folder in /sys. `port` is its physical place, the same however often something is plugged in
    there: the controller's address and the chain of hub ports, like `0000:00:14.0/1.4`. `bus` and `address` are
    where libusb finds it, for this session only. Texts are None where the device tells none. `interfaces` come from
    the raw descriptors, all configurations, so that they are known of a device that is not authorised either.
    """

    sys_path: str
    port: str
    bus: int
    address: int
    vendor_id: int
    product_id: int
    release: int
    manufacturer: str | None
    product: str | None
    serial: str | None
    interfaces: tuple[InterfaceSeen, ...]
    authorized: bool
    disks: tuple[DiskSeen, ...] = ()

    @property
    def session(self) -> str:
        """Names this enumeration: it changes with every re-plug and every change of face."""
        return f"{self.port}@{self.bus}.{self.address}"
