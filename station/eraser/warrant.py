"""What entitles to erase one file: its entry in the ledger, under the signed checkpoint, saying just what the ticket
says. Pure.

Guarantee: a file passes only if record, payload, parts and inclusion proof all hang together under a checkpoint that
the log's own key signed, and if every value the eraser goes by is the sealed one.
"""

from dataclasses import dataclass

from pydantic import ValidationError

from station.device.erase.formats import RefusedError, Wanted
from station.digest import SHA256, sha256_hex
from station.errors import DamagedError
from station.ledger.cosign import CosignerKey, verify_cosignatures
from station.ledger.entry import FACT, leaf_of, parse_part, parse_payload, parse_record
from station.ledger.merkle import verify_inclusion
from station.ledger.note import Checkpoint, VerifierKey, decode, verify_checkpoint
from station.records.docking_entries import ClipIngested
from station.records.ticket import Refusal, TicketFile, TicketHead

_NAMES = "names"


@dataclass(frozen=True, slots=True)
class Trust:
    """By whom a ticket's checkpoint must be signed: the log's key, and at least `required` of the `witnesses`."""

    key: VerifierKey
    witnesses: tuple[CosignerKey, ...] = ()
    required: int = 0


def check_head(head: TicketHead, trust: Trust) -> Checkpoint:
    """Return the ticket's checkpoint; raises RefusedError unless the log and enough witnesses have signed it."""
    try:
        checkpoint = verify_checkpoint(head.checkpoint, trust.key)
        cosigned = verify_cosignatures(head.checkpoint, trust.witnesses)
    except DamagedError as error:
        raise RefusedError(Refusal.NOT_UNDER_CHECKPOINT, error.message) from error
    count = len({each.public for each in trust.witnesses if str(each) in cosigned})
    if count < trust.required:
        raise RefusedError(
            Refusal.TOO_FEW_COSIGNATURES, f"{count} witnesses have cosigned it, and {trust.required} must have"
        )
    return checkpoint


def check_file(line: TicketFile, recorder: str, checkpoint: Checkpoint) -> Wanted:
    """Return what is to be looked for on the card; raises RefusedError unless the ledger says it was taken in."""
    record_bytes = line.record.encode()
    try:
        record = parse_record(record_bytes)
        path = [decode(item, "ticket's proof") for item in line.inclusion]
        verify_inclusion(leaf_of(record_bytes), record.seq, checkpoint.size, path, checkpoint.root)
    except DamagedError as error:
        raise RefusedError(Refusal.NOT_UNDER_CHECKPOINT, error.message) from error
    if record.log != checkpoint.origin:
        raise RefusedError(Refusal.NOT_UNDER_CHECKPOINT, f"The record is of the log {record.log}")
    if record.type != ClipIngested.TYPE:
        raise RefusedError(Refusal.NOT_INGESTED, f"The record is a {record.type}, no {ClipIngested.TYPE}")
    entry = _read_entry(line, record.payload)
    if entry.fact.recorder != recorder or f"recorder:{recorder}" not in record.subjects:
        raise RefusedError(Refusal.OTHER_RECORDER, "It was taken in from another recorder")
    if entry.fact.readback != "direct":
        raise RefusedError(Refusal.NOT_DIRECT, f"It was read back {entry.fact.readback} when it was taken in")
    _compare(line, entry)
    return Wanted(line.path, line.address, line.size_bytes, line.times)


def _read_entry(line: TicketFile, payload: str) -> ClipIngested:
    parts = {FACT: line.fact.encode(), _NAMES: line.names.encode()}
    try:
        if sha256_hex(line.payload.encode()) != payload:
            raise DamagedError("The payload is not the record's")
        promised = parse_payload(line.payload.encode())
        for name, part in parts.items():
            if sha256_hex(part) != promised.get(name):
                raise DamagedError(f"The part {name} is not the payload's")
        return ClipIngested.read({name: parse_part(part) for name, part in parts.items()})
    except DamagedError as error:
        raise RefusedError(Refusal.NOT_AS_SEALED, error.message) from error
    except ValidationError as error:
        raise RefusedError(Refusal.NOT_AS_SEALED, "The entry's parts do not fit its type") from error


def _compare(line: TicketFile, entry: ClipIngested) -> None:
    names = entry.names
    sealed = names is not None and (
        entry.fact.digest.get(SHA256),
        entry.fact.size_bytes,
        names.volume,
        tuple(name.raw for name in names.path),
        names.address,
        names.times,
    )
    if sealed != (line.sha256, line.size_bytes, line.volume, line.path, line.address, line.times):
        raise RefusedError(Refusal.NOT_AS_SEALED, "The ledger says other things of it than the ticket")
