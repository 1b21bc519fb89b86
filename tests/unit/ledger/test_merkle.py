"""The tree against the vectors of the transparency-log community, and against its own definition."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import DamagedError
from station.ledger.merkle import (
    EMPTY_ROOT,
    CompactRange,
    NodeReader,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    perfect_positions,
    read_range,
    verify_consistency,
    verify_inclusion,
)

# certificate-transparency and trillian have used these since RFC 6962: leaf data, and roots of the first n of them.
LEAVES = [
    bytes.fromhex(data)
    for data in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): PATHS[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def defined_root(leaves: list[bytes]) -> bytes:
    # RFC 6962 section 2.1, word for word
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + defined_root(leaves[:split]) + defined_root(leaves[split:])).digest()


def reader(leaves: list[bytes]) -> NodeReader:
    def read(level: int, index: int) -> bytes:
        assert (index + 1) << level <= len(leaves), "only perfect nodes within the tree are stored"
        if level == 0:
            return leaf_hash(leaves[index])
        return node_hash(read(level - 1, 2 * index), read(level - 1, 2 * index + 1))

    return read


@pytest.mark.parametrize("size", range(9))
def test_the_root_of_the_community_vectors_comes_out(size: int) -> None:
    tree = CompactRange()
    for leaf in LEAVES[:size]:
        tree.append(leaf_hash(leaf))
    assert tree.root().hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_the_inclusion_proof_of_the_community_vectors_comes_out(index: int, size: int) -> None:
    proof = inclusion_proof(index, size, reader(LEAVES))
    assert [item.hex() for item in proof] == PATHS[index, size]
    verify_inclusion(leaf_hash(LEAVES[index]), index, size, proof, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("first", "second"), CONSISTENCY)
def test_the_consistency_proof_of_the_community_vectors_comes_out(first: int, second: int) -> None:
    proof = consistency_proof(first, second, reader(LEAVES))
    assert [item.hex() for item in proof] == CONSISTENCY[first, second]
    verify_consistency(first, second, bytes.fromhex(ROOTS[first]), bytes.fromhex(ROOTS[second]), proof)


leaf_lists = st.lists(st.binary(max_size=4), min_size=1, max_size=70)


@given(leaf_lists)
def test_a_compact_range_has_the_defined_root_and_survives_being_written(leaves: list[bytes]) -> None:
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    again = CompactRange.parse(tree.serialise())
    assert again.root() == defined_root(leaves)
    assert again.size == len(leaves)
    assert read_range(len(leaves), reader(leaves)).serialise() == tree.serialise()


@given(leaf_lists)
def test_appending_completes_each_perfect_node_once(leaves: list[bytes]) -> None:
    tree = CompactRange()
    read = reader(leaves)
    completed = [node for leaf in leaves for node in tree.append(leaf_hash(leaf))]
    assert all(node.hash == read(node.level, node.index) for node in completed)
    expected = {(level, index) for level in range(1, len(leaves).bit_length()) for index in range(len(leaves) >> level)}
    assert sorted(expected) == sorted((node.level, node.index) for node in completed)


@given(leaf_lists, st.data())
def test_every_inclusion_proof_verifies_and_no_other_leaf_does(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root = defined_root(leaves)
    proof = inclusion_proof(index, len(leaves), reader(leaves))
    verify_inclusion(leaf_hash(leaves[index]), index, len(leaves), proof, root)
    with pytest.raises(DamagedError):
        verify_inclusion(leaf_hash(b"other leaf"), index, len(leaves), proof, root)
    with pytest.raises(DamagedError):
        verify_inclusion(leaf_hash(leaves[index]), index, len(leaves), [*proof, root], root)
    if proof:
        with pytest.raises(DamagedError):
            verify_inclusion(leaf_hash(leaves[index]), index, len(leaves), proof[:-1], root)
        spot = data.draw(st.integers(0, len(proof) * 256 - 1))
        bent = [bytearray(item) for item in proof]
        bent[spot // 256][spot % 256 // 8] ^= 1 << spot % 8
        with pytest.raises(DamagedError):
            verify_inclusion(leaf_hash(leaves[index]), index, len(leaves), list(map(bytes, bent)), root)


@given(leaf_lists, st.data())
def test_every_consistency_proof_verifies_and_a_fork_does_not(leaves: list[bytes], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(leaves)))
    old, new = defined_root(leaves[:first]), defined_root(leaves)
    proof = consistency_proof(first, len(leaves), reader(leaves))
    verify_consistency(first, len(leaves), old, new, proof)
    with pytest.raises(DamagedError):
        verify_consistency(first, len(leaves), old, new, [*proof, new])
    if first:
        with pytest.raises(DamagedError):
            verify_consistency(first, len(leaves), leaf_hash(b"fork"), new, proof)
    if proof:
        with pytest.raises(DamagedError):
            verify_consistency(first, len(leaves), old, new, proof[:-1])
        with pytest.raises(DamagedError):
            verify_consistency(first, len(leaves), old, leaf_hash(b"fork"), proof)


def test_an_empty_tree_begins_every_tree() -> None:
    verify_consistency(0, 8, EMPTY_ROOT, bytes.fromhex(ROOTS[8]), [])
    with pytest.raises(DamagedError):
        verify_consistency(0, 8, bytes(32), bytes.fromhex(ROOTS[8]), [])


def test_a_hash_of_another_length_is_refused() -> None:
    with pytest.raises(DamagedError):
        verify_inclusion(leaf_hash(b""), 0, 1, [], bytes.fromhex(ROOTS[1])[:31])


def test_perfect_positions_go_from_the_largest_to_the_smallest() -> None:
    assert list(perfect_positions(11)) == [(3, 0), (1, 4), (0, 10)]


@pytest.mark.parametrize("data", [b"", bytes(8) + b"x", bytes(8) + bytes(32), (3).to_bytes(8) + bytes(32)])
def test_a_compact_range_of_the_wrong_length_is_refused(data: bytes) -> None:
    with pytest.raises(DamagedError):
        CompactRange.parse(data)
