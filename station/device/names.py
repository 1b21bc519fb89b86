"""Names as devices store them, kept raw, with a display text that can do no harm.

Guarantee: `raw` is exactly the stored bytes, whatever they are; `text` never holds a control character, a separator
or a bidirectional override, and is for people only: nothing is ever opened or decided by it.
"""

import unicodedata

from station.records.reading import RawName

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Control characters, format characters (bidi overrides, zero-width), unassigned private use and lone surrogates.
_HIDDEN = {"Cc", "Cf", "Cs"}
_LOWER_BASE, _LOWER_EXTENSION = 0x08, 0x10


def make_text(decoded: str) -> str:
    """Replace everything that could disguise a name or leave its line."""
    return "".join(
        REPLACEMENT if letter in "/\\" or unicodedata.category(letter) in _HIDDEN else letter for letter in decoded
    )


def utf16_name(raw: bytes) -> RawName:
    """Name an entry by its UTF-16LE bytes (FAT long names, exFAT, NTFS); unpaired surrogates show as a replacement."""
    return RawName(raw=raw.hex(), encoding="utf-16le", text=make_text(raw.decode("utf-16-le", "replace")))


def byte_name(raw: bytes) -> RawName:
    """Name an entry by bytes that are UTF-8 by custom (ext, folders)."""
    return RawName(raw=raw.hex(), encoding="utf-8", text=make_text(raw.decode("utf-8", "replace")))


def short_name(raw: bytes, case: int, code_page: str) -> RawName:
    """Name an entry by its 11 bytes 8.3 form; `case` is byte 12 of the directory entry (lower-case flags of NT).

    Source: Microsoft FAT specification 1.03, section 6; a first byte 05h stands for E5h.
    """
    stored = b"\xe5" + raw[1:] if raw[:1] == b"\x05" else raw
    # In a deleted entry E5h has taken the first byte's place; decoded with its neighbour it would show a wrong letter.
    lost = raw[:1] == b"\xe5"
    base = stored[lost:8].rstrip(b" ").decode(code_page, "replace")
    base = REPLACEMENT + base if lost else base
    extension = stored[8:].rstrip(b" ").decode(code_page, "replace")
    base = base.lower() if case & _LOWER_BASE else base
    extension = extension.lower() if case & _LOWER_EXTENSION else extension
    text = f"{base}.{extension}" if extension else base
    return RawName(raw=raw.hex(), encoding=f"fat-8.3:{code_page}", text=make_text(text))
