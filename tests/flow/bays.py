"""Bays for models of recorders: sysfs and USB are asked of the model, everything above them is the station's own."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from station import clock
from station.profiles.usb import Unlock
from station.records.bus import DeviceSeen, DiskSeen
from station.stages import attending as stage
from station.stages.attending import Bay
from tests.fakes.recorder import Recorder
from tests.fakes.recorder.kinds import disks
from tests.fakes.recorder.plain import PlainLink, device_seen

PORT = "0000:00:04.0/3"


class ModelBay(Bay):
    """A bay that looks at the model whenever somebody waits for it."""

    def __init__(self, recorder: Recorder, images: tuple[Path, ...], port: str = PORT) -> None:
        super().__init__(port)
        self.recorder, self.images = recorder, images
        self.read_only = self.trusted = True
        self.authorized = False
        self.taken_back_after: list[int] = []
        self.authorisations = 0
        self.sequence = 0
        recorder.power_on()
        self.look()

    def look(self) -> None:
        """See what the recorder shows now."""
        self.recorder.tick()
        if not self.recorder.present:
            self.show(None)
            self.authorized = False
            return
        seen = device_seen(self.recorder, self.port, authorized=self.authorized)
        if self.present is None or seen.session != self.present.session:
            self.authorized = False
            seen = replace(seen, authorized=False)
        if self.recorder.face.name == "storage" and self.authorized:
            found = [
                DiskSeen(str(image), lun, image.stat().st_size, 0, self.read_only)
                for lun, image in enumerate(self.images)
            ]
            seen = replace(seen, disks=tuple(found))
        self.show(seen)

    def wait_for(self, wanted: Callable[[DeviceSeen | None], bool], seconds: float | None = None) -> bool:
        ends = clock.monotonic() + min(seconds or 5.0, 5.0)
        while not wanted(self.present):
            if clock.monotonic() > ends:
                return False
            threading.Event().wait(0.01)
            self.look()
        return True

    def authorise(self) -> None:
        """Let the recorder in, unless udev is to be late with taking that back."""
        self.authorisations += 1
        self.authorized = self.authorisations not in self.taken_back_after


class _Linked:
    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def __enter__(self) -> PlainLink:
        return PlainLink(self.recorder)

    def __exit__(self, *_: object) -> None:
        pass


def let_models_answer(bays: Mapping[str, ModelBay], change: Callable[[object, str, Any], None]) -> None:
    """Have the stage speak to what is plugged into `bays`; `change(where, name, value)` is monkeypatch.setattr's."""

    def link(seen: DeviceSeen, _unlock: Unlock) -> Any:
        return _Linked(bays[seen.port].recorder)

    def authorise(seen: DeviceSeen) -> None:
        bays[seen.port].authorise()

    def eject(node: str) -> None:
        for bay in bays.values():
            for disk in disks(bay.recorder):
                if str(disk.image) == node or node in map(str, bay.images):
                    disk.ejected = True
            bay.recorder.become("charging")

    change(stage, "PyusbLink", link)
    change(stage, "authorise", authorise)
    change(stage, "eject", eject)
