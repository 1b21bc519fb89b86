"""The log's key on a PKCS#11 token, second signatures by a TPM and by SM2, and keys that systemd has sealed."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.actions import sealing
from station.actions.keys import rotate_key
from station.catalogue import project
from station.config import Home, Settings
from station.custody import Custody
from station.database import Database
from station.errors import ConfigError, DamagedError, LedgerError, SignerUnavailableError
from station.ledger import keys, log, tables
from station.ledger.audit_source import audit_database
from station.ledger.keystore import CREDENTIAL, FileStore
from station.ledger.note import decode, parse_note, verify_checkpoint
from station.ledger.second import SecondVerifier, open_seconds
from station.ledger.sign import Signer, create_home_key, home_keys
from tests.unit.ledger.samples import ORIGIN
from tests.unit.ledger.test_rotation import alarm
from tests.unit.ledger.test_sign import serving

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
needs_token = pytest.mark.skipif(not SOFTHSM.exists(), reason="no SoftHSM: Debian package softhsm2")
needs_tpm = pytest.mark.skipif(
    not (shutil.which("swtpm") and shutil.which("tpm2_sign")), reason="no TPM: Debian packages swtpm, tpm2-tools"
)


def run(*command: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(each) for each in command], check=True, capture_output=True)


def new_home(root: Path, **settings: object) -> tuple[Home, Database]:
    home = Home(root, Settings.model_validate(settings))
    root.mkdir()
    # For a signer that starts by itself when the one of the test has ended.
    lines = (f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    (root / "station.toml").write_text("".join(lines))
    database = Database(home.database_url)
    tables.create_tables(database)
    project.create_tables(database)
    return home, database


# PKCS#11


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm.conf"))
    run("softhsm2-util", "--init-token", "--free", "--label", "log", "--pin", "93621", "--so-pin", "0000")
    pin = tmp_path / "pin"
    pin.write_text("93621\n")
    pin.chmod(0o400)
    return {
        "key_store": "pkcs11",
        "pkcs11_module": str(SOFTHSM),
        "pkcs11_token": "log",
        "pkcs11_pin_file": str(pin),
    }


@needs_token
def test_a_token_signs_the_log_and_hands_it_over(tmp_path: Path, token: dict[str, str]) -> None:
    home, database = new_home(tmp_path / "home", **token)
    create_home_key(home, ORIGIN)
    assert not (home.keys / keys.KEY_FILE).exists()
    with serving(home):
        custody = Custody(home, database)
        custody.append(alarm(1))
        assert Signer(home).describe()["store"] == "pkcs11"
        rotate_key(home, database, custody)
    with serving(home):
        Custody(home, database).append(alarm(2))
        found = audit_database(database, home_keys(home), Signer(home).head().note)
    assert (found.findings, found.signed_size) == ((), 3)


@needs_token
def test_a_wrong_pin_is_said_and_never_shown(tmp_path: Path, token: dict[str, str]) -> None:
    home, _ = new_home(tmp_path / "home", **token)
    (tmp_path / "pin").chmod(0o600)
    (tmp_path / "pin").write_text("77777")
    with pytest.raises(ConfigError, match="does not take the PIN") as caught:
        create_home_key(home, ORIGIN)
    assert "77777" not in f"{caught.value!r} {caught.value} {caught.value.hint}"


@needs_token
def test_a_pin_that_others_can_read_is_refused(tmp_path: Path, token: dict[str, str]) -> None:
    home, _ = new_home(tmp_path / "home", **token)
    (tmp_path / "pin").chmod(0o440)
    with pytest.raises(ConfigError, match="Others may read"):
        create_home_key(home, ORIGIN)


@needs_token
def test_without_its_token_a_station_makes_and_signs_nothing(tmp_path: Path, token: dict[str, str]) -> None:
    home, _ = new_home(tmp_path / "home", **{**token, "pkcs11_token": "other"})
    with pytest.raises(SignerUnavailableError, match="other"):
        create_home_key(home, ORIGIN)
    assert not (home.root / "log.vkey").exists()


@needs_token
def test_a_token_gone_in_mid_run_leaves_entries_unsigned_until_it_is_back(
    tmp_path: Path, token: dict[str, str]
) -> None:
    home, database = new_home(tmp_path / "home", **token)
    create_home_key(home, ORIGIN)
    with serving(home):
        custody = Custody(home, database)
        custody.append(alarm(1))
        (tmp_path / "tokens").rename(tmp_path / "pulled")
        (tmp_path / "tokens").mkdir()
        with pytest.raises(SignerUnavailableError, match="The token log does not sign"):
            custody.append(alarm(2), seal=False)
            custody.seal()
        with database.read() as session:
            signed = log.latest_checkpoint(session)
            assert signed is not None
            assert (signed.size, log.size(session)) == (1, 2)
        (tmp_path / "tokens").rmdir()
        (tmp_path / "pulled").rename(tmp_path / "tokens")
        assert custody.seal().size == 2


# Second signatures


def check_with_openssl(note: str, vkey: str, folder: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    """Check a second line as FORMAT.md shows it, with nothing of ours but the splitting."""
    parsed = parse_note(note)
    name, _, rest = vkey.partition("+")
    body = decode(rest.partition("+")[2], "key")
    (folder / "key.der").write_bytes(body[body.index(b"0Y0\x13") :])
    (line,) = (each for each in parsed.signatures if each.name == name)
    (folder / "text").write_text(parsed.text)
    (folder / "signature").write_bytes(line.signature)
    run("openssl", "pkey", "-pubin", "-inform", "DER", "-in", folder / "key.der", "-out", folder / "key.pem")
    command = ["openssl", "dgst", *options, "-verify", str(folder / "key.pem"), "-signature", str(folder / "signature")]
    return subprocess.run([*command, str(folder / "text")], capture_output=True, check=False)


SM2_OPTIONS = ("-sm3", "-sigopt", "distid:1234567812345678")


def test_openssl_checks_an_sm2_line_and_others_need_not_know_it(tmp_path: Path) -> None:
    home, database = new_home(tmp_path / "home", second_signatures=["sm2"])
    create_home_key(home, ORIGIN)
    (second,) = open_seconds(home, ORIGIN)
    note = "an example\n\n" + second.sign("an example\n").line()
    assert check_with_openssl(note, second.vkey, tmp_path, *SM2_OPTIONS).returncode == 0
    SecondVerifier.parse(second.vkey).verify_note(note)
    changed = note.replace("example", "exempel")
    assert check_with_openssl(changed, second.vkey, tmp_path, *SM2_OPTIONS).returncode != 0
    with pytest.raises(DamagedError):
        SecondVerifier.parse(second.vkey).verify_note(changed)
    with serving(home):
        checkpoint = Custody(home, database).seal()
        assert Signer(home).describe()["seconds"] == [second.vkey]
    assert verify_checkpoint(checkpoint.note, *home_keys(home)) == checkpoint
    SecondVerifier.parse(second.vkey).verify_note(checkpoint.note)


def test_a_second_key_that_was_replaced_is_refused(tmp_path: Path) -> None:
    home, _ = new_home(tmp_path / "home", second_signatures=["sm2"])
    open_seconds(home, ORIGIN)
    (home.keys / "second" / "sm2.pem").unlink()
    with pytest.raises(DamagedError, match="another one"):
        open_seconds(home, ORIGIN)


@pytest.fixture
def tpm(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "tpm").mkdir()
    address = f"{tmp_path}/s"
    run(
        *("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={tmp_path / 'tpm'}"),
        *("--server", f"type=unixio,path={address}", "--ctrl", f"type=unixio,path={address}.ctrl"),
        *("--flags", "not-need-init,startup-clear", "--daemon", "--pid", f"file={tmp_path / 'pid'}"),
    )
    yield f"swtpm:path={address}"
    if (tmp_path / "pid").exists():
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)


@needs_tpm
def test_openssl_checks_a_line_by_the_tpm(tmp_path: Path, tpm: str) -> None:
    home, _ = new_home(tmp_path / "home", second_signatures=["tpm"], tpm_tcti=tpm)
    (second,) = open_seconds(home, ORIGIN)
    (again,) = open_seconds(home, ORIGIN)
    assert again.vkey == second.vkey
    note = "an example\n\n" + again.sign("an example\n").line()
    assert check_with_openssl(note, second.vkey, tmp_path, "-sha256").returncode == 0
    SecondVerifier.parse(second.vkey).verify_note(note)
    with pytest.raises(DamagedError):
        SecondVerifier.parse(second.vkey).verify_note(note.replace("example", "exempel"))


@needs_tpm
def test_without_its_tpm_nothing_is_signed(tmp_path: Path, tpm: str) -> None:
    home, _ = new_home(tmp_path / "home", second_signatures=["tpm"], tpm_tcti=tpm)
    (second,) = open_seconds(home, ORIGIN)
    pid = tmp_path / "pid"
    os.kill(int(pid.read_text()), signal.SIGTERM)
    pid.unlink(missing_ok=True)
    with pytest.raises(SignerUnavailableError, match="tpm2_sign"):
        second.sign("an example\n")


# Sealed by systemd


@pytest.fixture
def creds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for systemd-creds, which needs a secret of the machine: it turns bytes and binds them to the name."""
    tool = tmp_path / "bin" / "systemd-creds"
    tool.parent.mkdir()
    tool.write_text(
        '#!/bin/sh\nif [ "$1" = encrypt ]; then printf \'%s\\n\' "$2"; base64; '
        'else IFS= read -r name; [ "$name" = "$2" ] || exit 1; base64 -d; fi\n'
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return tool


def hand_over_credentials(home: Home, folder: Path) -> None:
    """What LoadCredentialEncrypted=log-key:<home>/keys/sealed does."""
    folder.mkdir(exist_ok=True)
    for path in (home.keys / "sealed").iterdir():
        name = f"{CREDENTIAL}_{path.name}"
        with path.open("rb") as stream:
            opened = subprocess.run(
                ["systemd-creds", "decrypt", f"--name={name}", "-", "-"],
                stdin=stream,
                capture_output=True,
                check=True,
            )
        (folder / name).write_bytes(opened.stdout)


def test_a_sealed_key_signs_and_its_plain_file_is_gone(
    tmp_path: Path, creds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, database = new_home(tmp_path / "home")
    create_home_key(home, ORIGIN)
    secret = (home.keys / keys.KEY_FILE).read_bytes()
    sealed = sealing.seal_key(home)
    assert secret not in sealed.read_bytes()
    assert not (home.keys / keys.KEY_FILE).exists()
    with pytest.raises(LedgerError):
        FileStore(home.keys).current()
    hand_over_credentials(home, tmp_path / "credentials")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    with serving(home):
        custody = Custody(home, database)
        custody.append(alarm(1))
        assert Signer(home).describe()["store"] == "sealed"
        rotate_key(home, database, custody)
        assert Signer(home).describe()["store"] == "file"
    sealing.seal_key(home)
    hand_over_credentials(home, tmp_path / "credentials")  # the former one may still be among them
    with serving(home):
        Custody(home, database).append(alarm(2))
        assert Signer(home).describe()["store"] == "sealed"
        assert audit_database(database, home_keys(home), Signer(home).head().note).findings == ()


def test_a_key_that_does_not_open_again_stays_in_its_file(tmp_path: Path, creds: Path) -> None:
    home, _ = new_home(tmp_path / "home")
    create_home_key(home, ORIGIN)
    creds.write_text('#!/bin/sh\n[ "$1" = encrypt ] || exit 1\ncat\n')
    with pytest.raises(Exception, match="systemd-creds decrypt failed"):
        sealing.seal_key(home)
    assert keys.load_key(home.keys).verifier == home_keys(home)[0]
