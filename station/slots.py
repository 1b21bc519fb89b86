"""Which physical USB port is which slot: learned once by the operator, kept in slots.toml in the home.

Guarantees: a port keeps its number across re-plugs, restarts and renumbered buses; a port nobody has named gets the
lowest number that no named port has and no other recorder is shown at, so that it works before it was learned.
"""

import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

from station import durable
from station.config import Home
from station.errors import ConfigError

_FILE = "slots.toml"
_HEAD = "# Physical USB ports and the numbers of their slots; written by `station slot learn`.\n"


def read_slots_map(home: Home) -> dict[str, int]:
    """Return slot numbers by port; raises ConfigError naming what is wrong in the file."""
    path = home.root / _FILE
    try:
        ports = tomllib.loads(path.read_text(encoding="utf-8")).get("ports", {})
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(path, str(error)) from error
    for port, number in ports.items():
        if not isinstance(number, int) or not 1 <= number <= home.settings.slots:
            raise _wrong(path, f"{port} has the slot {number!r}, and there are {home.settings.slots} slots")
    if len(set(ports.values())) != len(ports):
        raise _wrong(path, "two ports have the same slot")
    return dict(ports)


def learn_slot(home: Home, port: str, slot: int) -> None:
    """Name a port's slot; whatever had that number, or was that port's number before, is forgotten.

    Raises ConfigError when the file is wrong, OSError when it can't be written.
    """
    kept = {each: number for each, number in read_slots_map(home).items() if each != port and number != slot}
    lines = [f"{json.dumps(each)} = {number}\n" for each, number in sorted({**kept, port: slot}.items())]
    durable.replace_file(home.root / _FILE, (_HEAD + "\n[ports]\n" + "".join(lines)).encode())


def slot_of(port: str, learned: Mapping[str, int], slots: int, taken: Collection[int]) -> int | None:
    """Return the slot of a port: the learned one, else the lowest that is free; None when there is none."""
    if port in learned:
        return learned[port]
    reserved = {*learned.values(), *taken}
    return next((number for number in range(1, slots + 1) if number not in reserved), None)


def _wrong(path: Path, what: str) -> ConfigError:
    return ConfigError(f"{path}: {what}", hint="Correct it, or delete it and run `station slot learn` again")
