"""Where a file says it was recorded: ISO 6709 texts of movies and the GPS texts of EXIF, as decimal degrees.

Guarantee: malformed, impossible or empty places become None, never an error and never 0,0.
"""

import re
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Place:
    """Degrees north and east as decimal text, in the file's own datum (by its format's rule WGS 84)."""

    latitude: str
    longitude: str


# ISO 6709 annex H: sign and degrees with optional decimals; degrees and minutes are told apart by digit count.
_ISO_PLACE = re.compile(r"([+-])(\d{2})(\d{2})?(\d{2})?(\.\d+)?([+-])(\d{3})(\d{2})?(\d{2})?(\.\d+)?")


def read_iso_place(text: str) -> Place | None:
    """Read `+31.2304+121.4737/` and its kin; None for anything else and for 0,0."""
    found = _ISO_PLACE.match(text)
    if not found:
        return None
    return _place(_iso_degrees(*found.groups()[:5]), _iso_degrees(*found.groups()[5:]))


def _iso_degrees(sign: str, degrees: str, minutes: str | None, seconds: str | None, decimals: str | None) -> Decimal:
    parts = [degrees, *(part for part in (minutes, seconds) if part)]
    parts[-1] += decimals or ""
    value = sum((Decimal(part) / 60**power for power, part in enumerate(parts)), Decimal())
    return -value if sign == "-" else value


def read_exif_place(
    latitude: str | None, latitude_side: str | None, longitude: str | None, longitude_side: str | None
) -> Place | None:
    """Read the four GPS texts of EXIF as ffprobe prints them; None if one is absent or malformed."""
    north = _exif_degrees(latitude, latitude_side, "S")
    east = _exif_degrees(longitude, longitude_side, "W")
    return None if north is None or east is None else _place(north, east)


def _exif_degrees(text: str | None, side: str | None, negative_side: str) -> Decimal | None:
    """Read `15:1, 50:1, 79944:10000` (degrees, minutes, seconds as fractions), as ffprobe prints EXIF rationals."""
    fractions = re.findall(r"(\d{1,10}):(\d{1,10})", text or "")
    if len(fractions) != 3 or side is None or any(int(below) == 0 for _, below in fractions):
        return None
    value = sum((Decimal(a) / Decimal(b) / 60**power for power, (a, b) in enumerate(fractions)), Decimal())
    return -value if side.startswith(negative_side) else value


def _place(latitude: Decimal, longitude: Decimal) -> Place | None:
    # 0,0 is what recorders without a fix write.
    if abs(latitude) > 90 or abs(longitude) > 180 or latitude == longitude == 0:
        return None
    return Place(f"{latitude:.6f}", f"{longitude:.6f}")
