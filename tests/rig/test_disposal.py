"""Disposal as it runs on a box: decided in the ledger, done by a unit that alone can remove footage and copies."""

from pathlib import Path

from tests.fakes.recorder.kinds import control_recorder
from tests.flow.images import MIB, footage
from tests.rig.dock import Dock, make_card
from tests.rig.guest import HOME, Guest

FILES = {f"DCIM/100MEDIA/REC_{number:04}.MP4": footage(number, MIB) for number in range(2)}
SERIAL = "BWC000001"
# What pages append when somebody proposes a disposal and somebody else approves it; its period can't be waited for.
DECIDE = """
import sys
from pathlib import Path

from station.config import load_home
from station.custody import Custody
from station.database import Database
from station.records.disposal_entries import ClipDisposed, DisposalApproved, DisposalProposed, DueClip

home = load_home(Path({home!r}))
clip, digest = sys.argv[1:]
due = dict(clip=clip, digest={{"sha256": digest}}, rule="minimum", due_at="2026-08-04T10:00:00.000000Z")
Custody(home, Database(home.database_url)).append(
    DisposalProposed(fact=DisposalProposed.Fact(disposal="d1", clips=(DueClip(**due),))),
    DisposalApproved(fact=DisposalApproved.Fact(disposal="d1", clips=1)),
    ClipDisposed(fact=ClipDisposed.Fact(disposal="d1", **due)),
)
"""


def test_what_was_disposed_of_goes_with_its_copies_and_nothing_else_does(guest: Guest, tmp_path: Path) -> None:
    dock = Dock(guest)
    with control_recorder(make_card(tmp_path, "card", FILES)) as recorder:
        guest.bay(3).plug(recorder)
        assert dock.wait_end(SERIAL)["new"] == 2
        guest.bay(3).yank()
    (clip, gone), (_, stays) = dock.rows("select clip, sha256 from catalogue_clip order by clip")
    for digest in (gone, stays):
        folder = f"{HOME}/derived/{digest[:2]}/{digest}"
        guest.run(f"runuser -u station-transcode -g station -- sh -c 'umask 7; mkdir -p {folder}; echo > {folder}/a'")
    guest.put("/tmp/decide.py", DECIDE.format(home=HOME).encode())
    decide = f"/opt/station/.venv/bin/python -P /tmp/decide.py {clip} {gone}"
    guest.run(f"runuser -u station-dock -g station -- {decide}", seconds=300)

    guest.run("systemctl start station-dispose.service", seconds=300)

    assert dock.entries("disposal.completed") == 1
    left = guest.text(f"find {HOME}/vault/originals {HOME}/derived -type f")
    assert gone not in left
    assert left.count(stays) == 2
    guest.run("station verify --all", seconds=300)
