"""What is deleted is gone, and everything else is as it was, whoever looks."""

import contextlib
import os
import random
import shutil
import struct
from pathlib import Path

import pytest
import pytsk3

from station.device.erase import blocks
from station.device.erase.formats import RefusedError, Wanted
from station.device.erase.volume import Volume
from station.device.volume import Card
from station.records.ticket import Refusal
from tests.unit.erase.cards import (
    Files,
    check,
    fat_layout,
    list_card,
    open_direct,
    read_card,
    run,
    wanted,
)
from tests.unit.erase.deleting import Slipping, YankedError, delete


def refusal(image: Path, file: Wanted) -> Refusal:
    before = image.read_bytes()
    with pytest.raises(RefusedError) as caught:
        delete(image, [file])
    assert image.read_bytes() == before
    return caught.value.reason


def read_with_sleuth_kit(image: Path) -> Files:
    parsed = pytsk3.FS_Info(pytsk3.Img_Info(str(image)))
    found: Files = {}

    def walk(folder: pytsk3.Directory, above: str) -> None:
        for entry in folder:
            name, meta = entry.info.name.name.decode(), entry.info.meta
            if meta is None or name in (".", "..") or name.startswith("$"):
                continue
            if int(entry.info.name.flags) & int(pytsk3.TSK_FS_NAME_FLAG_UNALLOC):
                continue
            if int(meta.type) == int(pytsk3.TSK_FS_META_TYPE_DIR):
                walk(entry.as_directory(), f"{above}{name}/")
            elif meta.size:  # a label has none
                found[above + name] = entry.read_random(0, meta.size)

    walk(parsed.open_dir("/"), "")
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_half_is_gone_and_the_rest_is_whole_for_every_reader(make, kind, seed):
    image, files = make(kind, seed)
    listed = list_card(image)
    gone = set(random.Random(seed).sample(sorted(files), len(files) // 2))
    delete(image, [wanted(listed[path]) for path in gone])
    left = {path: content for path, content in files.items() if path not in gone}
    assert read_card(image) == left
    assert read_with_sleuth_kit(image) == left
    assert check(image) == ""


def test_a_card_that_writes_4_kib_at_once_ends_the_same(make, kind, monkeypatch):
    image, files = make(kind)
    gone = sorted(files)[::2]
    ticket = [wanted(list_card(image)[path]) for path in gone]
    other = image.with_suffix(".other")
    shutil.copyfile(image, other)
    delete(image, ticket)
    monkeypatch.setattr(blocks, "_IMAGE_BLOCK_BYTES", (4096,))
    card = Slipping()
    delete(other, ticket, card)
    assert card.sizes == {4096}
    assert other.read_bytes() == image.read_bytes()
    other.unlink()


def test_a_file_system_in_a_partition_ends_as_one_without(make, kind):
    image, files = make(kind)
    gone = sorted(files)[::2]
    start = 1024 * 1024
    table = bytearray(start)
    table[446:462] = struct.pack("<BBHBBHII", 0, 0, 0, 0x0C, 0, 0, start // 512, image.stat().st_size // 512)
    table[510:512] = b"\x55\xaa"
    behind = image.with_suffix(".disk")
    behind.write_bytes(table + image.read_bytes())
    delete(behind, [wanted(list_card(behind)[path]) for path in gone])
    delete(image, [wanted(list_card(image)[path]) for path in gone])
    assert behind.read_bytes() == table + image.read_bytes()
    behind.unlink()


def test_a_yank_in_the_middle_of_an_entry_of_two_sectors_leaves_the_file_deleted(make, kind):
    image, files = make(kind)
    crossing = [path for path, entry in list_card(image).items() if len(sectors_of(image, wanted(entry))) == 2]
    assert crossing
    ticket = [wanted(list_card(image)[crossing[0]])]
    before = {"fat16": 0, "fat32": 1, "exfat": 1}[kind]  # blocks of summaries
    with pytest.raises(YankedError):
        delete(image, ticket, Slipping(before + 1))
    assert crossing[0] not in read_card(image)
    assert read_card(image).items() <= files.items()
    ((live, freed),) = delete(image, ticket)
    assert not live and freed
    assert delete(image, ticket) == [(False, 0)]
    assert check(image) == "" or kind == "exfat"  # which stays marked as it was found


def sectors_of(image: Path, file: Wanted) -> set[int]:
    handle = open_direct(image)
    try:
        seen = next(iter(Card(handle, "ascii").volumes()))
        volume = Volume(handle, seen, blocks.Blocks(handle))
        return {(slot.address - 3) * 32 // 512 for slot in volume.find(file).slots}
    finally:
        os.close(handle)


def test_all_files_can_be_deleted_and_the_folders_stay(make, kind):
    image, files = make(kind)
    listed = list_card(image)
    done = delete(image, [wanted(listed[path]) for path in files])
    assert all(live and freed for live, freed in done)
    assert read_card(image) == {}
    assert check(image) == ""
    if kind != "exfat":
        assert "100MEDIA" in run("mdir", "-i", image, "::/DCIM")


def test_only_entries_tables_and_summaries_change(make, kind):
    image, _files = make(kind)
    before = image.read_bytes()
    listed = list_card(image)
    delete(image, [wanted(entry) for entry in list(listed.values())[::2]])
    after = image.read_bytes()
    changed = {at for at in range(len(before)) if before[at] != after[at]} if before != after else set()
    if kind == "exfat":
        heap = struct.unpack_from("<I", before, 88)[0] * 512
        assert {at for at in changed if at < heap} == {112}  # PercentInUse
        cleared = [at for at in changed if at >= heap and before[at] & ~after[at] == before[at] ^ after[at]]
        assert len(cleared) == len(changed) - 1  # nothing but bits taken away: InUse, the bitmap's
        return
    tables, heap, _ = fat_layout(before, int(kind[3:]))
    root = heap - struct.unpack_from("<H", before, 17)[0] * 32
    summary = {512 + at for at in range(488, 496)} if kind == "fat32" else set()
    inside = {at for at in changed if at < root} - summary
    assert inside and all(at >= tables[0] and after[at] == 0 for at in inside)
    assert all(after[at] == 0xE5 and (at - root) % 32 == 0 for at in changed if at >= root)
    size = (root - tables[0]) // 2
    assert after[tables[0] : tables[1]] == after[tables[1] : tables[1] + size]


def test_a_yank_at_any_write_costs_no_other_file_and_a_second_run_ends_the_work(make, kind):
    image, files = make(kind)
    listed = list_card(image)
    gone = sorted(files, key=lambda path: len(files[path]))[:4]
    ticket = [wanted(listed[path]) for path in gone]
    fresh = image.with_suffix(".fresh")
    shutil.copyfile(image, fresh)
    whole = Slipping()
    delete(image, ticket, whole)
    ended = image.read_bytes()
    assert 2 * len(gone) < whole.count < 80
    for last in range(whole.count):
        shutil.copyfile(fresh, image)
        with pytest.raises(YankedError):
            delete(image, ticket, Slipping(last))
        left = read_card(image)
        assert left.items() <= files.items() and files.keys() - left.keys() <= set(gone)
        assert_harmless(check(image))
        delete(image, ticket)
        assert check(image) == "" or last
        after = bytearray(image.read_bytes())
        if kind == "exfat":
            after[106] &= 0xFD  # VolumeDirty stays, since the second run found it set
        assert after == ended, f"yanked at write {last}"
    fresh.unlink()


def assert_harmless(said: str) -> None:
    """Lost clusters and marks that something was under way are allowed; clusters held twice are not."""
    for line in said.lower().splitlines():
        assert not any(word in line for word in ("share", "cross", "duplicate", "bad", "invalid", "truncat")), said


@pytest.mark.parametrize("seed", range(2))
def test_a_yank_that_also_loses_what_was_not_synced_costs_no_other_file(make, kind, seed):
    image, files = make(kind)
    choose = random.Random(seed)
    listed = list_card(image)
    gone = choose.sample(sorted(files), len(files) // 2)
    ticket = [wanted(listed[path]) for path in gone]
    for last in (choose.randrange(3, 12), choose.randrange(2, 8), choose.randrange(2, 5)):
        with contextlib.suppress(YankedError):  # fewer writes may be left to do than that
            delete(image, ticket, Slipping(last, lambda _: choose.random() < 0.5))
        left = read_card(image)
        assert left.items() <= files.items() and files.keys() - left.keys() <= set(gone)
        assert_harmless(check(image))
    delete(image, ticket)
    assert read_card(image) == {path: content for path, content in files.items() if path not in gone}


def test_a_ticket_carried_out_twice_finds_nothing_left_to_do(make, kind):
    image, _files = make(kind)
    ticket = [wanted(entry) for entry in list(list_card(image).values())[:5]]
    delete(image, ticket)
    before = image.read_bytes()
    assert delete(image, ticket) == [(False, 0)] * 5
    assert image.read_bytes() == before


@pytest.mark.parametrize("part", ["path", "address", "size_bytes", "modified", "created", "zone"])
def test_a_file_is_not_touched_unless_every_part_of_its_key_is_the_same(make, kind, part):
    image, _ = make(kind)
    entries = list_card(image)
    entry = entries["DCIM/A.MP4"]
    file = wanted(entry)
    other = {
        "path": Wanted((*file.path[:-1], "ff" + file.path[-1][2:]), file.address, file.size_bytes, file.times),
        "address": Wanted(file.path, file.address + 1, file.size_bytes, file.times),
        "size_bytes": Wanted(file.path, file.address, file.size_bytes + 1, file.times),
        "modified": Wanted(
            file.path, file.address, file.size_bytes, file.times.model_copy(update={"modified": "2001-01-01T00:00:00"})
        ),
        "created": Wanted(file.path, file.address, file.size_bytes, file.times.model_copy(update={"created": None})),
        "zone": Wanted(
            file.path, file.address, file.size_bytes, file.times.model_copy(update={"zone_offset_minutes": 15})
        ),
    }[part]
    assert refusal(image, other) == (Refusal.NOT_LISTED if part == "path" else Refusal.CHANGED)


def test_a_file_added_after_the_listing_survives(make):
    image, files = make("fat32")
    ticket = [wanted(list_card(image)[path]) for path in files]
    (image.parent / "new").write_bytes(b"n" * 5000)
    run("mcopy", "-i", image, image.parent / "new", "::/DCIM/NEW.MP4")
    delete(image, ticket)
    assert read_card(image) == {"DCIM/NEW.MP4": b"n" * 5000}
    assert check(image) == ""


def test_what_a_new_file_took_after_a_yank_is_not_freed(make):
    image, files = make("fat32")
    path = max(files, key=lambda each: len(files[each]))
    ticket = [wanted(list_card(image)[path])]
    with pytest.raises(YankedError):
        delete(image, ticket, Slipping(4))
    run("fsck.fat", "-a", image, ok=(0, 1))  # which frees, or makes files of, what was lost
    (image.parent / "new").write_bytes(b"n" * 100_000)
    run("mcopy", "-i", image, image.parent / "new", "::/NEW.MP4")
    before = read_card(image)
    assert delete(image, ticket) == [(False, 0)]
    assert read_card(image) == before
    assert before["NEW.MP4"] == b"n" * 100_000


def test_clusters_of_two_files_are_not_freed(make):
    image, _files = make("fat16")
    listed = list_card(image)
    data = bytearray(image.read_bytes())
    _tables, heap, _ = fat_layout(data, 16)
    root = heap - struct.unpack_from("<H", data, 17)[0] * 32
    first, second = (root + (listed[path].address - 3) * 32 for path in ("DCIM/A.MP4", "SHORT1.MP4"))
    data[first + 26 : first + 28] = data[second + 26 : second + 28]
    data[first + 28 : first + 32] = data[second + 28 : second + 32]
    image.write_bytes(data)
    assert refusal(image, wanted(list_card(image)["SHORT1.MP4"])) == Refusal.CROSS_LINKED


def test_nothing_is_deleted_where_a_folder_can_not_be_listed(make):
    image, _ = make("fat16")
    entry = list_card(image)["SHORT1.MP4"]
    listed = list_card(image)["DCIM/A.MP4"]
    data = bytearray(image.read_bytes())
    _, heap, _ = fat_layout(data, 16)
    root = heap - struct.unpack_from("<H", data, 17)[0] * 32
    folder = (root + (listed.address - 3) * 32) // 512 * 512
    data[folder : folder + 512] = b"\xaa" * 512
    image.write_bytes(data)
    assert refusal(image, wanted(entry)) == Refusal.DAMAGED


def test_fat12_is_left_alone(make):
    image, _ = make("fat12")
    assert refusal(image, wanted(list_card(image)["SHORT1.MP4"])) == Refusal.UNSUPPORTED_FILE_SYSTEM


@pytest.mark.parametrize(
    ("kind", "at", "value", "reason"),
    [
        ("fat32", 40, 0x80, Refusal.UNSUPPORTED_FILE_SYSTEM),  # BPB_ExtFlags: one active table
        ("exfat", 110, 2, Refusal.UNSUPPORTED_FILE_SYSTEM),  # NumberOfFats
        ("exfat", 106, 1, Refusal.UNSUPPORTED_FILE_SYSTEM),  # ActiveFat
        ("exfat", 106, 4, Refusal.DAMAGED),  # MediaFailure
    ],
)
def test_what_is_not_done_here_is_refused(make, kind, at, value, reason):
    image, _ = make(kind)
    entry = list_card(image)["SHORT1.MP4"]
    data = bytearray(image.read_bytes())
    data[at] = value
    image.write_bytes(data)
    assert refusal(image, wanted(entry)) == reason


def test_a_card_that_was_dirty_stays_dirty_and_one_that_was_clean_ends_clean(make):
    for dirty in (0, 2):
        image, _ = make("exfat")
        data = bytearray(image.read_bytes())
        data[106] = dirty
        image.write_bytes(data)
        delete(image, [wanted(list_card(image)["SHORT1.MP4"])])
        assert image.read_bytes()[106] == dirty
        assert image.read_bytes()[112] == 0xFF


def test_a_card_that_takes_writes_and_keeps_nothing_is_not_believed(make, kind):
    image, files = make(kind)

    class Deaf(Slipping):
        def write(self, handle: int, block: memoryview, offset: int) -> int:
            return len(block)

    with pytest.raises(OSError, match="does not hold what was written"):
        delete(image, [wanted(list_card(image)["SHORT1.MP4"])], Deaf())
    assert read_card(image) == files
