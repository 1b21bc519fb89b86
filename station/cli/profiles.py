"""`station profiles`: list, check, and record a new recorder for a profile."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import SecretStr

from station.cli.console import JsonOption, answer, answer_json, say, t
from station.config import SHIPPED_PROFILES, Settings, home_folder, load_home
from station.credentials import recorder_password
from station.errors import ProfileError
from station.profiles.library import load_profile, load_profiles
from station.profiles.lint import check_profiles
from station.profiles.model import Profile
from station.profiles.recording import FILE_NAME, Recording, read_recording, write_recording

app = typer.Typer(no_args_is_help=True)

_FolderArgument = Annotated[
    Path | None, typer.Argument(help=t("The folder of profiles (default: those in use)"), show_default=False)
]


def _folders_in_use(given: Path | None) -> tuple[Path, ...]:
    """Return the folder of shipped profiles, and after it the one named, or else the home's own."""
    if given is not None:
        return (SHIPPED_PROFILES,) if given.resolve() == SHIPPED_PROFILES else (SHIPPED_PROFILES, given)
    return load_home(home_folder()).profiles if (home_folder() / "station.toml").exists() else (SHIPPED_PROFILES,)


@app.command(help=t("Check the firmware profiles; exit 1 when one is wrong"))
def check(folder: _FolderArgument = None) -> None:
    """Check every profile and print each complaint."""
    places = _folders_in_use(folder)
    complaints = check_profiles(*places)
    for complaint in complaints:
        sys.stdout.write(f"{complaint}\n")
    if not complaints:
        answer(t("The profiles in {folder} are good", folder=places[-1]))
    raise typer.Exit(1 if complaints else 0)


@app.command(name="list", help=t("List the firmware profiles and how well each is proven"))
def list_profiles(folder: _FolderArgument = None, json: JsonOption = False) -> None:
    """Print one line a profile."""
    profiles = load_profiles(*_folders_in_use(folder))
    if json:
        answer_json([_describe(profile) for profile in profiles.values()])
        return
    language: Literal["zh", "en"] = "zh" if t.locale.startswith("zh") else "en"
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


@app.command(help=t("Record what a recorder shows, says and holds into a profile's folder, for tests to replay"))
def record(
    port: Annotated[str, typer.Option(help=t("Where it is plugged in; a wrong one lists what is plugged in where"))],
    out: Annotated[Path, typer.Option(help=t("Folder of the profile; what it holds already is kept and added to"))],
    dialogue: Annotated[bool, typer.Option("--dialogue", help=t("Say hello and unlock it, and record that"))] = False,
    card: Annotated[Path | None, typer.Option(help=t("Its card, an image of it or a folder: record the names"))] = None,
    emulated: Annotated[bool, typer.Option("--emulated", help=t("It is an emulator, no real recorder"))] = False,
) -> None:
    """Capture one recorder; without a profile.toml in the folder only its descriptors and names."""
    from station.cli.capturing import Bench, Capture, capture_card, capture_dialogue, capture_face, suggest_face

    settings = load_home(home_folder()).settings if (home_folder() / "station.toml").exists() else Settings()
    profile = load_profile(out / "profile.toml") if (out / "profile.toml").exists() else None
    before = read_recording(out) if (out / FILE_NAME).exists() else None
    if dialogue and profile is None:
        raise ProfileError(f"{out} holds no profile.toml", hint="Write [[faces]] and [unlock] first")
    bench = Bench()
    device = bench.at(port)
    capture = Capture(faces=list(before.faces) if before else [])
    capture.keep(capture_face(bench, device))
    if card is not None:
        capture_card(card, profile, settings.parser_user, capture)
    try:
        if dialogue and profile is not None:
            password = _password(profile, settings.recorder_passwords)
            capture_dialogue(bench, device, profile, password, capture)
    finally:
        recording = Recording(
            format=1,
            note=before.note if before else "",
            how="emulated" if emulated else "real",
            faces=tuple(capture.faces),
            labels=tuple(capture.labels) or (before.labels if before else ()),
            greeting=capture.greeting or (before.greeting if before else None),
            clock_read=capture.clock_read or (before.clock_read if before else None),
            clock_set=before.clock_set if before and not capture.turns else None,
            dialogue=tuple(capture.turns) or (before.dialogue if before else ()),
            listing=tuple(capture.files) or (before.listing if before else ()),
        )
        say(
            t(
                "Recorded in {path}; look for names that should not leave the house",
                path=write_recording(out, recording),
            )
        )
    if profile is None:
        say(t("A profile.toml may begin with this:"))
        answer(suggest_face(device))


def _password(profile: Profile, configured: Mapping[str, SecretStr]) -> SecretStr | None:
    """Return the password set for the profile, else ask for the one that is needed."""
    if profile.unlock is None or profile.unlock.password == "none":  # noqa: S105 - whether one is needed, not which
        return None
    found = recorder_password(profile.id, configured)
    return found or SecretStr(typer.prompt(t("Password of the recorder"), hide_input=True, err=True))
