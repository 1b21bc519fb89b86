"""The rules of acquisition as a table."""

from pathlib import Path

import pytest

from station.acquire.plan import Known, PlanItem, Step, key_of, make_plan
from station.profiles.library import load_profiles
from station.records.reading import EntrySeen, EntryState, RawName, RawTimes
from station.records.terms import ClipStage

PROFILE = load_profiles(Path(__file__).resolve().parents[3] / "firmware_profiles")["generic-storage"]


def seen(name: str = "a.mp4", state: EntryState = "file", size: int = 100, **more: object) -> EntrySeen:
    path = tuple(RawName(raw=part.encode().hex(), encoding="utf-8", text=part) for part in name.split("/") if part)
    values = {"id": 0, "volume": 0, "path": path, "address": 5, "state": state, "size_bytes": size, **more}
    return EntrySeen.model_validate(values)


def plan(entry: EntrySeen, held: Known | None = None, *, rehash: bool = False) -> PlanItem:
    known = {} if held is None else {key_of(entry, "r1"): held}
    (item,) = make_plan([entry], PROFILE, "r1", known, rehash=rehash)
    return item


@pytest.mark.parametrize(
    ("entry", "step", "reason"),
    [
        (seen(), Step.COPY, None),
        (seen("FILM.DAT", media="video"), Step.COPY, None),
        (seen("damaged.mp4", media=None), Step.COPY, None),
        (seen("x.mp4:stream", state="stream", media="video"), Step.COPY, None),
        (seen("notes.txt"), Step.SKIP, "not_media"),
        (seen("a.mp4", state="empty", size=0), Step.SKIP, "empty"),
        (seen("a.mp4", state="unclosed", size=0), Step.FAIL, "unclosed"),
        (seen("a.mp4", state="deleted"), Step.SKIP, "deleted"),
        (seen("a.mp4", state="symlink"), Step.SKIP, "symlink"),
        (seen("a.mp4", state="special"), Step.SKIP, "special"),
        (seen("a.txt", state="unclosed", size=0), Step.SKIP, "not_media"),
        (seen("DCIM", state="directory_damaged"), Step.FAIL, "directory_damaged"),
        (seen("", state="directory_damaged"), Step.FAIL, "directory_damaged"),
    ],
)
def test_each_thing_listed_has_its_step_and_reason(entry: EntrySeen, step: Step, reason: str | None) -> None:
    item = plan(entry)
    assert (item.step, item.reason) == (step, reason)


@pytest.mark.parametrize(
    ("stage", "rehash", "step"),
    [
        (ClipStage.SEALED, False, Step.HOLD),
        (ClipStage.PROBED, False, Step.HOLD),
        (ClipStage.DISPOSED, False, Step.SKIP),
        (ClipStage.SEALED, True, Step.REHASH),
        (ClipStage.INCOMPLETE, False, Step.COPY),
        (ClipStage.INCOMPLETE, True, Step.COPY),
    ],
)
def test_only_a_whole_clip_counts_as_held(stage: ClipStage, rehash: bool, step: Step) -> None:
    held = Known("c1", "ab" * 32, stage)
    item = plan(seen(), held, rehash=rehash)
    assert (item.step, item.known) == (step, held)


def test_another_size_or_time_behind_the_same_path_is_copied() -> None:
    held = {key_of(seen(), "r1"): Known("c1", "ab" * 32, ClipStage.SEALED)}
    others = [seen(size=101), seen(times=RawTimes(modified="2026-08-04T10:00:00"))]
    assert [item.step for item in make_plan(others, PROFILE, "r1", held)] == [Step.COPY, Step.COPY]


def test_the_plan_has_everything_once_in_the_order_of_the_listing() -> None:
    entries = [seen(f"{n}.mp4", id=n) for n in (3, 1, 2)]
    assert [item.entry.id for item in make_plan(entries, PROFILE, "r1", {})] == [3, 1, 2]


def test_a_path_that_no_entry_can_hold_fails_alone() -> None:
    assert plan(seen("/".join(["夹" * 250] * 60) + "/a.mp4")).reason == "path_too_long"
    assert plan(seen("/".join(["夹" * 60] * 60) + "/a.mp4")).step == Step.COPY


def test_a_path_is_shown_with_slashes_and_the_root_as_one() -> None:
    assert plan(seen("DCIM/a.mp4")).path_text == "DCIM/a.mp4"
    assert plan(seen("", state="directory_damaged")).path_text == "/"


def test_media_outside_the_folders_of_the_profile_is_skipped_and_told() -> None:
    files = PROFILE.files.model_copy(update={"folders": ("DCIM",)})
    profile = PROFILE.model_copy(update={"files": files})
    entries = [seen("DCIM/a.mp4"), seen("MISC/start.wav"), seen("MISC/readme.txt")]
    plans = make_plan(entries, profile, "r1", {}, rehash=False)
    assert [(item.step, item.reason) for item in plans] == [
        (Step.COPY, None),
        (Step.SKIP, "outside_layout"),
        (Step.SKIP, "not_media"),
    ]
