"""保管流转记录: which lines an entry adds to the history of clips and targets. Pure; reading is in `history_lines`.

Guarantee: a line holds codes, ids and values, never sentences, and follows from its entry alone. Entries about looks
add none: they are rows of `Look`, shown only to those who supervise. `HISTORY_CODES` lists every code with the
params it may have; all are text, absent when unknown or erased.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Final

from station.catalogue.tables import History
from station.digest import SHA256
from station.records import (
    case_entries,
    disposal_entries,
    docking_entries,
    document_entries,
    erase_entries,
    export_entries,
    handing_entries,
    log_entries,
    note_entries,
    review_entries,
)
from station.records.entries import Actor, Entry
from station.records.terms import TargetKind

# `actor_via`, `os_user` may stand beside any line that no person did through a page: console or station.
HISTORY_CODES: Final[dict[str, tuple[str, ...]]] = {
    "clip.ingested": ("docking", "recorder", "size_bytes", "readback"),
    "clip.incomplete": ("docking", "recorder", "size_bytes", "missing_bytes", "ranges", "readback"),
    "clip.conflicted": ("docking", "kept"),
    "clip.erased_on_recorder": ("docking", "recorder"),
    "clip.handed_in": ("origin", "file_name", "device", "from_whom", "told", "reason"),
    "document.added": ("document", "file_name", "from_whom", "size_bytes", "sha256", "reason"),
    "clip.probed": ("tool", "tool_version", "playable"),
    "clip.probe_failed": ("tool", "tool_version", "playable"),
    "clip.bound": ("binding", "kind", "target", "clip", "stage", "source"),
    "clip.bound_none": ("binding", "kind", "none_reason", "stage", "source"),
    "clip.unbound": ("binding", "kind", "target", "clip", "reason"),
    "clip.amended_time": ("source", "recorded_at", "reason"),
    "clip.amended_place": ("source", "place", "latitude", "longitude", "datum", "reason"),
    "clip.amended_collector": ("source", "collector", "collector_name", "companions", "reason"),
    "clip.cleared_place": ("source", "reason"),
    "clip.cleared_collector": ("source", "reason"),
    "clip.disclaimed": (),
    "clip.noted": ("note", "lines"),
    "clip.note_amended": ("note", "lines", "replaces"),
    "clip.classified": ("sensitivity", "reason"),
    "clip.submitted": ("submission", "kind", "target", "log_size"),
    "clip.disposal_proposed": ("disposal", "rule", "due_at"),
    "clip.disposed": ("disposal", "rule", "due_at"),
    "hold.placed": ("hold", "reason"),
    "hold.lifted": ("hold", "reason"),
    "part.erased": ("part", "ground"),
    "check.completed": ("check", "scope", "outcome", "log_size", "readback"),
    "alarm.raised": ("alarm", "kind"),
    "alarm.seen": ("alarm", "reason"),
    "alarm.gone": ("alarm", "reason"),
    "target.opened": ("kind", "number_source"),
    "target.numbered": ("kind", "target", "into"),
    "target.merged": ("kind", "target", "into"),
    "target.dropped": ("kind", "target"),
    "target.submitted": ("submission", "version", "clips", "log_size"),
    "submission.change_agreed": ("target", "clip", "field"),
    "opinion.given": ("submission", "version", "verdict", "reason"),
    "clip.frame_exported": ("frame_ms", "made_of", "sha256", "size_bytes", "reason"),
    "clip.derived": ("target", "export", "tool", "tool_version"),
    "export.requested": ("export", "clips", "export_reason", "reason"),
    "export.approved": ("export",),
    "export.refused": ("export", "reason"),
    "export.produced": ("export", "log_size", "size_bytes"),
}
# Rows of `Look`; params: purpose, count, access.
LOOK_CODES: Final = (
    "look.play",
    "look.original",
    "look.copy",
    "look.filmstrip",
    "look.listed",
    "look.denied",
    "look.exported",
)

_TOLD = frozenset({"clip", *(kind.value for kind in TargetKind)})  # what has a history

_Value = str | int | bool | None


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of one subject's history; `target` and `clip` as in `History`."""

    subject: str
    code: str
    params: dict[str, _Value] = field(default_factory=dict)
    target: str | None = None
    clip: str | None = None


def history_rows(seq: int, time: str, entry: Entry) -> list[History]:
    """Return the lines entry `seq`, appended at `time`, adds: at most one a subject."""
    actor = getattr(entry, "actor", None)
    actor = actor if isinstance(actor, Actor) else None
    return [
        History(
            subject=line.subject,
            seq=seq,
            at=time,
            code=line.code,
            params=_params_text(line.params | _console(actor)),
            person=actor.person if actor else None,
            target=line.target,
            clip=line.clip,
        )
        for line in _lines(entry)
    ]


def _console(actor: Actor | None) -> dict[str, _Value]:
    if actor is None or actor.person is not None:
        return {}
    return {"actor_via": actor.via, "os_user": actor.os_user}


def _params_text(params: dict[str, _Value]) -> str:
    known = {name: _text(value) for name, value in params.items() if value is not None and value != ""}
    return json.dumps(known, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _text(value: _Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@singledispatch
def _lines(_entry: Entry) -> Iterable[_Line]:
    return ()


@_lines.register
def _(entry: docking_entries.ClipIngested) -> Iterable[_Line]:
    return (_Line(f"clip:{entry.fact.clip}", "clip.ingested", _taken_in(entry.fact)),)


@_lines.register
def _(entry: docking_entries.ClipIncomplete) -> Iterable[_Line]:
    gaps = entry.gaps
    missing = sum(each.length_bytes for each in gaps.ranges) if gaps else None
    ranges = len(gaps.ranges) + gaps.more if gaps else None
    params = _taken_in(entry.fact) | {"missing_bytes": missing, "ranges": ranges}
    return (_Line(f"clip:{entry.fact.clip}", "clip.incomplete", params),)


def _taken_in(fact: docking_entries.ClipFact) -> dict[str, _Value]:
    return {
        "docking": fact.docking,
        "recorder": fact.recorder,
        "size_bytes": fact.size_bytes,
        "readback": fact.readback,
    }


@_lines.register
def _(entry: docking_entries.ClipConflicted) -> Iterable[_Line]:
    fact = entry.fact
    return (_Line(f"clip:{fact.clip}", "clip.conflicted", {"docking": fact.docking, "kept": fact.kept}),)


@_lines.register
def _(entry: erase_entries.EraseCompleted) -> Iterable[_Line]:
    params: dict[str, _Value] = {"docking": entry.fact.docking, "recorder": entry.fact.recorder}
    erased = {file.clip for file in entry.fact.files if file.result == "erased"}
    return [_Line(f"clip:{clip}", "clip.erased_on_recorder", params) for clip in sorted(erased)]


@_lines.register
def _(entry: docking_entries.ClipProbed) -> Iterable[_Line]:
    fact = entry.fact
    params: dict[str, _Value] = {"tool": fact.tool, "tool_version": fact.tool_version, "playable": fact.playable}
    return (_Line(f"clip:{fact.clip}", "clip.probed" if fact.ok else "clip.probe_failed", params),)


@_lines.register
def _(entry: case_entries.ClipBound) -> Iterable[_Line]:
    fact = entry.fact
    params: dict[str, _Value] = {
        "binding": fact.binding,
        "kind": fact.kind,
        "stage": fact.stage,
        "source": fact.source,
    }
    if fact.target is None:
        return (_Line(f"clip:{fact.clip}", "clip.bound_none", params | {"none_reason": fact.none_reason}),)
    return _both_sides("clip.bound", params, fact.clip, fact.kind, fact.target)


@_lines.register
def _(entry: case_entries.ClipUnbound) -> Iterable[_Line]:
    fact = entry.fact
    reason = entry.text.reason if entry.text else None
    params: dict[str, _Value] = {"binding": fact.binding, "kind": fact.kind, "reason": reason}
    if fact.target is None:
        return (_Line(f"clip:{fact.clip}", "clip.unbound", params),)
    return _both_sides("clip.unbound", params, fact.clip, fact.kind, fact.target)


def _both_sides(code: str, params: dict[str, _Value], clip: str, kind: TargetKind, target: str) -> tuple[_Line, _Line]:
    return (
        _Line(f"clip:{clip}", code, params | {"target": target}, target=target),
        _Line(f"{kind}:{target}", code, params | {"clip": clip}, clip=clip),
    )


@_lines.register
def _(entry: case_entries.ClipAmended) -> Iterable[_Line]:
    fact, place, people = entry.fact, entry.place, entry.people
    params: dict[str, _Value] = {"source": fact.source, "reason": entry.text.reason if entry.text else None}
    if fact.field == "time":
        params["recorded_at"] = fact.recorded_at
    if fact.field == "place" and place is not None:
        params |= {"place": place.text, "latitude": place.latitude, "longitude": place.longitude, "datum": place.datum}
    if fact.field == "collector" and people is not None:
        params |= {
            "collector": people.collector,
            "collector_name": people.collector_name,
            "companions": ",".join(people.companions),
        }
    code = "cleared" if fact.cleared else "amended"
    return (_Line(f"clip:{fact.clip}", f"clip.{code}_{fact.field}", params),)


@_lines.register
def _(entry: handing_entries.ClipHandedIn) -> Iterable[_Line]:
    fact, text = entry.fact, entry.text
    params: dict[str, _Value] = {"origin": fact.origin, "told": fact.told.get("sha256")}
    if text is not None:
        params |= {name: getattr(text, name) or None for name in ("file_name", "device", "from_whom")}
        params["reason"] = text.note or None
    return (_Line(f"clip:{fact.clip}", "clip.handed_in", params),)


@_lines.register
def _(entry: document_entries.DocumentAdded) -> Iterable[_Line]:
    fact, text = entry.fact, entry.text
    params: dict[str, _Value] = {
        "document": fact.document,
        "size_bytes": fact.size_bytes,
        "sha256": fact.digest[SHA256],
    }
    if text is not None:
        params |= {
            "file_name": text.file_name or None,
            "from_whom": text.from_whom or None,
            "reason": text.note or None,
        }
    return (_Line(f"{fact.target_kind}:{fact.target}", "document.added", params),)


@_lines.register
def _(entry: note_entries.ClipNoted) -> Iterable[_Line]:
    fact = entry.fact
    code = "clip.note_amended" if fact.replaces else "clip.noted"
    return (_Line(f"clip:{fact.clip}", code, {"note": fact.note, "lines": fact.lines, "replaces": fact.replaces}),)


@_lines.register
def _(entry: export_entries.FrameExported) -> Iterable[_Line]:
    fact = entry.fact
    params: dict[str, _Value] = {
        "frame_ms": fact.time_ms,
        "made_of": fact.made_of,
        "sha256": fact.digest[SHA256],
        "size_bytes": fact.size_bytes,
        "reason": entry.text.reason if entry.text else None,
    }
    return (_Line(f"clip:{fact.clip}", "clip.frame_exported", params),)


@_lines.register
def _(entry: case_entries.ClipDisclaimed) -> Iterable[_Line]:
    return (_Line(f"clip:{entry.fact.clip}", "clip.disclaimed"),)


@_lines.register
def _(entry: case_entries.ClipClassified) -> Iterable[_Line]:
    params: dict[str, _Value] = {"sensitivity": entry.fact.sensitivity}
    params["reason"] = entry.text.reason if entry.text else None
    return (_Line(f"clip:{entry.fact.clip}", "clip.classified", params),)


def check_outcomes(fact: log_entries.CheckCompleted.Fact) -> dict[str, str]:
    """Return what a check found of each clip it names; one sound clip does not become damaged by its neighbour.

    A check of everything names only what it found damaged: a line in every clip's history would drown the rest.
    """
    others = "sound" if fact.outcome == "damaged" else fact.outcome
    return {clip: "damaged" if clip in fact.damaged else others for clip in (*fact.clips, *fact.damaged)}


@_lines.register
def _(entry: log_entries.CheckCompleted) -> Iterable[_Line]:
    fact = entry.fact
    for clip, outcome in check_outcomes(fact).items():
        params: dict[str, _Value] = {
            "check": fact.check,
            "scope": fact.scope,
            "outcome": outcome,
            "log_size": fact.log_size,
            "readback": fact.readback,
        }
        yield _Line(f"clip:{clip}", "check.completed", params)


@_lines.register
def _(entry: disposal_entries.DisposalProposed) -> Iterable[_Line]:
    for due in entry.fact.clips:
        params: dict[str, _Value] = {"disposal": entry.fact.disposal, "rule": due.rule, "due_at": due.due_at}
        yield _Line(f"clip:{due.clip}", "clip.disposal_proposed", params)


@_lines.register
def _(entry: disposal_entries.ClipDisposed) -> Iterable[_Line]:
    fact = entry.fact
    params: dict[str, _Value] = {"disposal": fact.disposal, "rule": fact.rule, "due_at": fact.due_at}
    return (_Line(f"clip:{fact.clip}", "clip.disposed", params),)


@_lines.register
def _(entry: disposal_entries.HoldPlaced) -> Iterable[_Line]:
    return (_Line(entry.fact.about, "hold.placed", _hold(entry)),)


@_lines.register
def _(entry: disposal_entries.HoldLifted) -> Iterable[_Line]:
    return (_Line(entry.fact.about, "hold.lifted", _hold(entry)),)


def _hold(entry: disposal_entries.HoldPlaced | disposal_entries.HoldLifted) -> dict[str, _Value]:
    return {"hold": entry.fact.hold, "reason": entry.text.reason if entry.text else None}


@_lines.register
def _(entry: log_entries.PayloadErased) -> Iterable[_Line]:
    params: dict[str, _Value] = {"part": entry.fact.part, "ground": entry.fact.ground}
    told = (about for about in entry.fact.about if about.partition(":")[0] in _TOLD)
    return [_Line(about, "part.erased", params) for about in told]


@_lines.register
def _(entry: log_entries.AlarmRaised) -> Iterable[_Line]:
    fact = entry.fact
    if fact.about is None or not fact.about.startswith("clip:"):
        return ()
    return (_Line(fact.about, "alarm.raised", {"alarm": fact.alarm, "kind": fact.kind}),)


@_lines.register
def _(entry: log_entries.AlarmAcknowledged) -> Iterable[_Line]:
    fact = entry.fact
    if fact.about is None or not fact.about.startswith("clip:"):
        return ()
    params: dict[str, _Value] = {"alarm": fact.alarm, "reason": entry.text.note if entry.text else None}
    return (_Line(fact.about, "alarm.gone" if fact.gone else "alarm.seen", params),)


@_lines.register
def _(entry: case_entries.TargetOpened) -> Iterable[_Line]:
    fact = entry.fact
    params: dict[str, _Value] = {"kind": fact.kind, "number_source": fact.number_source}
    return (_Line(f"{fact.kind}:{fact.target}", "target.opened", params),)


@_lines.register
def _(entry: case_entries.TargetResolved) -> Iterable[_Line]:
    fact, code = entry.fact, f"target.{entry.fact.outcome}"
    params: dict[str, _Value] = {"kind": fact.kind, "target": fact.target, "into": fact.into}
    yield _Line(f"{fact.kind}:{fact.target}", code, params, target=fact.into)
    if fact.into is not None:
        yield _Line(f"case:{fact.into}", code, params, target=fact.target)


@_lines.register
def _(entry: case_entries.TargetSubmitted) -> Iterable[_Line]:
    fact = entry.fact
    params: dict[str, _Value] = {"submission": fact.submission, "log_size": fact.log_size}
    counted: dict[str, _Value] = {"clips": len(fact.clips), "version": fact.version}
    yield _Line(f"case:{fact.target}", "target.submitted", params | counted)
    for clip in dict.fromkeys(fact.clips):
        yield _Line(
            f"clip:{clip}", "clip.submitted", params | {"kind": "case", "target": fact.target}, target=fact.target
        )


@_lines.register
def _(entry: review_entries.OpinionGiven) -> Iterable[_Line]:
    fact = entry.fact
    params: dict[str, _Value] = {"submission": fact.submission, "version": fact.version, "verdict": fact.verdict}
    params["reason"] = entry.text.opinion if entry.text else None
    return (_Line(f"case:{fact.target}", "opinion.given", params),)


@_lines.register
def _(entry: review_entries.ChangeAgreed) -> Iterable[_Line]:
    fact = entry.fact
    params: dict[str, _Value] = {"target": fact.target, "clip": fact.clip, "field": fact.field}
    return (
        _Line(f"clip:{fact.clip}", "submission.change_agreed", params, target=fact.target),
        _Line(f"case:{fact.target}", "submission.change_agreed", params, clip=fact.clip),
    )


@_lines.register
def _(entry: export_entries.ClipDerived) -> Iterable[_Line]:
    fact = entry.fact
    params: dict[str, _Value] = {"target": fact.target, "export": fact.export}
    params |= {"tool": fact.tool, "tool_version": fact.tool_version}
    return (_Line(f"clip:{fact.clip}", "clip.derived", params, target=fact.target),)


@_lines.register
def _(entry: export_entries.ExportRequested) -> Iterable[_Line]:
    fact = entry.fact
    params: dict[str, _Value] = {"export": fact.export, "clips": len(fact.clips), "export_reason": fact.reason}
    params["reason"] = entry.text.reason if entry.text else None
    return (_Line(f"case:{fact.target}", "export.requested", params),)


@_lines.register
def _(entry: export_entries.ExportApproved) -> Iterable[_Line]:
    return (_Line(f"case:{entry.fact.target}", "export.approved", {"export": entry.fact.export}),)


@_lines.register
def _(entry: export_entries.ExportRefused) -> Iterable[_Line]:
    params: dict[str, _Value] = {"export": entry.fact.export, "reason": entry.text.reason if entry.text else None}
    return (_Line(f"case:{entry.fact.target}", "export.refused", params),)


@_lines.register
def _(entry: export_entries.ExportProduced) -> Iterable[_Line]:
    fact = entry.fact
    params: dict[str, _Value] = {"export": fact.export, "log_size": fact.log_size, "size_bytes": fact.size_bytes}
    return (_Line(f"case:{fact.target}", "export.produced", params),)
