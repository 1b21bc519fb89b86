"""What uploads.html is given."""

from dataclasses import dataclass

from station.catalogue.views import PersonView
from station.state.uploads import InboxView, UploadView


@dataclass(frozen=True, slots=True)
class UploadLine:
    """An upload in the list: how much of it is here, and until when a half one is kept (UTC text)."""

    upload: UploadView
    received_bytes: int
    expires_at: str


@dataclass(frozen=True, slots=True)
class UploadsPage:
    """uploads.html and upload_rows.html. `inbox`: the watched folder, None where there is none; `files` are its own."""

    lines: tuple[UploadLine, ...]
    origins: tuple[str, ...]
    officers: tuple[PersonView, ...]
    most_bytes: int
    days: int
    inbox: str | None
    files: tuple[InboxView, ...]

    @property
    def busy(self) -> bool:
        """Tell whether something is being taken in, so that the list is worth looking at again."""
        return any(each.upload.state in ("arrived", "taking") for each in self.lines)
