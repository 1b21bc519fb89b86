"""A witness answers as c2sp.org/tlog-witness says, forgets nothing, and keeps what convicts a log."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from station.errors import ConflictError, DamagedError, LedgerError, NotFoundError, StorageError
from station.ledger import witness_state
from station.ledger.cosign import read_cosignatures
from station.ledger.keys import SigningKey
from station.ledger.merkle import CompactRange, consistency_proof, leaf_hash
from station.ledger.note import VerifierKey, checkpoint_text, encode, make_note, parse_note
from station.ledger.witness import SIZE_TYPE, Conflict, make_request, parse_request
from station.ledger.witness_state import Answer, Evidence, Witness, WitnessFolder

ORIGIN = "example.com/log"
KEY = SigningKey(ORIGIN, bytes(32))
STRANGER = SigningKey(ORIGIN, bytes(range(32)))


@dataclass
class Tree:
    """A log in memory; trees with another `seed` share the first `shared` leaves with it."""

    seed: int = 0
    shared: int = 0
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    range: CompactRange = field(default_factory=CompactRange)

    def note(self, size: int, key: SigningKey = KEY, *more: SigningKey) -> str:
        while self.range.size < size:
            index = self.range.size
            leaf = leaf_hash(bytes([self.seed if index >= self.shared else 0, index]))
            self.nodes[0, index] = leaf
            self.nodes |= {(node.level, node.index): node.hash for node in self.range.append(leaf)}
        part = CompactRange()
        for index in range(size):
            part.append(self.nodes[0, index])
        text = checkpoint_text(key.verifier.name, size, part.root())
        return make_note(text, [each.sign(text) for each in (key, *more)])

    def proof(self, old: int, size: int) -> list[bytes]:
        self.note(size)
        return consistency_proof(old, size, lambda level, index: self.nodes[level, index])

    def request(self, old: int, size: int) -> bytes:
        return make_request(old, self.proof(old, size), self.note(size)).encode()


@pytest.fixture
def folder(tmp_path: Path) -> WitnessFolder:
    made = WitnessFolder(tmp_path / "witness")
    made.create_key("witness.example/w1")
    made.trust(KEY.verifier)
    return made


@pytest.fixture
def found() -> list[Evidence]:
    return []


@pytest.fixture
def witness(folder: WitnessFolder, found: list[Evidence]) -> Witness:
    return Witness(folder, found.append)


def cosigned(answer: Answer, folder: WitnessFolder, note: str) -> bool:
    key = folder.verifier()
    return answer.status == 200 and str(key) in read_cosignatures(answer.body, parse_note(note).text, [key])


def test_a_log_that_grows_is_cosigned_each_time(witness: Witness, folder: WitnessFolder) -> None:
    tree = Tree()
    for old, size in ((0, 1), (1, 1), (1, 4), (4, 5), (5, 8), (8, 13)):
        assert cosigned(witness.add_checkpoint(tree.request(old, size)), folder, tree.note(size)), (old, size)
        latest = folder.latest(ORIGIN)
        assert latest is not None
        assert (latest.size, latest.note) == (size, tree.note(size))


def broken_at(body: bytes, what: str) -> bytes:
    lines = body.split(b"\n")
    match what:
        case "leading zero":
            lines[0] = lines[0].replace(b"old ", b"old 0")
        case "no size":
            lines[0] = b"old"
        case "plus":
            lines[0] = lines[0].replace(b"old ", b"old +")
        case "hash cut":
            lines[1] = lines[1][:-4]
        case "hash no base64":
            lines[1] = b"!" * 44
        case "hash not canonical":
            lines[1] = lines[1][:-2] + b"B="
        case "no empty line":
            lines = [line for line in lines if line]
        case "carriage returns":
            return body.replace(b"\n", b"\r\n")
        case "no last newline":
            return body[:-1]
        case "not UTF-8":
            return b"\xff" + body
        case "64 hashes":
            lines[1:1] = [encode(bytes(32)).encode()] * (64 - lines.index(b"") + 1)
    return b"\n".join(lines)


MALFORMED = (
    "leading zero",
    "no size",
    "plus",
    "hash cut",
    "hash no base64",
    "hash not canonical",
    "no empty line",
    "carriage returns",
    "no last newline",
    "not UTF-8",
    "64 hashes",
)


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_request_is_400(witness: Witness, folder: WitnessFolder, what: str) -> None:
    tree = Tree()
    witness.add_checkpoint(tree.request(0, 3))
    body = tree.request(3, 7)
    assert broken_at(body, what) != body
    assert witness.add_checkpoint(broken_at(body, what)).status == 400
    assert folder.latest(ORIGIN).size == 3  # type: ignore[union-attr]


@pytest.mark.parametrize("body", [b"", b"old 0", b"old 0\n\n", b"x" * 1_000_000, b"old 0\n\nnot a note\n"])
def test_what_is_no_request_is_400(witness: Witness, body: bytes) -> None:
    assert witness.add_checkpoint(body).status == 400


def test_a_log_that_is_not_known_is_404_before_its_signature_is_looked_at(witness: Witness) -> None:
    text = checkpoint_text("example.com/other", 1, bytes(32))
    body = make_request(0, [], make_note(text, [KEY.sign(text)])).encode()
    assert witness.add_checkpoint(body).status == 404


@pytest.mark.parametrize("keys", [(STRANGER,), (SigningKey("w", bytes(32)),)])
def test_a_checkpoint_that_no_trusted_key_signed_is_403(witness: Witness, keys: tuple[SigningKey, ...]) -> None:
    text = parse_note(Tree().note(2)).text
    body = make_request(0, [], make_note(text, [key.sign(text) for key in keys])).encode()
    assert witness.add_checkpoint(body).status == 403


def test_a_wrong_signature_of_a_trusted_key_is_403_also_beside_others(witness: Witness, folder: WitnessFolder) -> None:
    folder.trust(STRANGER.verifier)
    note = Tree().note(2, KEY, STRANGER)
    wrong = note.rpartition("— ")[0] + Tree().note(3, STRANGER).rpartition("\n\n")[2]
    assert witness.add_checkpoint(make_request(0, [], wrong).encode()).status == 403


def test_lines_of_unknown_keys_are_ignored_and_not_remembered(witness: Witness, folder: WitnessFolder) -> None:
    note = Tree().note(2, KEY, STRANGER)
    assert cosigned(witness.add_checkpoint(make_request(0, [], note).encode()), folder, note)
    assert folder.latest(ORIGIN).note == Tree().note(2)  # type: ignore[union-attr]


def test_an_old_size_beyond_the_checkpoints_is_400(witness: Witness, found: list[Evidence]) -> None:
    tree = Tree()
    witness.add_checkpoint(tree.request(0, 3))
    assert witness.add_checkpoint(make_request(3, [], tree.note(2)).encode()).status == 400
    assert [each.kind for each in found] == [Conflict.ROLLBACK], "and it shows that the log went back"


@pytest.mark.parametrize("old", [0, 1, 4])
def test_another_old_size_than_the_latest_is_409_and_told(witness: Witness, found: list[Evidence], old: int) -> None:
    tree = Tree()
    witness.add_checkpoint(tree.request(0, 3))
    answer = witness.add_checkpoint(tree.request(old, 5))
    assert answer == Answer(409, "3\n", SIZE_TYPE)
    assert found == [], "whoever asks for the size does no harm"


def test_a_log_rolled_back_is_409_with_the_larger_size_and_the_evidence_kept(
    witness: Witness, folder: WitnessFolder, found: list[Evidence]
) -> None:
    tree = Tree()
    witness.add_checkpoint(tree.request(0, 5))
    answer = witness.add_checkpoint(tree.request(0, 3))
    assert answer == Answer(409, "5\n", SIZE_TYPE)
    assert [(each.kind, each.origin, each.note, each.remembered) for each in found] == [
        (Conflict.ROLLBACK, ORIGIN, tree.note(3), tree.note(5))
    ]
    assert folder.evidence() == tuple(found)
    assert folder.latest(ORIGIN).size == 5  # type: ignore[union-attr]


def test_a_fork_with_a_proof_from_another_tree_is_422_and_the_evidence_kept(
    witness: Witness, folder: WitnessFolder, found: list[Evidence]
) -> None:
    witness.add_checkpoint(Tree().request(0, 5))
    answer = witness.add_checkpoint(Tree(seed=1, shared=3).request(5, 9))
    assert (answer.status, folder.latest(ORIGIN).size) == (422, 5)  # type: ignore[union-attr]
    assert [(each.kind, each.note) for each in found] == [(Conflict.UNPROVEN, Tree(seed=1, shared=3).note(9))]


@pytest.mark.parametrize("old", [0, 5])
def test_a_fork_of_the_same_size_is_409_and_nobody_but_the_log_can_have_made_the_evidence(
    witness: Witness, found: list[Evidence], old: int
) -> None:
    witness.add_checkpoint(Tree().request(0, 5))
    other = Tree(seed=1, shared=4)
    assert witness.add_checkpoint(make_request(old, [], other.note(5)).encode()).status == 409
    assert [each.kind for each in found] == [Conflict.FORK]


PROOFS = ("none", "one less", "one more", "one changed", "in another order")


@pytest.mark.parametrize("what", PROOFS)
def test_a_proof_that_does_not_hold_is_422(witness: Witness, what: str) -> None:
    tree = Tree()
    witness.add_checkpoint(tree.request(0, 3))
    good = tree.proof(3, 7)
    proof = {
        "none": [],
        "one less": good[:-1],
        "one more": [*good, bytes(32)],
        "one changed": [bytes(32), *good[1:]],
        "in another order": good[::-1],
    }[what]
    assert witness.add_checkpoint(make_request(3, proof, tree.note(7)).encode()).status == 422
    assert witness.add_checkpoint(tree.request(3, 7)).status == 200


@pytest.mark.parametrize("old", [0, 3])
def test_a_proof_where_none_may_be_is_422(witness: Witness, old: int) -> None:
    tree = Tree()
    if old:
        witness.add_checkpoint(tree.request(0, old))
    assert witness.add_checkpoint(make_request(old, [bytes(32)], tree.note(3)).encode()).status == 422


def test_an_empty_tree_has_one_root_only(witness: Witness) -> None:
    text = checkpoint_text(ORIGIN, 0, bytes(32))
    assert witness.add_checkpoint(make_request(0, [], make_note(text, [KEY.sign(text)])).encode()).status == 409
    assert witness.add_checkpoint(Tree().request(0, 0)).status == 200


def test_the_same_evidence_is_kept_once_and_told_once(witness: Witness, found: list[Evidence]) -> None:
    tree = Tree()
    witness.add_checkpoint(tree.request(0, 5))
    for _ in range(3):
        witness.add_checkpoint(tree.request(0, 3))
    witness.add_checkpoint(tree.request(0, 2))
    assert len(found) == 2


def test_evidence_does_not_fill_the_disk(
    witness: Witness, found: list[Evidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness_state, "MOST_EVIDENCE", 2)
    tree = Tree()
    witness.add_checkpoint(tree.request(0, 9))
    assert [witness.add_checkpoint(tree.request(0, size)).status for size in range(1, 6)] == [409] * 5
    assert len(found) == 2


def test_after_a_restart_between_all_steps_nothing_is_forgotten(folder: WitnessFolder) -> None:
    tree = Tree()
    statuses = []
    for old, size in ((0, 2), (2, 5), (5, 3), (0, 4), (5, 5), (2, 6), (5, 9)):
        again = Witness(WitnessFolder(folder.path))
        body = make_request(old, tree.proof(old, size) if old <= size else [], tree.note(size)).encode()
        statuses.append(again.add_checkpoint(body).status)
    assert statuses == [200, 200, 400, 409, 200, 409, 200]


def test_nothing_is_cosigned_that_could_not_be_remembered(
    witness: Witness, folder: WitnessFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = Tree()
    witness.add_checkpoint(tree.request(0, 2))
    with monkeypatch.context() as broken:
        broken.setattr(WitnessFolder, "remember", lambda *_: (_ for _ in ()).throw(StorageError("the disk is full")))
        with pytest.raises(StorageError):
            witness.add_checkpoint(tree.request(2, 3))
    with pytest.raises(StorageError, match="could not save"):
        witness.add_checkpoint(tree.request(2, 3))
    assert Witness(folder).add_checkpoint(tree.request(2, 3)).status == 200


def test_a_damaged_memory_cosigns_nothing(witness: Witness, folder: WitnessFolder) -> None:
    tree = Tree()
    witness.add_checkpoint(tree.request(0, 2))
    (path,) = folder.path.glob("logs/*/checkpoint")
    path.write_text(path.read_text()[:-20])
    with pytest.raises(DamagedError):
        Witness(folder).add_checkpoint(tree.request(0, 9))


def test_a_log_may_have_two_keys_while_it_changes_them(witness: Witness, folder: WitnessFolder) -> None:
    assert folder.trust(STRANGER.verifier)
    assert not folder.trust(STRANGER.verifier), "it is trusted already"
    assert witness.add_checkpoint(Tree().request(0, 2)).status == 200
    assert witness.add_checkpoint(make_request(2, [], Tree().note(2, STRANGER)).encode()).status == 200
    assert [len(each.keys) for each in folder.logs()] == [2]


def test_a_second_key_is_not_made_and_two_processes_do_not_serve_one_folder(folder: WitnessFolder) -> None:
    with pytest.raises(ConflictError):
        folder.create_key("another")
    with folder.served(), pytest.raises(ConflictError), WitnessFolder(folder.path).served():
        pass
    with folder.served():
        pass


def test_without_a_key_there_is_no_witness(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"witness\.key"):
        Witness(WitnessFolder(tmp_path))


# Requests to other implementations' witnesses, from their tests (torchwood and litetlog, cmd/litewitness/testdata).
SUMDB = (
    "go.sum database tree",
    "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    """old 0

go.sum database tree
35225469
vt5T6GaLCXvyHFl9VUvvItR43XZxfLgftEcTyO3eJCQ=

— sum.golang.org Az3grpukl5AXaVfYkLiDGORx/DN2nlcS5kZHR5uYOBV2KA2HgXpD+gu9HHONebHLAyaKbbTM75QTtPydhKCExixSfwQ=
""",
)


def test_a_log_whose_origin_is_not_its_keys_name_is_cosigned(witness: Witness, folder: WitnessFolder) -> None:
    origin, key, body = SUMDB
    assert witness.add_checkpoint(body.encode()).status == 404
    folder.trust(VerifierKey.parse(key), origin)
    answer = witness.add_checkpoint(body.encode())
    assert cosigned(answer, folder, body.partition("\n\n")[2])
    assert folder.logs()[1].checkpoint.size == 35225469  # type: ignore[union-attr]


def test_the_requests_example_of_the_specification_is_read() -> None:
    body = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""  # noqa: E501
    request = parse_request(body.encode())
    assert (request.old_size, len(request.proof), request.checkpoint.size) == (20852014, 4, 20852163)
    assert make_request(request.old_size, request.proof, request.checkpoint.note) == body


# Sizes 1, 3 and 5 of one tree, with the proofs between them (litetlog, cmd/litewitness/testdata/litewitness.txt).
VECTORS = (
    (0, 1, "2a00" + 30 * "00", ()),
    (
        1,
        3,
        "45c088d4d939e9971298811f227d1295eaad57bbafae55cd71c171e7de48c25d",
        ("2a01" + 30 * "00", "2a02" + 30 * "00"),
    ),
    (
        3,
        5,
        "42bb57ad06420afa4882c4a63ac6a1ec77480b330b2f20dfc53a0caa5f564e36",
        (
            "2a02" + 30 * "00",
            "2a03" + 30 * "00",
            "c2088815d65f60dbfa594d4e96504ab169cb6084bf0c132ab7c521fd2e0eba41",
            "2a04" + 30 * "00",
        ),
    ),
)


def test_other_implementations_trees_and_proofs_are_accepted_in_order(witness: Witness) -> None:
    statuses = []
    for old, size, root, proof in VECTORS:
        text = checkpoint_text(ORIGIN, size, bytes.fromhex(root))
        note = make_note(text, [KEY.sign(text)])
        wrong = [bytes.fromhex(each) for each in proof[:-1]]
        statuses.append(witness.add_checkpoint(make_request(old, wrong, note).encode()).status if old else 422)
        right = make_request(old, [bytes.fromhex(each) for each in proof], note)
        statuses.append(witness.add_checkpoint(right.encode()).status)
    assert statuses == [422, 200] * 3


def test_a_log_that_was_forgotten_is_cosigned_no_more_and_what_was_kept_of_it_stays(
    witness: Witness, folder: WitnessFolder
) -> None:
    tree = Tree()
    assert witness.add_checkpoint(tree.request(0, 5)).status == 200
    assert witness.add_checkpoint(tree.request(0, 3)).status == 409
    (evidence,) = folder.evidence()
    kept = folder.forget(ORIGIN)
    assert witness.add_checkpoint(tree.request(5, 8)).status == 404
    assert folder.logs() == ()
    assert kept.keys.read_text() == f"{ORIGIN}\n{KEY.verifier}\n"
    assert kept.checkpoint is not None and kept.checkpoint.read_text() == tree.note(5)
    assert [path.stem for path in kept.evidence] == [evidence.alarm]
    assert folder.evidence() == (evidence,)


def test_a_forgotten_log_that_is_trusted_again_can_not_be_rolled_back(witness: Witness, folder: WitnessFolder) -> None:
    tree = Tree()
    assert witness.add_checkpoint(tree.request(0, 5)).status == 200
    folder.forget(ORIGIN)
    assert folder.trust(KEY.verifier)
    refused = witness.add_checkpoint(tree.request(0, 3))
    assert (refused.status, refused.body) == (409, "5\n")
    assert witness.add_checkpoint(Tree(seed=1).request(5, 5)).status == 409, "nor has it a second history"
    assert cosigned(witness.add_checkpoint(tree.request(5, 8)), folder, tree.note(8))


def test_of_a_forgotten_log_only_the_key_trusted_again_counts(witness: Witness, folder: WitnessFolder) -> None:
    folder.trust(STRANGER.verifier)
    folder.forget(ORIGIN)
    folder.trust(KEY.verifier)
    assert folder.keys(ORIGIN) == (KEY.verifier,)
    request = make_request(0, [], Tree().note(3, STRANGER)).encode()
    assert witness.add_checkpoint(request).status == 403


def test_what_is_not_trusted_can_not_be_forgotten(folder: WitnessFolder) -> None:
    with pytest.raises(NotFoundError):
        folder.forget("example.com/other")
    folder.forget(ORIGIN)
    with pytest.raises(NotFoundError):
        folder.forget(ORIGIN)
