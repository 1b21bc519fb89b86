"""What a profile may say, and what it reads out of a file's name."""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from station.profiles.library import load_profiles
from station.profiles.model import NameFacts, Profile, in_layout, media_of, read_name
from station.sniff import Media

SHIPPED = Path(__file__).resolve().parents[3] / "firmware_profiles"
PROFILES = load_profiles(SHIPPED)
NAMED = PROFILES["ga-t-947-named"]
GOOD: dict[str, Any] = {
    "id": "x",
    "version": "1",
    "name": {"zh": "甲", "en": "A"},
    "tier": "emulated",
    "files": {"extensions": {"mp4": "video"}},
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "J800000_00000020170730100947_0016.mp4",
            NameFacts("J800000", "000000", datetime(2017, 7, 30, 10, 9, 47), 16),  # noqa: DTZ001
        ),
        (
            "8176162_20180513043852_00011_IMP.MP4",
            NameFacts("8176162", None, datetime(2018, 5, 13, 4, 38, 52), 11, True),  # noqa: DTZ001
        ),
        (
            "H_20170817013502_CT00000_123456_0001.mp4",
            NameFacts("CT00000", "123456", datetime(2017, 8, 17, 1, 35, 2), 1),  # noqa: DTZ001
        ),
        (
            "20181210173000_HDA00N_0011.avi",
            NameFacts("HDA00N", None, datetime(2018, 12, 10, 17, 30), 11),  # noqa: DTZ001
        ),
        (
            "DCAM_CAM001_000001_20260804_100000_IMP.mp4",
            NameFacts("CAM001", "000001", datetime(2026, 8, 4, 10), None, True),  # noqa: DTZ001
        ),
    ],
)
def test_each_manner_of_naming_is_read(name: str, expected: NameFacts) -> None:
    assert read_name(NAMED, name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "MOV_0001.mp4",
        "J800000_00000020171330100947_0016.mp4",
        "xJ800000_00000020170730100947_0016.mp4",
        "J800000_00000020170730100947_0016 (1).mp4",
        "",
        ".mp4",
    ],
)
def test_a_name_of_another_manner_or_without_a_possible_time_tells_nothing(name: str) -> None:
    assert read_name(NAMED, name) is None


@pytest.mark.parametrize(
    ("name", "sniffed", "media"),
    [
        ("a.MP4", None, "video"),
        ("a.mp4", "audio", "audio"),
        ("a.dat", "video", "video"),
        ("a.dat", None, None),
        ("mp4", None, None),
        ("a.jpg", None, "photo"),
    ],
)
def test_bytes_go_before_the_extension_and_either_makes_a_recording(
    name: str, sniffed: Media | None, media: Media | None
) -> None:
    assert media_of(NAMED, name, sniffed) == media


def test_without_sniffing_only_the_extensions_count() -> None:
    profile = Profile.model_validate({**GOOD, "files": {"extensions": {"mp4": "video"}, "sniff": False}})
    assert media_of(profile, "a.dat", "video") is None
    assert media_of(profile, "a.mp4", None) == "video"


@pytest.mark.parametrize(
    ("folders", "path", "lies"),
    [
        ([], "a.mp4", True),
        (["DCIM"], "dcim/100MEDIA/a.mp4", True),
        (["DCIM"], "DCIM2/a.mp4", False),
        (["DCIM"], "MISC/DCIM/a.mp4", False),
        (["DCIM"], "DCIM", False),
        (["files/data"], "files/data/a.mp4", True),
        (["files/data"], "files/a.mp4", False),
        (["DCIM", "files/data"], "files/data/x/a.mp4", True),
    ],
)
def test_recordings_lie_where_the_layout_says(folders: list[str], path: str, lies: bool) -> None:
    profile = Profile.model_validate({**GOOD, "files": {"extensions": {}, "folders": folders}})
    assert in_layout(profile, path.split("/")) is lies


@pytest.mark.parametrize(
    "wrong",
    [
        {"unknown": 1},
        {"files": {"extensions": {}, "folders": ["/DCIM"]}},
        {"files": {"extensions": {}, "folders": ["DCIM/"]}},
        {"files": {"extensions": {}, "folders": [""]}},
        {"files": {"extensions": {}, "more": 1}},
        {"id": "Not An Id"},
        {"tier": "perfect"},
        {"code_page": "gbk2"},
        {"clock": {"zone": "Mars/Olympus"}},
        {"clock": {"earliest": "then"}},
        {"names": {"patterns": ["("]}},
        {"names": {"patterns": ["[0-9]+"]}},
        {"names": {"patterns": ["(?P<colour>x)"]}},
        {"match": {"names_share_percent": 50}},
        {"match": {"names_share_percent": 0}, "names": {"patterns": ["(?P<serial>x)"]}},
        {"identity": {"serial_from": "names"}},
        {"name": {"fr": "A"}},
    ],
)
def test_what_a_profile_may_not_say_is_refused(wrong: dict[str, Any]) -> None:
    assert Profile.model_validate(GOOD)
    with pytest.raises(ValidationError):
        Profile.model_validate({**GOOD, **wrong})


def test_the_example_in_the_profiles_readme_is_a_profile() -> None:
    readme = (SHIPPED / "README.md").read_text(encoding="utf-8")
    example = readme.partition("```toml\n")[2].partition("```")[0]
    profile = Profile.model_validate(tomllib.loads(example))
    assert read_name(profile, "EX00001_20260804100000_0016_IMP.mp4") is not None
    sections = {name for name in Profile.model_fields if name in example}
    assert sections == set(Profile.model_fields), "the example shows every section"
