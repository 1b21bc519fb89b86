"""Second signature lines on checkpoints: ECDSA P-256 by a TPM, SM2 by the openssl command line (FORMAT.md).

Guarantees: they come beside the log's own line, never in its place; where one is asked for by the settings and can't be
made, nothing is signed. A key is made once; its public half lies in the signer's folder and is never replaced.
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from station import durable
from station.config import Home
from station.errors import DamagedError, SignerUnavailableError
from station.ledger.note import Signature, decode, encode, is_key_name, parse_note

ECDSA = b"\x02"  # signature type of c2sp.org/signed-note: ECDSA, here P-256 with SHA-256
SM2 = b"\xffevidence-station/sm2-sm3\n"  # 0xff: a type without a number there
SM2_ID = "1234567812345678"  # GB/T 35276, the user id where none is agreed on
FOLDER = "second"
_SECONDS = 30
_TPM_KEY = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign"


class SecondKey(Protocol):
    """A second key: its public half as text, and a line over a note's text."""

    @property
    def vkey(self) -> str:
        """The public half, `name+hexkeyid+base64(type ‖ SubjectPublicKeyInfo)`."""

    def sign(self, text: str) -> Signature:
        """Sign; raises SignerUnavailableError."""


@dataclass(frozen=True, slots=True)
class SecondVerifier:
    """The public half of a second key; `public` is a DER SubjectPublicKeyInfo (RFC 5280)."""

    name: str
    kind: bytes
    public: bytes

    @property
    def key_id(self) -> bytes:
        """ECDSA: SHA-256(public)[:4], as c2sp.org/signed-note has it; SM2: SHA-256(name ‖ 0A ‖ type ‖ public)[:4]."""
        data = self.public if self.kind == ECDSA else self.name.encode() + b"\n" + self.kind + self.public
        return sha256(data).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode(self.kind + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a second key's text; raises DamagedError."""
        name, _, rest = text.removesuffix("\n").partition("+")
        key_id, _, encoded = rest.partition("+")
        data = decode(encoded, "second key")
        kind = next((each for each in (ECDSA, SM2) if data.startswith(each)), None)
        if kind is None or not is_key_name(name):
            raise DamagedError("This is not the text of a second key")
        key = cls(name, kind, data.removeprefix(kind))
        if key.key_id.hex() != key_id:
            raise DamagedError(f"The second key of {name} carries the key id {key_id}, not its own")
        return key

    def verify_note(self, note: str | bytes) -> None:
        """Check this key's line in a note; raises DamagedError if it is missing or wrong.

        SM2 needs the openssl command line; without it SignerUnavailableError is raised.
        """
        parsed = parse_note(note)
        lines = [each for each in parsed.signatures if (each.name, each.key_id) == (self.name, self.key_id)]
        if not lines:
            raise DamagedError(f"{self.name} has not signed this note")
        for each in lines:
            check = _verify_ecdsa if self.kind == ECDSA else _verify_sm2
            if not check(self.public, parsed.text.encode(), each.signature):
                raise DamagedError(f"A signature of {self.name} does not verify")


class _Second:
    def __init__(self, verifier: SecondVerifier, sign: Callable[[bytes], bytes]) -> None:
        self._verifier = verifier
        self._sign = sign
        self.vkey = str(verifier)

    def sign(self, text: str) -> Signature:
        return Signature(self._verifier.name, self._verifier.key_id, self._sign(text.encode()))


def open_seconds(home: Home, origin: str) -> tuple[SecondKey, ...]:
    """Open the second keys that the settings ask for, making those that there are not yet.

    Raises SignerUnavailableError, DamagedError for a device whose key is another one than was published.
    """
    return tuple(_OPENERS[name](home, origin) for name in home.settings.second_signatures)


def _open_tpm(home: Home, origin: str) -> SecondKey:
    environment = {**os.environ, "TPM2TOOLS_TCTI": home.settings.tpm_tcti}
    handle, path = home.settings.tpm_handle, home.keys / FOLDER / "tpm.vkey"
    with TemporaryDirectory() as place:
        folder = Path(place)
        if not path.exists():
            _make_tpm_key(folder, environment, handle)
        _run(["tpm2_readpublic", "-Q", "-c", handle, "-f", "der", "-o", str(folder / "public")], environment)
        public = (folder / "public").read_bytes()

    def sign(data: bytes) -> bytes:
        with TemporaryDirectory() as place:
            text, signature = Path(place) / "text", Path(place) / "signature"
            text.write_bytes(data)
            command = ["tpm2_sign", "-Q", "-c", handle, "-g", "sha256", "-f", "plain", "-o", str(signature), str(text)]
            _run(command, environment)
            return signature.read_bytes()

    return _Second(_published(path, SecondVerifier(f"{origin}/tpm", ECDSA, public)), sign)


def _make_tpm_key(folder: Path, environment: Mapping[str, str], handle: str) -> None:
    known = _run(["tpm2_getcap", "handles-persistent"], environment).decode().lower()
    if handle.lower() in known:  # made by a run that was cut short, or somebody else's: it is checked when it signs
        return
    primary, public, private, key = (str(folder / name) for name in ("primary", "pub", "priv", "key"))
    flush = ["tpm2_flushcontext", "-t"]
    for command in (
        ["tpm2_createprimary", "-Q", "-C", "o", "-G", "ecc", "-c", primary],
        flush,
        ["tpm2_create", "-Q", "-C", primary, "-G", "ecc256:ecdsa-sha256", "-a", _TPM_KEY, "-u", public, "-r", private],
        flush,
        ["tpm2_load", "-Q", "-C", primary, "-u", public, "-r", private, "-c", key],
        ["tpm2_evictcontrol", "-Q", "-C", "o", "-c", key, handle],
        flush,
    ):
        _run(command, environment)


def _open_sm2(home: Home, origin: str) -> SecondKey:
    folder = home.keys / FOLDER
    key = folder / "sm2.pem"
    if not key.exists():
        made = _run(["openssl", "genpkey", "-algorithm", "SM2"])
        durable.make_folder(folder, 0o700)
        durable.replace_file(key, made, 0o400)
    public = _run(["openssl", "pkey", "-in", str(key), "-pubout", "-outform", "DER"])
    command = ["openssl", "dgst", "-sm3", "-sign", str(key), "-sigopt", f"distid:{SM2_ID}"]
    verifier = _published(folder / "sm2.vkey", SecondVerifier(f"{origin}/sm2", SM2, public))
    return _Second(verifier, lambda data: _run(command, data=data))


_OPENERS: Mapping[str, Callable[[Home, str], SecondKey]] = {"tpm": _open_tpm, "sm2": _open_sm2}


def _published(path: Path, found: SecondVerifier) -> SecondVerifier:
    if path.exists():
        if SecondVerifier.parse(path.read_text(encoding="utf-8")) != found:
            raise DamagedError(
                f"The key of {found.name} is another one than {path} says",
                kept="Nothing is signed",
                hint="Put the device back that the key was made in, or take it out of second_signatures",
            )
        return found
    durable.make_folder(path.parent, 0o700)
    durable.replace_file(path, f"{found}\n".encode(), 0o444)
    return found


def _verify_ecdsa(public: bytes, text: bytes, signature: bytes) -> bool:
    try:
        key = load_der_public_key(public)
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            return False
        key.verify(signature, text, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _verify_sm2(public: bytes, text: bytes, signature: bytes) -> bool:
    with TemporaryDirectory() as place:
        key, line = Path(place) / "key.pem", Path(place) / "signature"
        body = encode(public)
        rows = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
        key.write_text(f"-----BEGIN PUBLIC KEY-----\n{rows}\n-----END PUBLIC KEY-----\n")
        line.write_bytes(signature)
        command = ["openssl", "dgst", "-sm3", "-verify", str(key), "-sigopt", f"distid:{SM2_ID}"]
        return _call([*command, "-signature", str(line)], data=text).returncode == 0


def _run(command: list[str], environment: Mapping[str, str] | None = None, data: bytes = b"") -> bytes:
    done = _call(command, environment, data)
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise SignerUnavailableError(
            f"A second signature can't be made: {command[0]} says {told[-1] if told else done.returncode}",
            kept="Nothing was signed",
            hint="See second_signatures in station.toml, and whether the device is there",
        )
    return done.stdout


def _call(
    command: list[str], environment: Mapping[str, str] | None = None, data: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, input=data, capture_output=True, env=environment, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SignerUnavailableError(
            f"{command[0]} could not be run: {error}", hint="Install openssl, and tpm2-tools for a TPM"
        ) from error
