"""What the command line hands out is checked by the pure verifiers, shows only what it may, and a change is found."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.ledger.entry import parse_part, parse_record
from station.ledger.note import VerifierKey
from station.ledger.verify_extract import verify_extract
from station.records.case_entries import ClipBound, TargetOpened, TargetResolved
from station.records.log_entries import AccessOpened
from station.records.terms import Source, TargetKind
from tests.flow.images import footage, write_folder
from tests.flow.stations import Station, copy_home, signing
from tests.unit.ledger.tile_reader import check_folder

OWN, OTHER, MATTER = "ownCase", "otherCase", "ownMatter"


def opened(target: str, kind: TargetKind, number: str) -> TargetOpened:
    return TargetOpened(
        fact=TargetOpened.Fact(target=target, kind=kind, number_source=Source.CLERK),
        names=TargetOpened.Names(number=number, title=f"title of {target}"),
    )


def bound(binding: str, clip: str, target: str, kind: TargetKind = TargetKind.CASE) -> ClipBound:
    return ClipBound(
        fact=ClipBound.Fact(binding=binding, action=binding, clip=clip, kind=kind, target=target, source=Source.CLERK),
        text=ClipBound.Text(note=f"remark for {target}"),
    )


@pytest.fixture(scope="module")
def made(blank_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a station with two clips; the first is bound to two cases, and to a matter that became the first case."""
    place = tmp_path_factory.mktemp("proofs")
    root = copy_home(blank_home, place / "home")
    with signing(root):
        station = Station(root)
        station.dock(write_folder(place / "card", {f"{n}.mp4": footage(n, 3000) for n in range(2)}))
        clip = clips(station)[0]
        with station.custody() as custody:
            custody.append(
                opened(OWN, TargetKind.CASE, "案-1"),
                opened(OTHER, TargetKind.CASE, "案-2"),
                opened(MATTER, TargetKind.MATTER, "待-1"),
                bound("b0", clip, MATTER, TargetKind.MATTER),
                bound("b1", clip, OWN),
                bound("b2", clip, OTHER),
                TargetResolved(
                    fact=TargetResolved.Fact(target=MATTER, kind=TargetKind.MATTER, outcome="merged", into=OWN)
                ),
                AccessOpened(fact=AccessOpened.Fact(access="a0"), look=AccessOpened.Look(clip=clip, kind="play")),
            )
    return root


@pytest.fixture
def station(made: Path, tmp_path: Path) -> Iterator[Station]:
    """Yield a copy of that station."""
    root = copy_home(made, tmp_path / "home")
    with signing(root):
        yield Station(root)


def clips(station: Station) -> list[str]:
    return [clip for (clip,) in station.rows("SELECT clip FROM catalogue_clip ORDER BY path")]


def shown(folder: Path) -> str:
    """Everything that the parts and file names in an extract tell."""
    parts = [json.dumps(parse_part(path.read_bytes()), ensure_ascii=False) for path in folder.glob("entries/*.part")]
    return "\n".join(parts)


def key_of(station: Station) -> VerifierKey:
    return VerifierKey.parse((station.root / "log.vkey").read_text())


def test_a_proof_of_a_clip_holds_every_entry_about_it_and_no_binding_to_a_case(
    station: Station, tmp_path: Path
) -> None:
    clip = clips(station)[0]
    said = station.run("ledger", "proof", "--clip", clip, "--out", tmp_path / "out", "--json")
    assert said.code == 0, said.err
    extracted = verify_extract(tmp_path / "out", [key_of(station)])
    about = station.rows("SELECT seq FROM subject WHERE subject = :name ORDER BY seq", name=f"clip:{clip}")
    assert list(extracted.clips[clip]) == [seq for (seq,) in about] == said.document()["clips"][clip]
    assert extracted.withheld == said.document()["withheld"] > 0
    assert "remark" not in shown(tmp_path / "out")
    assert "readback" in shown(tmp_path / "out")


def test_a_proof_for_a_case_shows_its_own_bindings_and_its_matters_but_no_other_cases(
    station: Station, tmp_path: Path
) -> None:
    assert station.run("ledger", "proof", "--case", "案-1", "--out", tmp_path / "out").code == 0
    text = shown(tmp_path / "out")
    assert f"remark for {OWN}" in text
    assert f"remark for {MATTER}" in text
    assert "title of ownCase" in text
    assert OTHER not in text
    assert station.run("ledger", "check", tmp_path / "out").code == 0


def test_a_look_never_leaves_even_if_its_entry_is_asked_for(station: Station, tmp_path: Path) -> None:
    ((seq,),) = station.rows("SELECT seq FROM record WHERE type = 'access.opened'")
    assert station.run("ledger", "proof", "--entry", str(seq), "--out", tmp_path / "out").code == 0
    record = parse_record((tmp_path / "out" / "entries" / f"{seq}.record").read_bytes())
    assert record.type == "access.opened"
    assert not list((tmp_path / "out").rglob("*.part"))


def test_every_changed_or_missing_file_of_a_proof_is_found_and_named(station: Station, tmp_path: Path) -> None:
    out = tmp_path / "out"
    station.run("ledger", "proof", "--clip", clips(station)[0], "--out", out)
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        if path.name == "log.vkey":
            continue  # another key is another log: it is to be compared with the one published
        whole = path.read_bytes()
        path.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
        said = station.run("ledger", "check", out, "--json")
        assert said.code == 1, path
        assert path.name in said.out or path.name == "checkpoint"
        path.unlink()
        if path.suffix != ".part":  # a part may be withheld
            assert station.run("ledger", "check", out).code in (1, 2), path
        path.write_bytes(whole)
    (out / "entries" / "more").write_bytes(b"")
    assert station.run("ledger", "check", out).code == 1


def test_two_heads_are_proven_consistent_and_a_forged_earlier_one_is_not(station: Station, tmp_path: Path) -> None:
    document = station.run("ledger", "head", "--json").document()
    old = tmp_path / "old"
    old.write_text(document["checkpoint"])
    with station.custody() as custody:
        custody.append(opened("later", TargetKind.CASE, "案-9"))
    proof = tmp_path / "growth"
    assert station.run("ledger", "consistency", "--from", str(document["size"]), "--out", proof).code == 0
    checked = station.run("ledger", "check", proof, "--old", old, "--json")
    assert (checked.code, checked.document()["log_size"]) == (0, document["size"] + 1)
    first = proof.read_text().split("\n")[0]
    assert first == f"old {document['size']}"
    assert station.run("ledger", "consistency", "--from", str(document["size"])).out == proof.read_text()
    proof.write_text(proof.read_text().replace(first, f"old {document['size'] - 1}"))
    assert station.run("ledger", "check", proof, "--old", old).code == 1
    assert station.run("ledger", "consistency", "--from", "100000").code == 2


def test_tiles_are_published_and_read_by_others(station: Station, tmp_path: Path) -> None:
    out = tmp_path / "tiles"
    first = station.run("ledger", "tiles", "--out", out, "--json").document()
    assert first["tiles"] > 0
    leaves = check_folder(out)
    assert leaves == [leaf for (leaf,) in station.rows("SELECT leaf FROM record ORDER BY seq")]
    assert station.run("ledger", "tiles", "--out", out, "--json").document()["tiles"] == 0
    assert station.run("ledger", "check", out).code == 0
    assert station.run("ledger", "tiles", "--out", out, "--with-entries").code == 2
    assert station.run("ledger", "tiles", "--out", tmp_path / "own", "--with-entries").code == 0
    check_folder(tmp_path / "own", with_entries=True)


def test_a_folder_that_others_keep_finds_a_log_that_was_rolled_back(station: Station, tmp_path: Path) -> None:
    shutil.copy(station.root / "station.db", tmp_path / "earlier.db")
    shutil.copytree(station.root / "keys", tmp_path / "keys")
    with station.custody() as custody:
        custody.append(opened("later", TargetKind.CASE, "案-9"))
    station.run("ledger", "tiles", "--out", tmp_path / "out")
    rolled = copy_home(station.root, tmp_path / "rolled")
    shutil.copy(tmp_path / "earlier.db", rolled / "station.db")
    shutil.rmtree(rolled / "keys")
    shutil.copytree(tmp_path / "keys", rolled / "keys")
    with signing(rolled):
        said = Station(rolled).run("ledger", "tiles", "--out", tmp_path / "out")
    assert said.code == 1
    assert "rolled back" in said.err
