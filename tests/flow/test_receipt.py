"""The receipt of a docking: what is on it is proven, and its code gives back the checkpoint's bytes."""

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import segno

from station.actions.receipt import LISTED_CLIPS, make_receipt, qr_code, qr_svg
from station.errors import ConflictError, DamagedError, NotFoundError
from station.ledger import log
from station.ledger.note import verify_checkpoint
from station.ledger.sign import home_verifier
from station.records.docking_entries import DockingStarted, HolderIssued
from station.records.people_entries import PersonDescribed
from tests.flow.images import footage, write_folder
from tests.flow.stations import Station


def scan(picture: Path) -> bytes:
    """Read the QR code in a picture by somebody else's decoder."""
    program = shutil.which("zbarimg")
    assert program, "zbarimg is missing: `make test` installs Debian's package zbar-tools"
    done = subprocess.run([program, "--quiet", "--raw", "-Sbinary", str(picture)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def docking(station: Station, tmp_path: Path) -> str:
    docked = station.dock(write_folder(tmp_path / "card", {f"{n}.mp4": footage(n, 3000) for n in range(3)}))
    return str(docked.document["docking"])


def test_the_receipt_names_what_was_taken_in_under_a_checkpoint_that_covers_it(station: Station, docking: str) -> None:
    with station.database() as database, database.read() as session:
        receipt = make_receipt(station.home, session, docking)
    assert {clip.sha256 for clip in receipt.clips} | {receipt.listing} == {path.name for path in station.blobs()}
    assert (receipt.docking.counts["new"], receipt.more) == (3, 0)
    checkpoint = verify_checkpoint(receipt.checkpoint, home_verifier(station.home))
    assert checkpoint.size == receipt.log_size > receipt.seq


def test_printed_again_it_shows_the_same_checkpoint(station: Station, docking: str) -> None:
    before = station.run("receipt", docking).out
    station.run("verify", "--all")
    assert station.run("receipt", docking).out == before
    note = before[before.index("evidence-station/", before.rindex("Signed checkpoint")) :]
    assert verify_checkpoint(note, home_verifier(station.home)).note == note


def test_the_code_gives_back_the_checkpoints_bytes(station: Station, docking: str, tmp_path: Path) -> None:
    with station.database() as database, database.read() as session:
        note = make_receipt(station.home, session, docking).checkpoint
    code = qr_code(note)
    assert code.error in ("M", "Q", "H")
    code.save(str(tmp_path / "code.png"), scale=4, border=4)
    assert scan(tmp_path / "code.png") == note.encode()


def test_so_does_the_printed_page(station: Station, docking: str, tmp_path: Path) -> None:
    said = station.run("receipt", docking, "--out", tmp_path / "receipt.pdf")
    assert said.code == 0, said.err
    assert (tmp_path / "receipt.pdf").read_bytes().startswith(b"%PDF-")
    subprocess.run(
        ["pdftoppm", "-png", "-r", "150", "-singlefile", str(tmp_path / "receipt.pdf"), str(tmp_path / "page")],
        check=True,
        capture_output=True,
    )
    with station.database() as database, database.read() as session:
        note = make_receipt(station.home, session, docking).checkpoint
    assert scan(tmp_path / "page.png") == note.encode()
    text = subprocess.run(["pdftotext", "-layout", str(tmp_path / "receipt.pdf"), "-"], capture_output=True, check=True)
    assert docking in text.stdout.decode()


@pytest.mark.parametrize("witnesses", [0, 1, 6])
def test_a_checkpoint_with_more_signatures_still_fits_a_code(witnesses: int, tmp_path: Path) -> None:
    note = "evidence-station/x\n1\n" + "A" * 43 + "=\n\n" + "— 见证/x " + "B" * 140 + "\n"
    note += ("— witness.example/w " + "C" * 108 + "\n") * witnesses
    qr_code(note).save(str(tmp_path / "code.png"), scale=4, border=4)
    assert scan(tmp_path / "code.png") == note.encode()
    with pytest.raises(ConflictError):
        qr_code(note * 20)


def test_the_code_alone_is_a_picture_without_styles_or_scripts(station: Station, docking: str, tmp_path: Path) -> None:
    station.run("receipt", docking, "--out", tmp_path / "code.svg")
    root = ElementTree.fromstring((tmp_path / "code.svg").read_text())  # noqa: S314  our own file
    names = {each.tag.rpartition("}")[2] for each in root.iter()}
    assert names <= {"svg", "path", "g"}
    assert not any("style" in each.attrib for each in root.iter())
    assert "style" not in qr_svg("x")


def test_a_text_receipt_ends_in_the_checkpoints_bytes(station: Station, docking: str, tmp_path: Path) -> None:
    station.run("receipt", docking, "--out", tmp_path / "receipt.txt")
    with station.database() as database, database.read() as session:
        note = make_receipt(station.home, session, docking).checkpoint
    assert (tmp_path / "receipt.txt").read_bytes().endswith(note.encode())


def test_the_officer_is_who_held_the_recorder_then(station: Station, docking: str, tmp_path: Path) -> None:
    recorder = station.rows("SELECT recorder FROM catalogue_recorder")[0][0]
    with station.custody() as custody:
        for person, since in (("li", "2020-01-01T00:00:00.000000Z"), ("late", "2999-01-01T00:00:00.000000Z")):
            names = PersonDescribed.Names(login=person, name=f"{person.title()} 警官", unit="")
            fact = PersonDescribed.Fact(person=person, kind="officer")
            custody.append(PersonDescribed(fact=fact, names=names))
            held = HolderIssued.Fact(holding=person, recorder=recorder, person=person, since=since)
            custody.append(HolderIssued(fact=held))
    out = station.run("receipt", docking).out
    assert "Li 警官" in out
    assert "Late" not in out


def test_a_docking_that_is_not_there_or_not_finished_has_none(station: Station, docking: str) -> None:
    said = station.run("receipt", "none")
    assert said.code == 2
    fact = DockingStarted.Fact(docking="d9", recorder="r9", profile="x", profile_version="1", source_kind="folder")
    with station.custody() as custody:
        custody.append(DockingStarted(fact=fact))
    with station.database() as database, database.read() as session:
        with pytest.raises(NotFoundError):
            make_receipt(station.home, session, "none")
        with pytest.raises(ConflictError):
            make_receipt(station.home, session, "d9")


def test_an_entry_altered_behind_the_station_gives_no_receipt(station: Station, docking: str) -> None:
    with station.database() as database, database.write() as session:
        connection = session.connection().connection.driver_connection
        assert connection is not None
        connection.execute("DROP TRIGGER ledger_part_update")
        seq = next(log.subject_entries(session, f"docking:{docking}")).seq
        connection.execute("UPDATE part SET part = CAST('{}' AS BLOB) WHERE seq = ? AND name = 'names'", (seq,))
    with station.database() as database, database.read() as session, pytest.raises(DamagedError):
        make_receipt(station.home, session, docking)


def test_only_the_first_digests_are_listed_and_the_rest_counted(station: Station, tmp_path: Path) -> None:
    files = {f"{n:02}.mp4": footage(n, 400) for n in range(LISTED_CLIPS + 2)}
    docked = station.dock(write_folder(tmp_path / "many", files))
    with station.database() as database, database.read() as session:
        receipt = make_receipt(station.home, session, docked.document["docking"])
    assert (len(receipt.clips), receipt.more) == (LISTED_CLIPS, 2)


def test_a_receipt_is_written_in_three_forms_and_no_other(station: Station, docking: str, tmp_path: Path) -> None:
    assert station.run("receipt", docking, "--out", tmp_path / "receipt.doc").code == 2
    assert not re.search("style=", qr_svg("x"))
    assert isinstance(qr_code("x"), segno.QRCode)
