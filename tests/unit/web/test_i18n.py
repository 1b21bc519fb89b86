"""Figures, times and sentences as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from station import clock
from station.i18n import negotiate, translator

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (999_499, "999 kB"), (999_500, "1.00 MB"),
        (12_345_678, "12.3 MB"), (4_294_967_295, "4.29 GB"), (10**18, "1000 PB"),
    ],
)  # fmt: skip
def test_a_size_has_three_digits_and_a_decimal_unit(size_bytes: int, words: str) -> None:
    assert translator("en").size(size_bytes) == words


@pytest.mark.parametrize(
    ("duration_ms", "words"), [(0, "0:00"), (59_600, "1:00"), (65_000, "1:05"), (3_723_000, "1:02:03")]
)
def test_a_length_reads_as_on_a_player(duration_ms: int, words: str) -> None:
    assert translator("en").duration(duration_ms) == words


def test_times_are_in_the_stations_zone() -> None:
    assert translator("en").moment("2026-11-22T16:30:00.000000Z") == "2026-11-23 00:30:00"


@pytest.mark.parametrize(
    ("days", "words"), [(0, "today 18:00"), (1, "yesterday 18:00"), (30, "23 Oct 18:00"), (500, "10 Jul 2025 18:00")]
)
def test_a_time_in_a_list_is_as_short_as_it_can_be(days: int, words: str) -> None:
    assert translator("en").near(clock.format_time(NOW - timedelta(days=days))) == words


def test_a_wait_is_told_in_words() -> None:
    say = translator("en")
    assert [say.wait(seconds) for seconds in (0, 61, 3725)] == ["about 1 s", "about 2 min", "about 1 h 2 min"]
    assert [say.wait(hours * 3600) for hours in (47, 48, 493)] == ["about 47 h 0 min", "about 2 days", "about 21 days"]


def test_a_line_of_the_history_leaves_out_what_is_not_known() -> None:
    say = translator("en")
    assert (
        say.line("clip.bound", {"kind": "case", "number": "A-1", "stage": "hearing"})
        == "Bound to Case A-1, stage: Hearing"
    )
    assert say.line("clip.bound", {}) == "Bound to"


def test_a_line_puts_sizes_and_times_into_words() -> None:
    line = translator("en").line("clip.ingested", {"size_bytes": "1000000", "readback": "direct"})
    assert line == "Taken in, 1.00 MB; read back from the disk past every cache, and equal"


def test_a_param_erased_by_law_leaves_a_dash() -> None:
    assert translator("en").line("clip.classified", {}) == "Sensitivity set to “—”"


def test_what_has_no_words_comes_out_as_it_is() -> None:
    say = translator("zh_CN")
    assert say("No such message") == "No such message"
    assert say.code("stage", "of_tomorrow") == "of_tomorrow"
    assert say.line("clip.of_tomorrow", {}) == "clip.of_tomorrow"


def test_a_message_for_a_script_keeps_its_placeholders() -> None:
    assert translator("en")("{count} selected") == "{count} selected"


def test_a_plural_follows_the_language() -> None:
    assert translator("en").plural("{count} clip", "{count} clips", 1) == "1 clip"
    assert translator("en").plural("{count} clip", "{count} clips", 1200) == "1,200 clips"
    assert translator("zh_CN").plural("{count} clip", "{count} clips", 2).startswith("2 ")


@pytest.mark.parametrize(
    ("preferences", "locale"),
    [(["zh-TW", "en"], "zh_CN"), (["en_US.UTF-8"], "en"), (["fr", "EN-gb"], "en"), (["fr"], "zh_CN"), ([""], "zh_CN")],
)
def test_the_first_language_spoken_here_is_taken(preferences: list[str], locale: str) -> None:
    assert negotiate(preferences) == locale
