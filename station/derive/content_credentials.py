"""C2PA content credentials (C2PA specification 2.x) on copies that we made ourselves: who made them, and of what.

Guarantees: only a file that this station's own ffmpeg wrote is given to the library, never a recorder's; the file stays
as it was unless a signed one that the library itself finds valid can take its place. The credentials hold a random id,
so that no two runs give the same bytes.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from station import __version__
from station.config import Settings
from station.derive.layout import publish
from station.errors import ConfigError, DerivationError

KEY_CREDENTIAL = "c2pa-key"
LINEAGE = "evidence-station.lineage"
_COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/composite"  # IPTC's vocabulary, as C2PA actions use it
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_SOUND = ("Valid", "Trusted")


@dataclass(frozen=True, slots=True)
class CredentialSigner:
    """Certificates (PEM, the signer's first), private key (PEM, PKCS #8) and C2PA's name of the algorithm."""

    chain: bytes
    key: bytes
    algorithm: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a copy was made of and how; digests in hex."""

    original_sha256: str
    log: str
    clip: str
    caption_sha256: str


def find_signer(settings: Settings) -> CredentialSigner | None:
    """Return what copies are signed with, None where nothing is set up; raises ConfigError for what can't be used.

    A systemd credential `c2pa-key` goes before the setting `c2pa_key`.
    """
    if not settings.c2pa_certificate:
        return None
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    given = Path(folder) / KEY_CREDENTIAL if folder else None
    path = given if given is not None and given.exists() else Path(settings.c2pa_key)
    chain, key = _read(Path(settings.c2pa_certificate), "certificate"), _read(path, "key")
    try:
        certificates = x509.load_pem_x509_certificates(chain)
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError("c2pa_certificate or c2pa_key is not PEM that can be read") from None
    if private.public_key() != certificates[0].public_key():
        raise ConfigError("c2pa_key is not the key of the first certificate in c2pa_certificate")
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return CredentialSigner(chain, key, "ED25519")
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        return CredentialSigner(chain, key, _CURVES[private.curve.name])
    raise ConfigError("c2pa_key must be Ed25519, or ECDSA on P-256, P-384 or P-521")


def add_credentials(path: Path, signer: CredentialSigner, lineage: Lineage) -> None:
    """Sign the MP4 file `path` in its place; raises DerivationError, after which it is as it was."""
    import c2pa  # a native library, which only those who sign should load

    made = path.with_name(f".{path.stem}.signed{path.suffix}")
    made.unlink(missing_ok=True)
    try:
        info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg[signer.algorithm], signer.chain, signer.key, None)
        with c2pa.Signer.from_info(info) as sealing, c2pa.Builder(json.dumps(_manifest(lineage))) as builder:
            builder.sign_file(path, made, sealing)
        with c2pa.Reader(str(made)) as reader:
            state = json.loads(reader.json()).get("validation_state")
        if state not in _SOUND:
            raise DerivationError(f"The content credentials just made are {state}, not valid")
        publish(made, path)
    except (c2pa.C2paError, ValueError) as error:
        raise DerivationError(f"No content credentials could be added: {error}") from error
    finally:
        made.unlink(missing_ok=True)


def _manifest(lineage: Lineage) -> dict[str, object]:
    actions = [
        {"action": "c2pa.created", "digitalSourceType": _COMPOSITE},
        {"action": "c2pa.transcoded"},
        {"action": "c2pa.edited", "description": "A caption was burned in; the picture was not changed otherwise"},
    ]
    facts = {
        "original_sha256": lineage.original_sha256,
        "log": lineage.log,
        "clip": lineage.clip,
        "caption_sha256": lineage.caption_sha256,
    }
    return {
        "claim_generator_info": [{"name": "evidence-station", "version": __version__}],
        "format": "video/mp4",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}, {"label": LINEAGE, "data": facts}],
    }


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"The {what} for content credentials {path} can't be read: {error.strerror}") from error
