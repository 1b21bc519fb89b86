"""The tree over leaves that an audit has read: roots at any size, and a comparison with stored nodes.

Guarantees: a node over a leaf that is not known (32 zero bytes) is unknown too, never guessed; positions are
compared as a set, so a row out of order costs one finding. Memory: 64 bytes an entry. Pure.
"""

from collections.abc import Iterable
from hashlib import sha256

from station.ledger.findings import Finding
from station.ledger.merkle import EMPTY_ROOT, HASH_BYTES, node_hash, perfect_positions

_UNKNOWN = bytes(HASH_BYTES)


class StoredTree:
    """Built once from concatenated leaf hashes."""

    def __init__(self, leaves: bytes | bytearray) -> None:
        """Hash all perfect nodes above `leaves`."""
        self.size = len(leaves) // HASH_BYTES
        self._levels: list[bytes | bytearray] = [leaves]
        while len(self._levels[-1]) >= 2 * HASH_BYTES:
            self._levels.append(_above(self._levels[-1]))

    def root(self, size: int) -> bytes | None:
        """Return the root of the first `size` leaves, None if a leaf among them is unknown."""
        if size == 0:
            return EMPTY_ROOT
        hashes = [self._node(level, index) for level, index in perfect_positions(size)]
        if _UNKNOWN in hashes:
            return None
        current = hashes.pop()
        while hashes:
            current = node_hash(hashes.pop(), current)
        return current

    def compare(self, stored: Iterable[tuple[int, int, bytes]]) -> tuple[list[Finding], int]:
        """Compare stored (level, index, hash) with what must be there; return findings and the number of rows."""
        report: list[Finding] = []
        seen = [bytearray(len(level) // HASH_BYTES) for level in self._levels]
        count = 0
        for level, index, value in stored:
            count += 1
            if not (0 < level < len(seen) and 0 <= index < len(seen[level])) or seen[level][index]:
                params: dict[str, str | int] = {"level": level, "index": index, "size": self.size}
                report.append(Finding("node.unexpected", params=params))
                continue
            seen[level][index] = 1
            expected = self._node(level, index)
            if expected not in (value, _UNKNOWN):
                params = {"level": level, "index": index, "first": index << level, "last": ((index + 1) << level) - 1}
                report.append(Finding("node.altered", params=params))
        for level, marks in enumerate(seen):
            if level:
                report += _missing(level, marks)
        return report, count

    def _node(self, level: int, index: int) -> bytes:
        return bytes(self._levels[level][index * HASH_BYTES : (index + 1) * HASH_BYTES])


def _missing(level: int, marks: bytearray) -> Iterable[Finding]:
    first = marks.find(0)
    while first >= 0:
        end = marks.find(1, first)
        end = len(marks) if end < 0 else end
        yield Finding("node.missing", params={"level": level, "first": first, "last": end - 1})
        first = marks.find(0, end)


def _above(level: bytes | bytearray) -> bytes:
    whole = len(level) - len(level) % (2 * HASH_BYTES)
    blind = _UNKNOWN in level
    pairs = (level[at : at + 2 * HASH_BYTES] for at in range(0, whole, 2 * HASH_BYTES))
    return b"".join(
        _UNKNOWN if blind and _UNKNOWN in (pair[:HASH_BYTES], pair[HASH_BYTES:]) else sha256(b"\x01" + pair).digest()
        for pair in pairs
    )
