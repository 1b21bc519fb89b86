"""One model of a body-worn recorder behind three plugs.

`kinds` makes recorders (`control_recorder(image)` and its kin), `model.Recorder` is what they all are; `plain`,
`usbredir` and `testbed` plug one into plain code, a QEMU guest, or an unmodified process through umockdev.
"""

from tests.fakes.recorder.disk import Disk, Faults
from tests.fakes.recorder.errors import DeviceError, GoneError, StalledError
from tests.fakes.recorder.faces import Face, Function, Setup
from tests.fakes.recorder.log import Event, Log
from tests.fakes.recorder.model import Delays, Identity, Recorder

__all__ = [
    "Delays",
    "DeviceError",
    "Disk",
    "Event",
    "Face",
    "Faults",
    "Function",
    "GoneError",
    "Identity",
    "Log",
    "Recorder",
    "Setup",
    "StalledError",
]
