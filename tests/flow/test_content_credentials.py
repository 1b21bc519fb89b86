"""Disclosure copies with C2PA content credentials, from the request to the package."""

import json
import shutil
import subprocess
import threading
from pathlib import Path

import c2pa
import pytest
from sqlmodel import select

from station.actions import exports, producing
from station.catalogue.tables import Clip
from station.evidence.opening import open_store
from station.pipeline import develop
from station.records.export_entries import ClipDerived, ExportReason
from station.state import exports as jobs
from station.state.tables import create_tables
from tests.flow.stations import Station, copy_home, signing
from tests.flow.test_exports import APPROVER, CLERK, HANDLER, actor, case_of, entries
from tests.unit.derive.certificates import write_credentials


def test_a_package_carries_copies_whose_credentials_name_the_original(
    blank_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, key = write_credentials(tmp_path / "keys")
    monkeypatch.setenv("STATION_C2PA_CERTIFICATE", str(chain))
    monkeypatch.setenv("STATION_C2PA_KEY", str(key))
    root = copy_home(blank_home, tmp_path / "home")
    card = tmp_path / "card"
    card.mkdir()
    video = ["-f", "lavfi", "-i", "testsrc2=s=320x180:d=1", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", *video, str(card / "a.mp4")], check=True)
    with signing(root):
        station = Station(root)
        station.dock(card)
        with station.custody() as custody:
            database, home, store = custody._database, station.home, open_store(station.home)
            create_tables(database)
            develop(home, database, custody, threading.Event(), once=True)
            with database.read() as session:
                clip, sha256 = session.exec(select(Clip.clip, Clip.sha256)).one()
            custody.append(*case_of(clip))
            export = exports.ask(
                custody, HANDLER, actor(HANDLER), "t1", exports.Wanted(ExportReason.COURT, "举证", disclosure=True)
            )
            exports.decide(custody, APPROVER, actor(APPROVER), export, approve=True)

            def produced() -> str:
                exports.order(custody, home, CLERK, actor(CLERK), export)
                producing.work_alone(home, database, custody, store, threading.Event(), once=True)
                with database.read() as session:
                    job = jobs.find(session, export, "")
                assert job is not None
                return job.state if job.problem is None else job.problem

            assert produced() == "ready"
            copy = home.exports / export / "data/disclosure" / f"{clip}.mp4"
            with c2pa.Reader(str(copy)) as reader:
                told = json.loads(reader.json())
            assertions = told["manifests"][told["active_manifest"]]["assertions"]
            (lineage,) = [each["data"] for each in assertions if each["label"] == "evidence-station.lineage"]
            assert (told["validation_state"], lineage["original_sha256"]) == ("Valid", sha256)
            (derived,) = [each for each in entries(database) if isinstance(each, ClipDerived)]
            assert derived.fact.credentials
            document = json.loads((home.exports / export / "data/clips" / f"{clip}.json").read_text())
            assert "C2PA" in str(document["derived"])

            # The copy that was entered is kept, so the package comes out again; once it is lost, it can't.
            shutil.rmtree(home.exports / export)
            assert produced() == "ready"
            shutil.rmtree(home.exports / export)
            shutil.rmtree(home.derived / sha256[:2] / sha256)
            assert produced() == "export_copy_differs"
