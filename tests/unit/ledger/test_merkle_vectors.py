"""The proofs in the testdata of transparency-dev/merkle are made and taken; each flaw it names a file by is refused."""

import json
import random
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.errors import DamagedError
from station.ledger.merkle import (
    CompactRange,
    NodeReader,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "merkle" / "transparency-dev.json").read_text()
)
LEAVES = [leaf_hash(bytes.fromhex(data)) for data in VECTORS["leaves"]]
OTHER = sha256(b"WrongRoot").digest()


@dataclass(frozen=True)
class Inclusion:
    leaf: bytes
    index: int
    size: int
    proof: tuple[bytes, ...]
    root: bytes

    def verify(self) -> None:
        verify_inclusion(self.leaf, self.index, self.size, self.proof, self.root)


@dataclass(frozen=True)
class Consistency:
    first: int
    second: int
    first_root: bytes
    second_root: bytes
    proof: tuple[bytes, ...]

    def verify(self) -> None:
        verify_consistency(self.first, self.second, self.first_root, self.second_root, self.proof)


def hashes(values: list[str]) -> tuple[bytes, ...]:
    return tuple(map(b64decode, values))


INCLUSION = [
    Inclusion(
        b64decode(each["leafHash"]), each["leafIdx"], each["treeSize"], hashes(each["proof"]), b64decode(each["root"])
    )
    for each in VECTORS["inclusion"]
]
CONSISTENCY = [
    Consistency(each["size1"], each["size2"], b64decode(each["root1"]), b64decode(each["root2"]), hashes(each["proof"]))
    for each in VECTORS["consistency"]
]


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256().digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*naive_path(index, leaves[:split]), naive_root(leaves[split:])]
    return [*naive_path(index - split, leaves[split:]), naive_root(leaves[:split])]


def naive_growth(first: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 6962 section 2.1.2."""
    if first == len(leaves):
        return [] if whole else [naive_root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if first <= split:
        return [*naive_growth(first, leaves[:split], whole), naive_root(leaves[split:])]
    return [*naive_growth(first - split, leaves[split:], False), naive_root(leaves[:split])]


def reader(leaves: list[bytes]) -> NodeReader:
    return lambda level, index: naive_root(leaves[index << level : (index + 1) << level])


@pytest.mark.parametrize("vector", INCLUSION)
def test_inclusion_proofs_are_made_and_taken(vector: Inclusion) -> None:
    vector.verify()
    assert vector.leaf == LEAVES[vector.index]
    assert tuple(inclusion_proof(vector.index, vector.size, reader(LEAVES))) == vector.proof
    assert naive_root(LEAVES[: vector.size]) == vector.root


@pytest.mark.parametrize("vector", CONSISTENCY)
def test_consistency_proofs_are_made_and_taken(vector: Consistency) -> None:
    vector.verify()
    assert tuple(consistency_proof(vector.first, vector.second, reader(LEAVES))) == vector.proof
    assert (naive_root(LEAVES[: vector.first]), naive_root(LEAVES[: vector.second])) == (
        vector.first_root,
        vector.second_root,
    )


def flip(proof: tuple[bytes, ...], at: int, bit: int) -> tuple[bytes, ...]:
    changed = bytearray(proof[at])
    changed[0] ^= 1 << bit
    return (*proof[:at], bytes(changed), *proof[at + 1 :])


def flawed_inclusions(good: Inclusion) -> Iterator[tuple[str, Inclusion]]:
    yield "leafIdx-sub-1", replace(good, index=good.index - 1)
    yield "leafIdx-plus-1", replace(good, index=good.index + 1)
    yield "leafIdx-XOR-2", replace(good, index=good.index ^ 2)
    yield "treeSize-mul-2", replace(good, size=good.size * 2)
    yield "treeSize-div-2", replace(good, size=good.size // 2)
    yield "wrong-leaf", replace(good, leaf=sha256(b"WrongLeaf").digest())
    yield "empty-root", replace(good, root=sha256().digest())
    yield "random-root", replace(good, root=OTHER)
    for at in range(len(good.proof)):
        yield f"modified-proof-{at}-bit-3", replace(good, proof=flip(good.proof, at, 3))
        yield f"removed-component-{at}", replace(good, proof=good.proof[:at] + good.proof[at + 1 :])
        yield f"inserted-component-{at}", replace(good, proof=(*good.proof[:at], good.proof[0], *good.proof[at:]))
    yield "trailing-garbage", replace(good, proof=(*good.proof, b""))
    yield "trailing-root", replace(good, proof=(*good.proof, good.root))
    yield "preceding-garbage", replace(good, proof=(b"", *good.proof))
    yield "preceding-root", replace(good, proof=(good.root, *good.proof))


def flawed_consistencies(good: Consistency) -> Iterator[tuple[str, Consistency]]:
    yield "size1-sub-1", replace(good, first=good.first - 1)
    yield "size1-plus-1", replace(good, first=good.first + 1)
    yield "size1-XOR-2", replace(good, first=good.first ^ 2)
    yield "size2-mul-2", replace(good, second=good.second * 2)
    yield "size2-div-2", replace(good, second=good.second // 2)
    yield "wrong-root1", replace(good, first_root=OTHER)
    yield "wrong-root2", replace(good, second_root=OTHER)
    yield "swapped-roots", replace(good, first_root=good.second_root, second_root=good.first_root)
    yield "empty-proof", replace(good, proof=())
    yield "truncated-proof", replace(good, proof=good.proof[:-1])
    for at in range(len(good.proof)):
        yield f"modified-proof-{at}-bit-4", replace(good, proof=flip(good.proof, at, 4))
    for name, extra in (("garbage", b""), ("root1", good.first_root), ("root2", good.second_root)):
        yield f"trailing-{name}", replace(good, proof=(*good.proof, extra))
        yield f"preceding-{name}", replace(good, proof=(extra, *good.proof))
    yield "preceding-proof-0", replace(good, proof=(good.proof[0], *good.proof))


FLAWED = [
    pytest.param(flawed, id=f"{kind}-{number}-{name}")
    for kind, vectors, make in (
        ("inclusion", INCLUSION, flawed_inclusions),
        ("consistency", CONSISTENCY, flawed_consistencies),
    )
    for number, good in enumerate(vectors, 1)
    for name, flawed in make(good)  # type: ignore[operator]
]


@pytest.mark.parametrize("flawed", FLAWED)
def test_every_flaw_that_the_community_names_is_refused(flawed: Inclusion | Consistency) -> None:
    with pytest.raises(DamagedError):
        flawed.verify()


@pytest.mark.parametrize(("index", "size"), [(0, 0), (0, 1), (1, 0), (2, 1)])
@pytest.mark.parametrize("leaf", [sha256().digest(), OTHER])
@pytest.mark.parametrize("root", [sha256().digest(), sha256(b"root").digest()])
def test_an_empty_proof_shows_nothing_but_the_one_leaf(index: int, size: int, leaf: bytes, root: bytes) -> None:
    good = (index, size) == (0, 1) and leaf == root
    if good:
        verify_inclusion(leaf, index, size, [], root)
    else:
        with pytest.raises(DamagedError):
            verify_inclusion(leaf, index, size, [], root)


def some_leaves(size: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4)) for number in range(size)]


@pytest.mark.parametrize("size", [*range(1, 34), 255, 256, 257])
def test_every_proof_is_that_of_the_definition(size: int) -> None:
    leaves = some_leaves(size)
    read = reader(leaves)
    some: Callable[[int], list[int]] = lambda end: sorted({*range(min(end, 34)), end - 1})  # noqa: E731
    for index in some(size):
        assert inclusion_proof(index, size, read) == naive_path(index, leaves)
    for first in some(size + 1)[1:]:
        assert consistency_proof(first, size, read) == naive_growth(first, leaves)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 600), st.randoms(use_true_random=False))
def test_trees_agree_with_the_definition_at_any_size(size: int, rng: random.Random) -> None:
    leaves = some_leaves(size)
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    root = naive_root(leaves)
    assert tree.root() == root
    index, first = rng.randrange(size), rng.randrange(1, size + 1)
    path, growth = inclusion_proof(index, size, reader(leaves)), consistency_proof(first, size, reader(leaves))
    assert (path, growth) == (naive_path(index, leaves), naive_growth(first, leaves))
    verify_inclusion(leaves[index], index, size, path, root)
    verify_consistency(first, size, naive_root(leaves[:first]), root, growth)
    other = rng.randrange(size)
    if other != index:
        with pytest.raises(DamagedError):
            verify_inclusion(leaves[index], other, size, path, root)
        with pytest.raises(DamagedError):
            verify_inclusion(leaves[other], index, size, path, root)
