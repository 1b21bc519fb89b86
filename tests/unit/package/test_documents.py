"""What a package tells in files for people and other tools, checked with the tools of others."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest

from station.i18n import LOCALES, translator
from station.package.case_uco import case_jsonld
from station.package.certificate import certificate, certificate_html
from station.package.clip_document import clip_document
from station.package.evidence_list import evidence_list_csv, evidence_list_json
from station.package.readme import readme
from station.package.words import plain, speak
from tests.unit.package.samples import HASH, OWN_CHECKPOINT, clip, content

CONTENT = content()
WORDS = speak(CONTENT)
DERIVED = {each.path: (HASH, 4) for each in CONTENT.derived}
PACKAGE = Path(__file__).resolve().parents[3] / "station" / "package"


def tool(name: str) -> str:
    """Return a tool of the test machine, or skip."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (`make test` installs it)")
    return found


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pdf") / "certificate.pdf"
    path.write_bytes(certificate(CONTENT, WORDS))
    return path


def test_the_case_file_conforms_to_case(tmp_path: Path) -> None:
    path = tmp_path / "case.jsonld"
    path.write_bytes(case_jsonld(CONTENT, WORDS, DERIVED))
    validator = Path(sys.executable).with_name("case_validate")
    done = subprocess.run(
        [validator, "--built-version", "case-1.4.0", path], capture_output=True, text=True, check=False
    )
    assert "Conforms: True" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_ids_of_the_case_file_end_in_uuids_that_stay_the_same() -> None:
    first, second = (json.loads(case_jsonld(content(), WORDS, DERIVED)) for _ in range(2))
    assert first == second
    ids = [each["@id"] for each in first["@graph"]]
    assert len(set(ids)) == len(ids)
    assert {UUID(each[-36:]).version for each in ids} == {5}
    other = json.loads(case_jsonld(content(export="f" * 26), WORDS, DERIVED))
    assert not set(ids) & {each["@id"] for each in other["@graph"]}


def test_a_hash_of_the_case_file_names_its_method_as_plain_text() -> None:
    text = case_jsonld(CONTENT, WORDS, DERIVED).decode()
    assert set(re.findall(r'"uco-types:hashMethod": (.*)', text)) == {'"SHA256",'}


def test_no_cell_of_the_evidence_list_is_a_formula_or_hides_text() -> None:
    rows = list(csv.reader(io.StringIO(evidence_list_csv(CONTENT, WORDS).decode("utf-8-sig"), newline="")))
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert not [cell for cell in cells if cell != plain(cell)]
    assert [row[0] for row in rows[1:]] == ["1", "2", "3"]
    assert "占道经营 [0:00:05.000-0:01:10.000]" in rows[1]


def test_the_certificate_is_archival_with_all_fonts_embedded(pdf: Path) -> None:
    fonts = subprocess.run([tool("pdffonts"), pdf], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
    assert fonts
    assert all(re.search(r" yes yes yes +\d+ +\d+$", font) for font in fonts), "embedded, subset, with Unicode map"
    told = subprocess.run([tool("pdfinfo"), "-meta", pdf], capture_output=True, text=True, check=True).stdout
    assert 'pdfaid:part="3" pdfaid:conformance="U"' in told
    objects = b"".join(_inflated(pdf.read_bytes()))
    assert b"/GTS_PDFA1" in objects, "colours are named by a profile"
    assert b"/JavaScript" not in objects


def _inflated(raw: bytes) -> Iterator[bytes]:
    yield raw
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", raw, re.DOTALL):
        with suppress(zlib.error):
            yield zlib.decompressobj().decompress(stream)


def test_the_certificate_says_the_lawyers_sentence_in_both_languages(pdf: Path) -> None:
    text = "".join(
        subprocess.run(
            [tool("pdftotext"), "-layout", pdf, "-"], capture_output=True, text=True, check=True
        ).stdout.split()
    )
    assert "自2026-08-0418:00:00入库起未改动；入库以前的情况本校验不能证明" in text
    assert "thissaysnothingofthetimebefore" in text
    assert HASH in text
    assert "<script>" in text, "shown, not run"
    assert "{{7*7}}" in text


def test_the_qr_code_scans_to_the_logs_own_checkpoint(pdf: Path, tmp_path: Path) -> None:
    subprocess.run([tool("pdftoppm"), "-r", "200", "-png", pdf, tmp_path / "page"], check=True)
    scanned = []
    for page in sorted(tmp_path.glob("page*.png")):
        command = [tool("zbarimg"), "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", "-Sqrcode.binary", page]
        scanned.append(subprocess.run(command, capture_output=True, check=False).stdout)
    assert [each.removesuffix(b"\n") for each in scanned if each] == [OWN_CHECKPOINT.encode()], (
        "zbarimg adds a line end"
    )


def test_the_certificate_is_the_same_bytes_each_time(pdf: Path) -> None:
    command = (
        "import sys; from tests.unit.package.test_documents import *; "
        "sys.stdout.buffer.write(certificate(CONTENT, WORDS))"
    )
    other = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", command], capture_output=True, check=True, cwd=PACKAGE.parents[1]
    )
    assert other.stdout == pdf.read_bytes()


def test_the_certificate_loads_nothing_from_elsewhere() -> None:
    page = certificate_html(CONTENT, WORDS)
    assert set(re.findall(r'(?:src|href)="([a-z]+):', page)) == {"data"}
    assert "<script>" not in page


def test_a_clips_document_keeps_the_name_as_the_recorder_had_it() -> None:
    document = json.loads(clip_document(CONTENT, CONTENT.clips[0], WORDS, {each: HASH for each in DERIVED}))
    assert document["file"]["raw"] == ["44", "ff"]
    assert document["derived"][0]["path"] == f"data/playable/{'a' * 26}.mp4"
    assert document["fields"]["time"]["doubt"]["code"] == "clock_suspicious"
    assert "\u202e" not in document["history"][0]["zh"]


def test_an_sm3_is_listed_beside_the_sha256_where_there_is_one() -> None:
    sm3 = "5" * 64
    both = content(clips=(clip("a" * 26, sm3=sm3), clip("b" * 26)), derived=())
    listed = json.loads(evidence_list_json(both, WORDS))["items"]
    assert [(each["sha256"], each.get("sm3")) for each in listed] == [(HASH, sm3), (HASH, None)]
    assert [each["integrity"] for each in listed] == [f"SHA-256: {HASH}; SM3: {sm3}", f"SHA-256: {HASH}"]
    told = [json.loads(clip_document(both, each, WORDS, {})) for each in both.clips]
    assert [("sm3" in each, each["sha256"]) for each in told] == [(True, HASH), (False, HASH)]
    assert certificate_html(both, WORDS).count(f"SM3 {sm3}") == 1


def test_the_readme_speaks_both_languages_and_names_the_key() -> None:
    text = readme(CONTENT, WORDS).decode()
    assert "verify.sh" in text
    assert "入库以前的情况" in text
    assert "nothing of the time before" in text
    assert text.count(CONTENT.keys[0]) == 2
    assert "—" not in text.replace("——", ""), "no parameter is missing"


@pytest.mark.parametrize("locale", LOCALES)
def test_every_word_of_a_package_is_in_the_catalogue(locale: str) -> None:
    said = set()
    for path in (*PACKAGE.glob("*.py"), *PACKAGE.glob("*.html")):
        text = path.read_text(encoding="utf-8")
        said |= set(re.findall(r'(?:both|pair)\("([a-z_0-9]+)"', text))
        said |= set(re.findall(r'code\("package", "([a-z_0-9]+)"', text))
        said |= set(re.findall(r'\("((?:about|column)_[a-z_]+)"', text))
    assert len(said) > 20
    say = translator(locale)
    assert sorted(each for each in said if not say.knows("package", each)) == []
