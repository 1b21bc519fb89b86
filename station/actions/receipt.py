"""The receipt of a docking (接入回执): what was taken in, and the signed checkpoint that it is under, as a QR code.

Guarantees: everything on it but names is out of the docking's own entries, which are proven to be under the checkpoint
before it is printed; the code holds the checkpoint's bytes exactly, at error level M or better; printed again it shows
the same checkpoint, the first that covers the docking. Paper that left the station is an anchor that nobody inside can
change.
"""

import io
from dataclasses import dataclass, replace

import segno
from segno.encoder import DataOverflowError

from station.catalogue.recorders import find_docking, holders_at
from station.catalogue.views import DockingView
from station.config import Home
from station.custody import check_parts
from station.database import Session
from station.digest import SHA256
from station.errors import ConflictError, DamagedError, NotFoundError
from station.i18n import Translator
from station.ledger import log
from station.ledger.anchors import first_covering
from station.ledger.entry import StoredEntry, leaf_of, parse_record
from station.ledger.merkle import inclusion_proof, verify_inclusion
from station.ledger.note import Checkpoint, verify_checkpoint
from station.ledger.sign import home_keys
from station.records.docking_entries import ClipIncomplete, ClipIngested, DockingFinished, DockingStarted
from station.records.registry import read_entry

LISTED_CLIPS = 40
_LEVEL = "m"


@dataclass(frozen=True, slots=True)
class ReceiptClip:
    """One clip of the docking: its digest, and whether it was taken in whole."""

    sha256: str
    size_bytes: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """What stands on the receipt. `clips` are the first taken in, `more` counts the rest.

    `listing` is the SHA-256 of the list of all files seen; `seq` the entry that ends the docking; `checkpoint` the
    signed note, `log_size` the entries it covers. `officers` are those who held the recorder by the register.
    """

    docking: DockingView
    unit: str
    origin: str
    officers: tuple[str, ...]
    clips: tuple[ReceiptClip, ...]
    more: int
    listing: str | None
    seq: int
    checkpoint: str
    log_size: int


def make_receipt(home: Home, session: Session, docking: str) -> Receipt:
    """Return a docking's receipt.

    Raises NotFoundError for none of that id, ConflictError while it is not finished or not under a checkpoint yet,
    DamagedError when its entries are not those that were signed for.
    """
    view = find_docking(session, docking)
    if view is None:
        raise NotFoundError("There is no docking of this id")
    stored = list(log.subject_entries(session, f"docking:{docking}"))
    entries = [read_entry(each.seq, each.type, each.values()) for each in stored]
    finished = next((each for each in reversed(entries) if isinstance(each, DockingFinished)), None)
    if finished is None or view.finished_at is None:
        raise ConflictError("This docking is not finished", hint="Ask again when it is")
    seq = stored[entries.index(finished)].seq
    checkpoint = first_covering(session, seq)
    if checkpoint is None:
        raise ConflictError("This docking is not under a signed checkpoint yet", hint="Ask again in a moment")
    named = [(each, entry) for each, entry in zip(stored, entries, strict=True) if each.seq <= seq]
    _prove(session, [each for each, _ in named], verify_checkpoint(checkpoint.note, *home_keys(home)))
    clips = [_clip(entry) for _, entry in named if isinstance(entry, ClipIngested | ClipIncomplete)]
    started = next((each for each in entries if isinstance(each, DockingStarted)), None)
    holders = holders_at(session, started.fact.recorder, stored[0].time) if started else ()
    fact = finished.fact
    counts = {str(name): count for name, count in fact.counts.items()}
    view = replace(
        view,
        started_at=stored[0].time,
        finished_at=stored[entries.index(finished)].time,
        counts=counts,
        size_bytes=fact.size_bytes,
        whole=fact.whole,
    )
    return Receipt(
        docking=view,
        unit=home.settings.unit,
        origin=checkpoint.origin,
        officers=tuple(dict.fromkeys(each.person_name or each.person for each in holders)),
        clips=tuple(clips[:LISTED_CLIPS]),
        more=max(0, len(clips) - LISTED_CLIPS),
        listing=fact.listing[SHA256] if fact.listing else None,
        seq=seq,
        checkpoint=checkpoint.note,
        log_size=checkpoint.size,
    )


def qr_code(text: str) -> segno.QRCode:
    """Return a QR code (ISO/IEC 18004, byte mode) of the text's UTF-8 bytes; raises ConflictError if too long."""
    try:
        return segno.make_qr(text.encode(), error=_LEVEL, mode="byte")
    except DataOverflowError as error:
        raise ConflictError("The checkpoint has too many signatures for a QR code") from error


def qr_svg(text: str) -> str:
    """Return the code as SVG for a page, without styles or scripts."""
    found: str = qr_code(text).svg_inline(border=4, omitsize=True, svgclass="qr", lineclass=None)
    return found


def qr_picture(text: str) -> bytes:
    """Return the code as an SVG file of its own."""
    buffer = io.BytesIO()
    qr_code(text).save(buffer, kind="svg", scale=6, border=4)
    return buffer.getvalue()


def receipt_text(receipt: Receipt, t: Translator) -> str:
    """Return the receipt as plain text; the checkpoint's lines stand at its end, exactly."""
    lines = [
        t("Docking receipt"),
        "",
        *(f"{name}: {value}" for name, value in receipt_facts(receipt, t)),
        "",
        *(f"{clip.sha256}  {t.size(clip.size_bytes)}" for clip in receipt.clips),
        *([t.plural("and {count} more", "and {count} more", receipt.more)] if receipt.more else []),
        "",
        t("Signed checkpoint"),
        "",
    ]
    return "\n".join(lines) + receipt.checkpoint


def receipt_facts(receipt: Receipt, t: Translator) -> list[tuple[str, str]]:
    """Return what stands above the checkpoint: label and value, in the reader's language."""
    view = receipt.docking
    counts = ", ".join(f"{t.code('result', name)} {t.number(count)}" for name, count in view.counts.items() if count)
    facts = [
        (t("Station"), " ".join(each for each in (receipt.unit, receipt.origin) if each)),
        (t("Docking"), view.docking),
        (t("Recorder"), view.recorder_name),
        (t("Held by"), "、".join(receipt.officers) or "—"),
        (t("Slot"), str(view.slot) if view.slot else t("by command")),
        (t("Started"), t.moment(view.started_at)),
        (t("Finished"), t.moment(view.finished_at or view.started_at)),
        (t("Files"), counts or "0"),
        (t("Size"), t.size(view.size_bytes)),
        (t("Result"), t("All taken in") if view.whole else t("Not all taken in")),
        (t("SHA-256 of the list of all files"), receipt.listing or "—"),
        (t("Entry in the ledger"), t.number(receipt.seq)),
    ]
    return [(name, value) for name, value in facts if value]


def _prove(session: Session, stored: list[StoredEntry], checkpoint: Checkpoint) -> None:
    nodes = log.nodes(session)
    for each in stored:
        path = inclusion_proof(each.seq, checkpoint.size, nodes)
        verify_inclusion(leaf_of(each.record), each.seq, checkpoint.size, path, checkpoint.root)
        if parse_record(each.record).seq != each.seq:
            raise DamagedError(f"Entry {each.seq} is not the one that was signed for")
        check_parts(each)


def _clip(entry: ClipIngested | ClipIncomplete) -> ReceiptClip:
    return ReceiptClip(entry.fact.digest[SHA256], entry.fact.size_bytes, isinstance(entry, ClipIngested))
