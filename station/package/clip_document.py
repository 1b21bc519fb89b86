"""`data/clips/<clip>.json`: all that the station knows of one recording and may tell here (FORMAT.md, section Clip).

Guarantee: codes stand as they are in the ledger with both languages' words beside them, so that neither a person nor a
program has to guess.
"""

import json
from collections.abc import Mapping
from typing import Any

from station.package.content import Bound, Clip, Content, Derived, FieldValue, Line
from station.package.words import Words


def clip_document(content: Content, clip: Clip, words: Words, digests: Mapping[str, str]) -> bytes:
    """Return the file's bytes; `digests` maps the paths of derived files to their SHA-256."""
    document: dict[str, Any] = {
        "v": 1,
        "clip": clip.clip,
        "state": _coded(words, clip.state, "package"),
        "statement": words.unaltered(clip),
        "original": clip.original,
        "sha256": clip.sha256,
        **({"sm3": clip.sm3} if clip.sm3 else {}),
        "size_bytes": clip.size_bytes,
        "case": {"number": content.number, "title": content.title},
        "media": clip.media,
        "container": clip.container,
        "duration_ms": clip.duration_ms,
        "width": clip.width,
        "height": clip.height,
        "frame_rate": clip.frame_rate,
        "video_codec": clip.video_codec,
        "audio_codec": clip.audio_codec,
        "file": {"path": clip.path, "raw": list(clip.path_raw)},
        "recorder": {"id": clip.recorder, "name": clip.recorder_name, "profile": clip.profile},
        "docking": clip.docking,
        "readback": _coded(words, clip.readback, "readback"),
        "fields": {each.field: _field(words, each) for each in clip.fields},
        "companions": list(clip.companions),
        "clocks": {
            "device_time": clip.device_time,
            "zone": clip.zone,
            "offset_ms": clip.offset_ms,
            "recorded_at": clip.recorded_at,
            "trust": _coded(words, clip.time_trust, "time_trust"),
            "taken_in_at": clip.taken_in_at,
        },
        "bindings": [_binding(words, each) for each in clip.bindings],
        "gaps": {
            "ranges": [{"offset_bytes": each.offset_bytes, "length_bytes": each.length_bytes} for each in clip.gaps],
            "more": clip.more_gaps,
        },
        "sensitivity": _coded(words, clip.sensitivity, "sensitivity"),
        "entries": list(clip.entries),
        "history": [_line(words, each) for each in clip.history],
        "derived": [_derived(each, digests) for each in content.derived_of(clip.clip)],
    }
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _coded(words: Words, code: str | None, group: str) -> dict[str, str] | None:
    return None if code is None else {"code": code, **words.pair(code, group)}


def _field(words: Words, value: FieldValue) -> dict[str, Any]:
    return {
        "value": value.value,
        "source": _coded(words, value.source, "source"),
        "doubt": _coded(words, value.doubt, "doubt"),
    }


def _binding(words: Words, bound: Bound) -> dict[str, Any]:
    return {
        "binding": bound.binding,
        "stage": _coded(words, bound.stage, "stage"),
        "source": _coded(words, bound.source, "source"),
        "note": bound.note,
        "proves": [
            {"text": each.text, "ranges": [{"start_ms": start, "end_ms": end} for start, end in each.ranges]}
            for each in bound.proves
        ],
        "bound_at": bound.bound_at,
        "bound_by": bound.bound_by,
    }


def _line(words: Words, line: Line) -> dict[str, Any]:
    return {"seq": line.seq, "time": line.time, "code": line.code, "by": line.actor, **words.line(line)}


def _derived(derived: Derived, digests: Mapping[str, str]) -> dict[str, Any]:
    return {
        "path": derived.path,
        "kind": derived.kind,
        "sha256": digests[derived.path],
        "description": {"zh": derived.zh, "en": derived.en},
    }
