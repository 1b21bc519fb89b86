"""recording.json: what one recorder showed and said, kept beside its profile so that tests can play it again.

Form: {"format": 1, "how": "emulated|reported|real", "faces": [{"descriptors": hex of the sysfs file, "manufacturer",
"product", "serial"}], "labels": [...], "greeting": {...}, "clock_read", "clock_set",
"dialogue": [turns], "listing": [{"path", "size_bytes",
"facts": what the name tells}]}. One turn is one transfer: {"host": hex} or {"device": hex} over the bulk endpoints,
with "control": [bmRequestType, bRequest, wValue, wIndex] beside it over endpoint 0, or "fails": the error it ended in.

Guarantee: a recording never holds a password: it is replaced by `PLACEHOLDER`, and whoever plays the dialogue again
uses the placeholder as the password.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from station.errors import ProfileError
from station.profiles.descriptors import DescriptorsError, read_descriptors
from station.records.bus import DeviceSeen

PLACEHOLDER = "{password}"
FILE_NAME = "recording.json"


def _is_hex(value: str) -> str:
    bytes.fromhex(value)
    return value


Hex = Annotated[str, AfterValidator(_is_hex)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FaceRecorded(_Section):
    """One face: the raw descriptors and the three texts as sysfs told them."""

    descriptors: Hex
    manufacturer: str | None = None
    product: str | None = None
    serial: str | None = None

    def device(self, port: str = "recording/1", address: int = 1) -> DeviceSeen:
        """Return it as the bus would show it; raises DescriptorsError."""
        told = read_descriptors(bytes.fromhex(self.descriptors))
        return DeviceSeen(
            sys_path=f"/sys/{port}",
            port=port,
            bus=1,
            address=address,
            vendor_id=told.vendor_id,
            product_id=told.product_id,
            release=told.release,
            manufacturer=self.manufacturer,
            product=self.product,
            serial=self.serial,
            interfaces=told.interfaces,
            authorized=False,
        )


class Turn(_Section):
    """One transfer of a dialogue, in either direction."""

    control: tuple[int, int, int, int] | None = None
    host: Hex | None = None
    device: Hex | None = None
    fails: str | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "Turn":
        if self.host is not None and self.device is not None:
            raise ValueError("a turn is the host's or the device's")
        if self.host is None and self.device is None and self.fails is None:
            raise ValueError("a turn needs host, device or fails")
        return self


class GreetingRecorded(_Section):
    """What the dialect's hello is expected to tell."""

    serial: str | None = None
    police_number: str | None = None
    battery_percent: int | None = None


class FactsRecorded(_Section):
    """What a file's name tells; `start` is the recorder's naive local time."""

    serial: str | None = None
    police_number: str | None = None
    start: datetime | None = None
    sequence: int | None = None
    important: bool = False


class FileRecorded(_Section):
    """One file of the listing; `facts` None: its name tells nothing."""

    path: str
    size_bytes: int = Field(ge=0)
    facts: FactsRecorded | None = None


class Recording(_Section):
    """One recording.json; `how`: from our emulator, put together from public reports, or off a real device.

    `note` says what in it is a stand-in for something not known.
    """

    format: Literal[1]
    how: Literal["emulated", "reported", "real"]
    note: str = ""
    faces: tuple[FaceRecorded, ...] = Field(min_length=1)
    labels: tuple[str, ...] = ()
    greeting: GreetingRecorded | None = None
    clock_read: datetime | None = Field(default=None, description="naive local time that the recorder told")
    clock_set: datetime | None = Field(default=None, description="naive local time that it was set to")
    dialogue: tuple[Turn, ...] = ()
    listing: tuple[FileRecorded, ...] = ()


def read_recording(folder: Path) -> Recording:
    """Read the recording in a profile's folder; raises ProfileError naming the file."""
    path = folder / FILE_NAME
    try:
        recording = Recording.model_validate(json.loads(path.read_text(encoding="utf-8")))
        for face in recording.faces:
            face.device()
    except FileNotFoundError as error:
        raise ProfileError(f"{path} is missing", hint="Capture it with `station profiles record`") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, DescriptorsError) as error:
        raise ProfileError(f"{path} can't be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "recording"
        raise ProfileError(f"{path}: {where}: {first['msg']}") from error
    return recording


def write_recording(folder: Path, recording: Recording) -> Path:
    """Write the recording into `folder`, one turn and one file a line; returns the path."""
    values = recording.model_dump(mode="json", exclude_none=True)
    lines = []
    for key, value in values.items():
        if isinstance(value, list) and value:
            items = ",\n".join(f"  {json.dumps(item, ensure_ascii=False)}" for item in value)
            lines.append(f'"{key}": [\n{items}\n]')
        else:
            lines.append(f'"{key}": {json.dumps(value, ensure_ascii=False)}')
    path = folder / FILE_NAME
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return path
