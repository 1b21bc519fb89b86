"""RFC 3161 time stamps over checkpoints: asking for one, and believing an answer.

Guarantees: what is stamped is a checkpoint's text, the bytes that its signatures cover, hashed with SHA-256; an answer
is believed only if it was granted, its signature leads to a certificate of the settings' file, that certificate is for
time stamping, and the stamped digest is the text's (and the nonce ours, where it was just asked for). No sockets.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from station import clock
from station.errors import ConfigError, DamagedError

QUERY_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"
RESPONSE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Query:
    """A time stamp request as it is sent, and the nonce its answer must carry."""

    body: bytes
    nonce: int


def make_query(text: str) -> Query:
    """Return a new request for a time stamp over a checkpoint's text, asking for the authority's certificate too."""
    builder = TimestampRequestBuilder().data(text.encode()).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    if request.nonce is None:
        raise DamagedError("The time stamp request has no nonce")
    return Query(request.as_bytes(), request.nonce)


def verify_timestamp(
    response: bytes, text: str, certificates: tuple[x509.Certificate, ...], nonce: int | None = None
) -> str:
    """Check an authority's whole answer (DER) over a checkpoint's text; return its time (text form of station.clock).

    Self-signed `certificates` are trusted; the others may lead to them. Raises DamagedError.
    """
    answer = _decode(response)
    builder = VerifierBuilder(nonce=nonce)
    for certificate in certificates:
        if certificate.issuer == certificate.subject:
            builder = builder.add_root_certificate(certificate)
        else:
            builder = builder.add_intermediate_certificate(certificate)
    try:
        builder.build().verify_message(answer, text.encode())
    except (VerificationError, ValueError) as error:
        raise DamagedError(f"A time stamp does not verify: {error}") from error
    return clock.format_time(answer.tst_info.gen_time)


def load_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Read the PEM certificates by which time stamps are judged; raises ConfigError unless one is self-signed."""
    try:
        certificates = tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The certificates {path} can't be read: {error}", hint="Correct timestamp_certificates in station.toml"
        ) from error
    if not any(each.issuer == each.subject for each in certificates):
        raise ConfigError(
            f"{path} holds no self-signed certificate, so nothing to trust", hint="Add the authority's root certificate"
        )
    return certificates


def _decode(response: bytes) -> TimeStampResponse:
    if len(response) > RESPONSE_BYTES:
        raise DamagedError("A time stamp is longer than any that is honest")
    try:
        return decode_timestamp_response(response)
    except ValueError as error:
        raise DamagedError(f"A time stamp can't be read: {error}") from error
