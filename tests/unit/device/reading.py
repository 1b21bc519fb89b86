"""Reading a card image in the test's own process, as the confined reader does in its own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from station.device.volume import Card, Source
from station.records.reading import EntrySeen, Fault

OpenCard = Callable[[bytes], Card]


def open_cards(folder: Path) -> Iterator[OpenCard]:
    """Yield what turns an image's bytes into an open card, and close all of them at the end."""
    handles: list[int] = []

    def open_card(image: bytes, code_page: str = "gbk") -> Card:
        path = folder / f"card{len(handles)}.img"
        path.write_bytes(image)
        handles.append(os.open(path, os.O_RDONLY))
        return Card(handles[-1], code_page)

    yield open_card
    for handle in handles:
        os.close(handle)


def listing(source: Source) -> dict[str, EntrySeen]:
    """List a source: display path → entry; two entries that show alike fail the test."""
    found: dict[str, EntrySeen] = {}
    for entry in source.entries():
        if not isinstance(entry, Fault):
            path = "/".join(name.text for name in entry.path)
            assert path not in found
            found[path] = entry
    return found


def content(source: Source, entry: EntrySeen) -> bytes:
    """Read a whole file."""
    opened = source.open_content(entry.id)
    data = bytearray(opened.size_bytes)
    with memoryview(data) as view:
        opened.read_into(0, view)
    return bytes(data)
