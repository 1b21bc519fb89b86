"""Which recorder it is: serial, volume, given name, folder, in this order."""

from pathlib import Path

from station.acquire.identify import Identity, identify
from station.profiles.library import load_profiles
from station.records.reading import EntrySeen, EntryState, RawName, VolumeSeen

PROFILES = load_profiles(Path(__file__).resolve().parents[3] / "firmware_profiles")
NAMED, GENERIC = PROFILES["ga-t-947-named"], PROFILES["generic-storage"]
VOLUME = VolumeSeen(volume=0, offset_bytes=0, file_system="fat32", serial="1234abcd", label="CAM")
FOLDER = VolumeSeen(volume=0, offset_bytes=0, file_system="folder")


def entry(name: str, state: EntryState = "file") -> EntrySeen:
    path = (RawName(raw=name.encode().hex(), encoding="utf-8", text=name),)
    return EntrySeen(id=0, volume=0, path=path, address=1, state=state, size_bytes=1)


ONE = entry("J800001_00000020170730100947_0016.mp4")
TWO = entry("J800002_00000020170730100947_0016.mp4")


def test_a_serial_on_which_all_names_agree_decides() -> None:
    found = identify(NAMED, [VOLUME], [ONE, ONE, entry("other.mp4")], given="A", folder_id=None)
    assert found == Identity("serial:J800001", "serial", "J800001", "CAM")


def test_serials_that_disagree_decide_nothing() -> None:
    assert identify(NAMED, [VOLUME], [ONE, TWO], given=None, folder_id=None).key == "volume:1234abcd:CAM"


def test_the_name_of_a_deleted_file_does_not_count() -> None:
    deleted = entry("J800002_00000020170730100947_0016.mp4", "deleted")
    assert identify(NAMED, [VOLUME], [ONE, deleted], given=None, folder_id=None).serial == "J800001"


def test_a_profile_that_takes_no_serial_from_names_goes_by_the_volume() -> None:
    assert identify(GENERIC, [VOLUME], [ONE], given="A", folder_id=None).by == "volume"


def test_a_relabelled_volume_is_another_recorder_and_an_unlabelled_one_is_told() -> None:
    plain = VOLUME.model_copy(update={"label": None})
    assert identify(GENERIC, [plain], [], given=None, folder_id=None).key == "volume:1234abcd:"


def test_a_folder_goes_by_the_name_given_else_by_its_own_id() -> None:
    assert identify(GENERIC, [FOLDER], [], given="A-17", folder_id="x").key == "given:A-17"
    assert identify(GENERIC, [FOLDER], [], given=None, folder_id="x") == Identity("folder:x", "folder")
