"""The watch process of the tests in the bed: our watcher, authorising and dialects on real pyudev and pyusb.

Its only argument is the profile's [unlock] as JSON, or `null` to watch alone. One JSON line on stdout for each thing
that happens; it ends when its stdin does.
"""

import json
import os
import sys
import threading
from datetime import datetime
from typing import Any

import structlog
from pydantic import SecretStr

from station.device.usb.dialect import open_dialect
from station.device.usb.link import PyusbLink
from station.device.watch.authorising import authorise
from station.device.watch.changes import Gone
from station.device.watch.watcher import Watcher
from station.errors import StationError
from station.profiles.usb import Unlock
from station.records.bus import CLASS_VENDOR, DeviceSeen


def say(what: str, **more: Any) -> None:
    sys.stdout.write(json.dumps({"what": what, **more}) + "\n")
    sys.stdout.flush()


def speak(device: DeviceSeen, unlock: Unlock) -> None:
    """Greet, set the clock where that can be, and unlock."""
    with PyusbLink(device, unlock) as link:
        dialect = open_dialect(unlock, link, SecretStr(os.environ.get("PASSWORD", "87654321")))
        greeting = dialect.hello()
        say("greeting", port=device.port, serial=greeting.serial, battery=greeting.battery_percent)
        if dialect.can_set_clock:
            dialect.set_clock(datetime(2031, 2, 3, 4, 5, 6))  # noqa: DTZ001 - a recorder's clock knows no zone
        dialect.unlock()


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    told = json.loads(sys.argv[1])
    unlock = None if told is None else Unlock.model_validate(told)
    watcher = Watcher(report=lambda error: say("trouble", error=str(error)), look_again_seconds=0.5)
    threading.Thread(target=lambda: (sys.stdin.read(), watcher.stop()), daemon=True).start()
    say("ready")
    for change in watcher:
        device = change.device
        say(
            type(change).__name__.lower(),
            port=device.port,
            session=device.session,
            serial=device.serial,
            authorized=device.authorized,
            disks=[disk.node for disk in device.disks],
            read_only=all(disk.read_only for disk in device.disks),
        )
        if isinstance(change, Gone) or unlock is None:
            continue
        if all(each.class_code == CLASS_VENDOR for each in device.interfaces):
            try:
                if device.authorized:
                    speak(device, unlock)
                else:
                    authorise(device)
            except StationError as error:
                say("error", port=device.port, kind=type(error).__name__, message=str(error))


main()
