"""A small ledger that has taken in a card, and the tickets that follow from it."""

from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

from station.digest import sha256_hex
from station.ledger.entry import FIRST_PREV, leaf_of, make_part, make_payload, make_record
from station.ledger.keys import SigningKey, make_key
from station.ledger.merkle import CompactRange, inclusion_proof
from station.ledger.note import checkpoint_text, make_note
from station.records.docking_entries import ClipFact, ClipIncomplete, ClipIngested, ClipNames
from station.records.reading import EntrySeen
from station.records.ticket import TicketFile, TicketHead
from tests.unit.erase.cards import Files, list_card

ORIGIN = "evidence-station/test"
RECORDER = "r1"


@dataclass
class Book:
    """A log in memory; `lines` are the ticket's lines by path, without their inclusion proofs."""

    key: SigningKey = field(default_factory=lambda: make_key(ORIGIN))
    records: list[bytes] = field(default_factory=list)
    lines: dict[str, dict[str, object]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def take_in(self, path: str, entry: EntrySeen, content: bytes, *, whole: bool = True, **fact: object) -> None:
        """Append the entry of one file; `fact` overrides what it says."""
        known: dict[str, object] = {
            "clip": f"clip{len(self.records)}",
            "docking": "d1",
            "recorder": RECORDER,
            "digest": {"sha256": sha256_hex(content)},
            "size_bytes": entry.size_bytes,
            "media": "video",
            "container": "mp4",
            "readback": "direct",
        }
        names = ClipNames(path=entry.path, volume=entry.volume, address=entry.address, times=entry.times)
        kind = ClipIngested if whole else ClipIncomplete
        draft = kind(fact=ClipFact.model_validate(known | fact), names=names).draft()
        parts = {name: make_part(value) for name, value in draft.parts.items()}
        payload = make_payload(parts)
        record = make_record(
            log=ORIGIN,
            seq=len(self.records),
            prev=leaf_of(self.records[-1]).hex() if self.records else FIRST_PREV,
            type=draft.type,
            time="2026-08-04T10:00:00.000000Z",
            payload=sha256_hex(payload),
            subjects=dict.fromkeys(draft.subjects),
        )
        self.numbers[path] = len(self.records)
        self.records.append(record)
        self.lines[path] = {
            "volume": entry.volume,
            "path": tuple(name.raw for name in entry.path),
            "address": entry.address,
            "size_bytes": entry.size_bytes,
            "times": entry.times,
            "sha256": sha256_hex(content),
            "record": record.decode(),
            "payload": payload.decode(),
            "fact": parts["fact"].decode(),
            "names": parts["names"].decode(),
        }

    def checkpoint(self) -> str:
        """Return the signed head."""
        tree = CompactRange()
        for record in self.records:
            tree.append(leaf_of(record))
        text = checkpoint_text(ORIGIN, tree.size, tree.root())
        return make_note(text, [self.key.sign(text)])

    def file(self, path: str, /, **other: object) -> TicketFile:
        """Return the line for one file, with `other` values in place of the true ones."""
        leaves = [leaf_of(record) for record in self.records]
        nodes: dict[tuple[int, int], bytes] = {(0, index): leaf for index, leaf in enumerate(leaves)}
        tree = CompactRange()
        for leaf in leaves:
            nodes |= {(node.level, node.index): node.hash for node in tree.append(leaf)}
        proof = inclusion_proof(self.numbers[path], len(leaves), lambda level, index: nodes[level, index])
        inclusion = tuple(b64encode(each).decode() for each in proof)
        return TicketFile.model_validate({"inclusion": inclusion} | self.lines[path] | other)

    def head(self, device: Path | str, files: int, **other: object) -> TicketHead:
        """Return a ticket's head."""
        known = {"device": str(device), "diskseq": 0, "session": "port@1.2", "recorder": RECORDER, "files": files}
        return TicketHead.model_validate(known | {"checkpoint": self.checkpoint()} | other)


def take_in_card(image: Path, files: Files) -> Book:
    """Return the book of a station that took in all of a card."""
    book = Book()
    for path, entry in list_card(image).items():
        book.take_in(path, entry, files[path])
    return book
