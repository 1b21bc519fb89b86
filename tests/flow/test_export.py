"""From docking to a court package: what is in it, what must not be, that it comes out the same twice, or not at all."""

import base64
import csv
import hashlib
import io
import json
import logging
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bagit
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from station.actions.export_state import read_export
from station.actions.produce import produce
from station.derive.layout import proxy_path
from station.ledger import log
from station.ledger.cosign import CosignerKey, verify_cosignatures
from station.ledger.note import parse_note
from station.ledger.second import SecondVerifier
from station.package import verifiers
from station.records.case_entries import ClipAmended, ClipBound, ClipClassified, TargetOpened, TargetResolved
from station.records.entries import Actor, Entry, Proof, TimeRange
from station.records.export_entries import ExportReason, ExportRefused, ExportRequested
from station.records.log_entries import AccessOpened, PayloadErased
from station.records.people_entries import PersonDescribed
from station.records.terms import EnforcementStage, Sensitivity, Source, TargetKind
from tests.fakes.outsiders import Authority, make_witness, stamping
from tests.flow.images import footage, write_folder
from tests.flow.stations import Said, Station, copy_home, signing
from tests.package.judges import ESBUILD, Script, bundle, shell
from tests.unit.device.images import SECTOR, FatCard, short_entry

NUMBER = "冀石执罚〔2026〕第12号"
OTHER = "冀石执罚〔2026〕第13号"
HOSTILE = "=cmd|'calc'!A1\u202egpj.\n<b>&.mp4"
WHOLE = footage(1, 3000)
ACTOR = Actor(person="zhang", via="web", session="s1", strength="password")
NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@pytest.fixture(scope="module")
def cased_home(blank_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a station with two whole clips and one half one, bound to a case and partly to another one too."""
    place = tmp_path_factory.mktemp("cased")
    root = copy_home(blank_home, place / "home")
    with signing(root):
        station = Station(root)
        station.dock(write_folder(place / "card", {HOSTILE: WHOLE, "b.mp4": footage(2, 2000)}))
        half = FatCard()
        half.put(2, short_entry(b"HALF    MP4", cluster=200, size=20 * SECTOR))
        half.put(200, footage(9, 20 * SECTOR))
        (place / "half.img").write_bytes(half.build()[: FatCard.offset(210)])
        station.dock(place / "half.img")
        with station.custody() as custody:
            custody.append(*_story(clips_of(station)))
    return root


def _story(clips: dict[str, str]) -> list[Entry]:
    entries: list[Entry] = [
        PersonDescribed(
            fact=PersonDescribed.Fact(person="zhang", kind="officer"),
            names=PersonDescribed.Names(name="张三", login="zhang", unit="一大队"),
        ),
        _opened("t1", NUMBER),
        _opened("t2", OTHER),
        TargetOpened(
            fact=TargetOpened.Fact(target="m1", kind=TargetKind.MATTER, number_source=Source.OFFICER),
            names=TargetOpened.Names(number="待-1"),
        ),
        _bound("b1", clips["whole"], "t1", "当事人占道经营", ((500, 61_500),)),
        _bound("b2", clips["half"], "t1", "取证过程", ()),
        _bound("b3", clips["whole"], "t2", "别案的事实", ()),
        _bound("b4", clips["b"], "m1", "先前的线索", (), TargetKind.MATTER),
        TargetResolved(
            fact=TargetResolved.Fact(target="m1", kind=TargetKind.MATTER, outcome="numbered", into="t1"), actor=ACTOR
        ),
        ClipAmended(
            fact=ClipAmended.Fact(clip=clips["whole"], field="collector", source=Source.CLERK),
            people=ClipAmended.People(collector="zhang"),
            text=ClipAmended.Text(reason="领用登记漏记"),
            actor=ACTOR,
        ),
        AccessOpened(
            fact=AccessOpened.Fact(access="x1"), look=AccessOpened.Look(clip=clips["whole"], kind="play"), actor=ACTOR
        ),
    ]
    return entries


def _opened(target: str, number: str) -> TargetOpened:
    return TargetOpened(
        fact=TargetOpened.Fact(target=target, kind=TargetKind.CASE, number_source=Source.CASE_SYSTEM),
        names=TargetOpened.Names(number=number, title=f"案由{target}", unit="一大队"),
        actor=ACTOR,
    )


def _bound(
    binding: str,
    clip: str,
    target: str,
    text: str,
    ranges: tuple[tuple[int, int], ...],
    kind: TargetKind = TargetKind.CASE,
) -> ClipBound:
    stretches = tuple(TimeRange(start_ms=start, end_ms=end) for start, end in ranges)
    return ClipBound(
        fact=ClipBound.Fact(
            binding=binding,
            action=f"a{binding}",
            clip=clip,
            kind=kind,
            target=target,
            stage=EnforcementStage.ON_SITE,
            source=Source.OFFICER,
        ),
        text=ClipBound.Text(proves=(Proof(text=text, ranges=stretches),)),
        actor=ACTOR,
    )


@pytest.fixture
def cased(cased_home: Path, tmp_path: Path) -> Iterator[Station]:
    root = copy_home(cased_home, tmp_path / "home")
    with signing(root):
        yield Station(root)


@pytest.fixture(scope="module")
def package(cased_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one package that tests only look at; the station it is of is `cased_home`'s copy beside it."""
    place = tmp_path_factory.mktemp("package")
    root = copy_home(cased_home, place / "home")
    with signing(root), pytest.MonkeyPatch.context() as patch:
        stand_in_for_verifiers(patch, place)
        return made(export(Station(root), place / "out"))


@pytest.fixture(autouse=True)
def _verifiers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in_for_verifiers(monkeypatch, tmp_path)


def stand_in_for_verifiers(patch: pytest.MonkeyPatch, place: Path) -> None:
    """Stand in for a verifier that is not built here; what they say is tested where they are made."""
    for name, path in verifiers.VERIFIERS.items():
        if not path.is_file():
            stand_in = place / f"stand-in-{name}"
            stand_in.write_bytes(b"exit 2\n")
            patch.setitem(verifiers.VERIFIERS, name, stand_in)


def clips_of(station: Station) -> dict[str, str]:
    """The clips by short names."""
    rows = station.rows("SELECT clip, path, stage FROM catalogue_clip")
    return {
        "half" if stage == "incomplete" else "b" if path == "b.mp4" else "whole": clip for clip, path, stage in rows
    }


def export(station: Station, out: Path, *options: str) -> Said:
    return station.run("export", "--case", NUMBER, "--out", out, "--json", *options)


def made(said: Said) -> Path:
    assert said.code == 0, said.err
    return Path(said.document()["folder"])


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_package_is_a_bag_that_others_find_valid(package: Path) -> None:
    folder = package
    logging.getLogger("bagit").setLevel(logging.CRITICAL)
    bag = bagit.Bag(str(folder))
    assert bag.version_info == (1, 0)
    assert bag.validate()
    assert bag.info["External-Identifier"] == folder.name
    assert [each.name for each in package.parent.iterdir()] == [folder.name], "nothing half-made is left"
    assert not [path for path in folder.rglob("*") if path.is_symlink()]
    assert all(NAMES.fullmatch(part) for path in folder.rglob("*") for part in path.relative_to(folder).parts)


def test_originals_are_byte_for_byte_those_that_were_docked_and_half_ones_lie_apart(package: Path) -> None:
    clips = clips_of(Station(package.parents[1] / "home"))
    folder = package
    assert (folder / f"data/originals/{clips['whole']}.mp4").read_bytes() == WHOLE
    assert (folder / f"data/originals/{clips['b']}.mp4").read_bytes() == footage(2, 2000)
    assert [path.stem for path in (folder / "data/incomplete").iterdir()] == [clips["half"]]
    half = json.loads((folder / f"data/clips/{clips['half']}.json").read_bytes())
    assert half["state"]["code"] == "incomplete"
    assert half["gaps"]["ranges"], "what is missing is listed"
    package = json.loads((folder / "data/package.json").read_bytes())
    assert {each["clip"]: each["state"] for each in package["clips"]} == {
        clips["whole"]: "whole",
        clips["b"]: "whole",
        clips["half"]: "incomplete",
    }


def test_the_seal_pins_every_byte_under_the_logs_signature(package: Path) -> None:
    folder = package
    files = tree(folder)
    fact = json.loads(files["seal.fact.part"])["value"]
    payload, record = json.loads(files["seal.payload"]), json.loads(files["seal.record"])
    assert record["type"] == "export.produced"
    assert record["payload"] == sha(files["seal.payload"])
    assert payload["parts"]["fact"] == sha(files["seal.fact.part"])
    assert fact["tagmanifest"]["sha256"] == sha(files["tagmanifest-sha256.txt"])
    listed = {path: digest for name in ("manifest", "tagmanifest") for path, digest in manifest(files, name).items()}
    assert listed == {
        path: sha(content)
        for path, content in files.items()
        if not path.startswith("seal.") and path != "tagmanifest-sha256.txt"
    }
    key = (package.parents[1] / "home" / "log.vkey").read_text()
    assert files["data/ledger/log.vkey"].decode() == key
    proved, checkpoint = prove(files["seal.tlog-proof"].decode(), files["seal.record"], key)
    assert proved == record["seq"]
    assert fact["log_size"] < checkpoint


def test_the_verifier_inside_accepts_it_and_names_any_file_that_was_touched(package: Path, tmp_path: Path) -> None:
    if verifiers.VERIFIERS["verify.sh"].name != "verify.sh":
        pytest.skip("verify.sh is not here")
    copy = tmp_path / "copy"
    shutil.copytree(package, copy)
    command = ["bash", "verify.sh", "--key", (package.parents[1] / "home" / "log.vkey").read_text().strip()]
    assert subprocess.run(command, cwd=copy, capture_output=True, check=False).returncode == 0
    chance = random.Random(4)
    for path in chance.sample([each for each in sorted(copy.rglob("*")) if each.is_file()], 12):
        whole = path.read_bytes()
        at = chance.randrange(len(whole))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
        verifier = [command[0], package / "verify.sh", *command[2:], copy]
        done = subprocess.run(verifier, capture_output=True, text=True, check=False)
        name = path.relative_to(copy).as_posix()
        assert done.returncode == 1, name
        assert name in done.stdout + done.stderr
        path.write_bytes(whole)


def test_every_entry_about_a_clip_is_there_chained_and_proven(package: Path) -> None:
    folder = package
    files, key = tree(folder), (package.parents[1] / "home" / "log.vkey").read_text()
    package = json.loads(files["data/package.json"])
    told: set[int] = set(package["others"])
    for clip in package["clips"]:
        before = None
        for seq in clip["entries"]:
            raw = files[f"data/ledger/entries/{seq}.record"]
            record = json.loads(raw)
            assert record["subjects"][f"clip:{clip['clip']}"] == before
            before = hashlib.sha256(b"\0" + raw).hexdigest()
            told.add(seq)
    for seq in told:
        base = f"data/ledger/entries/{seq}"
        index, size = prove(files[f"{base}.tlog-proof"].decode(), files[f"{base}.record"], key)
        assert (index, size) == (seq, package["log_size"])
        assert files[f"{base}.tlog-proof"].decode().endswith(files["data/ledger/checkpoint"].decode())
        for path, content in files.items():
            if path.startswith(f"{base}.") and path.endswith(".part"):
                name = path.removeprefix(f"{base}.").removesuffix(".part")
                assert json.loads(files[f"{base}.payload"])["parts"][name] == sha(content)
    assert {int(Path(path).name.split(".")[0]) for path in files if path.startswith("data/ledger/entries/")} == told


def test_another_case_of_the_same_clip_is_told_nowhere(package: Path) -> None:
    files = tree(package)
    for secret in (OTHER, "案由t2", "别案的事实", "access.opened"):
        assert [path for path, content in files.items() if secret.encode() in content] == []
    assert "案由t1".encode() in files["README.txt"]
    (foreign,) = (path for path, content in files.items() if path.endswith(".record") and b'"case:t2"' in content)
    parts = [path for path in files if path.startswith(foreign.removesuffix("record")) and path.endswith(".part")]
    assert parts == [], "the record of the foreign binding is in the chain, none of its parts"


def test_what_was_bound_to_a_matter_follows_it_into_the_case(package: Path) -> None:
    clips = clips_of(Station(package.parents[1] / "home"))
    folder = package
    document = json.loads((folder / f"data/clips/{clips['b']}.json").read_bytes())
    assert [each["proves"][0]["text"] for each in document["bindings"]] == ["先前的线索"]
    assert document["fields"]["case_number"]["value"] == NUMBER


def test_a_clips_document_tells_fields_clocks_marks_and_its_history_in_both_languages(package: Path) -> None:
    clips = clips_of(Station(package.parents[1] / "home"))
    folder = package
    document = json.loads((folder / f"data/clips/{clips['whole']}.json").read_bytes())
    assert document["fields"]["collector"]["value"] == "张三"
    assert document["fields"]["collector"]["source"]["code"] == "clerk"
    assert document["bindings"][0]["proves"] == [
        {"text": "当事人占道经营", "ranges": [{"start_ms": 500, "end_ms": 61500}]}
    ]
    assert len(document["bindings"]) == 1
    assert set(document["clocks"]) >= {"device_time", "offset_ms", "recorded_at", "taken_in_at"}
    told = {line["code"]: line for line in document["history"]}
    assert set(told) == {"clip.ingested", "clip.bound", "clip.amended_collector"}
    assert told["clip.amended_collector"]["by"] == "张三"
    assert "领用登记漏记" in told["clip.amended_collector"]["zh"]
    assert "入库起未改动" in document["statement"]["zh"]
    assert "says nothing of the time before" in document["statement"]["en"]


def test_the_evidence_list_opens_in_excel_and_runs_nothing(package: Path) -> None:
    folder = package
    raw = (folder / "data/evidence-list.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    heading, *rows = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    assert len(rows) == 3
    assert all(len(row) == len(heading) for row in rows)
    assert not [cell for row in rows for cell in row if cell[:1] in "=+-@" and cell]
    assert any(f"SHA-256: {sha(WHOLE)}" in row for row in rows)
    assert any("当事人占道经营 [0:00:00.500-0:01:01.500]" in row for row in rows)
    assert any("视听资料" in cell for cell in rows[0])
    items = json.loads((folder / "data/evidence-list.json").read_bytes())["items"]
    assert {each["sha256"] for each in items} >= {sha(WHOLE)}


def test_the_same_export_made_again_is_the_same_bytes_but_for_date_and_seal(cased: Station, tmp_path: Path) -> None:
    first = made(export(cased, tmp_path / "one"))
    with cased.custody() as custody:  # the ledger goes on meanwhile
        clip = clips_of(cased)["whole"]
        custody.append(
            ClipAmended(fact=ClipAmended.Fact(clip=clip, field="place", source=Source.CLERK), text=None, actor=ACTOR)
        )
    second = made(cased.run("export", "--again", first.name, "--out", tmp_path / "two", "--json"))
    one, two = tree(first), tree(second)
    assert one.keys() == two.keys()
    differing = {path for path in one if one[path] != two[path]}
    assert differing - {"bag-info.txt", "tagmanifest-sha256.txt"} <= {path for path in one if path.startswith("seal.")}
    assert _without_date(one["bag-info.txt"]) == _without_date(two["bag-info.txt"])
    with cased.database() as database, database.read() as session:
        assert len(read_export(session, first.name).produced) == 2


def _without_date(info: bytes) -> list[str]:
    return [line for line in info.decode().splitlines() if not line.startswith("Bagging-Date: ")]


def test_a_playable_copy_lies_apart_with_its_lineage(cased: Station, tmp_path: Path) -> None:
    clip = clips_of(cased)["whole"]
    copy = proxy_path(cased.home.derived, sha(WHOLE))
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"a copy")
    folder = made(export(cased, tmp_path / "out"))
    path = f"data/playable/{clip}.mp4"
    assert (folder / path).read_bytes() == b"a copy"
    package = json.loads((folder / "data/package.json").read_bytes())
    assert package["derived"] == [{"kind": "playable", "of": clip, "path": path, "sha256": sha(b"a copy")}]
    (told,) = json.loads((folder / f"data/clips/{clip}.json").read_bytes())["derived"]
    assert (told["path"], told["sha256"]) == (path, sha(b"a copy"))
    assert "it is not the original" in told["description"]["en"]
    without = made(export(cased, tmp_path / "bare", "--originals-only"))
    assert not (without / "data/playable").exists()


def test_witnesses_and_time_stamps_over_its_checkpoint_go_along(cased: Station, tmp_path: Path) -> None:
    witness = make_witness(tmp_path / "witness", "witness.example/w1")
    said = cased.run("witness", "trust", (cased.root / "log.vkey").read_text())  # any home can do it; its folder counts
    assert said.code == 0
    shutil.copytree(cased.root / "witness" / "logs", witness.folder.path / "logs")
    shutil.rmtree(cased.root / "witness")
    authority = Authority(tmp_path / "authority")
    with witness.serve() as url, stamping(authority) as stamper:
        lines = [f'timestamp_authority = "{stamper}"', f'timestamp_certificates = "{authority.root}"', "[[witnesses]]"]
        lines += [f'url = "{url}"', f'vkey = "{witness.vkey}"']
        (cased.root / "station.toml").write_text("\n".join(lines) + "\n")
        folder = made(export(cased, tmp_path / "out"))
    note = (folder / "data/ledger/checkpoint").read_text()
    assert set(verify_cosignatures(note, [CosignerKey.parse(witness.vkey)])) == {witness.vkey}
    assert (folder / "data/ledger/witnesses.txt").read_text() == f"{witness.vkey}\n"
    (stamp,) = (folder / "data/ledger/timestamps").iterdir()
    assert authority.verifies(stamp.read_bytes(), note.partition("\n\n")[0] + "\n")
    proofs = list((folder / "data/ledger/entries").glob("*.tlog-proof"))
    assert proofs
    assert all(proof.read_text().endswith(note) for proof in proofs)
    again = made(cased.run("export", "--again", folder.name, "--out", tmp_path / "two", "--json"))
    assert (again / "data/ledger/checkpoint").read_text() == note


@pytest.mark.skipif(not ESBUILD.exists(), reason=f"there is no {ESBUILD} (`make install` makes it)")
def test_with_second_signatures_both_verifiers_accept_the_package(cased_home: Path, tmp_path: Path) -> None:
    root = copy_home(cased_home, tmp_path / "home")
    (root / "station.toml").write_text('second_signatures = ["sm2"]\n')
    with signing(root):
        folder = made(export(Station(root), tmp_path / "out"))
    (second,) = (root / "keys" / "second").glob("*.vkey")
    SecondVerifier.parse(second.read_text()).verify_note((folder / "data/ledger/checkpoint").read_text())
    key = (root / "log.vkey").read_text().strip()
    with Script(bundle(tmp_path)) as script:
        for options, keys in (([], []), (["--key", key], [key])):
            for said in (shell(folder, *options), script.judge(folder, keys=keys)):
                assert said.status == 0, said.said
    sealed = (folder / "seal.tlog-proof").read_text().split("\n\n", 1)[1]
    assert [each.name for each in parse_note(sealed).signatures] == [key.partition("+")[0]]


def test_a_case_without_recordings_is_refused_and_nothing_is_entered(cased: Station, tmp_path: Path) -> None:
    with cased.custody() as custody:
        custody.append(_opened("t3", "空案〔2026〕1"))
    before = _size(cased)
    said = cased.run("export", "--case", "空案〔2026〕1", "--out", tmp_path / "out")
    assert said.code == 2
    assert "no recordings" in said.err
    assert _size(cased) == before
    assert not (tmp_path / "out").exists()


def test_an_unknown_case_is_refused(cased: Station, tmp_path: Path) -> None:
    assert cased.run("export", "--case", "没有〔2026〕9", "--out", tmp_path / "out").code == 2


def test_a_suspected_secret_is_named_and_never_leaves_not_even_again(cased: Station, tmp_path: Path) -> None:
    first = made(export(cased, tmp_path / "one"))
    clip = clips_of(cased)["b"]
    with cased.custody() as custody:
        secret = ClipClassified.Fact(clip=clip, sensitivity=Sensitivity.SUSPECTED_SECRET)
        custody.append(ClipClassified(fact=secret, actor=ACTOR))
    for said in (
        export(cased, tmp_path / "two"),
        cased.run("export", "--again", first.name, "--out", tmp_path / "two"),
    ):
        assert said.code == 2
        assert clip in said.err
    assert not (tmp_path / "two").exists()


def test_a_damaged_original_stops_the_export_is_named_and_leaves_nothing(cased: Station, tmp_path: Path) -> None:
    path = cased.store.path(sha(WHOLE))
    path.chmod(0o640)
    path.write_bytes(WHOLE[:-1] + b"x")
    said = export(cased, tmp_path / "out")
    assert said.code == 1
    assert clips_of(cased)["whole"] in said.err
    assert list((tmp_path / "out").iterdir()) == []
    assert cased.rows("SELECT seq FROM record WHERE type = 'export.produced'") == []


def test_an_erased_part_is_left_out_and_the_rest_stays_proven(cased: Station, tmp_path: Path) -> None:
    with cased.custody() as custody, cased.database() as database:
        with database.read() as session:
            (amended,) = (each for each in log.entries(session) if each.type == "clip.amended")
        digest = sha(amended.parts["text"])
        fact = PayloadErased.Fact(seq=amended.seq, part="text", digest=digest, ground="test")
        custody.append(PayloadErased(fact=fact, actor=ACTOR))
        with database.write() as session:
            log.drop_erased_parts(session)
    files = tree(made(export(cased, tmp_path / "out")))
    base = f"data/ledger/entries/{amended.seq}"
    assert f"{base}.text.part" not in files
    assert f"{base}.people.part" in files
    assert not [path for path, content in files.items() if "领用登记漏记".encode() in content]
    key = (cased.root / "log.vkey").read_text()
    assert prove(files[f"{base}.tlog-proof"].decode(), files[f"{base}.record"], key)[0] == amended.seq


def test_a_disk_too_small_is_told_before_anything_is_written(
    cased: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATION_RESERVE_BYTES", str(2**60))
    said = export(cased, tmp_path / "out")
    assert said.code == 2
    assert "free" in said.err
    assert not (tmp_path / "out").exists()


def test_what_nobody_approved_is_not_produced(cased: Station, tmp_path: Path) -> None:
    with cased.custody() as custody:
        custody.append(_request("e1", cased))
        custody.append(
            _request("e2", cased), ExportRefused(fact=ExportRefused.Fact(export="e2", target="t1"), actor=ACTOR)
        )
    for name, words in (("e1", "not approved"), ("e2", "refused"), ("e3", "no export")):
        said = cased.run("export", "--again", name, "--out", tmp_path / "out")
        assert said.code == 2
        assert words in said.err
    assert not (tmp_path / "out").exists()


def _request(name: str, station: Station) -> ExportRequested:
    clips = tuple(sorted(clips_of(station).values()))
    fact = ExportRequested.Fact(export=name, target="t1", clips=clips, reason=ExportReason.COURT)
    return ExportRequested(fact=fact, actor=ACTOR)


def test_a_folder_of_that_name_is_never_overwritten(cased: Station, tmp_path: Path) -> None:
    first = made(export(cased, tmp_path / "out"))
    before = tree(first)
    said = cased.run("export", "--again", first.name, "--out", tmp_path / "out")
    assert said.code == 2
    assert tree(first) == before


def test_a_killed_export_leaves_nothing_under_its_name_and_is_swept_by_the_next(cased: Station, tmp_path: Path) -> None:
    first = made(export(cased, tmp_path / "out"))
    left = tmp_path / "two" / f".{first.name}.0123456789ab.unfinished"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"x")
    second = made(cased.run("export", "--again", first.name, "--out", tmp_path / "two", "--json"))
    assert [each.name for each in (tmp_path / "two").iterdir()] == [second.name]


def test_the_package_needs_a_verifier_or_is_not_made(
    cased: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(verifiers.VERIFIERS, "verify.sh", tmp_path / "missing")
    said = export(cased, tmp_path / "out")
    assert said.code == 2
    assert "missing" in said.err
    assert not (tmp_path / "out").exists()


def test_a_clip_taken_out_of_the_case_after_the_approval_is_not_exported(cased: Station, tmp_path: Path) -> None:
    clips = clips_of(cased)
    with cased.custody() as custody, cased.database() as database:
        fact = ExportRequested.Fact(
            export="e1", target="t2", clips=(clips["whole"], clips["half"]), reason=ExportReason.OTHER
        )
        from station.records.export_entries import ExportApproved

        custody.append(
            ExportRequested(fact=fact, actor=ACTOR),
            ExportApproved(fact=ExportApproved.Fact(export="e1", target="t2"), actor=ACTOR),
        )
        with pytest.raises(Exception, match=clips["half"]):
            produce(cased.home, database, custody, cased.store, ACTOR, "e1", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest(files: dict[str, bytes], name: str) -> dict[str, str]:
    lines = [line.split("  ", 1) for line in files[f"{name}-sha256.txt"].decode().splitlines()]
    assert [path for _, path in lines] == sorted(path for _, path in lines)
    return {path: digest for digest, path in lines}


def prove(proof: str, record: bytes, vkey: str) -> tuple[int, int]:
    """Check a tlog-proof from its specification alone (RFC 9162 section 2.1.3.2); return index and tree size."""
    head, _, checkpoint = proof.partition("\n\n")
    header, index_line, *hashes = head.split("\n")
    assert header == "c2sp.org/tlog-proof@v1"
    text, _, signatures = checkpoint.partition("\n\n")
    origin, size, root = text.split("\n")[:3]
    name, _, encoded = vkey.strip().partition("+")[0], "", vkey.strip().rpartition("+")[2]
    encoded = vkey.strip().split("+", 2)[2]
    key = base64.b64decode(encoded)[1:]
    (line,) = (each for each in signatures.splitlines() if each.split(" ")[1] == name)
    Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(line.split(" ")[2])[4:], (text + "\n").encode())
    assert origin == name
    index, last = int(index_line.split(" ")[1]), int(size) - 1
    fn, found = index, hashlib.sha256(b"\0" + record).digest()
    for each in map(base64.b64decode, hashes):
        assert last > 0
        if fn % 2 == 1 or fn == last:
            found = hashlib.sha256(b"\1" + each + found).digest()
            while fn % 2 == 0 and fn:
                fn, last = fn >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + each).digest()
        fn, last = fn >> 1, last >> 1
    assert (last, found) == (0, base64.b64decode(root))
    return index, int(size)


def _size(station: Station) -> Any:
    return station.rows("SELECT count(*) FROM record")[0][0]
