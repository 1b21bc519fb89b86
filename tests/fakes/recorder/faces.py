"""A face: how the fake recorder shows itself on the bus at one time, made of functions that say what it does there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tests.fakes.recorder import descriptors
from tests.fakes.recorder.descriptors import Association, Endpoint, Interface
from tests.fakes.recorder.errors import StalledError

if TYPE_CHECKING:
    from tests.fakes.recorder.model import Recorder

_COMPOSITE = (0xEF, 2, 1)  # a device with associations says so in its class


class Setup(NamedTuple):
    """The setup packet of a control transfer (USB 2.0, section 9.3)."""

    request_type: int
    request: int
    value: int
    index: int  # type: ignore[assignment]  # the standard's name wins over tuple's method
    length: int

    @property
    def wants_data(self) -> bool:
        """True when the device is to send data to the host."""
        return bool(self.request_type & 0x80)


class Function:
    """One function of a face; this one shows its interfaces and says nothing."""

    def __init__(self, *interfaces: Interface) -> None:
        self.interfaces = interfaces
        self.associations: tuple[Association, ...] = ()
        self.texts: Mapping[int, str] = {}
        self.recorder: Recorder

    def bind(self, recorder: "Recorder") -> None:
        """Become part of `recorder`; comes before any transfer."""
        self.recorder = recorder

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        """Answer a class or vendor request; None: it is not for this function. Raises StalledError, GoneError."""
        del setup, data
        return None

    def send(self, endpoint: int, data: bytes) -> None:
        """Take one transfer from the host; raises StalledError, GoneError."""
        del endpoint, data
        raise StalledError("this function takes nothing")

    def take(self, endpoint: int, size: int) -> bytes | None:
        """Return the next transfer for the host, at most `size` bytes; None: nothing to say yet."""
        del endpoint, size
        return None

    def due(self) -> float | None:
        """Return the monotonic time from which `take` may have more to say; None: not by itself."""
        return None

    def power_on(self) -> None:
        """Start afresh: it was plugged in."""

    def reset(self) -> None:
        """Forget what was under way: bus reset, or the face is newly up."""

    def close(self) -> None:
        """Let go of files."""


@dataclass(eq=False)
class Face:
    """What the host sees: ids, texts (None: the device has no such text), interfaces of its functions."""

    name: str
    vendor_id: int
    product_id: int
    functions: tuple[Function, ...]
    release: int = 0x0104
    manufacturer: str | None = "Acme Bodycam"
    product: str | None = "AC-200"
    serial: str | None = "BWC000001"
    texts: dict[int, str] = field(init=False)

    def __post_init__(self) -> None:
        named = {1: self.manufacturer, 2: self.product, 3: self.serial}
        self.texts = {index: text for index, text in named.items() if text is not None}
        for function in self.functions:
            self.texts.update(function.texts)
        keys = [(each.number, each.alternate) for each in self.interfaces]
        assert len(keys) == len(set(keys)), "two functions share an interface number"

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """All alternate settings of all interfaces, in order."""
        return tuple(interface for function in self.functions for interface in function.interfaces)

    @property
    def device_class(self) -> tuple[int, int, int]:
        """The class of the whole device: told by its interfaces unless some are associated."""
        return _COMPOSITE if any(function.associations for function in self.functions) else (0, 0, 0)

    def owner(self, endpoint: int) -> Function:
        """Return the function an endpoint belongs to; raises StalledError when none has it."""
        for function in self.functions:
            for interface in function.interfaces:
                if any(each.address == endpoint for each in interface.endpoints):
                    return function
        raise StalledError(f"no endpoint {endpoint:#04x}")

    def active(self, alternates: Mapping[int, int]) -> tuple[Interface, ...]:
        """Return the settings in force, `alternates` being those that differ from 0."""
        return tuple(each for each in self.interfaces if each.alternate == alternates.get(each.number, 0))

    def endpoints(self, alternates: Mapping[int, int]) -> tuple[tuple[Interface, Endpoint], ...]:
        """Return the endpoints in force, each with its interface."""
        return tuple((interface, each) for interface in self.active(alternates) for each in interface.endpoints)

    def device_descriptor(self) -> bytes:
        """Return the device descriptor."""
        told = tuple(index if index in self.texts else 0 for index in (1, 2, 3))
        return descriptors.device_descriptor(
            self.vendor_id, self.product_id, self.release, self.device_class, (told[0], told[1], told[2])
        )

    def configuration_descriptor(self) -> bytes:
        """Return the one configuration, whole."""
        associations = [each for function in self.functions for each in function.associations]
        return descriptors.configuration_descriptor(self.interfaces, associations)

    def sysfs_descriptors(self) -> bytes:
        """Return what the kernel shows as the file `descriptors` in sysfs."""
        return self.device_descriptor() + self.configuration_descriptor()

    def descriptor(self, kind: int, index: int) -> bytes:
        """Answer GET_DESCRIPTOR; raises StalledError for one the device does not have."""
        if kind == 1:
            return self.device_descriptor()
        if kind == 2 and index == 0:
            return self.configuration_descriptor()
        if kind == 3 and index == 0:
            return descriptors.string_descriptor(None)
        if kind == 3 and index in self.texts:
            return descriptors.string_descriptor(self.texts[index])
        if kind == 6:
            return descriptors.qualifier_descriptor(self.device_class)
        raise StalledError(f"no descriptor {kind}/{index}")
