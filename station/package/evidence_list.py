"""证据清单, as a table for Excel and as JSON: category, file format, integrity value, time ranges.

Sources: 法发〔2016〕22号 §14 wants of electronic data the category, the file format and the integrity value; 行政诉讼
证据规定 §12 wants of audio-visual material the original carrier, the method, time and maker, and what it proves.
Guarantee: no cell is a formula, whatever a file was named on a recorder (CWE-1236).
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from station.package.content import Clip, Content
from station.package.words import Words, file_name, plain
from station.spreadsheet import BYTE_ORDER_MARK, csv_lines


def evidence_list_csv(content: Content, words: Words) -> bytes:
    """Return the list as CSV: UTF-8 with byte order mark, RFC 4180 lines, a heading in both languages."""
    rows = [[words.both(f"column_{name}") for name in ("number", *_COLUMNS)]]
    for number, clip in enumerate(content.clips, 1):
        rows.append([str(number), *(plain(make(content, words, clip)) for make in _COLUMNS.values())])
    return BYTE_ORDER_MARK + csv_lines(rows)


def evidence_list_json(content: Content, words: Words) -> bytes:
    """Return the list as JSON, with time ranges as numbers."""
    items = [_item(content, words, number, clip) for number, clip in enumerate(content.clips, 1)]
    document = {
        "v": 1,
        "export": content.export,
        "case": {"number": content.number, "title": content.title, "unit": content.unit},
        "as_of": content.as_of,
        "items": items,
    }
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _item(content: Content, words: Words, number: int, clip: Clip) -> dict[str, Any]:
    ranges = [
        {
            "proves": proven.text,
            "stage": bound.stage,
            "ranges": [{"start_ms": start, "end_ms": end} for start, end in proven.ranges],
        }
        for bound in clip.bindings
        for proven in bound.proves
    ]
    return {
        "number": number,
        "clip": clip.clip,
        **{name: make(content, words, clip) for name, make in _COLUMNS.items() if name != "proves"},
        "size_bytes": clip.size_bytes,
        "duration_ms": clip.duration_ms,
        "sha256": clip.sha256,
        **({"sm3": clip.sm3} if clip.sm3 else {}),
        "mime_type": clip.mime_type,
        "recorded_at": clip.recorded_at,
        "taken_in_at": clip.taken_in_at,
        "proves": ranges,
    }


def _value(clip: Clip, name: str) -> str:
    return clip.field(name).value or ""


def _made_at(_content: Content, words: Words, clip: Clip) -> str:
    if clip.recorded_at is None:
        return ""
    doubt = clip.field("time").doubt
    return words.zh.moment(clip.recorded_at) + (f" ({words.both(doubt, 'doubt')})" if doubt else "")


def _format(_content: Content, _words: Words, clip: Clip) -> str:
    codecs = "+".join(each for each in (clip.video_codec, clip.audio_codec) if each)
    return f".{clip.extension} ({clip.container}{': ' + codecs if codecs else ''})"


def _proves(_content: Content, words: Words, clip: Clip) -> str:
    stated = []
    for bound in clip.bindings:
        for proven in bound.proves:
            ranges = words.ranges(proven)
            stated.append(f"{proven.text} [{ranges}]" if ranges else proven.text)
    return "; ".join(stated)


def _stages(_content: Content, words: Words, clip: Clip) -> str:
    return "; ".join(dict.fromkeys(words.both(each.stage, "stage") for each in clip.bindings if each.stage))


_COLUMNS: Final[Mapping[str, Callable[[Content, Words, Clip], str]]] = {
    "name": lambda content, words, clip: file_name(clip),
    "category": lambda content, words, clip: words.both(f"category_{clip.media}"),
    "format": _format,
    "size": lambda content, words, clip: str(clip.size_bytes),
    "integrity": lambda content, words, clip: f"SHA-256: {clip.sha256}" + (f"; SM3: {clip.sm3}" if clip.sm3 else ""),
    "made_at": _made_at,
    "place": lambda content, words, clip: _value(clip, "place"),
    "maker": lambda content, words, clip: _value(clip, "collector"),
    "method": lambda content, words, clip: words.both("method"),
    "carrier": lambda content, words, clip: clip.recorder_name,
    "taken_in_at": lambda content, words, clip: words.zh.moment(clip.taken_in_at),
    "duration": lambda content, words, clip: "" if clip.duration_ms is None else words.zh.duration(clip.duration_ms),
    "stage": _stages,
    "proves": _proves,
    "sensitivity": lambda content, words, clip: words.both(clip.sensitivity, "sensitivity"),
    "state": lambda content, words, clip: words.both(clip.state),
    "location": lambda content, words, clip: clip.original or "",
}
