"""Sound packages pass; every change, by whoever lacks the log's key, is refused by both verifiers, which name the file.

STATION_PACKAGE_TRIALS is the number of single bytes changed (40), STATION_PACKAGE_MUTATIONS of structured mutations
(200; the shell judges every 50th), STATION_PACKAGE_SEED the seed; the failing trial's number is in its message.
"""

import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.outsiders import Authority
from tests.package import builder
from tests.package.builder import Files, Package, Signer, make_manifests
from tests.package.judges import ESBUILD, Script, bundle, shell

SEED = int(os.environ.get("STATION_PACKAGE_SEED", "20261123"))
TRIALS = int(os.environ.get("STATION_PACKAGE_TRIALS", "40"))
MUTATIONS = int(os.environ.get("STATION_PACKAGE_MUTATIONS", "200"))
SHELL_EVERY = 50
ENTRIES = "data/ledger/entries/"

pytestmark = pytest.mark.skipif(not ESBUILD.exists(), reason=f"there is no {ESBUILD} (`make install` makes it)")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Script]:
    with Script(bundle(tmp_path_factory.mktemp("bundle"))) as running:
        yield running


@pytest.fixture(scope="module")
def package() -> Package:
    return builder.make(SEED, clips=4)


@pytest.fixture(scope="module")
def folder(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package.write(tmp_path_factory.mktemp("package") / "p")


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"clips": 1, "witnesses": 0},
        {"rotated": True},
        {"rotated": True, "signing": slice(1)},
        {"clips": 6, "witnesses": 2},
    ],
)
def test_a_sound_package_passes_with_and_without_the_key(shape: dict[str, int], script: Script, tmp_path: Path) -> None:
    made = builder.make(7, **shape)  # type: ignore[arg-type]
    made.write(tmp_path / "p")
    for options in ([], ["--key", made.key]):
        said = shell(tmp_path / "p", *options)
        assert (said.status, said.said.startswith("Unaltered since")) == (0, True), said.said
    for software in (False, True):
        assert script.judge(tmp_path / "p", keys=[made.key], software=software).status == 0
    assert script.judge(tmp_path / "p").status == 0


def test_after_a_rotation_the_former_key_alone_is_worth_nothing(script: Script, tmp_path: Path) -> None:
    made = builder.make(7, rotated=True, signing=slice(1, 2))  # as whoever stole the former key would
    made.write(tmp_path / "p")
    listed = made.files["data/ledger/log.vkey"].decode()
    (tmp_path / "log.vkey").write_text(listed)
    for options, keys in (([], []), (["--key", str(tmp_path / "log.vkey")], listed.split())):
        for said in (shell(tmp_path / "p", *options), script.judge(tmp_path / "p", keys=keys)):
            assert said.status == 1, said.said
            assert {"seal.tlog-proof", "data/ledger/checkpoint"} <= set(said.named), said.said


def test_the_sentence_is_chinese_where_the_language_is(folder: Path) -> None:
    said = shell(folder, lang="zh_CN.UTF-8").said
    assert said.startswith("自入库起未改动（最早2026-08-04 18:00:02 +0800")
    assert said.splitlines()[0].endswith("入库以前的情况本校验不能证明")


@pytest.mark.trials
@pytest.mark.timeout(60 + 3 * TRIALS + MUTATIONS)  # as long as was asked for
def test_any_one_byte_changed_is_refused_and_its_file_named(
    package: Package, folder: Path, script: Script, tmp_path: Path
) -> None:
    rng = random.Random(SEED)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for trial in range(TRIALS):
        path = rng.choice(sorted(package.files))
        content = bytearray(package.files[path])
        content[rng.randrange(len(content))] ^= rng.randrange(1, 256)
        keys = [package.key] if trial % 2 else []
        seen = script.judge(folder, change={path: bytes(content)}, keys=keys)
        assert (seen.status, path in seen.named) == (1, True), (trial, path, seen.said)
        (copy / path).write_bytes(content)
        said = shell(copy, *(["--key", package.key] if keys else []))
        assert (said.status, path in said.named) == (1, True), (trial, path, said.said)
        assert said.said.startswith("Damaged"), said.said
        (copy / path).write_bytes(package.files[path])


Mutation = Callable[[Package, Files, random.Random], str]


def _path(files: Files, rng: random.Random) -> str:
    return rng.choice(sorted(files))


def remove(_: Package, files: Files, rng: random.Random) -> str:
    path = _path(files, rng)
    del files[path]
    return path


def add(_: Package, files: Files, rng: random.Random) -> str:
    path = rng.choice(
        ["data/x.txt", "fetch.txt", "seal.names.part", "data/originals/x.mp4", f"{ENTRIES}999.record", ".x"]
    )
    files[path] = rng.randbytes(5)
    return path


def rename(_: Package, files: Files, rng: random.Random) -> str:
    path = _path(files, rng)
    files[f"{path}.old"] = files.pop(path)
    return path


def swap(_: Package, files: Files, rng: random.Random) -> str:
    one, two = rng.sample(sorted({content: path for path, content in files.items()}.values()), 2)
    files[one], files[two] = files[two], files[one]
    return one


def truncate(_: Package, files: Files, rng: random.Random) -> str:
    path = _path(files, rng)
    files[path] = files[path][: rng.randrange(len(files[path]))]
    return path


def extend(_: Package, files: Files, rng: random.Random) -> str:
    path = _path(files, rng)
    files[path] += rng.choice([b"\n", b"\0", b" ", rng.randbytes(8)])
    return path


def edit_package(_: Package, files: Files, rng: random.Random) -> str:
    path = "data/package.json"
    old, new = rng.choice([(b'"v":1', b'"v":2'), (b'"whole"', b'"incomplete"'), (b'"size_bytes":', b'"size_bytes":1')])
    files[path] = files[path].replace(old, new, 1)
    return path


def replace_original(_: Package, files: Files, rng: random.Random) -> str:
    """Another recording, put in with package.json and everything else made to fit."""
    path = rng.choice([path for path in files if path.startswith("data/originals/")])
    old = files[path]
    files[path] = rng.randbytes(len(old))
    before, after = builder.hex_of(old).encode(), builder.hex_of(files[path]).encode()
    files["data/package.json"] = files["data/package.json"].replace(before, after)
    return path


def swap_proofs(_: Package, files: Files, rng: random.Random) -> str:
    one, two = rng.sample(sorted(path for path in files if path.startswith(ENTRIES) and path.endswith("proof")), 2)
    files[one], files[two] = files[two], files[one]
    return one


def leave_out_entry(package: Package, files: Files, rng: random.Random) -> str:
    seq = rng.choice(
        sorted(int(path[len(ENTRIES) : -7]) for path in files if path.startswith(ENTRIES) and path[-6:] == "record")
    )
    for path in [path for path in files if path.startswith(f"{ENTRIES}{seq}.")]:
        del files[path]
    package_json = files["data/package.json"]
    for old, new in ((f"[{seq},", "["), (f",{seq},", ","), (f",{seq}]", "]")):
        package_json = package_json.replace(old.encode(), new.encode())
    files["data/package.json"] = package_json
    return "data/package.json"


def other_log(package: Package, files: Files, rng: random.Random) -> str:
    """Everything signed again by another key of the same name: only the key from outside can tell."""
    files.clear()
    files |= builder.make(rng.randrange(10**6), clips=2).files
    return "data/ledger/log.vkey"


def sign_with_other_key(package: Package, files: Files, rng: random.Random) -> str:
    signer = Signer(package.log.origin, rng.randbytes(32))
    for path in ("data/ledger/checkpoint", "seal.tlog-proof"):
        head, _, _note = files[path].decode().rpartition("\n\n")
        text = head.rpartition("\n\n")[2] + "\n"
        files[path] = f"{head}\n\n{signer.sign(text).line()}".encode()
    return "seal.tlog-proof"


def flip_bytes(_: Package, files: Files, rng: random.Random) -> str:
    path = _path(files, rng)
    content = bytearray(files[path])
    for _each in range(rng.randrange(1, 6)):
        content[rng.randrange(len(content))] = rng.choice(b'\0\n"{}[],:\\ \x7f\xff0aA+=/')
    files[path] = bytes(content)
    return path


PLAIN = (remove, add, rename, swap, truncate, extend, edit_package, flip_bytes, swap_proofs)
CRAFTED = (replace_original, leave_out_entry, sign_with_other_key, *PLAIN)


def mutate(package: Package, rng: random.Random, mutation: Mutation) -> tuple[Files, str]:
    files = dict(package.files)
    path = mutation(package, files, rng)
    # What anybody can make again without the log's key: both manifests, and half of the time the part that pins them.
    if rng.random() < 0.6 and mutation is not other_log:
        make_manifests(files)
        if rng.random() < 0.5 and "seal.fact.part" in files:
            old = builder.hex_of(package.files["tagmanifest-sha256.txt"]).encode()
            files["seal.fact.part"] = files["seal.fact.part"].replace(
                old, builder.hex_of(files["tagmanifest-sha256.txt"]).encode()
            )
            if rng.random() < 0.5 and "seal.payload" in files:
                before, after = (builder.hex_of(each["seal.fact.part"]).encode() for each in (package.files, files))
                files["seal.payload"] = files["seal.payload"].replace(before, after)
    return files, path


def refuse(package: Package, files: Files, folder: Path, script: Script, place: Path | None, why: object) -> None:
    change = {path: content for path, content in files.items() if package.files.get(path) != content}
    gone = package.files.keys() - files.keys()
    seen = script.judge(folder, change=change, remove=gone, keys=[package.key])
    if not change and not gone:
        assert seen.status == 0, (why, seen.said)
        return
    assert (seen.status, bool(seen.named)) == (1, True), (why, seen.said)
    if place:
        shutil.rmtree(place, ignore_errors=True)
        builder.write(files, place)
        said = shell(place, "--key", package.key)
        assert (said.status, bool(said.named)) == (1, True), (why, said.said)
        assert "verify.sh: line" not in said.said, (why, said.said)


@pytest.mark.trials
@pytest.mark.parametrize("mutation", [*CRAFTED, other_log], ids=lambda each: each.__name__)
def test_each_kind_of_forgery_is_refused_by_both(
    mutation: Mutation, package: Package, folder: Path, script: Script, tmp_path: Path
) -> None:
    for trial in range(3):
        files, _path = mutate(package, random.Random(f"{SEED} {trial}"), mutation)
        refuse(package, files, folder, script, tmp_path / "p", (mutation.__name__, trial))


@pytest.mark.trials
@pytest.mark.timeout(60 + 3 * TRIALS + MUTATIONS)  # as long as was asked for
def test_no_mutated_package_crashes_or_passes(package: Package, folder: Path, script: Script, tmp_path: Path) -> None:
    for trial in range(MUTATIONS):
        rng = random.Random(f"{SEED} mutation {trial}")
        files, _path = mutate(package, rng, rng.choice(CRAFTED))
        place = tmp_path / "p" if trial % SHELL_EVERY == 0 else None
        refuse(package, files, folder, script, place, trial)


def test_an_odd_name_is_shown_quoted_and_fools_no_one(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "p")
    (tmp_path / "p" / "data" / "a\n\x1b[2JUnaltered since $(touch pwned)").write_text("x")
    (tmp_path / "p" / "link").symlink_to("README.txt")
    said = shell(tmp_path / "p")
    assert said.status == 1
    assert "\x1b" not in said.said
    assert "link" in said.said
    assert not any(each.name == "pwned" for each in tmp_path.rglob("*"))


def test_what_is_no_package_or_no_key_could_not_be_checked(folder: Path, tmp_path: Path, script: Script) -> None:
    assert shell(tmp_path).status == 2
    assert shell(tmp_path / "absent").status == 2
    assert shell(folder, "--key", "nonsense").status == 2
    assert script.judge(tmp_path).status == 2
    assert script.judge(folder, keys=["nonsense"]).status == 2


def test_a_witness_from_outside_that_did_not_cosign_is_missed(package: Package, folder: Path, script: Script) -> None:
    stranger = builder.make(99).witnesses[0]
    assert shell(folder, "--witness", package.witnesses[0]).status == 0
    assert shell(folder, "--witness", stranger).status == 1
    assert script.judge(folder, witnesses=[stranger]).status == 1


def test_the_seals_checkpoint_may_hold_lines_of_named_witnesses_and_no_others(
    package: Package, folder: Path, script: Script, tmp_path: Path
) -> None:
    proof = package.files["seal.tlog-proof"].decode()
    text = proof.split("\n\n", 1)[1].partition("\n\n")[0] + "\n"
    named, stranger = builder.cosigner(SEED, 0), builder.cosigner(SEED + 1, 0)
    assert str(named.verifier) == package.witnesses[0]
    for place, key, status in (("named", named, 0), ("stranger", stranger, 1)):
        changed = (proof + key.cosign(text, 1785837600).line()).encode()
        copy = shutil.copytree(folder, tmp_path / place)
        (copy / "seal.tlog-proof").write_bytes(changed)
        said = shell(copy, "--key", package.key)
        seen = script.judge(folder, change={"seal.tlog-proof": changed}, keys=[package.key])
        assert (said.status, seen.status) == (status, status), (said.said, seen.said)
        assert status == 0 or seen.named == {"seal.tlog-proof"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authorities") / "ours")


def stamped(package: Package, authority: Authority, text: str, folder: Path) -> Path:
    """Write the package as it is with the authority's time stamp over `text` in it."""
    folder.mkdir()
    (folder / "text").write_text(text)
    query = ["openssl", "ts", "-query", "-data", "text", "-sha256", "-cert", "-out", "query.tsq"]
    subprocess.run(query, cwd=folder, capture_output=True, check=True)
    response = authority.reply((folder / "query.tsq").read_bytes())
    files = builder.with_files(package, {"data/ledger/timestamps/0.tsr": response})
    builder.write(files, folder / "p")
    return folder / "p"


def test_a_time_stamp_is_checked_with_the_authoritys_certificate_and_only_then(
    package: Package, authority: Authority, script: Script, tmp_path: Path
) -> None:
    text = package.files["data/ledger/checkpoint"].decode().partition("\n\n")[0] + "\n"
    made = stamped(package, authority, text, tmp_path / "made")
    said = shell(made, "--key", package.key, "--tsa-ca", str(authority.root))
    assert (said.status, "Time stamps checked: 1" in said.said) == (0, True), said.said
    said = shell(made, "--key", package.key, "--tsa-ca", str(authority.root), lang="zh_CN.UTF-8")
    assert "时间戳：已校验 1 个" in said.said
    said = shell(made, "--key", package.key)
    assert (said.status, "Time stamps: 1, not checked" in said.said) == (0, True), said.said
    seen = script.judge(made, keys=[package.key])
    assert (seen.status, json.loads(seen.said)["timestamps"]) == (0, 1), "the page says: so many, not checked"


def test_a_time_stamp_over_another_checkpoint_or_of_another_authority_is_refused(
    package: Package, authority: Authority, tmp_path: Path
) -> None:
    text = package.files["data/ledger/checkpoint"].decode().partition("\n\n")[0] + "\n"
    origin, size, root = text.splitlines()
    other = stamped(package, authority, f"{origin}\n{int(size) - 1}\n{root}\n", tmp_path / "other")
    stranger = Authority(tmp_path / "stranger", "Stranger")
    foreign = stamped(package, stranger, text, tmp_path / "foreign")
    for made in (other, foreign):
        said = shell(made, "--tsa-ca", str(authority.root))
        assert (said.status, "data/ledger/timestamps/0.tsr" in said.named) == (1, True), said.said
        assert "is no time stamp over the checkpoint that verifies" in said.said


def test_a_certificate_that_can_not_be_read_is_no_verdict(folder: Path, tmp_path: Path) -> None:
    assert shell(folder, "--tsa-ca", str(tmp_path / "absent.pem")).status == 2
