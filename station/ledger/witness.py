"""The rules of a witness (c2sp.org/tlog-witness, `add-checkpoint`), without sockets, clocks or files.

Guarantees: a checkpoint is accepted only if a key trusted for its origin has signed it, the size named is that of the
checkpoint accepted last, and the proof leads from that one to this one; every refusal carries the status that the
specification gives it. A checkpoint that a trusted key has signed and that does not agree with what is remembered is
handed back as evidence, whatever the answer.

Order of the checks: form (400), origin known (404), signature (403), old size at most the checkpoint's (400), old size
that of the checkpoint accepted last (409), equal sizes have equal roots (409), consistency proof (422).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from station.errors import DamagedError, LedgerError
from station.ledger.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from station.ledger.note import (
    NOTE_BYTES,
    Checkpoint,
    Signature,
    VerifierKey,
    decode,
    encode,
    make_note,
    parse_checkpoint,
    verify_note,
)

PATH_HASHES = 63
REQUEST_BYTES = NOTE_BYTES + 64 * (PATH_HASHES + 2)
SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain; charset=utf-8"

_old = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)


class Conflict(StrEnum):
    """How a signed checkpoint disagrees with what a witness remembers. Stored in ledgers: none is ever renamed.

    ROLLBACK: it is smaller than one accepted before; the log was rolled back, or somebody showed an old checkpoint.
    FORK: of the same size, with another root: nobody but the log's key can have made both. UNPROVEN: larger, without
    a proof that it contains the remembered one.
    """

    ROLLBACK = "rollback"
    FORK = "fork"
    UNPROVEN = "unproven"


class RefusedRequestError(LedgerError):
    """A witness does not cosign: `status` is the answer's HTTP status, `body` and `content_type` the rest of it."""

    def __init__(self, status: int, message: str, body: str = "", content_type: str = TEXT_TYPE) -> None:
        super().__init__(message)
        self.status = status
        self.body = body or f"{message}\n"
        self.content_type = content_type
        self.conflict: Conflict | None = None
        self.checkpoint: Checkpoint | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed `add-checkpoint` request; nothing of it is verified yet."""

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Remembered:
    """The size and root of the checkpoint accepted last for an origin; of a log never seen, those of no entries."""

    size: int = 0
    root: bytes = EMPTY_ROOT


def make_request(old_size: int, proof: Iterable[bytes], note: str) -> str:
    """Return the body of an `add-checkpoint` request."""
    return "\n".join([f"old {old_size}", *map(encode, proof), "", note])


def parse_request(body: bytes) -> Request:
    """Read a request; raises RefusedRequestError with status 400."""
    if len(body) > REQUEST_BYTES:
        raise RefusedRequestError(400, "The request is longer than any that is honest")
    try:
        head, separator, note = body.decode().partition("\n\n")
        first, *lines = head.split("\n")
        found = _old.fullmatch(first)
        if not separator or found is None or len(lines) > PATH_HASHES:
            raise DamagedError("A request needs an old size line, at most 63 hashes, an empty line and a checkpoint")
        proof = tuple(decode(line, "consistency proof") for line in lines)
        if any(len(item) != HASH_BYTES for item in proof):
            raise DamagedError("A hash in a consistency proof is not 32 bytes long")
        return Request(int(found[1]), proof, parse_checkpoint(note))
    except (DamagedError, UnicodeDecodeError) as error:
        raise RefusedRequestError(400, f"The request is malformed: {error}") from error


def verify_signed(request: Request, keys: Iterable[VerifierKey]) -> Checkpoint:
    """Return the request's checkpoint with the lines of `keys`, trusted for its origin, alone.

    Raises RefusedRequestError: 404 without keys, 403 unless one of them has signed, or if a line of one is wrong.
    """
    trusted = list(keys)
    if not trusted:
        raise RefusedRequestError(404, "This log is not known here")
    try:
        note = verify_note(request.checkpoint.note, trusted)
    except DamagedError as error:
        raise RefusedRequestError(403, f"No trusted key has signed this checkpoint: {error.message}") from error
    known = {(key.name, key.key_id) for key in trusted}
    lines = [each for each in note.signatures if (each.name, each.key_id) in known]
    return parse_checkpoint(make_note(note.text, lines))


def check_request(request: Request, checkpoint: Checkpoint, remembered: Remembered) -> None:
    """Raise RefusedRequestError unless the verified `checkpoint` may take the place of the remembered one.

    Where it conflicts with what is remembered, the error carries it and says how.
    """
    try:
        _check(request, checkpoint, remembered)
    except RefusedRequestError as error:
        error.checkpoint = checkpoint
        error.conflict = _conflict(error.status, checkpoint, remembered)
        raise


def cosigned_lines(signatures: Iterable[Signature]) -> str:
    """Return the body of the answer 200."""
    return "".join(signature.line() for signature in signatures)


def _check(request: Request, checkpoint: Checkpoint, remembered: Remembered) -> None:
    if request.old_size > checkpoint.size:
        raise RefusedRequestError(400, "The old size is larger than the checkpoint's")
    if request.old_size != remembered.size:
        raise RefusedRequestError(409, "The old size is not that of the latest", f"{remembered.size}\n", SIZE_TYPE)
    if checkpoint.size == remembered.size and checkpoint.root != remembered.root:
        raise RefusedRequestError(409, "The roots differ at this size", f"{remembered.size}\n", SIZE_TYPE)
    try:
        verify_consistency(remembered.size, checkpoint.size, remembered.root, checkpoint.root, request.proof)
    except DamagedError as error:
        raise RefusedRequestError(422, error.message) from error


def _conflict(status: int, checkpoint: Checkpoint, remembered: Remembered) -> Conflict | None:
    if checkpoint.size < remembered.size:
        return Conflict.ROLLBACK
    if checkpoint.size == remembered.size and checkpoint.root != remembered.root:
        return Conflict.FORK
    return Conflict.UNPROVEN if status == 422 and checkpoint.size > remembered.size else None
