"""The streams of a recording, as the tools tell them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VideoStream:
    """A picture stream, or the one picture of a photo.

    `width` and `height` are as coded, before `rotation_degrees` (clockwise, from the container) or `orientation`
    (EXIF 2.3, 4.6.4 A: 1 to 8) is applied. `frame_rate` is a fraction such as `30000/1001`.
    """

    codec: str
    profile: str | None
    pixel_format: str | None
    width: int
    height: int
    rotation_degrees: int
    orientation: int
    frame_rate: str | None
    interlaced: bool


@dataclass(frozen=True, slots=True)
class AudioStream:
    """A sound stream."""

    codec: str
    profile: str | None
    sample_rate_hz: int
    channels: int
