"""What an audit can find: a stable code, where, and a sentence; the catalogue that translators work from.

Guarantee: every finding's sentence is a template of `MESSAGES` under its code, filled from `seq` and `params`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

MESSAGES: Mapping[str, str] = {
    "record.missing": "Entries {first} to {last} are missing",
    "record.misplaced": "The row numbered {seq} is not where it belongs: {reason}",
    "record.form": "Entry {seq} is not a well-formed record: {reason}",
    "record.altered": "The record of entry {seq} was altered: it no longer has the leaf that was sealed",
    "record.replaced": "Entry {seq} was replaced: the entry after it was chained to another one",
    "record.number": "The record of entry {seq} says that it is number {found}",
    "record.log": "Entry {seq} belongs to the log {found}, not to {expected}",
    "record.first": "Entry {seq} is the first but names an entry before it",
    "leaf.altered": "The stored leaf of entry {seq} was altered; its record is intact",
    "leaf.unclear": "Record and stored leaf of entry {seq} disagree; one of them was altered",
    "column.type": "The stored type of entry {seq} is {found}, its record says {expected}",
    "column.time": "The stored time of entry {seq} is {found}, its record says {expected}",
    "chain.subject": "Entry {seq} does not name the entry about {subject} that came before it",
    "index.missing": "The index does not list entry {seq} under {subject}",
    "index.unexpected": "The index lists entry {seq} under {subject}, but its record is not about it",
    "payload.missing": "The payload of entry {seq} is missing",
    "payload.unexpected": "There is a payload numbered {seq} without a record",
    "payload.altered": "The payload of entry {seq} was altered",
    "payload.form": "The payload of entry {seq} is malformed: {reason}",
    "part.missing": "The part {part} of entry {seq} is missing, and no entry says that it was erased",
    "part.altered": "The part {part} of entry {seq} was altered",
    "part.unexpected": "There is a part {part} of entry {seq} that its payload does not name",
    "part.form": "The part {part} of entry {seq} is malformed: {reason}",
    "part.remains": "The part {part} of entry {seq} is to be erased, but is still there",
    "erasure.form": "The erasure in entry {seq} does not say what was erased: {reason}",
    "erasure.missing": "The erasure of part {part} of entry {of}, in entry {seq}, is not listed",
    "erasure.unexpected": "The list of erasures names part {part} of entry {seq}, which entry {by} does not erase",
    "node.missing": "Tree nodes {first} to {last} of level {level} are missing",
    "node.altered": "Tree node {index} of level {level}, over entries {first} to {last}, was altered",
    "node.unexpected": "There is a tree node {index} of level {level} that no tree of {size} entries has",
    "checkpoint.missing": "Checkpoint number {number} is missing",
    "checkpoint.lost": "The signer has signed for {size} entries, but that checkpoint is not stored",
    "checkpoint.altered": "Checkpoint number {number} was altered: {reason}",
    "checkpoint.size": "Checkpoint number {number} is stored for {found} entries but was signed for {expected}",
    "checkpoint.order": "Checkpoint number {number} is not where it belongs",
    "checkpoint.root": "Entries {first} to {last} are not those that were signed at {size} entries",
    "anchor.missing": "Outside anchor number {number} is missing",
    "anchor.altered": "Outside anchor number {number}, over the checkpoint of {size} entries, was altered: {reason}",
    "anchor.stray": "Outside anchor number {number} is over a checkpoint of {size} entries, which is not stored",
    "anchor.foreign": "Outside anchor number {number} is of {key}, which is not one of this station's",
    "anchor.unchecked": "Of the outside anchors, {count} were not held against this station's settings",
    "signer.differs": "The signer signed another tree of {size} entries than is stored: its key was used elsewhere",
    "rotation.form": "Entry {seq} changes the log's key, but does not say to which: {reason}",
    "rotation.order": "Entry {seq} hands the log over from a key that did not have it",
    "rotation.key": "Entry {seq} hands the log over to the key {key}, which is not one of those it is checked with",
    "rotation.unsigned": "The change of keys in entry {seq} was not signed by both keys",
    "signer.note": "The signer's own checkpoint is not valid: {reason}",
    "log.shorter": "The log holds {found} entries, but {size} were signed",
    "log.unsigned": "The last {count} entries are not signed yet",
    "schema.trigger": "The guard {trigger} that keeps the ledger append-only is missing or was changed",
    "database.integrity": "The database reports damage in table {table}: {reason}",
    "database.unreadable": "The table {table} can't be read from row {row} on",
}
"""Sentences by code. Those of `NOTES` are no damage."""

NOTES = frozenset({"log.unsigned", "part.remains", "anchor.unchecked"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: `kind` is a key of MESSAGES; `seq` and `subject` say where, None if it is not about one."""

    kind: str
    seq: int | None = None
    subject: str | None = None
    params: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The English sentence, without a full stop."""
        return MESSAGES[self.kind].format(seq=self.seq, subject=self.subject, **self.params)

    @property
    def is_damage(self) -> bool:
        """Whether this means that something is wrong, and is not just worth knowing."""
        return self.kind not in NOTES
