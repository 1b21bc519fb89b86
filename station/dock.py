"""The dock process: one watcher of the bus, and one thread for each port that has something plugged in.

Guarantees: a recorder that hangs, crashes its reader or is yanked holds up its own slot alone; whatever happens at a
port is shown at its slot; what was plugged in before the process started is attended to like what comes later; where
our own side failed, what is still plugged in is tried again.
"""

import threading

import structlog

from station import clock, notify
from station.board import SlotBoard, clear_slot, slot_meter
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.device.watch.changes import Change, Gone
from station.device.watch.errors import BusError
from station.device.watch.watcher import Watcher
from station.errors import StationError
from station.pipeline import attend
from station.profiles.library import load_profiles
from station.slots import read_slots_map, slot_of
from station.stages.attending import Attending, Bay, Presence

_logger = structlog.get_logger(__name__)
_KEPT_ON_BOARD = ("partly", "failed")
_STOP_SECONDS = 30.0
_LOOK_SECONDS = 2.0
_BLIND_SECONDS = 60.0
_RETRY_SECONDS = 20.0


class Dock:
    """All bays of the station: `take` is told what changed on the bus, and a bay's thread does the rest."""

    def __init__(self, home: Home, database: Database, custody: Custody) -> None:
        """Begin with empty bays; raises ConfigError when the map of slots is wrong."""
        self._home, self._database, self._custody = home, database, custody
        self._learned = read_slots_map(home)
        self._presence = Presence()
        self._bays: dict[str, Bay] = {}
        self._slots: dict[str, int] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._stopping = threading.Event()

    def take(self, change: Change) -> None:
        """Tell a bay what came, went or changed in it; a bay that something came into gets a thread."""
        port = change.device.port
        bay = self._bays.setdefault(port, Bay(port))
        if isinstance(change, Gone):
            bay.show(None)
            return
        bay.show(change.device)
        if not self._is_busy(port):
            self._start(port)

    def stop(self) -> None:
        """End all waiting and give the threads time to end what they are in the middle of."""
        self._stopping.set()
        for bay in self._bays.values():
            bay.close()
        for thread in self._threads.values():
            thread.join(_STOP_SECONDS)

    def _start(self, port: str) -> None:
        taken = {slot for each, slot in self._slots.items() if each != port and self._is_busy(each)}
        slot = slot_of(port, self._learned, self._home.settings.slots, taken)
        if slot is None:
            _logger.error("no slot is free", port=port, hint="raise `slots` in station.toml, or learn the ports")
            return
        self._slots[port] = slot
        thread = threading.Thread(target=self._tend, args=(self._bays[port], slot), name=f"slot-{slot}", daemon=True)
        self._threads[port] = thread
        thread.start()

    def _is_busy(self, port: str) -> bool:
        thread = self._threads.get(port)
        return thread is not None and thread.is_alive()

    def _tend(self, bay: Bay, slot: int) -> None:
        """Attend to whatever is plugged into one bay, again whenever it comes up anew, until the bay is empty."""
        try:
            while not self._attend(bay, slot):
                if self._stopping.wait(_RETRY_SECONDS) or bay.present is None:
                    return
        finally:
            self._presence.release(bay.port)

    def _attend(self, bay: Bay, slot: int) -> bool:
        """Attend until the bay is empty; False when our own side failed: nothing is lost, and it is tried again."""
        try:
            with slot_meter(self._home.run, slot, self._home.settings.slots, _shown, state="unlocking") as meter:
                while bay.present is not None:
                    attending = Attending(self._home, self._database, self._custody, bay, meter, self._presence)
                    attend(attending, load_profiles(*self._home.profiles))
                    self._wait(bay, attending)
                    if bay.is_left_empty():
                        break
                    meter.renew("unlocking")
                state = meter.line.state
            if state not in _KEPT_ON_BOARD:
                clear_slot(self._home.run, slot)
        except StationError as error:
            _logger.error("slot given up for now", slot=slot, port=bay.port, reason=str(error), hint=error.hint)
            self._presence.release(bay.port)
            return False
        return True

    def _wait(self, bay: Bay, attending: Attending) -> None:
        """Wait until the recorder that was attended to is out, or may be read after all."""
        session = attending.seen.session if attending.seen else None
        while not self._stopping.is_set() and not bay.wait_until_another(session, _LOOK_SECONDS):
            if attending.may_try_again():
                return


def run(home: Home, database: Database, custody: Custody, stop: threading.Event) -> None:
    """Watch the bus and attend to what comes, until `stop`; tells the service manager that it lives.

    Raises ConfigError when the map of slots is wrong, BusError when the watching itself ended.
    """
    dock, watcher = Dock(home, database, custody), Watcher()
    watching = threading.Thread(target=_watch, args=(watcher, dock), name="watcher", daemon=True)
    watching.start()
    notify.tell_ready("watching the dock")
    try:
        while not stop.wait(_LOOK_SECONDS):
            if not watching.is_alive():
                raise BusError("The watching of the bus ended", hint="It is started again by itself")
            if watcher.looked_at is not None and clock.monotonic() - watcher.looked_at < _BLIND_SECONDS:
                notify.tell_alive()
    finally:
        notify.tell_stopping()
        watcher.stop()
        dock.stop()


def _watch(watcher: Watcher, dock: Dock) -> None:
    for change in watcher:
        dock.take(change)


def _shown(_line: SlotBoard) -> None:
    """Nobody looks on: the line is on the board."""
