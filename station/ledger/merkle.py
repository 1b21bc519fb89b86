"""The Merkle tree of RFC 6962 section 2.1: roots, proofs, and their verification (RFC 9162 section 2.1).

Guarantees: pure; leaves and nodes are 32-byte SHA-256 values; a verification that returns has checked every byte
of the proof, and anything else raises DamagedError. A node reader maps (level, index) to the root of the perfect
subtree over leaves [index·2^level, (index+1)·2^level), with the leaves themselves at level 0.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from station.errors import DamagedError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256(00 ‖ data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Node:
    """A perfect subtree's root."""

    level: int
    index: int
    hash: bytes


class CompactRange:
    """The roots of the perfect subtrees that make up a tree: all that is needed to extend it, O(log size)."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Begin with `hashes`, largest subtree first; raises DamagedError if they don't fit `size`."""
        if size < 0 or len(hashes) != size.bit_count() or any(len(item) != HASH_BYTES for item in hashes):
            raise DamagedError(f"{len(hashes)} hashes do not make a tree of {size} leaves")
        self._size = size
        self._hashes = list(hashes)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    def copy(self) -> Self:
        """Return an independent range of the same tree."""
        return type(self)(self._size, self._hashes)

    def append(self, leaf: bytes) -> list[Node]:
        """Add a leaf hash; return the perfect nodes it completes above itself, lowest first."""
        completed: list[Node] = []
        level, index, current = 0, self._size, leaf
        while index & 1:
            current = node_hash(self._hashes.pop(), current)
            level, index = level + 1, index >> 1
            completed.append(Node(level, index, current))
        self._hashes.append(current)
        self._size += 1
        return completed

    def root(self) -> bytes:
        """Return the tree's root; of the empty tree, SHA-256 of nothing."""
        if not self._hashes:
            return EMPTY_ROOT
        current = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            current = node_hash(left, current)
        return current

    def serialise(self) -> bytes:
        """Return size (8 bytes, big-endian) and hashes as bytes."""
        return self._size.to_bytes(8) + b"".join(self._hashes)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read what `serialise` wrote; raises DamagedError."""
        if len(data) < 8 or (len(data) - 8) % HASH_BYTES:
            raise DamagedError(f"{len(data)} bytes are no compact range")
        return cls(int.from_bytes(data[:8]), [data[at : at + HASH_BYTES] for at in range(8, len(data), HASH_BYTES)])


def perfect_positions(size: int) -> Iterator[tuple[int, int]]:
    """Yield (level, index) of the perfect subtrees that make up a tree of `size` leaves, largest first."""
    start = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            yield level, start >> level
            start += 1 << level


def read_range(size: int, nodes: NodeReader) -> CompactRange:
    """Return the compact range of a tree of `size` leaves."""
    return CompactRange(size, [nodes(level, index) for level, index in perfect_positions(size)])


def subtree_root(start: int, end: int, nodes: NodeReader) -> bytes:
    """Return MTH(D[start:end]) for a `start` that a split of RFC 6962 can produce."""
    width = end - start
    if width & (width - 1) == 0 and start % width == 0:
        level = width.bit_length() - 1
        return nodes(level, start >> level)
    middle = start + _split(width)
    return node_hash(subtree_root(start, middle, nodes), subtree_root(middle, end, nodes))


def inclusion_proof(index: int, size: int, nodes: NodeReader) -> list[bytes]:
    """Return PATH(index, D[0:size]), the leaf's sibling first (RFC 6962 section 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(subtree_root(middle, end, nodes))
            end = middle
        else:
            proof.append(subtree_root(start, middle, nodes))
            start = middle
    proof.reverse()
    return proof


def consistency_proof(first: int, second: int, nodes: NodeReader) -> list[bytes]:
    """Return PROOF(first, D[0:second]) (RFC 6962 section 2.1.2); empty if `first` is 0 or equals `second`."""
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {second} leaves does not contain one of {first}")
    if first in (0, second):
        return []
    proof: list[bytes] = []
    start, end, whole = 0, second, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            proof.append(subtree_root(middle, end, nodes))
            end = middle
        else:
            proof.append(subtree_root(start, middle, nodes))
            start, whole = middle, False
    if not whole:
        proof.append(subtree_root(start, end, nodes))
    proof.reverse()
    return proof


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` is leaf `index` of the tree (RFC 9162 section 2.1.3.2); raises DamagedError."""
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise DamagedError(f"A tree of {size} leaves has no leaf {index}")
    node, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise DamagedError("The inclusion proof is too long")
        if node & 1 or node == last:
            current = node_hash(sibling, current)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise DamagedError("The inclusion proof is too short")
    if current != root:
        raise DamagedError(f"The inclusion proof of leaf {index} does not lead to the root")


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of `first` leaves begins that of `second` (RFC 9162 section 2.1.4.2); raises DamagedError."""
    _check_hashes(first_root, second_root, *proof)
    if not 0 <= first <= second:
        raise DamagedError(f"A tree of {second} leaves does not contain one of {first}")
    if first in (0, second):
        if proof or first_root != (EMPTY_ROOT if first == 0 else second_root):
            raise DamagedError(f"The trees of {first} and {second} leaves are not consistent")
        return
    if not proof:
        raise DamagedError("The consistency proof is too short")
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise DamagedError("The consistency proof is too long")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise DamagedError("The consistency proof is too short")
    if (old, new) != (first_root, second_root):
        raise DamagedError(f"The consistency proof does not lead from the root at {first} to the root at {second}")


def _split(width: int) -> int:
    # The largest power of two smaller than `width` (RFC 6962 section 2.1).
    return 1 << (width - 1).bit_length() - 1


def _check_hashes(*hashes: bytes) -> None:
    if any(len(item) != HASH_BYTES for item in hashes):
        raise DamagedError("A hash in a proof is not 32 bytes long")
