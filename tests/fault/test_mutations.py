"""Damaged proofs, checkpoints, exports, tiles and extracts: every one is refused in words, none is taken for sound.

STATION_MUTATIONS says how many (default 1,000), STATION_SEED where to begin; a failure names the seed of its trial.
"""

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from station.database import Database
from station.errors import DamagedError, LedgerError
from station.ledger import log, tables
from station.ledger.cosign import CosigningKey, verify_cosignatures
from station.ledger.extract import prove_entries, prove_growth, write_evidence
from station.ledger.growth import make_growth, verify_growth
from station.ledger.keys import SigningKey
from station.ledger.note import Checkpoint, VerifierKey, checkpoint_text, make_note, parse_checkpoint, verify_checkpoint
from station.ledger.proof import verify_proof
from station.ledger.publish import publish_tiles
from station.ledger.tiles import verify_tiles
from station.ledger.verify import audit_export
from station.ledger.verify_extract import verify_extract
from tests.fault.mutations import MUTATORS, mutate
from tests.unit.ledger.samples import ORIGIN, fill

pytestmark = pytest.mark.fault
MUTATIONS = int(os.environ.get("STATION_MUTATIONS", "1000"))
SEED = int(os.environ.get("STATION_SEED", "20261123"))

KEY = SigningKey(ORIGIN, bytes(32))
WITNESS = CosigningKey("witness.example/w", bytes(range(32)))
SIZES = (40, 300)

# What a check says of its input: anything else than what the whole file says is a false accept.
Said = object
Trial = tuple[bytes, tuple[bytes, ...], Callable[[bytes], Said]]


@dataclass
class Bench:
    """Everything valid that is to be damaged."""

    place: Path
    notes: dict[int, Checkpoint] = field(default_factory=dict)
    proofs: dict[int, str] = field(default_factory=dict)
    records: dict[int, bytes] = field(default_factory=dict)
    growth: bytes = b""

    def folder(self, name: str) -> Path:
        return self.place / name


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = Bench(tmp_path_factory.mktemp("bench"))
    database = Database(f"sqlite:///{made.place / 'ledger.db'}")
    tables.create_tables(database)
    for size in SIZES:
        with database.read() as session:
            held = log.size(session)
        fill(database, size - held, first=held)
        with database.write() as session:
            text = checkpoint_text(ORIGIN, size, log.root_at(session, size))
            log.store_checkpoint(session, make_note(text, [KEY.sign(text)]))
            made.notes[size] = parse_checkpoint(make_note(text, [KEY.sign(text), WITNESS.cosign(text, 1_780_000_000)]))
        if size == SIZES[0]:
            with database.read() as session:
                log.export(session, made.folder("export"), KEY.verifier)
                write_evidence(
                    session, made.folder("extract"), ["1"], made.notes[size], lambda record: ("fact", "names"),
                    keys=[KEY.verifier], others=[4], witnesses=[str(WITNESS.verifier)],
                )  # fmt: skip
    with database.read() as session:
        made.proofs = prove_entries(session, [3, 17, 255, 299], made.notes[SIZES[1]])
        made.records = {seq: log.entry(session, seq).record for seq in made.proofs}
        path = prove_growth(session, *SIZES)
    made.growth = make_growth(SIZES[0], path, made.notes[SIZES[1]].note).encode()
    publish_tiles(database, made.folder("tiles"), made.notes[SIZES[1]], KEY.verifier, with_entries=True)
    database.dispose()
    return made


def core(checkpoint: Checkpoint) -> tuple[str, int, bytes]:
    # Lines of keys that we do not know, and whether they are there, are nothing that we say.
    return checkpoint.origin, checkpoint.size, checkpoint.root


def a_checkpoint(bench: Bench, rng: random.Random) -> Trial:
    notes = tuple(each.note.encode() for each in bench.notes.values())
    return rng.choice(notes), (*notes, bench.growth), lambda raw: core(verify_checkpoint(raw, KEY.verifier))


def a_cosignature(bench: Bench, rng: random.Random) -> Trial:
    notes = tuple(each.note.encode() for each in bench.notes.values())

    def check(raw: bytes) -> Said:
        checkpoint = verify_checkpoint(raw, KEY.verifier)
        found = verify_cosignatures(checkpoint.note, [WITNESS.verifier])
        if not found:
            raise DamagedError("no cosignature is left")
        return core(checkpoint), {key: each.time for key, each in found.items()}

    return rng.choice(notes), notes, check


def a_proof(bench: Bench, rng: random.Random) -> Trial:
    seq = rng.choice(list(bench.proofs))
    proofs = tuple(text.encode() for text in bench.proofs.values())

    def check(raw: bytes) -> Said:
        index, checkpoint = verify_proof(raw, bench.records[seq], KEY.verifier)
        return index, core(checkpoint)

    return bench.proofs[seq].encode(), proofs, check


def a_record(bench: Bench, rng: random.Random) -> Trial:
    seq = rng.choice(list(bench.proofs))
    records = tuple(bench.records.values())
    return bench.records[seq], records, lambda raw: (raw, verify_proof(bench.proofs[seq], raw, KEY.verifier)[0])


def a_growth(bench: Bench, rng: random.Random) -> Trial:
    old = bench.notes[SIZES[0]].note

    def check(raw: bytes) -> Said:
        return tuple(map(core, verify_growth(raw, old, [KEY.verifier])))

    return bench.growth, (bench.growth, *(each.note.encode() for each in bench.notes.values())), check


def an_earlier_head(bench: Bench, rng: random.Random) -> Trial:
    notes = tuple(each.note.encode() for each in bench.notes.values())
    return notes[0], notes, lambda raw: tuple(map(core, verify_growth(bench.growth, raw, [KEY.verifier])))


def a_key(bench: Bench, rng: random.Random) -> Trial:
    note = bench.notes[SIZES[0]].note
    text = f"{KEY.verifier}\n".encode()

    def check(raw: bytes) -> Said:
        try:
            key = VerifierKey.parse(raw.decode())
        except UnicodeDecodeError as error:
            raise DamagedError("not UTF-8") from error
        verify_checkpoint(note, key)
        return key

    return text, (text, f"{WITNESS.verifier}\n".encode()), check


def in_folder(
    name: str, check: Callable[[Path], Said], left_out: tuple[str, ...] = ("log.vkey",)
) -> Callable[..., Trial]:
    def trial(bench: Bench, rng: random.Random) -> Trial:
        source = bench.folder(name)
        files = sorted(path for path in source.rglob("*") if path.is_file() and path.name not in left_out)
        chosen = rng.choice(files)
        alike = tuple(path.read_bytes() for path in files if path.suffix == chosen.suffix)

        def run(raw: bytes) -> Said:
            kept = chosen.read_bytes()
            try:
                chosen.write_bytes(raw)
                return check(source)
            finally:
                chosen.write_bytes(kept)

        return chosen.read_bytes(), alike, run

    return trial


def export_says(folder: Path) -> Said:
    outcome = audit_export(folder, KEY.verifier)
    if not outcome.sound:
        assert all(finding.message for finding in outcome.findings)
        raise DamagedError("damaged")
    return outcome.root, outcome.size, outcome.signed_size, (folder / "records.jsonl").read_bytes()


def tiles_say(folder: Path) -> Said:
    checkpoint, entries = verify_tiles(folder, [KEY.verifier])
    return (
        core(checkpoint),
        entries,
        {path: path.read_bytes() for path in (folder / "tile").rglob("*") if path.is_file()},
    )


def extract_says(folder: Path) -> Said:
    extracted = verify_extract(folder, [KEY.verifier])
    return extracted, {path: path.read_bytes() for path in (folder / "entries").iterdir()}


TRIALS: tuple[Callable[[Bench, random.Random], Trial], ...] = (
    a_checkpoint,
    a_cosignature,
    a_proof,
    a_record,
    a_growth,
    an_earlier_head,
    a_key,
    in_folder("export", export_says),
    in_folder("tiles", tiles_say),
    in_folder("extract", extract_says),
)


def said_of(check: Callable[[bytes], Said], raw: bytes) -> Said:
    try:
        return check(raw)
    except LedgerError as error:
        return error


@pytest.mark.trials
@pytest.mark.timeout(120 + MUTATIONS // 10)
def test_nothing_damaged_crashes_a_verifier_or_is_taken_for_sound(bench: Bench) -> None:
    refused: Counter[int] = Counter()
    for number in range(MUTATIONS):
        rng = random.Random(SEED + number)
        which = number % len(TRIALS)
        whole, others, check = TRIALS[which](bench, rng)
        damaged = mutate(whole, rng, others)
        try:
            said = check(damaged)
        except LedgerError:  # DamagedError is one
            refused[which] += 1
            continue
        except Exception as error:  # noqa: BLE001  the seed has to be told
            pytest.fail(f"seed {SEED + number}: {error!r} for {damaged[:200]!r}")
        # Damage may turn one valid file into another one, and may be where nothing is said.
        genuine = [whole, *others]
        assert any(said == due for due in map(partial(said_of, check), genuine)), f"seed {SEED + number}: {damaged!r}"
    assert all(refused[which] > MUTATIONS // len(TRIALS) // 2 for which in range(len(TRIALS))), refused


def test_the_undamaged_are_sound(bench: Bench) -> None:
    rng = random.Random(SEED)
    for trial in TRIALS:
        whole, _, check = trial(bench, rng)
        check(whole)


@pytest.mark.parametrize("mutator", MUTATORS, ids=lambda each: each.__name__)
def test_every_way_of_damaging_damages(mutator: Callable[..., bytes], bench: Bench) -> None:
    rng = random.Random(SEED)
    whole, others, _ = a_proof(bench, rng)
    assert any(mutator(whole, rng, others) != whole for _ in range(50))


@pytest.mark.parametrize("name", ["export", "tiles", "extract"])
def test_a_missing_file_is_no_sound_folder(name: str, bench: Bench, tmp_path: Path) -> None:
    check = {"export": export_says, "tiles": tiles_say, "extract": extract_says}[name]
    for path in sorted(path for path in bench.folder(name).rglob("*") if path.is_file()):
        if path.suffix in (".part", ".vkey") or path.name == "witnesses.txt":
            continue  # parts may be withheld; the key was given; no witness is what is said then
        folder = shutil.copytree(bench.folder(name), tmp_path / "copy", dirs_exist_ok=False)
        (folder / path.relative_to(bench.folder(name))).unlink()
        with pytest.raises(LedgerError):
            check(folder)
        shutil.rmtree(folder)
