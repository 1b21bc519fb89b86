"""One model of a body-worn recorder behind three plugs.

`kinds` makes recorders (`control_recorder(image)` and its kin), `model.Recorder` is what they all are; `plain`,
`usbredir` and `testbed` plug one into plain code, a QEMU guest, or an unmodified process through umockdev.

    with control_recorder(image, serial="K7", faults=Faults(yank_after_read_bytes=4 << 20)) as recorder:
        link = PlainLink(recorder)                    # plain: what the dialects speak over
        with UsbRedirPlug(recorder, bay_socket): ...  # usbredir: into a guest until the block ends
        testbed.plug(recorder, port="1.3")            # testbed: the fixture of tests/replay
        assert recorder.log.addressed() == [] and disks(recorder)[0].writes == []
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
