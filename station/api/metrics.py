"""What Prometheus reads: the findings of the health page as figures, in the text exposition format 0.0.4.

Guarantee: labels hold codes of this program only; never a case, a person, a place or a file.
Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (Text-based format).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from station import clock
from station.actions.health import Finding, examine
from station.api.context import Station
from station.catalogue.alarms import count_unseen
from station.catalogue.amounts import clips_by_stage
from station.state.chores import LastRun, last_runs

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_GRADES = {"ok": 0, "warn": 1, "bad": 2}


@dataclass(frozen=True, slots=True)
class _Gauge:
    """A metric made from a finding whose value is a figure; `scale` makes base units of it."""

    name: str
    help: str
    scale: float = 1.0


_OF_FINDINGS: Mapping[str, _Gauge] = {
    "free_bytes": _Gauge("station_free_bytes", "Room on the disk of the vault."),
    "days_left": _Gauge("station_days_left", "Days until that room is used up at the rate of the last 14 days."),
    "clock": _Gauge("station_clock_error_seconds", "By how much the host's clock may be off at most.", 0.001),
    "ledger_size": _Gauge("station_ledger_entries", "Entries of the ledger."),
    "unsealed": _Gauge("station_unsealed_entries", "Entries that no signed checkpoint covers yet."),
    "queue": _Gauge("station_work_waiting", "Playable copies to be made."),
    "work_failed": _Gauge("station_work_failed", "Playable copies that could not be made."),
    "alarms": _Gauge("station_alarms_standing", "Alarms whose cause is not gone."),
    "outside_anchor": _Gauge("station_outside_anchor_age_seconds", "Age of the last outside anchor."),
    "last_witness": _Gauge("station_witness_age_seconds", "Age of the last witness's cosignature."),
    "last_timestamp": _Gauge("station_timestamp_age_seconds", "Age of the last time stamp (RFC 3161)."),
    "scrub": _Gauge("station_scrub_age_seconds", "Time since the whole vault had been read again."),
    "scrub_damaged": _Gauge("station_scrub_damaged", "Originals which that reading found damaged."),
    "backup": _Gauge("station_backup_age_seconds", "Time since the last whole backup."),
}


def exposition(station: Station) -> str:
    """Return all metrics as text."""
    findings = examine(station.home, station.database, station.custody, station.store)
    with station.database.read() as session:
        unseen, stages, runs = count_unseen(session), clips_by_stage(session), last_runs(session)
    grades = {each.code: float(_GRADES[each.state]) for each in findings}
    families = [
        _family(
            "station_check_state", "How a check of the health page stands: 0 well, 1 warning, 2 bad.", "check", grades
        ),
        *_figures(findings),
        _family("station_alarms_unseen", "Alarms nobody has seen to.", "", {"": unseen}),
        _family("station_clips", "Recordings by stage.", "stage", {key: count for key, (count, _) in stages.items()}),
        _family("station_clip_bytes", "Their bytes.", "stage", {key: size for key, (_, size) in stages.items()}),
        *_chores(runs),
    ]
    return "".join(families)


def _figures(findings: Iterable[Finding]) -> Iterable[str]:
    for each in findings:
        gauge = _OF_FINDINGS.get(each.code)
        if gauge is not None and each.value.isdigit():
            yield _family(gauge.name, gauge.help, "", {"": int(each.value) * gauge.scale})


def _chores(runs: Mapping[str, LastRun]) -> Iterable[str]:
    now = clock.now()
    ages = {name: max(0.0, (now - clock.parse_time(run.ended_at)).total_seconds()) for name, run in runs.items()}
    failures = {name: float(run.failures) for name, run in runs.items()}
    yield _family("station_chore_age_seconds", "Time since a chore was last noted to have ended.", "chore", ages)
    yield _family("station_chore_failures", "How often in a row a chore has failed.", "chore", failures)


def _family(name: str, text: str, label: str, samples: Mapping[str, float]) -> str:
    """Return one metric's lines, none without samples; codes hold nothing that would have to be escaped."""
    if not samples:
        return ""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
    lines += [
        f'{name}{{{label}="{key}"}} {value:.15g}' if label else f"{name} {value:.15g}"
        for key, value in sorted(samples.items())
    ]
    return "\n".join(lines) + "\n"
