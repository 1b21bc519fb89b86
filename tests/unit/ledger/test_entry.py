"""Parts, payloads and records have one form each; vectors are named by what is wrong with them."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from station.errors import DamagedError, LedgerError
from station.ledger.entry import (
    FIRST_PREV,
    NESTING,
    PARTS_BYTES,
    erased_part,
    leaf_of,
    make_part,
    make_payload,
    make_record,
    parse_part,
    parse_payload,
    parse_record,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "ledger"
SALT = "0f" * 16
LEAF = "ab" * 32

texts = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def a_record(**changes: object) -> bytes:
    fields = {
        "log": "evidence-station/abcdefghijklmnopqrstuvwxyz",
        "seq": 7,
        "prev": LEAF,
        "type": "clip.bound",
        "time": "2026-08-04T10:00:00.000000Z",
        "payload": "cd" * 32,
        "subjects": {"clip:b": LEAF, "clip:a": None},
    }
    return make_record(**{**fields, **changes})  # type: ignore[arg-type]


@given(values)
def test_a_part_is_what_rfc_8785_writes_and_reads_back(value: object) -> None:
    part = make_part(value, SALT)  # type: ignore[arg-type]
    assert part == rfc8785.dumps({"salt": SALT, "value": value})  # type: ignore[dict-item]
    assert parse_part(part) == value


def test_keys_beyond_the_basic_plane_are_ordered_as_rfc_8785_orders_them() -> None:
    part = make_part({"\ufb33": 1, "\U0001f600": 2}, SALT)
    assert part.decode().endswith('{"\U0001f600":2,"\ufb33":1}}')
    assert parse_part(part) == {"\ufb33": 1, "\U0001f600": 2}


def test_every_part_gets_a_salt_of_its_own() -> None:
    assert make_part("same") != make_part("same")


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), 2**53, -(2**53), b"bytes", {1: "key"}, "\ud800", {"\udc00": 1}, {"deep": {2.0}}]
)
def test_what_has_no_single_text_is_refused_as_a_part(value: object) -> None:
    with pytest.raises(LedgerError):
        make_part(value)  # type: ignore[arg-type]


def test_a_part_that_nests_too_deep_is_refused() -> None:
    value: object = 0
    for _ in range(NESTING):
        value = [value]
    with pytest.raises(LedgerError):
        make_part(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", sorted((VECTORS / "parts").iterdir()), ids=lambda path: path.stem)
def test_a_flawed_part_is_refused(path: Path) -> None:
    with pytest.raises(DamagedError):
        parse_part(path.read_bytes())


def test_garbage_nested_beyond_all_bounds_is_refused_as_a_part() -> None:
    with pytest.raises(DamagedError):
        parse_part(b'{"salt":"' + SALT.encode() + b'","value":' + b"[" * 60000 + b"]" * 60000 + b"}")


def test_a_payload_names_the_digest_of_each_part() -> None:
    parts = {"names": make_part("张三"), "fact": make_part(1)}
    payload = make_payload(parts)
    assert json.loads(payload) == {"parts": {name: sha256(part).hexdigest() for name, part in parts.items()}}
    assert payload == rfc8785.dumps(json.loads(payload))
    assert parse_payload(payload) == json.loads(payload)["parts"]


def test_parts_of_64_kib_together_fit_and_one_byte_more_does_not() -> None:
    overhead = len(make_part(""))
    fits = {"fact": make_part("x" * (PARTS_BYTES - 2 * overhead)), "text": make_part("")}
    make_payload(fits)
    with pytest.raises(LedgerError):
        make_payload({**fits, "text": make_part("x")})


@pytest.mark.parametrize("name", ["", "Fact", "a-b", "fact ", "1a", "x" * 33])
def test_a_part_name_outside_the_grammar_is_refused(name: str) -> None:
    with pytest.raises(LedgerError):
        make_payload({name: b"{}"})


def test_an_entry_without_parts_is_refused() -> None:
    with pytest.raises(LedgerError):
        make_payload({})


@pytest.mark.parametrize("path", sorted((VECTORS / "payloads").iterdir()), ids=lambda path: path.stem)
def test_a_flawed_payload_is_refused(path: Path) -> None:
    with pytest.raises(DamagedError):
        parse_payload(path.read_bytes())


@pytest.mark.parametrize("subjects", [{}, {"clip:a": None}, {"z:1": LEAF, "a:b": None, "a:B": LEAF}])
def test_a_record_is_rfc_8785_and_reads_back(subjects: dict[str, str | None]) -> None:
    raw = a_record(subjects=subjects)
    assert raw == rfc8785.dumps(json.loads(raw))
    record = parse_record(raw)
    assert (record.seq, record.prev, record.type, record.raw) == (7, LEAF, "clip.bound", raw)
    assert record.subjects == subjects


def test_the_leaf_is_the_hash_of_zero_and_the_record() -> None:
    assert leaf_of(b"x") == sha256(b"\x00x").digest()


def test_the_first_record_follows_the_hash_of_nothing() -> None:
    assert FIRST_PREV == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    "change",
    [
        {"log": "Evidence"},
        {"log": "a b"},
        {"seq": -1},
        {"seq": 2**53},
        {"prev": "AB" * 32},
        {"payload": "cd" * 31},
        {"type": "clip"},
        {"type": "Clip.bound"},
        {"type": 'clip."'},
        {"time": "2026-08-04T10:00:00Z"},
        {"time": "2026-08-04T10:00:00.000000+00:00"},
        {"time": "2026-08-04T10:00:00.000000Z\n"},
        {"time": "２026-08-04T10:00:00.000000Z"},
        {"subjects": {"clip": None}},
        {"subjects": {"clip:张": None}},
        {"subjects": {"clip:a": "ab"}},
        {"subjects": {f"clip:{at}": LEAF for at in range(1000)}},
    ],
    ids=lambda change: repr(change)[:40],
)
def test_a_field_outside_the_grammar_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(LedgerError):
        a_record(**change)


@pytest.mark.parametrize("path", sorted((VECTORS / "records").iterdir()), ids=lambda path: path.stem)
def test_only_the_vector_without_a_flaw_is_taken(path: Path) -> None:
    if path.stem.startswith("good"):
        assert rfc8785.dumps(json.loads(path.read_bytes())) == parse_record(path.read_bytes()).raw
    else:
        with pytest.raises(DamagedError):
            parse_record(path.read_bytes())


@given(st.binary(max_size=200))
def test_bytes_from_anywhere_never_crash_the_parsers(raw: bytes) -> None:
    for parse in (parse_record, parse_payload, parse_part):
        with pytest.raises(DamagedError):
            parse(raw)


@given(st.integers(0, 8 * len(a_record()) - 1))
def test_a_flipped_bit_never_gives_the_same_record(bit: int) -> None:
    raw = bytearray(a_record())
    raw[bit // 8] ^= 1 << bit % 8
    try:
        record = parse_record(bytes(raw))
    except DamagedError:
        return
    assert rfc8785.dumps(json.loads(bytes(raw))) == record.raw == bytes(raw)
    assert leaf_of(record.raw) != leaf_of(a_record())


def test_an_erasure_names_a_part_and_its_digest() -> None:
    assert erased_part({"digest": LEAF, "ground": "x", "part": "names", "seq": 3}) == (3, "names", LEAF)


@pytest.mark.parametrize(
    "change",
    [{"part": "fact"}, {"part": 1}, {"seq": True}, {"seq": -1}, {"seq": "3"}, {"digest": "ab"}, {"digest": None}],
    ids=repr,
)
def test_an_erasure_that_does_not_say_what_is_refused(change: dict[str, object]) -> None:
    value = {"digest": LEAF, "part": "names", "seq": 3, **change}
    with pytest.raises(DamagedError):
        erased_part(value)  # type: ignore[arg-type]
    for nothing in (None, [], "names", {}):
        with pytest.raises(DamagedError):
            erased_part(nothing)
