"""The caption burned into a disclosure copy: a black band below the picture, so that it covers nothing of it.

Guarantees: the text goes to ffmpeg as a file and is never expanded or parsed; lines too long for the picture are
broken, never cut; size and place follow from the picture's width alone.
"""

import math
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CAPTION_FILE: Final = "caption.txt"
FONT: Final = "Noto Sans CJK SC"
_COLUMNS = 40  # full-width characters that fit the picture's width
_LINE_HEIGHT = 1.15  # of the size of the font, whose own is 1.09
_MOST_LINES = 24


@dataclass(frozen=True, slots=True)
class Caption:
    """What is burned in, line by line, as it was asked for."""

    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines as they stand in the picture: broken where they are too long, without control characters."""
        broken = [piece for line in self.lines for piece in _break(_plain(line))]
        return "\n".join(broken[:_MOST_LINES])


def write_caption(caption: Caption, work: Path) -> None:
    """Lay the text into the work folder, for `burn`."""
    place = work / CAPTION_FILE
    place.write_text(caption.text, encoding="utf-8")
    place.chmod(0o644)  # the confined program is another user where we are root


def burn(picture: Any, caption: Caption) -> Any:
    """Return the picture with the band below it; the text is read from `CAPTION_FILE` in the work folder."""
    band = math.ceil((len(caption.text.split("\n")) + 0.6) * _LINE_HEIGHT * 100) / 100  # in sizes of the font
    height = f"ceil((ih+{band:.2f}*iw/{_COLUMNS + 2})/2)*2"
    picture = picture.filter("setsar", "1").filter("pad", w="iw", h=height, x="0", y="0", color="black")
    return picture.filter(
        "drawtext",
        textfile=CAPTION_FILE,
        expansion="none",
        font=FONT,
        fontsize=f"w/{_COLUMNS + 2}",
        fontcolor="white",
        x=f"w/{_COLUMNS + 2}",
        y=f"h-{band - 0.3:.2f}*w/{_COLUMNS + 2}",
    )


def _plain(line: str) -> str:
    return " ".join("".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in line).split())


def _break(line: str) -> list[str]:
    pieces, piece, width = [], "", 0.0
    for sign in line:
        wide = 1.0 if unicodedata.east_asian_width(sign) in "WF" else 0.6
        if width + wide > _COLUMNS:
            pieces.append(piece.rstrip())
            piece, width = "", 0.0
        piece, width = piece + sign, width + wide
    return [*pieces, piece.rstrip()]
