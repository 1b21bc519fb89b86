"""`data/certificate.pdf`: the certificate of custody in 中文 and English, PDF/A-3u (ISO 19005-3), fonts embedded.

Guarantees: it says what the other files of the package say and nothing more; the QR code is the log's own signed
checkpoint, byte for byte; the same content gives the same bytes, since every date in it is the content's own.
"""

import warnings
from pathlib import Path
from typing import Any, Final

import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from station.errors import StationError
from station.package.content import Clip, Content
from station.package.words import Words, file_name, plain

_TEMPLATE: Final = "certificate.html"
_VARIANT: Final = "pdf/a-3u"
_Row = tuple[str, str, bool]  # code of the label, text, whether its digits are to be compared


class CertificateError(StationError):
    """The certificate could not be made."""


def certificate(content: Content, words: Words) -> bytes:
    """Return the PDF's bytes; raises CertificateError when the fonts or the renderer fail."""
    from weasyprint import HTML  # loads Pango: only who makes a certificate waits for it
    from weasyprint.urls import URLFetcher

    text = certificate_html(content, words)
    try:
        page = HTML(string=text, url_fetcher=URLFetcher(allowed_protocols={"data"}, fail_on_errors=True))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # WeasyPrint 70 leaves its colour profile to be collected
            pdf: bytes = page.write_pdf(pdf_variant=_VARIANT, pdf_identifier=content.export.encode())
    except (OSError, ValueError) as error:
        raise CertificateError(f"The certificate could not be made: {error}", kept="No package was made") from error
    return pdf


def certificate_html(content: Content, words: Words) -> str:
    """Return the certificate as the page that is printed."""
    folder = Path(__file__).parent
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    checkpoint = own_checkpoint(content)
    return environment.get_template(_TEMPLATE).render(
        content=content,
        words=words,
        number=plain(content.number),
        date=content.as_of[:19] + "Z",
        about=_about(content, words),
        clips=[_clip(content, words, clip) for clip in content.clips],
        checkpoint=checkpoint,
        qr=_qr(checkpoint),
    )


def own_checkpoint(content: Content) -> str:
    """Return the checkpoint without the signature lines of witnesses: what the QR code holds."""
    text, separator, signatures = content.checkpoint.partition("\n\n")
    own = [line for line in signatures.splitlines(keepends=True) if line.split(" ")[1:2] == [content.log]]
    return text + separator + "".join(own)


def _qr(text: str) -> str:
    code = segno.make_qr(text.encode(), error="m", mode="byte", boost_error=False)
    picture: str = code.svg_data_uri(border=2, xmldecl=False, svgns=True, omitsize=True)
    return picture


def _about(content: Content, words: Words) -> list[_Row]:
    rows: list[tuple[str, str | None, bool]] = [
        ("about_case", content.number, False),
        ("about_title", content.title, False),
        ("about_unit", content.unit, False),
        ("about_clips", words.zh.number(len(content.clips)), False),
        ("about_as_of", f"{words.zh.moment(content.as_of)} ({content.zone.key})", False),
        ("about_requested_by", content.requested_by, False),
        ("about_approved_by", content.approved_by, False),
        ("about_reason", content.reason, False),
        ("about_export", content.export, True),
        ("about_log", content.log, True),
        ("about_log_size", str(content.log_size), True),
        ("about_witnesses", str(content.witnesses) if content.witnesses else None, False),
        ("about_timestamps", str(content.timestamps) if content.timestamps else None, False),
    ]
    return [(code, plain(value), mono) for code, value, mono in rows if value]


def _clip(content: Content, words: Words, clip: Clip) -> dict[str, Any]:
    rows: list[tuple[str, str | None, bool]] = [
        ("column_category", f"{words.both(f'category_{clip.media}')} · .{clip.extension} ({clip.container})", False),
        ("column_made_at", _recorded(words, clip), False),
        ("device_clock", _device_clock(words, clip), False),
        ("column_place", _given(words, clip, "place"), False),
        ("column_maker", _given(words, clip, "collector"), False),
        ("column_proves", _proves(words, clip), False),
        ("column_carrier", clip.recorder_name, False),
        ("column_size", f"{clip.size_bytes}{_length(words, clip)}", False),
        ("column_integrity", f"SHA-256 {clip.sha256}", True),
        ("column_integrity", f"SM3 {clip.sm3}" if clip.sm3 else None, True),
        ("gaps", _gaps(words, clip), False),
        ("file", clip.original, True),
        ("derived", ", ".join(each.path for each in content.derived_of(clip.clip)) or None, True),
        ("history_in", f"data/clips/{clip.clip}.json", True),
    ]
    return {
        "name": file_name(clip),
        "state": clip.state,
        "unaltered": words.unaltered(clip),
        "rows": [(code, plain(value), mono) for code, value, mono in rows if value],
    }


def _recorded(words: Words, clip: Clip) -> str:
    if clip.recorded_at is None:
        return words.both("unknown")
    return _doubted(words, words.zh.moment(clip.recorded_at), clip, "time")


def _given(words: Words, clip: Clip, name: str) -> str:
    return _doubted(words, clip.field(name).value or words.both("unknown"), clip, name)


def _doubted(words: Words, text: str, clip: Clip, name: str) -> str:
    field = clip.field(name)
    notes = [words.both(code, group) for group, code in (("source", field.source), ("doubt", field.doubt)) if code]
    return f"{text} ({'; '.join(notes)})" if notes else text


def _device_clock(words: Words, clip: Clip) -> str | None:
    if clip.device_time is None:
        return None
    told = f"{clip.device_time.replace('T', ' ')} ({clip.zone or '?'})"
    if clip.offset_ms is None:
        return told
    ahead = words.pair(
        "device_ahead" if clip.offset_ms >= 0 else "device_behind", seconds=f"{abs(clip.offset_ms) / 1000:.1f}"
    )
    return f"{told}; {ahead['zh']} / {ahead['en']}"


def _proves(words: Words, clip: Clip) -> str:
    stated = []
    for bound in clip.bindings:
        for proven in bound.proves:
            ranges = words.ranges(proven)
            stage = f"{words.zh.code('stage', bound.stage)}: " if bound.stage else ""
            stated.append(f"{stage}{proven.text}{f' [{ranges}]' if ranges else ''}")
    return "; ".join(stated) or words.both("unknown")


def _length(words: Words, clip: Clip) -> str:
    return "" if clip.duration_ms is None else f" · {words.zh.duration(clip.duration_ms)}"


def _gaps(words: Words, clip: Clip) -> str | None:
    if clip.state != "incomplete":
        return None
    missing = words.zh.size(sum(each.length_bytes for each in clip.gaps))
    said = words.pair("gaps_told", count=len(clip.gaps) + clip.more_gaps, bytes=missing)
    return f"{said['zh']} / {said['en']}"
