"""Loading, checking and choosing profiles."""

import shutil
from pathlib import Path

import pytest

from station.errors import ProfileError
from station.profiles.library import choose_profile, load_profiles, named_profile
from station.profiles.lint import check_profiles
from station.sniff import Media

SHIPPED = Path(__file__).resolve().parents[3] / "firmware_profiles"
PROFILES = load_profiles(SHIPPED)
FITTING = "J800000_00000020170730100947_{:04}.mp4"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "profiles"))


def files(fitting: int, other: int, skipped: int = 0) -> list[tuple[str, Media | None]]:
    names = [FITTING.format(n) for n in range(fitting)] + [f"MOV_{n}.mp4" for n in range(other)]
    return [(name, None) for name in (*names, *(f"{n}.txt" for n in range(skipped)))]


def edit(folder: Path, profile: str, old: str, new: str) -> None:
    path = folder / profile / "profile.toml"
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))


def copy_named(folder: Path, name: str, match: str) -> None:
    shutil.copytree(folder / "ga-t-947-named", folder / name)
    edit(folder, name, 'id = "ga-t-947-named"', f'id = "{name}"')
    edit(folder, name, "[match]\n", f"[match]\n{match}\n")


def test_the_profiles_shipped_are_good() -> None:
    assert check_profiles(SHIPPED) == []
    assert set(PROFILES) >= {"generic-storage", "ga-t-947-named"}


@pytest.mark.parametrize(
    ("listed", "chosen"),
    [
        (files(3, 0), "ga-t-947-named"),
        (files(6, 4), "ga-t-947-named"),
        (files(5, 5), "generic-storage"),
        (files(1, 0, skipped=50), "ga-t-947-named"),
        (files(0, 3), "generic-storage"),
        ([], "generic-storage"),
    ],
)
def test_a_source_is_read_by_the_profile_its_names_fit_else_by_the_generic_one(
    listed: list[tuple[str, Media | None]], chosen: str
) -> None:
    assert choose_profile(PROFILES, listed, [None]).id == chosen
    assert choose_profile(PROFILES, listed[::-1], [None]).id == chosen


def test_two_profiles_that_both_fit_are_for_a_person_to_decide(folder: Path) -> None:
    copy_named(folder, "twin", "")
    with pytest.raises(ProfileError, match="ga-t-947-named, twin") as told:
        choose_profile(load_profiles(folder), files(3, 0), [None])
    assert "--profile" in told.value.hint


def test_a_profile_that_also_demands_a_label_goes_before_one_that_does_not(folder: Path) -> None:
    copy_named(folder, "labelled", "labels = ['CAM\\d+']")
    profiles = load_profiles(folder)
    assert choose_profile(profiles, files(3, 0), ["CAM12"]).id == "labelled"
    assert choose_profile(profiles, files(3, 0), ["XCAM12"]).id == "ga-t-947-named"
    assert choose_profile(profiles, files(3, 0), [None]).id == "ga-t-947-named"


def test_a_profile_named_by_a_person_is_taken_and_an_unknown_one_told() -> None:
    assert named_profile(PROFILES, None) is None
    assert named_profile(PROFILES, "generic-storage") is PROFILES["generic-storage"]
    with pytest.raises(ProfileError, match="no-such"):
        named_profile(PROFILES, "no-such")


def test_a_missing_folder_and_a_missing_generic_profile_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="nowhere"):
        load_profiles(tmp_path / "nowhere")
    shutil.rmtree(folder / "generic-storage")
    with pytest.raises(ProfileError, match="generic-storage"):
        load_profiles(folder)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('tier = "reported"', 'tier = "best"', "tier"),
        ('tier = "reported"', "tier = ", "can't be read"),
        ('tier = "reported"', 'tier = "reported"\ncolour = 1', "colour"),
        ('id = "ga-t-947-named"', 'id = "other"', "folder is named"),
    ],
)
def test_a_wrong_profile_is_named_with_its_file_and_key(folder: Path, old: str, new: str, said: str) -> None:
    edit(folder, "ga-t-947-named", old, new)
    with pytest.raises(ProfileError, match=said) as told:
        load_profiles(folder)
    assert str(folder / "ga-t-947-named" / "profile.toml") in told.value.message
    assert [complaint for complaint in check_profiles(folder) if said in complaint]


def test_the_check_goes_on_after_a_complaint_and_names_readmes_and_stray_folders(folder: Path) -> None:
    edit(folder, "ga-t-947-named", 'tier = "reported"', 'tier = "best"')
    (folder / "generic-storage" / "README.md").write_text("# x\n## Source\n")
    (folder / "stray").mkdir()
    complaints = "\n".join(check_profiles(folder))
    for word in ("tier", "## Matching", "stray"):
        assert word in complaints


def test_a_profile_of_the_units_own_stands_beside_those_shipped(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "ga-t-947-named", tmp_path / "ours")
    edit(tmp_path, "ours", 'id = "ga-t-947-named"', 'id = "ours"')
    assert set(load_profiles(SHIPPED, tmp_path)) == {*PROFILES, "ours"}


def test_a_profile_of_the_units_own_replaces_the_shipped_one_of_its_id(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "ga-t-947-named", tmp_path / "ga-t-947-named")
    edit(tmp_path, "ga-t-947-named", 'version = "1"', 'version = "7"')
    assert load_profiles(SHIPPED, tmp_path)["ga-t-947-named"].version == "7"
    assert check_profiles(SHIPPED, tmp_path) == []


def test_a_profile_of_the_units_own_that_overlaps_a_shipped_one_is_complained_of(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "acme-control", tmp_path / "ours")
    edit(tmp_path, "ours", 'id = "acme-control"', 'id = "ours"')
    assert any("acme-control" in each and "ours" in each for each in check_profiles(SHIPPED, tmp_path))
