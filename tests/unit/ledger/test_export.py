"""An export is checked twice: by our audit, and by a verifier that knows FORMAT.md only. They must agree."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import station.ledger
from station.database import Database
from station.errors import LedgerError
from station.ledger import log
from station.ledger.entry import leaf_of, make_part, make_payload
from station.ledger.growth import parse_growth
from station.ledger.keys import SigningKey
from station.ledger.merkle import verify_consistency
from station.ledger.note import VerifierKey, checkpoint_text, make_note
from station.ledger.proof import verify_proof
from station.ledger.verify import audit_export, main
from tests.unit.ledger.outsider import RefusedError, verify_export
from tests.unit.ledger.samples import ORIGIN, make_log

EXAMPLE = Path(__file__).parents[2] / "vectors" / "ledger" / "example"
FORMAT = Path(station.ledger.__file__).parent / "FORMAT.md"
KEY = SigningKey(ORIGIN, bytes(32))
FILES = ("records.jsonl", "checkpoint", "log.vkey")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("export")
    database = Database(f"sqlite:///{root / 'station.db'}")
    make_log(database, 20)
    with database.write() as session:
        head = log.head(session)
        body = checkpoint_text(ORIGIN, head.size, head.root)
        log.store_checkpoint(session, make_note(body, [KEY.sign(body)]))
    with database.read() as session:
        log.export(session, root / "out", KEY.verifier)
    return root / "out"


def copy(folder: Path, target: Path, **changed: bytes) -> Path:
    target.mkdir(exist_ok=True)
    for name in FILES:
        (target / name).write_bytes(changed.get(name.partition(".")[0], (folder / name).read_bytes()))
    return target


def test_both_verifiers_accept_an_export(exported: Path) -> None:
    assert verify_export(exported) == 20
    outcome = audit_export(exported, KEY.verifier)
    assert outcome.sound
    assert (outcome.size, outcome.signed_size, outcome.notes) == (20, 20, ())


def test_both_verifiers_accept_the_example_of_the_format() -> None:
    assert verify_export(EXAMPLE) == 2
    assert audit_export(EXAMPLE).sound


def test_the_format_shows_the_example_byte_for_byte() -> None:
    blocks = "".join(line[4:] for line in FORMAT.read_text().splitlines(keepends=True) if line[:4] in ("    ", "\n"))
    blocks_with_blanks = FORMAT.read_text().replace("\n    ", "\n")
    for name in ("records.jsonl", "log.vkey"):
        assert (EXAMPLE / name).read_text() in blocks
    assert (EXAMPLE / "checkpoint").read_text() in blocks_with_blanks


def test_the_parts_and_the_proof_shown_in_the_format_are_true() -> None:
    shown = FORMAT.read_text()
    fact = {"sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "size_bytes": 4}
    parts = {"fact": make_part(fact, "0f" * 16), "names": make_part({"file": "张三.mp4"}, "f0" * 16)}
    assert all(f"    {part.decode()}\n" in shown for part in parts.values())
    assert f"    {make_payload(parts).decode()}\n" in shown
    start = shown.index("    c2sp.org/tlog-proof@v1")
    proof = "".join(line[4:] or "\n" for line in shown[start : shown.index("## JSON")].splitlines(keepends=True))
    records = (EXAMPLE / "records.jsonl").read_bytes().split(b"\n")
    key = VerifierKey.parse((EXAMPLE / "log.vkey").read_text())
    assert verify_proof(proof.rstrip("\n") + "\n", records[1], key)[0] == 1
    assert leaf_of(records[0]).hex().encode() in records[1]


def test_the_proof_of_growth_and_the_tile_shown_in_the_format_are_true() -> None:
    shown = FORMAT.read_text()
    start = shown.index("    old 1\n")
    growth = "".join(
        line[4:] or "\n" for line in shown[start : shown.index("\nThat the log")].splitlines(keepends=True)
    )
    records = (EXAMPLE / "records.jsonl").read_bytes().splitlines()
    request = parse_growth(growth.encode())
    assert request.checkpoint.note == (EXAMPLE / "checkpoint").read_text()
    root = request.checkpoint.root
    verify_consistency(1, 2, leaf_of(records[0]), root, request.proof)  # of one entry, the root is its leaf
    assert "".join(f"    {leaf_of(record).hex()}\n" for record in records) in shown


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_both_verifiers_refuse_an_export_with_one_flipped_bit(
    exported: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(FILES))
    raw = bytearray((exported / name).read_bytes())
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    folder = copy(exported, tmp_path_factory.getbasetemp() / "flipped", **{name.partition(".")[0]: bytes(raw)})
    if name == "log.vkey" and bit // 8 == len(raw) - 1:
        return  # the newline after the key says nothing
    with pytest.raises(RefusedError):
        verify_export(folder)
    try:
        assert not audit_export(folder).sound
    except LedgerError:
        assert name == "log.vkey"


def test_a_flipped_bit_in_a_record_is_named_by_its_number(exported: Path, tmp_path: Path) -> None:
    lines = (exported / "records.jsonl").read_bytes().splitlines(keepends=True)
    lines[7] = lines[7].replace(b"2026-08-04", b"2026-08-06")
    folder = copy(exported, tmp_path / "x", records=b"".join(lines))
    assert [(item.kind, item.seq) for item in audit_export(folder, KEY.verifier).findings] == [("record.replaced", 7)]


@pytest.mark.parametrize("first", [0, 7, 19])
def test_a_missing_line_is_named(exported: Path, tmp_path: Path, first: int) -> None:
    lines = (exported / "records.jsonl").read_bytes().splitlines(keepends=True)
    del lines[first]
    outcome = audit_export(copy(exported, tmp_path / "x", records=b"".join(lines)), KEY.verifier)
    assert [item.kind for item in outcome.findings] == (["log.shorter"] if first == 19 else ["record.missing"])


@pytest.mark.parametrize("at", [3, 18])
def test_a_line_put_in_is_named(exported: Path, tmp_path: Path, at: int) -> None:
    lines = (exported / "records.jsonl").read_bytes().splitlines(keepends=True)
    lines.insert(at, b"{}\n")
    outcome = audit_export(copy(exported, tmp_path / "x", records=b"".join(lines)), KEY.verifier)
    assert outcome.findings[0].seq == at
    assert not outcome.sound


def test_the_program_says_sound_or_what_is_wrong(exported: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "station.ledger.verify"]
    good = subprocess.run([*command, str(exported), str(KEY.verifier)], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stdout) == (0, "sound: 20 entries, 20 of them under the signed root\n")
    bad_folder = copy(exported, tmp_path / "x", checkpoint=b"nothing")
    bad = subprocess.run([*command, str(bad_folder)], capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "signer.note" in bad.stdout


def test_the_program_ends_with_2_where_there_is_nothing_to_check(tmp_path: Path) -> None:
    assert main([str(tmp_path), str(KEY.verifier)]) == 2
    assert main([]) == 2


def test_the_audit_needs_neither_a_database_library_nor_the_rest_of_the_station() -> None:
    seen = subprocess.run(
        [sys.executable, "-c", "import sys, station.ledger.verify; print('\\n'.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    foreign = {name.partition(".")[0] for name in seen} & {"sqlalchemy", "sqlmodel", "sqlite3", "pydantic", "fastapi"}
    assert foreign == set()
    ours = {".".join(name.split(".")[:2]) for name in seen if name.startswith("station.")}
    assert ours == {"station.errors", "station.ledger", "station.records"}
