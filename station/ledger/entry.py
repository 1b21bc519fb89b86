"""One entry of the ledger as bytes: parts, payload, record, leaf (FORMAT.md, sections Part, Payload and Record).

Guarantees: what is made here is RFC 8785 text without floats; what is parsed here is byte for byte what would be
made again, so a record has one form only. Records and payloads have so narrow a grammar that one expression each
decides it: ASCII without escapes, fixed key order. Pure; nothing here touches files, clocks or databases.
"""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple, NoReturn

import rfc8785

from station.errors import DamagedError, LedgerError
from station.records.draft import Json

VERSION = 1
FIRST_PREV = sha256(b"").hexdigest()
PARTS_BYTES = 64 * 1024
RECORD_BYTES = 64 * 1024 - 1  # so that its length fits the two bytes that an entry bundle has for it
NESTING = 32
LARGEST_INTEGER = 2**53 - 1  # RFC 8785 section 3.2.2.3: beyond it, numbers differ between readers
ERASED = "payload.erased"
CONTINUES = "log.continues"
FACT = "fact"

_HEX = r"[0-9a-f]{64}"
_ORIGIN = r"[a-z0-9][a-z0-9./-]{0,127}"
_TYPE = r"[a-z][a-z0-9_]{0,31}(?:\.[a-z][a-z0-9_]{0,31})+"
_SUBJECT = r"[a-z][a-z0-9_]{0,31}:[A-Za-z0-9._~@/+=-]{1,128}"
_NAME = r"[a-z][a-z0-9_]{0,31}"
_TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z"
_LINK = rf'"{_SUBJECT}":(?:null|"{_HEX}")'
_DIGEST = rf'"{_NAME}":"{_HEX}"'

_record = re.compile(
    rf'\{{"log":"({_ORIGIN})","payload":"({_HEX})","prev":"({_HEX})","seq":(0|[1-9]\d{{0,15}}),'
    rf'"subjects":\{{((?:{_LINK}(?:,{_LINK})*)?)\}},"time":"({_TIME})","type":"({_TYPE})","v":1\}}',
    re.ASCII,
)
_payload = re.compile(rf'\{{"parts":\{{({_DIGEST}(?:,{_DIGEST})*)\}}\}}', re.ASCII)
_salt = re.compile(r"[0-9a-f]{32}", re.ASCII)
_patterns = {
    "log": re.compile(_ORIGIN, re.ASCII),
    "type": re.compile(_TYPE, re.ASCII),
    "subject": re.compile(_SUBJECT, re.ASCII),
    "part name": re.compile(_NAME, re.ASCII),
    "time": re.compile(_TIME, re.ASCII),
    "digest": re.compile(_HEX, re.ASCII),
}


class Record(NamedTuple):
    """A parsed record; digests are 64 lower-case hex digits as in its text, `raw` is that text."""

    log: str
    payload: str
    prev: str
    seq: int
    subjects: Mapping[str, str | None]
    time: str
    type: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """All that is stored of one entry. A part that is lawfully erased is absent from `parts`.

    `record` and `payload` are exact bytes, `leaf` is 32 bytes; `type` and `time` repeat the record's.
    """

    seq: int
    record: bytes
    leaf: bytes
    type: str
    time: str
    payload: bytes
    parts: Mapping[str, bytes] = field(default_factory=dict)

    def values(self) -> dict[str, Json]:
        """Return the values of the parts that are there, by name; raises DamagedError."""
        return {name: parse_part(part) for name, part in self.parts.items()}


def leaf_of(record: bytes) -> bytes:
    """Return the record's leaf: SHA-256(00 ‖ record), 32 bytes (RFC 6962 section 2.1)."""
    return sha256(b"\x00" + record).digest()


def new_salt() -> str:
    """Return 128 random bits as 32 hex digits: without it a digest of few possible values tells the value."""
    return secrets.token_hex(16)


def make_part(value: Json, salt: str | None = None) -> bytes:
    """Return the RFC 8785 bytes of a part; raises LedgerError for floats, other types, deep nesting, a bad salt."""
    _check_value(value, NESTING)
    salt = new_salt() if salt is None else salt
    if not _salt.fullmatch(salt):
        raise LedgerError("A salt must be 32 lower-case hex digits")
    return _canonical({"salt": salt, "value": value})


def parse_part(part: bytes) -> Json:
    """Return a part's value; raises DamagedError unless the bytes are exactly what `make_part` writes."""
    document = _strict_json(part, "part")
    salt = document.get("salt")
    if len(document) != 2 or "value" not in document or not isinstance(salt, str) or not _salt.fullmatch(salt):
        raise DamagedError("A part must hold a salt of 32 hex digits and a value, nothing else")
    return document["value"]


def make_payload(parts: Mapping[str, bytes]) -> bytes:
    """Return the payload's bytes for part names and part bytes; raises LedgerError beyond 64 KiB or without parts."""
    for name in parts:
        _check("part name", name)
    size = sum(map(len, parts.values()))
    if size > PARTS_BYTES:
        raise LedgerError(
            f"The parts of an entry hold {size} bytes, more than {PARTS_BYTES}",
            hint="Keep the data as a blob and refer to it by digest",
        )
    if not parts:
        raise LedgerError("An entry needs at least one part")
    digests = ",".join(f'"{name}":"{sha256(parts[name]).hexdigest()}"' for name in sorted(parts))
    return f'{{"parts":{{{digests}}}}}'.encode()


def parse_payload(payload: bytes) -> dict[str, str]:
    """Return part names and their digests; raises DamagedError unless the bytes are exactly a payload."""
    found = _payload.fullmatch(_ascii(payload, "payload"))
    if found is None:
        raise DamagedError('A payload is not of the form {"parts":{name:sha256}}')
    digests = {item[1:-68]: item[-65:-1] for item in found[1].split(",")}  # "name":"64 digits"
    _check_order(list(digests), found[1].count(",") + 1, "part names")
    return digests


def make_record(
    *,
    log: str,
    seq: int,
    prev: str,
    type: str,
    time: str,
    payload: str,
    subjects: Mapping[str, str | None],
) -> bytes:
    """Return a record's bytes; digests and leaves are given as hex. Raises LedgerError for any malformed field."""
    _check("log", log)
    _check("type", type)
    _check("time", time)
    _check("digest", payload)
    _check("digest", prev)
    if not 0 <= seq <= LARGEST_INTEGER:
        raise LedgerError(f"{seq} is no sequence number")
    for subject, leaf in subjects.items():
        _check("subject", subject)
        if leaf is not None:
            _check("digest", leaf)
    links = ",".join(
        f'"{subject}":null' if leaf is None else f'"{subject}":"{leaf}"' for subject, leaf in sorted(subjects.items())
    )
    record = (
        f'{{"log":"{log}","payload":"{payload}","prev":"{prev}","seq":{seq},"subjects":{{{links}}},'
        f'"time":"{time}","type":"{type}","v":{VERSION}}}'
    ).encode()
    if len(record) > RECORD_BYTES:
        raise LedgerError(f"A record about {len(subjects)} subjects is longer than {RECORD_BYTES} bytes")
    return record


def parse_record(raw: bytes) -> Record:
    """Read a record; raises DamagedError unless it is the one canonical form of itself."""
    if len(raw) > RECORD_BYTES:
        raise DamagedError(f"A record is longer than {RECORD_BYTES} bytes")
    found = _record.fullmatch(_ascii(raw, "record"))
    if found is None:
        raise DamagedError("A record does not have the one form that version 1 allows")
    log, payload, prev, number, links, time, kind = found.groups()
    seq = int(number)
    if seq > LARGEST_INTEGER:
        raise DamagedError("A record's sequence number is beyond 2^53 - 1")
    try:
        datetime.fromisoformat(time)
    except ValueError as error:
        raise DamagedError(f"A record's time {time} is not in the calendar") from error
    subjects: dict[str, str | None] = {}
    if links:
        for link in links.split(","):
            subject, _, leaf = link.rpartition(":")
            subjects[subject[1:-1]] = None if leaf == "null" else leaf[1:-1]
        if links.count(",") > 0:
            _check_order(list(subjects), links.count(",") + 1, "subjects")
    return Record(log, payload, prev, seq, subjects, time, kind, raw)


def erased_part(value: Json) -> tuple[int, str, str]:
    """Return (seq, part name, digest) that the `fact` part of a `payload.erased` entry names.

    The value has `seq`, `part` and `digest`, the hex SHA-256 that the part had; `fact` parts can't be erased. Raises
    DamagedError for anything else.
    """
    match value:
        case {"seq": int(seq), "part": str(name), "digest": str(digest)} if not isinstance(seq, bool):
            if seq >= 0 and name != FACT and _patterns["digest"].fullmatch(digest):
                return seq, name, digest
    raise DamagedError("An erasure does not name an erasable part by seq, part and digest")


def carried_count(value: Json) -> int:
    """Return how many records the `fact` of a `log.continues` entry says were carried over; raises DamagedError."""
    match value:
        case {"carried": int(carried)} if not isinstance(carried, bool) and carried > 0:
            return carried
    raise DamagedError("A log that continues another does not say how many records it carried over")


def renumbered(seq: int, carried: Sequence[int]) -> int:
    """Return how many numbers a record carried over has moved, by which the numbers that it names have moved too.

    `carried` has, for record 0 and each record after it that was record 0 of a continued log, the number of the last
    record carried over from that log (FORMAT.md, Continuation).
    """
    return sum(1 for first, last in enumerate(carried) if first < seq <= last)


def _check(what: str, text: str) -> None:
    if not _patterns[what].fullmatch(text):
        raise LedgerError(f"{text!r} can't stand in the ledger as a {what}", hint="See station/ledger/FORMAT.md")


def _check_order(names: Sequence[str], count: int, what: str) -> None:
    if len(names) != count or list(names) != sorted(names):
        raise DamagedError(f"The {what} are repeated or out of order")


def _check_value(value: Json, depth: int) -> None:
    if depth == 0:
        raise LedgerError(f"A part nests deeper than {NESTING} levels")
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise LedgerError(f"{value} is beyond 2^53 - 1; write it as a string")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_text(name)
            _check_value(inner, depth - 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_value(inner, depth - 1)
    else:
        _check_text(value)


def _check_text(value: str) -> None:
    if not isinstance(value, str):
        raise LedgerError(f"{value!r} can't stand in the ledger", hint="Decimals and times are written as strings")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise LedgerError(f"{value!r} holds half a surrogate pair; keep raw names as hex") from error


def _ascii(raw: bytes, what: str) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise DamagedError(f"A {what} holds bytes beyond ASCII") from error


def _canonical(document: Json) -> bytes:
    # The C encoder writes RFC 8785 for what _check_value lets through, but for the order of keys beyond the BMP.
    try:
        text = _encode(document)
        return text.encode() if text.isascii() or not _beyond_bmp.search(text) else rfc8785.dumps(document)
    except (UnicodeEncodeError, RecursionError, rfc8785.CanonicalizationError) as error:
        raise LedgerError(f"A part has no canonical form: {error}") from error


# What it is given is a tree: it was either just decoded, or walked by _check_value, which bounds its depth.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, check_circular=False).encode
_beyond_bmp = re.compile("[\U00010000-\U0010ffff]")


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not an integer")


def _small_integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST_INTEGER:
        raise ValueError(f"{text} is beyond 2^53 - 1")
    return int(text)


_decoder = json.JSONDecoder(parse_float=_refuse_number, parse_int=_small_integer, parse_constant=_refuse_number)


def _strict_json(raw: bytes, what: str) -> dict[str, Json]:
    try:
        document, _ = _decoder.raw_decode(raw.decode())  # what may follow makes the bytes differ below
        same = _canonical(document) == raw
    except (ValueError, RecursionError, LedgerError) as error:
        raise DamagedError(f"A {what} is not canonical JSON: {error}") from error
    if not same or not isinstance(document, dict):
        raise DamagedError(f"A {what} is not in its canonical form (RFC 8785)")
    return document
