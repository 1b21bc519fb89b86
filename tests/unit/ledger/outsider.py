"""A verifier of exports written from FORMAT.md alone: it shares no code with the station, and must stay so."""

import base64
import hashlib
import json
import re
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MEMBERS = ["log", "payload", "prev", "seq", "subjects", "time", "type", "v"]
LEAF = re.compile("[0-9a-f]{64}")
SUBJECT = re.compile("[a-z][a-z0-9_]{0,31}:[A-Za-z0-9._~@/+=-]{1,128}")


class RefusedError(Exception):
    """The export is not what it claims to be."""


def demand(condition: object, why: str) -> None:
    if not condition:
        raise RefusedError(why)


def tree_root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + tree_root(leaves[:split]) + tree_root(leaves[split:])).digest()


def check_record(line: bytes, index: int, log: str, prev: str, latest: dict[str, str]) -> str:
    """Check one line; return its leaf and note it for its subjects."""
    demand(len(line) <= 65536, "too long")
    record = json.loads(line.decode("ascii"))
    demand(isinstance(record, dict) and sorted(record) == MEMBERS, "members")
    demand(json.dumps(record, sort_keys=True, separators=(",", ":")).encode() == line, "not canonical")
    demand(type(record["seq"]) is int and record["seq"] == index, "number")
    demand(type(record["v"]) is int and record["v"] == 1, "version")
    demand(record["log"] == log and re.fullmatch("[a-z0-9][a-z0-9./-]{0,127}", log), "log")
    demand(LEAF.fullmatch(record["payload"]), "payload")
    demand(record["prev"] == prev, "prev")
    demand(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", record["time"], re.ASCII), "time")
    datetime.strptime(record["time"][:19], "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007  only whether it exists
    demand(re.fullmatch(r"[a-z][a-z0-9_]{0,31}(\.[a-z][a-z0-9_]{0,31})+", record["type"]), "type")
    leaf = hashlib.sha256(b"\x00" + line).hexdigest()
    for subject, before in record["subjects"].items():
        demand(SUBJECT.fullmatch(subject), "subject")
        demand(before == latest.get(subject), "subject's chain")
        latest[subject] = leaf
    return leaf


def check_checkpoint(note: str, key: str) -> tuple[int, bytes]:
    """Check the signature; return size and root."""
    name, key_id, encoded = key.removesuffix("\n").split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    demand(raw[:1] == b"\x01" and len(raw) == 33, "key")
    expected_id = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    demand(expected_id.hex() == key_id, "key id")
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    signed = False
    demand(signatures.endswith("\n"), "end")
    for line in signatures.removesuffix("\n").split("\n"):
        dash, signer, blob = line.split(" ")
        demand(dash == "—", "em dash")
        data = base64.b64decode(blob, validate=True)
        demand(base64.b64encode(data).decode() == blob, "base64")
        if (signer, data[:4]) == (name, expected_id):
            Ed25519PublicKey.from_public_bytes(raw[1:]).verify(data[4:], text.encode())
            signed = True
    demand(signed, "not signed")
    origin, size, root, *rest = text.removesuffix("\n").split("\n")
    demand(origin == name and not rest and size == str(int(size)), "text")
    hashed = base64.b64decode(root, validate=True)
    demand(base64.b64encode(hashed).decode() == root and len(hashed) == 32, "root")
    return int(size), hashed


def verify_export(folder: Path) -> int:
    """Return the number of records; raises RefusedError for anything that FORMAT.md does not allow."""
    try:
        key = (folder / "log.vkey").read_bytes().decode()
        size, root = check_checkpoint((folder / "checkpoint").read_bytes().decode(), key)
        content = (folder / "records.jsonl").read_bytes()
        demand(not content or content.endswith(b"\n"), "cut off")
        lines = content.split(b"\n")[:-1]
        demand(len(lines) == size, "size")
        prev, latest = hashlib.sha256().hexdigest(), dict[str, str]()
        leaves = []
        for index, line in enumerate(lines):
            prev = check_record(line, index, key.split("+")[0], prev, latest)
            leaves.append(bytes.fromhex(prev))
        demand(tree_root(leaves) == root, "root")
    except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature) as error:
        raise RefusedError(str(error)) from error
    return size
