"""One file system of a card to delete from: found, proven by the caller, deleted, and what was left behind swept up.

Guarantees: nothing is written before all of it was surveyed; an entry is deleted only if it still is, byte for byte,
what was found; clusters are freed only after the deletion is on the card, and only if no other entry holds them.
A yank at any write leaves every other file as it was; a second run frees what the first one left.
"""

from station.device.content import ClusterContent
from station.device.erase.blocks import Blocks, Edit
from station.device.erase.exfat import ExfatFormat
from station.device.erase.fat import FatFormat
from station.device.erase.formats import Format, Found, RefusedError, Wanted
from station.device.erase.survey import Survey
from station.device.exfat import Exfat
from station.device.fat import SLOT_BYTES, Fat, Slot
from station.device.image import Image
from station.device.tree import Content, Node
from station.records.reading import VolumeSeen
from station.records.ticket import Refusal

_ASCII = "ascii"  # names are only compared, by their raw bytes


class Volume:
    """A FAT16, FAT32 or exFAT file system, surveyed."""

    def __init__(self, handle: int, seen: VolumeSeen, blocks: Blocks) -> None:
        """Survey the file system that `seen` names; raises RefusedError, OSError when it can't be read."""
        self._blocks = blocks
        self._image = Image(handle)
        self._begun = False
        if seen.file_system not in ("fat16", "fat32", "exfat"):
            raise RefusedError(Refusal.UNSUPPORTED_FILE_SYSTEM, f"Nothing is deleted from {seen.file_system}")
        self._file_system: Fat | Exfat
        self._format: Format
        if seen.file_system == "exfat":
            self._file_system = exfat = Exfat(self._image, seen.offset_bytes)
            self._survey = self._make_survey()
            self._format = ExfatFormat(exfat, self._image, blocks, self._survey)
        else:
            self._file_system = fat = Fat(self._image, seen.offset_bytes, _ASCII)
            self._format = FatFormat(fat, blocks)
            self._survey = self._make_survey()

    def find(self, wanted: Wanted) -> Found:
        """Find a file, or what an interrupted deletion left of it. Nothing is written.

        Raises RefusedError: NOT_LISTED, CHANGED, CROSS_LINKED, DAMAGED, UNSUPPORTED_ENTRY; OSError.
        """
        placed = self._survey.files.get((wanted.path, wanted.address))
        if placed is None:
            return self._find_remains(wanted)
        node = placed.node
        if node.kind != "file" or not wanted.equals(node):
            raise RefusedError(Refusal.CHANGED, "Its size or times are others now")
        chain = self._file_system.chain_of(node)
        clusters = self._survey.clusters_of(chain)
        if chain.damage is not None:
            raise RefusedError(Refusal.DAMAGED, f"Its clusters can't be found: {chain.damage}")
        if sum(map(len, clusters)) * self._file_system.layout.cluster_bytes < node.size_bytes:
            raise RefusedError(Refusal.DAMAGED, "Its clusters are fewer than its size asks for")
        if not self._survey.owned_by(clusters, 1):
            raise RefusedError(Refusal.CROSS_LINKED, "Another entry holds clusters of it too")
        return Found(True, node, self._format.live_slots(wanted, node, self._slots_of(placed.parent)), clusters)

    def open_content(self, found: Found) -> Content:
        """Open the bytes of what was found, if they are `provable`; raises OSError."""
        if found.live:
            return self._file_system.open_content(found.node)
        runs = self._file_system.chain_of(found.node).runs
        return ClusterContent(self._image, runs, found.node.size_bytes, found.node.valid_bytes)

    def delete(self, found: Found) -> int:
        """Delete what was found, and return how many clusters were freed; it is on the card then.

        Raises RefusedError (CHANGED) when the entry is not what was found any more, with nothing written; OSError
        when the card failed, which may be half-way: find and delete it again.
        """
        for slot in found.slots:
            if self._blocks.read(self._file_system.place_of(slot.address), SLOT_BYTES) != slot.data:
                raise RefusedError(Refusal.CHANGED, "Its entry changed while it was looked at")
        marks = self._format.mark(found.slots)
        if not (found.clusters or self._needed(marks)):
            return 0
        self._begin()
        self._blocks.change("directory", marks)
        self._blocks.settle()
        for step in self._format.free(found.clusters):
            self._blocks.change("table", step)
            self._blocks.settle()
        return sum(map(len, found.clusters))

    def finish(self) -> None:
        """Take back the mark that something is under way; raises OSError."""
        if self._begun:
            self._blocks.change("summary", self._format.finish())
            self._blocks.settle()

    def _begin(self) -> None:
        if not self._begun:
            self._blocks.change("summary", self._format.begin())
            self._blocks.settle()
            self._begun = True

    def _make_survey(self) -> Survey:
        try:
            return Survey(self._file_system)
        except OSError as error:
            raise RefusedError(
                Refusal.DAMAGED, f"Not all of its file system can be listed: {error.strerror}"
            ) from error

    def _find_remains(self, wanted: Wanted) -> Found:
        for directory in self._survey.directories.get(wanted.path[:-1], ()):
            found = self._format.remains(wanted, self._slots_of(directory))
            if found is not None:
                return self._format.leftovers(found, self._survey)
        if wanted.path in self._survey.paths:
            raise RefusedError(Refusal.CHANGED, "Another file lies at its path")
        raise RefusedError(Refusal.NOT_LISTED, "There is no such file, and nothing is left of it")

    def _slots_of(self, directory: Node) -> list[Slot]:
        return [slot for slot in self._file_system.slots_of(directory) if slot is not None]

    def _needed(self, edits: list[Edit]) -> bool:
        for edit in edits:
            held = int.from_bytes(self._blocks.read(edit.offset, len(edit.keep)))
            if held & int.from_bytes(edit.keep) | int.from_bytes(edit.put) != held:
                return True
        return False
