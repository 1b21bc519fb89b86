"""An ASC MHL 2.0 history of `data/originals`: one generation with C4 ids, and the chain that pins it.

Sources: ASC Media Hash List specification v2.0 and its XSD (github.com/ascmitc/mhl-specification); C4 ids: SMPTE
ST 2114 (SHA-512 in base 58). Guarantee: the same originals and the same time give the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha512
from typing import Final
from xml.sax.saxutils import escape

from station import clock

FOLDER: Final = "ascmhl"
_DIGITS: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_C4_DIGITS: Final = 88


@dataclass(frozen=True, slots=True)
class Original:
    """A file of the folder: its size and the SHA-512 of its bytes."""

    size_bytes: int
    sha512: bytes


def mhl_files(originals: Mapping[str, Original], as_of: str, software: tuple[str, str]) -> dict[str, bytes]:
    """Return the files of `ascmhl/` by name; `originals` maps names in the folder to what they are.

    `as_of` (text form of station.clock) stands for every date in it; `software` is name and version.
    """
    moment = clock.parse_time(as_of).replace(microsecond=0)
    date = moment.isoformat()
    name = f"0001_originals_{moment:%Y-%m-%d_%H%M%SZ}.mhl"
    manifest = _manifest(originals, date, software)
    return {name: manifest, "ascmhl_chain.xml": _chain(name, manifest)}


def c4_id(digest: bytes) -> str:
    """Return the C4 id of a SHA-512: `c4` and 88 digits in base 58."""
    value, digits = int.from_bytes(digest), ""
    while value:
        value, digit = divmod(value, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return "c4" + digits.rjust(_C4_DIGITS, _DIGITS[0])


def _manifest(originals: Mapping[str, Original], date: str, software: tuple[str, str]) -> bytes:
    tool, version = map(escape, software)
    hashes = "".join(
        "    <hash>\n"
        f'      <path size="{found.size_bytes}">{escape(name)}</path>\n'
        f'      <c4 action="original" hashdate="{date}">{c4_id(found.sha512)}</c4>\n'
        "    </hash>\n"
        for name, found in sorted(originals.items())
    )
    content = _hash_of_hashes([found.sha512 for found in originals.values()])
    named = (sha512(name.encode() + found.sha512).digest() for name, found in originals.items())
    structure = _hash_of_hashes(list(named))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<hashlist version="2.0" xmlns="urn:ASC:MHL:v2.0">\n'
        "  <creatorinfo>\n"
        f"    <creationdate>{date}</creationdate>\n"
        "    <hostname>evidence-station</hostname>\n"
        f'    <tool version="{version}">{tool}</tool>\n'
        "  </creatorinfo>\n"
        "  <processinfo>\n"
        "    <process>transfer</process>\n"
        "    <roothash>\n"
        f'      <content>\n        <c4 hashdate="{date}">{content}</c4>\n      </content>\n'
        f'      <structure>\n        <c4 hashdate="{date}">{structure}</c4>\n      </structure>\n'
        "    </roothash>\n"
        "    <ignore>\n"
        "      <pattern>.DS_Store</pattern>\n      <pattern>ascmhl</pattern>\n      <pattern>ascmhl/</pattern>\n"
        "    </ignore>\n"
        "  </processinfo>\n"
        f"  <hashes>\n{hashes}  </hashes>\n"
        "</hashlist>\n"
    ).encode()


def _chain(name: str, manifest: bytes) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ascmhldirectory xmlns="urn:ASC:MHL:DIRECTORY:v2.0">\n'
        '  <hashlist sequencenr="1">\n'
        f"    <path>{escape(name)}</path>\n"
        f"    <c4>{c4_id(sha512(manifest).digest())}</c4>\n"
        "  </hashlist>\n"
        "</ascmhldirectory>\n"
    ).encode()


def _hash_of_hashes(digests: list[bytes]) -> str:
    # In the order of the C4 ids as text; they have one length and ascending digits, so it is the order of the bytes.
    return c4_id(sha512(b"".join(sorted(digests))).digest())
