"""Which parts of an entry leave the station with a proof or a court package: one table, default deny.

Guarantees: a type that the table does not name discloses nothing; a look (`access.*`) never does, whatever the table
says; an entry that names a case, matter or task other than the recipient's own discloses nothing at all, so that
access through one case reveals nothing of the others. The record, the payload and with it the digests of withheld
parts always go along, so every proof stays whole (station/ledger/FORMAT.md). Erased parts are simply absent.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from station.records.terms import TargetKind

_TARGET_KINDS: Final = frozenset(kind.value for kind in TargetKind)
_LOOKS: Final = "access."


@dataclass(frozen=True, slots=True)
class Rule:
    """The `parts` disclosed; `own`: only where the record names a target of the recipient's."""

    parts: frozenset[str]
    own: bool = False


def _parts(*names: str) -> Rule:
    return Rule(frozenset(names))


def _own(*names: str) -> Rule:
    return Rule(frozenset(names), own=True)


# Words about persons who are not part of the matter, device paths and complaints of tools stay at home.
DISCLOSED: Final[Mapping[str, Rule]] = {
    "log.started": _parts("fact"),
    "log.key_rotated": _parts("fact"),
    "payload.erased": _parts("fact"),
    "clip.disposed": _parts("fact", "actor"),
    "log.continues": _parts("fact"),
    "check.completed": _parts("fact"),
    "alarm.raised": _parts("fact"),
    "alarm.acknowledged": _parts("fact"),
    "recorder.known": _parts("fact", "names"),
    "recorder.enrolled": _parts("fact", "names"),
    "clock.measured": _parts("fact"),
    "clock.set": _parts("fact"),
    "holder.issued": _parts("fact"),
    "holder.returned": _parts("fact"),
    "docking.started": _parts("fact"),
    "docking.finished": _parts("fact"),
    "clip.ingested": _parts("fact", "names"),
    "clip.incomplete": _parts("fact", "gaps", "names"),
    "clip.conflicted": _parts("fact"),
    "clip.handed_in": _parts("fact", "text", "actor"),
    "clip.probed": _parts("fact", "place"),
    "clip.bound": _parts("fact", "text", "actor"),
    "clip.unbound": _parts("fact", "text", "actor"),
    "clip.amended": _parts("fact", "place", "people", "text", "actor"),
    "clip.frame_exported": _parts("fact"),
    "clip.disclaimed": _parts("fact", "actor"),
    "clip.noted": _parts("fact", "actor"),
    "clip.classified": _parts("fact", "actor"),
    "hold.placed": _parts("fact"),
    "hold.lifted": _parts("fact"),
    "target.opened": _own("fact", "names", "actor"),
    "document.added": _own("fact", "text", "actor"),
    "target.resolved": _own("fact", "actor"),
    "target.submitted": _own("fact", "actor"),
    "clip.submitted": _own("fact", "people", "place", "names", "text"),
    "submission.change_agreed": _own("fact", "actor"),
    "clip.derived": _own("fact", "text"),
    "export.requested": _own("fact", "text", "actor"),
    "export.approved": _own("fact", "actor"),
    "export.produced": _own("fact"),
}


def disclosed_parts(entry_type: str, subjects: Iterable[str], targets: Collection[str] = ()) -> frozenset[str]:
    """Return the names of the parts that a recipient may see of one entry.

    `subjects` are those of its record, `targets` the recipient's cases, matters and tasks, all as `kind:id`
    (`case:<id>`, and `matter:<id>` of each matter that became the case). Without targets no binding to one is shown.
    """
    rule = DISCLOSED.get(entry_type)
    if rule is None or entry_type.startswith(_LOOKS):
        return frozenset()
    named = {subject for subject in subjects if subject.partition(":")[0] in _TARGET_KINDS}
    if not named <= set(targets) or (rule.own and not named):
        return frozenset()
    return rule.parts
