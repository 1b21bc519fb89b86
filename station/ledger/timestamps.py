"""RFC 3161 time stamps over checkpoints: asking for one, and believing an answer.

Guarantees: what is stamped is a checkpoint's text, the bytes that its signatures cover, hashed with SHA-256; an answer
is believed only if it was granted, its signature leads to a certificate of the settings' file, that certificate is for
time stamping, and the stamped digest is the text's (and the nonce ours, where it was just asked for). No sockets.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from station import clock
from station.errors import ConfigError, DamagedError

# Imported where they are used: with what they bring along they take 10 MB, which a docking need not spend.
if TYPE_CHECKING:
    from cryptography import x509
    from rfc3161_client import TimeStampResponse

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
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder().data(text.encode()).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    if request.nonce is None:
        raise DamagedError("The time stamp request has no nonce")
    return Query(request.as_bytes(), request.nonce)


def verify_timestamp(
    response: bytes, text: str, certificates: "tuple[x509.Certificate, ...]", nonce: int | None = None
) -> str:
    """Check an authority's whole answer (DER) over a checkpoint's text; return its time (text form of station.clock).

    Self-signed `certificates` are trusted; the others may lead to them. Raises DamagedError.
    """
    from rfc3161_client import VerificationError, VerifierBuilder

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


def load_certificates(path: Path) -> "tuple[x509.Certificate, ...]":
    """Read the PEM certificates by which time stamps are judged; raises ConfigError unless one is self-signed."""
    from cryptography import x509

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


def _decode(response: bytes) -> "TimeStampResponse":
    from rfc3161_client import decode_timestamp_response

    if len(response) > RESPONSE_BYTES:
        raise DamagedError("A time stamp is longer than any that is honest")
    try:
        return decode_timestamp_response(_order_certificates(response))
    except ValueError as error:
        raise DamagedError(f"A time stamp can't be read: {error}") from error


def _order_certificates(response: bytes) -> bytes:
    """Return the answer with its certificates in DER's order (X.690, 11.6), which openssl's authorities do not keep.

    No signature covers their order, and nothing else is touched. What is not of the form comes back as it is.
    Path: TimeStampResp, timeStampToken, content, SignedData, certificates (RFC 3161 2.4.2, RFC 5652 5.1).
    """
    try:
        token = _children(response, *_children(response, 0, len(response))[0][1:])[1]
        content = _children(response, *token[1:])[1]
        signed = _children(response, *content[1:])[0]
        certificates = next(each for each in _children(response, *signed[1:]) if each[0] == _CERTIFICATES)
        start, end = certificates[1:]
        found, at = [], start
        for _, _, stop in _children(response, start, end):
            found.append(response[at:stop])
            at = stop
    except (IndexError, StopIteration):
        return response
    return response[:start] + b"".join(sorted(found)) + response[end:]


_CERTIFICATES = 0xA0  # [0] IMPLICIT, constructed


def _children(data: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    """Return tag, and begin and end of the content, of each DER element there; raises IndexError if they don't fit."""
    found = []
    while start < end:
        tag, length, at = data[start], data[start + 1], start + 2
        if length >= 0x80:
            at += length & 0x7F
            length = int.from_bytes(data[start + 2 : at])
        if at + length > end:
            raise IndexError
        found.append((tag, at, at + length))
        start = at + length
    return found
