"""`station slot …`: which physical USB port is which slot."""

import select
import sys
from typing import Annotated

import typer

from station.cli.console import HomeOption, JsonOption, answer, answer_json, open_home, say, t
from station.errors import RequestError
from station.records.bus import DeviceSeen
from station.slots import learn_slot, read_slots_map

app = typer.Typer(no_args_is_help=True)
_LOOK_SECONDS = 0.5


@app.command(name="list", help=t("List the slots that were learned, and what is plugged in now"))
def list_slots(home: HomeOption = None, json: JsonOption = False) -> None:
    """Print a line for each learned slot, and each device at a port without one."""
    from station.device.watch.bus import look

    learned, present = read_slots_map(open_home(home)), {device.port: device for device in look()}
    lines: list[tuple[int | None, str, str | None]]
    lines = [
        (slot, port, _describe(present.get(port))) for port, slot in sorted(learned.items(), key=lambda item: item[1])
    ]
    lines += [(None, port, _describe(device)) for port, device in sorted(present.items()) if port not in learned]
    if json:
        answer_json([{"slot": slot, "port": port, "device": device} for slot, port, device in lines])
        return
    for slot, port, device in lines:
        answer(f"{slot if slot is not None else '-':>3}  {port:<24}  {device or ''}")


@app.command(help=t("Learn which port is which slot: plug a device into one slot after the other"))
def learn(
    first: Annotated[int, typer.Option("--from", min=1, max=64, help=t("The slot to begin with"))] = 1,
    home: HomeOption = None,
) -> None:
    """Walk the operator through the slots; Enter skips one, q ends."""
    station = open_home(home)
    if first > station.settings.slots:
        raise RequestError(f"There are {station.settings.slots} slots", hint="Raise `slots` in station.toml first")
    say(t("Take everything out of the dock. Enter skips a slot, q and Enter ends."))
    for slot in range(first, station.settings.slots + 1):
        say(t("Plug a device into slot {slot} …", slot=slot))
        answer_line, port = _wait_for_port()
        if answer_line is not None and answer_line.strip().lower() == "q":
            break
        if port is not None:
            learn_slot(station, port, slot)
            answer(t("Slot {slot} is the port {port}", slot=slot, port=port))
    say(t("Kept in {path}; the dock uses it from its next start on", path=station.root / "slots.toml"))


def _wait_for_port() -> tuple[str | None, str | None]:
    """Return the line that was typed, or the port where something was plugged in meanwhile."""
    from station.device.watch.bus import Bus

    bus = Bus()
    before = {device.session for device in bus.look()}
    while True:
        if sys.stdin in select.select([sys.stdin], [], [], _LOOK_SECONDS)[0]:
            return sys.stdin.readline() or "q", None
        now = bus.look()
        arrived = [device.port for device in now if device.session not in before]
        before = {device.session for device in now}
        if len(arrived) == 1:
            return None, arrived[0]
        if arrived:
            say(t("Several devices came at once; take them out and plug in one"))


def _describe(device: DeviceSeen | None) -> str | None:
    if device is None:
        return None
    texts = (device.manufacturer, device.product, device.serial)
    return " ".join((f"{device.vendor_id:04x}:{device.product_id:04x}", *(text for text in texts if text)))
