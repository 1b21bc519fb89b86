"""The folder of profiles: reading it, and choosing the one profile for a source.

Guarantees: the choice never depends on the order of files; two profiles that both claim a source are an error for a
person to decide, never a guess; when none claims it, an image or folder is read by `generic-storage`.
"""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from station.errors import ProfileError
from station.profiles.model import Profile, media_of, read_name
from station.sniff import Media

FALLBACK = "generic-storage"


def load_profiles(*folders: Path) -> dict[str, Profile]:
    """Read all profiles in `folders`, by id, a later folder's in place of an earlier one's of the same id.

    Raises ProfileError naming the file and the key.
    """
    profiles = {path.parent.name: load_profile(path) for path in find_profiles(*folders)}
    if FALLBACK not in profiles:
        raise ProfileError(f"The profile {FALLBACK} is missing in {folders[0]}", hint="Put it back from the release")
    return profiles


def find_profiles(*folders: Path) -> list[Path]:
    """Return the profile.toml of each profile in `folders`, by id; raises ProfileError for a folder that is not there.

    One in a later folder takes the place of that of the same name in an earlier one.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ProfileError(f"There is no folder of profiles at {folder}", hint="Set STATION_PROFILES or reinstall")
        found |= {path.parent.name: path for path in folder.glob("*/profile.toml")}
    return [found[name] for name in sorted(found)]


def load_profile(path: Path) -> Profile:
    """Read one profile.toml; raises ProfileError naming the file and the first key that is wrong."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        profile = Profile.model_validate(values)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(f"{path} can't be read: {error}", hint="Correct it or move it away") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "profile"
        raise ProfileError(f"{path}: {where}: {first['msg']}", hint="`station profiles check` lists all") from error
    if profile.id != path.parent.name:
        raise ProfileError(f"{path}: id is {profile.id!r}, but its folder is named {path.parent.name!r}")
    return profile


def choose_profile(
    profiles: dict[str, Profile], files: Sequence[tuple[str, Media | None]], labels: Sequence[str | None]
) -> Profile:
    """Choose by the source's files (name, sniffed media kind) and volume labels; raises ProfileError when two claim it.

    A profile that demands a label beats one that does not, being the more specific.
    """
    claims = [profile for profile in profiles.values() if _claims(profile, files, labels)]
    labelled = [profile for profile in claims if profile.match.labels]
    best = labelled or claims
    if len(best) > 1:
        names = ", ".join(sorted(profile.id for profile in best))
        raise ProfileError(
            f"Several profiles fit this recorder: {names}",
            kept="Nothing was read or changed",
            hint="Name the right one with --profile",
        )
    return best[0] if best else profiles[FALLBACK]


def named_profile(profiles: dict[str, Profile], name: str | None) -> Profile | None:
    """Return the profile a person named, None when they named none; raises ProfileError for an unknown one."""
    if name is not None and name not in profiles:
        raise ProfileError(f"There is no profile {name!r}", hint=f"Known are: {', '.join(sorted(profiles))}")
    return profiles[name] if name is not None else None


def _claims(profile: Profile, files: Sequence[tuple[str, Media | None]], labels: Sequence[str | None]) -> bool:
    share = profile.match.names_share_percent
    if share is None:
        return False
    if profile.match.labels and not any(
        re.fullmatch(pattern, label or "") for pattern in profile.match.labels for label in labels
    ):
        return False
    media = [name for name, sniffed in files if media_of(profile, name, sniffed) is not None]
    fitting = sum(read_name(profile, name) is not None for name in media)
    return bool(media) and fitting * 100 >= share * len(media)
