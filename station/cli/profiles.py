"""`station profiles`: list, check, and record a new recorder for a profile."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from station.cli.console import JsonOption, answer, answer_json, t
from station.config import home_folder, load_home
from station.errors import ProfileError
from station.profiles.library import load_profiles
from station.profiles.lint import check_profiles
from station.profiles.model import Profile

app = typer.Typer(no_args_is_help=True)

_FolderArgument = Annotated[
    Path | None, typer.Argument(help=t("The folder of profiles (default: those in use)"), show_default=False)
]


def _folder_in_use(given: Path | None) -> Path:
    """Return the folder named, else the home's, else the one shipped; raises ProfileError when it is not there."""
    place = given or Path(__file__).resolve().parents[2] / "firmware_profiles"
    if given is None and (home_folder() / "station.toml").exists():
        place = load_home(home_folder()).profiles
    if not place.is_dir():
        raise ProfileError(f"There is no folder {place}")
    return place


@app.command(help=t("Check the firmware profiles; exit 1 when one is wrong"))
def check(folder: _FolderArgument = None) -> None:
    """Check every profile and print each complaint."""
    place = _folder_in_use(folder)
    complaints = check_profiles(place)
    for complaint in complaints:
        sys.stdout.write(f"{complaint}\n")
    if not complaints:
        answer(t("The profiles in {folder} are good", folder=place))
    raise typer.Exit(1 if complaints else 0)


@app.command(name="list", help=t("List the firmware profiles and how well each is proven"))
def list_profiles(folder: _FolderArgument = None, json: JsonOption = False) -> None:
    """Print one line a profile."""
    profiles = load_profiles(_folder_in_use(folder))
    if json:
        answer_json([_describe(profile) for profile in profiles.values()])
        return
    language = "zh" if t.locale.startswith("zh") else "en"
    for profile in profiles.values():
        name = profile.name.get(language) or next(iter(profile.name.values()))
        answer(f"{profile.id:<26} {profile.tier:<9} {profile.transport.kind:<13} {name}")


def _describe(profile: Profile) -> dict[str, object]:
    return {
        "id": profile.id,
        "name": profile.name,
        "version": profile.version,
        "tier": profile.tier,
        "transport": profile.transport.kind,
        "dialect": profile.unlock.dialect if profile.unlock is not None else None,
        "faces": [face.model_dump(exclude_none=True) for face in profile.faces],
    }
