"""The whole of what a reader listed, gathered before anything is decided."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from station.records.reading import EntrySeen, Fault, Listed, VolumeSeen
from station.sniff import Media


@dataclass(slots=True)
class Listing:
    """File systems, things listed and faults in their order; `whole` False when something could not be listed."""

    volumes: list[VolumeSeen] = field(default_factory=list)
    entries: list[EntrySeen] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    whole: bool = False

    def names(self) -> list[tuple[str, Media | None]]:
        """Return (file name, sniffed media) of what could be a recording, for choosing a profile."""
        return [
            (entry.path[-1].text, entry.media)
            for entry in self.entries
            if entry.path and entry.state in ("file", "unclosed", "stream")
        ]

    def number_from(self, first_volume: int) -> None:
        """Number the volumes from `first_volume` on, so that those of a recorder's several disks stay apart."""
        if first_volume:
            self.volumes = [each.model_copy(update={"volume": each.volume + first_volume}) for each in self.volumes]
            self.entries = [each.model_copy(update={"volume": each.volume + first_volume}) for each in self.entries]

    def keep(self, accepts: Callable[[EntrySeen], bool]) -> None:
        """Pass over what a folder holds that is not to be taken in yet, as if it were not there."""
        self.entries = [entry for entry in self.entries if accepts(entry)]

    def labels(self) -> list[str | None]:
        """Return the volumes' labels."""
        return [volume.label for volume in self.volumes]


def gather(messages: Iterable[VolumeSeen | EntrySeen | Fault | Listed]) -> Listing:
    """Collect a reader's listing."""
    listing = Listing()
    for message in messages:
        match message:
            case VolumeSeen():
                listing.volumes.append(message)
            case EntrySeen():
                listing.entries.append(message)
            case Fault():
                listing.faults.append(message.what)
            case Listed():
                listing.whole = message.whole
    return listing
