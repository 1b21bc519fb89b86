"""Ways of damaging a file, from a seed: the same seed gives the same damage."""

import random
import re
from collections.abc import Callable, Sequence

Mutator = Callable[[bytes, random.Random, Sequence[bytes]], bytes]

_NUMBERS = (
    b"0",
    b"00",
    b"-1",
    b"1",
    b"+1",
    b"9" * 19,
    b"9" * 20,
    b"9" * 4400,
    b"18446744073709551615",
    b"1e3",
    b"0x10",
)
_PIECES = (
    b"", b"\n", b"\n\n", b"\r\n", b"\0", b" ", b"\t", b"=", b"+", b"\xff", b"\xe2\x80\x94",
    b"\xe2\x80\x94 x AAAAAA==\n", b"extra AAAA\n",
    b"old 0\n", b"index 0\n", "０".encode(), "é".encode(), b"\xed\xa0\x80", b"{", b"}", b'"', b"null",
    b"[" * 2000, b'{"a":' * 2000, b"\x00\x00", b"\xff\xff", b"A" * 70_000, b"\n" * 3000,
)  # fmt: skip


def flip_bit(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1 :]


def set_byte(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :]


def insert_piece(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(raw) + 1)
    return raw[:at] + rng.choice(_PIECES) + raw[at:]


def delete_slice(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(raw))
    return raw[:at] + raw[at + rng.choice((1, 2, 7, 32, 44, 500)) :]


def double_slice(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(raw))
    end = at + rng.choice((1, 2, 7, 32, 44, 500))
    return raw[:end] + raw[at:end] + raw[end:]


def cut_off(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    return raw[: rng.randrange(len(raw))]


def move_lines(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    lines = raw.split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def drop_line(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    lines = raw.split(b"\n")
    del lines[rng.randrange(len(lines))]
    return b"\n".join(lines)


def double_line(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    lines = raw.split(b"\n")
    at = rng.randrange(len(lines))
    return b"\n".join([*lines[:at], lines[at], *lines[at:]])


def other_line(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Put a line of another valid file in the place of one."""
    lines, foreign = raw.split(b"\n"), rng.choice(others).split(b"\n")
    lines[rng.randrange(len(lines))] = rng.choice(foreign)
    return b"\n".join(lines)


def other_slice(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    foreign = rng.choice(others)
    start, at = rng.randrange(len(foreign)), rng.randrange(len(raw))
    piece = foreign[start : start + rng.choice((1, 32, 44, 200))]
    return raw[:at] + piece + raw[at + len(piece) :]


def other_file(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    return rng.choice(others)


def other_number(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    numbers = list(re.finditer(rb"\d+", raw))
    if not numbers:
        return set_byte(raw, rng, others)
    found = rng.choice(numbers)
    return raw[: found.start()] + rng.choice(_NUMBERS) + raw[found.end() :]


def next_number(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    numbers = [found for found in re.finditer(rb"\d+", raw) if len(found[0]) < 19]
    if not numbers:
        return flip_bit(raw, rng, others)
    found = rng.choice(numbers)
    return raw[: found.start()] + str(int(found[0]) + rng.choice((-1, 1))).encode() + raw[found.end() :]


def other_case(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(raw))
    return raw[:at] + raw[at : at + 40].swapcase() + raw[at + 40 :]


def empty(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    return b""


MUTATORS: tuple[Mutator, ...] = (
    flip_bit, set_byte, insert_piece, delete_slice, double_slice, cut_off, move_lines, drop_line, double_line,
    other_line, other_slice, other_file, other_number, next_number, other_case, empty,
)  # fmt: skip


def mutate(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Return `raw` damaged in one to three ways, never `raw` itself; `others` are valid files of the same kind."""
    while True:
        changed = raw
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            changed = rng.choice(MUTATORS)(changed or raw, rng, others)
        if changed != raw:
            return changed
