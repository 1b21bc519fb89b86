"""The page that chains the stages: what happens to a recorder's card, and to what was taken in from it.

A card is opened read-only and read by a confined child, never mounted. A profile is matched, the recorder recognised,
the plan made; each file is read once, hashed and written, read back past the page cache, linked into the vault, and
only then named in the ledger, under a signed checkpoint. Afterwards every clip's content is probed and copies for
looking at are made. Guarantee: at every instant each recording is whole on the recorder, or durable in the vault with
its entry; a crash anywhere leaves work to be done again, never a loss.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from station.acquire.account import Account
from station.acquire.identify import QuarantinedError
from station.acquire.listing import gather
from station.board import NO_SLOT, SlotBoard, slot_meter
from station.config import Home
from station.custody import Custody
from station.database import Database
from station.errors import SourceError
from station.evidence.opening import open_store
from station.profiles.library import choose_profile
from station.records.reading import CopyOrder
from station.stages.docking import Docking, show_end
from station.stages.opening import OpenCard, Request, open_card

if TYPE_CHECKING:  # a docking by hand does not carry what speaks to USB
    from station.profiles.model import Profile
    from station.stages.attending import Attending

_PAUSE_SECONDS = 1.0


def dock(
    home: Home, database: Database, custody: Custody, request: Request, shown: Callable[[SlotBoard], None]
) -> Account:
    """Take one source in and return its account; see `slot_meter`, `open_card` and `take_in` for what they raise."""
    with (
        slot_meter(home.run, request.slot, home.settings.slots, shown) as meter,
        open_card(home, request, meter) as card,
    ):
        account = take_in(database, custody, card)
        show_end(meter, (account,))
    return account


def hand_in(home: Home, database: Database, custody: Custody, request: Request) -> Account:
    """Take a folder in that did not come by the dock: as a docking, but at no slot. Raises what `dock` raises."""
    with (
        slot_meter(home.run / "handing", NO_SLOT, 1, lambda _line: None) as meter,
        open_card(home, request, meter) as card,
    ):
        return take_in(database, custody, card)


def attend(attending: "Attending", profiles: "dict[str, Profile]") -> None:
    """Attend to one recorder at the dock, from plugging in to "safe to remove"; what happened is on its slot's line.

    Trouble with the recorder never leaves this function: it is shown, sealed where it is a quarantine, and ends with
    this recorder. Raises StorageError, LedgerError, ConfigError when our own side failed.
    """
    try:
        if attending.recognise(profiles).face.role == "charging":
            attending.unlock()
        taken = []
        for request in attending.requests():
            with open_card(attending.home, request, attending.meter) as card:
                taken.append((request, take_in(attending.database, attending.custody, card)))
        accounts = [account for _, account in taken]
        attending.erase(taken)
        attending.set_clock(accounts)
        show_end(attending.meter, accounts)
    except QuarantinedError as error:
        attending.quarantine(error)
    except SourceError as error:
        attending.fail(error)


def take_in(database: Database, custody: Custody, card: OpenCard) -> Account:
    """Take in what lies on an open card and return the account; what could be kept is kept whatever else fails.

    Raises SourceError, ReaderDiedError, ProfileError, StorageError or LedgerError when it could not start (a log
    that does not hold what was signed is one reason) or our own side failed; trouble with the source after the start
    is in the account.
    """
    reading, arrival = card.reading, card.request.arrival
    custody.seal()  # before anything else is done: a log that was rolled back takes nothing more
    listing = gather(reading.list())
    if card.request.accepts is not None:
        listing.keep(card.request.accepts)
    listing.number_from(arrival.first_volume if arrival else 0)
    if arrival is not None:
        profile = arrival.choose(listing.labels())
    else:
        profile = card.named or choose_profile(card.profiles, listing.names(), listing.labels())
    with Docking(database, custody, card, profile) as docking:
        docking.recognise(listing)
        docking.start(listing)
        plan = docking.plan(listing)
        try:
            reading.order(CopyOrder(copy_ids=tuple(item.entry.id for item in plan)))
            for message in reading.results():
                docking.hear(message)
        except SourceError as error:  # ReaderDiedError among them
            docking.account.problem = str(error)
        docking.account.taken_out = arrival is not None and arrival.gone()
        docking.seal_rest()
        docking.lose(plan, "taken_out" if docking.account.taken_out else "reader_died")
    docking.finish()
    return docking.account


def develop(home: Home, database: Database, custody: Custody, stop: threading.Event, *, once: bool) -> None:
    """Probe every clip taken in, make its poster, and a playable copy where a browser needs one, until `stop`.

    With `once` it ends when there is nothing left to do. Raises StationError when our own side fails.
    """
    from station.stages.developing import Developing  # here, so that a docking does not carry it in memory

    developing = Developing(home, database, custody, open_store(home))
    while not stop.is_set():
        if developing.step(stop):
            continue
        if once:
            return
        stop.wait(_PAUSE_SECONDS)
