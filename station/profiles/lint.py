"""The check of a whole folder of profiles: what one file alone can't show, such as two profiles that claim one device.

Guarantees: the check goes on after a complaint; profiles without complaint load, are told apart on the bus by their
own recordings, say in their README what they rest on, and hold no password.
"""

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from station.errors import ProfileError
from station.profiles.library import FALLBACK, find_profiles, load_profile
from station.profiles.model import Profile
from station.profiles.recording import PLACEHOLDER, FaceRecorded, Recording, Turn, read_recording
from station.profiles.usb import (
    AmbiguousProfileError,
    Face,
    FaceMatch,
    can_read_clock,
    can_set_clock,
    face_after_unlock,
    face_fits,
    label_fits,
    match_faces,
)

_HEADINGS = ("## Source", "## Matching", "## Names", "## Time", "## Tried on")
_MAKERS_OWN = re.compile(r"ff/(?!00/00|ff/ff)[0-9a-f]{2}/[0-9a-f]{2}")
_SPECIAL = frozenset(".^$*+?{}[]|()")
# `password = "…"`, in English or Chinese, with a digit in the value, or a log-in order without a placeholder.
_PASSWORD = re.compile(
    r"(?:passw(?:or)?d|passcode|\bpin\b|\u5bc6\u7801|\u53e3\u4ee4)\s*[=:\uff1a]\s*[`\"'\u300c]?\w*\d\w*|LOGIN=\w+:(?![{<])\S",
    re.IGNORECASE,
)


def check_profiles(*folders: Path) -> list[str]:
    """Return every complaint about the profiles in `folders`, as sentences; an empty list means they are good.

    They are checked as they are used: one in a later folder takes the place of that of the same id in an earlier one.
    """
    complaints: list[str] = []
    profiles: dict[str, Profile] = {}
    recordings: dict[str, Recording] = {}
    paths = {path.parent.name: path for path in find_profiles(*folders)}
    for path in paths.values():
        try:
            profile = load_profile(path)
        except ProfileError as error:
            complaints += [str(error), *_check_readme(path.parent / "README.md", _HEADINGS)]
            continue
        profiles[profile.id] = profile
        complaints += _check_readme(path.parent / "README.md", _headings(profile))
        try:
            recording = _recording_of(profile, path.parent)
        except ProfileError as error:
            complaints.append(str(error))
        else:
            if recording is not None:
                recordings[profile.id] = recording
        complaints += [f"{path}: {complaint}" for complaint in _check_alone(profile)]
    for stray in sorted(each for folder in folders for each in folder.iterdir() if each.is_dir()):
        if not (stray / "profile.toml").exists():
            complaints.append(f"{stray} holds no profile.toml")
    if FALLBACK not in paths:
        complaints.append(f"The profile {FALLBACK} is missing in {folders[0]}")
    complaints += _check_overlaps(profiles)
    for name, recording in recordings.items():
        place = paths[name].parent / "recording.json"
        complaints += [f"{place}: {complaint}" for complaint in _check_recording(profiles, profiles[name], recording)]
    return [*complaints, *(each for folder in folders for each in _check_passwords(folder))]


def _headings(profile: Profile) -> tuple[str, ...]:
    wanted = [*_HEADINGS]
    if profile.unlock is not None:
        wanted.append("## Unlock")
    if profile.clock.read or profile.clock.set:
        wanted.append("## Clock")
    if profile.transport.kind != "folder":
        wanted.append("## Erase")
    return tuple(wanted)


def _check_readme(path: Path, headings: tuple[str, ...]) -> list[str]:
    if not path.is_file():
        return [f"{path} is missing"]
    lines = path.read_text(encoding="utf-8").splitlines()
    return [f"{path} lacks the heading {heading!r}" for heading in headings if heading not in lines]


def _recording_of(profile: Profile, folder: Path) -> Recording | None:
    """Return the recording, None where a profile needs none; raises ProfileError."""
    needed = profile.transport.kind != "folder"
    recording = read_recording(folder) if needed or (folder / "recording.json").exists() else None
    if profile.tier == "verified" and (recording is None or recording.how != "real"):
        raise ProfileError(f"{folder}: tier verified needs a recording from a real device (how = real)")
    return recording


def _check_alone(profile: Profile) -> Iterator[str]:
    for number, face in enumerate(profile.faces):
        if face.vendor_id is not None and not _has_second_mark(profile, face):
            yield (
                f"faces.{number}: ids alone are shared by unrelated devices;"
                " add serial, product, manufacturer, handshake or match.labels"
            )
    if profile.erase.allowed and profile.tier == "reported":
        yield "erase.allowed: what was only reported is copied and never erased"
    for what, wanted, able in (
        ("read", profile.clock.read, can_read_clock),
        ("set", profile.clock.set, can_set_clock),
    ):
        if wanted and profile.unlock is not None and not able(profile.unlock):
            yield f"clock.{what}: the dialect {profile.unlock.dialect}, as set up, can't {what} the clock"


def _has_second_mark(profile: Profile, face: Face) -> bool:
    labelled = face.role == "storage" and bool(profile.match.labels)
    own_interface = any(_MAKERS_OWN.fullmatch(name) for name in face.interfaces)
    return bool(face.texts) or face.handshake or labelled or own_interface


def _check_overlaps(profiles: dict[str, Profile]) -> Iterator[str]:
    """Compare what the faces say; patterns that can't be compared are left to the recordings."""
    for one, other in combinations(profiles.values(), 2):
        for number, face in enumerate(one.faces):
            for rival_number, rival in enumerate(other.faces):
                if _could_both_fit(one, face, other, rival):
                    yield (
                        f"{one.id} faces.{number} and {other.id} faces.{rival_number} fit the same device equally well"
                    )


def _could_both_fit(one: Profile, face: Face, other: Profile, rival: Face) -> bool:
    if face.vendor_id is None or rival.vendor_id is None or face.rank != rival.rank:
        return False
    same_ids = (face.vendor_id, face.product_id) == (rival.vendor_id, rival.product_id)
    if not same_ids or not _same_interfaces(face, rival):
        return False
    texts = dict(rival.texts)
    if any(name in texts and _apart(pattern, texts[name]) for name, pattern in face.texts):
        return False
    return _pending(one, face) == _pending(other, rival) and not _told_apart_later(one, other, _pending(one, face))


def _pending(profile: Profile, face: Face) -> str:
    return "handshake" if face.handshake else "label" if face.role == "storage" and profile.match.labels else ""


def _told_apart_later(one: Profile, other: Profile, pending: str) -> bool:
    """Tell whether the dialect's answer, or the volume's label, decides between two profiles."""
    if pending == "handshake" and one.unlock is not None and other.unlock is not None:
        voices = [
            (each.dialect, each.control, each.endpoint_in, each.endpoint_out) for each in (one.unlock, other.unlock)
        ]
        return voices[0] != voices[1]
    return pending == "label" and all(_apart(a, b) for a in one.match.labels for b in other.match.labels)


def _same_interfaces(face: Face, rival: Face) -> bool:
    def like(a: str, b: str) -> bool:
        return all("*" in (x, y) or x == y for x, y in zip(a.split("/"), b.split("/"), strict=True))

    return all(any(like(a, b) for b in rival.interfaces) for a in face.interfaces) and all(
        any(like(a, b) for a in face.interfaces) for b in rival.interfaces
    )


def _apart(pattern: str, other: str) -> bool:
    """Tell whether no text fits both; two true patterns count as apart unless they are the same."""
    for constant, against in ((pattern, other), (other, pattern)):
        text = _constant(constant)
        if text is not None:
            return re.fullmatch(against, text) is None
    return pattern != other


def _constant(pattern: str) -> str | None:
    """Return the one text a pattern fits, None when it may fit several."""
    plain = re.sub(r"\\(\W)", r"\1", pattern)
    bare = re.sub(r"\\\W", "", pattern)
    return None if "\\" in bare or any(sign in bare for sign in _SPECIAL) else plain


def _check_recording(profiles: dict[str, Profile], profile: Profile, recording: Recording) -> Iterator[str]:
    for number, recorded in enumerate(recording.faces):
        yield from (f"faces.{number}: {each}" for each in _check_face(profiles, profile, recording, recorded))
    for number, face in enumerate(profile.faces):
        known = face.vendor_id is not None
        if known and not any(face_fits(face, recorded.device()) for recorded in recording.faces):
            yield f"no recorded face shows faces.{number} of the profile"
    if profile.unlock is not None:
        if not recording.dialogue:
            yield "the profile unlocks, but no dialogue was recorded"
        elif profile.unlock.password == "required" and not _password_hidden(profile, recording):  # noqa: S105
            yield f"the dialogue must hold {PLACEHOLDER} wherever the password was said, and nowhere the password"


def _check_face(
    profiles: dict[str, Profile], profile: Profile, recording: Recording, recorded: FaceRecorded
) -> Iterator[str]:
    device = recorded.device()
    try:
        found = match_faces(profiles, device)
    except AmbiguousProfileError as error:
        yield error.message
        return
    settled = {match.profile.id for match in found if _stays(match, profile, recording)}
    after_unlock = not settled and profile.unlock is not None and face_after_unlock(profile, device) is not None
    if settled != {profile.id} and not after_unlock:
        yield f"it must match {profile.id} and no other, but matches {', '.join(sorted(settled)) or 'none'}"


def _stays(match: FaceMatch, profile: Profile, recording: Recording) -> bool:
    """Tell whether a match is left once the recorded dialect and labels have spoken."""
    if match.profile is profile:
        return True
    if match.pending == "label":
        return label_fits(match.profile, recording.labels)
    if match.pending == "handshake" and match.profile.unlock is not None and profile.unlock is not None:
        return not _told_apart_later(match.profile, profile, "handshake")
    return True


def _password_hidden(profile: Profile, recording: Recording) -> bool:
    said = [bytes.fromhex(turn.host) for turn in recording.dialogue if turn.host and _carries_password(profile, turn)]
    return bool(said) and all(PLACEHOLDER.encode() in each for each in said)


def _carries_password(profile: Profile, turn: Turn) -> bool:
    """Tell whether the host says the password in this turn: the unlock request, or a line that logs in."""
    control = profile.unlock.control if profile.unlock is not None else None
    if control is not None:
        return turn.control is not None and turn.control[1] == control.unlock_request
    return b"LOGIN=" in bytes.fromhex(turn.host or "")


def _check_passwords(folder: Path) -> Iterator[str]:
    for path in sorted(each for each in folder.glob("*/*") if each.is_file()):
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if _PASSWORD.search(line):
                yield f"{path}:{number} seems to hold a password; it belongs in a setting or credential"
