"""Sending one signed message to another system: where it may go, how it is signed, how long it may take.

Sources: Standard Webhooks 1.0 (https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md):
headers `webhook-id`, `webhook-timestamp`, `webhook-signature`; HMAC-SHA256 over `id.timestamp.body`; secrets `whsec_`.

Guarantees: only hosts that the settings name are spoken to, by https unless it is this machine itself; their names may
not lead to this machine, to link-local or multicast addresses, whatever the name server says, and the address that was
checked is the one connected to. No redirect is followed, no proxy asked, no byte of the answer's content read, and the
whole takes `SECONDS` at most once the name is resolved.
"""

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from station import clock
from station.actions.problems import ProblemError
from station.config import Settings
from station.errors import ConfigError

SECONDS = 10.0
URL_CHARACTERS = 500
_SECRET_PREFIX = "whsec_"  # noqa: S105  a prefix, no secret
_SECRET_BYTES = 32
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PLAIN = re.compile(r"https?://[!-~]+")
_GONE = 410


@dataclass(frozen=True, slots=True)
class Place:
    """An address taken apart and allowed: `loopback` is this machine itself."""

    url: str
    host: str
    port: int
    loopback: bool


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: `id` stays the same when it is repeated, `body` is JSON."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """How sending went: `problem` is a code of words, None when the system took it; `gone`: it wants no more."""

    problem: str | None = None
    gone: bool = False


def new_secret() -> str:
    """Return a new secret as both sides keep it: `whsec_` and 32 random bytes in base64."""
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(secret: str, message: Message, seconds: int) -> str:
    """Return the value of `webhook-signature` for a message sent at `seconds` (Unix time)."""
    key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX))
    signed = b".".join((message.id.encode(), str(seconds).encode(), message.body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def allowed_place(settings: Settings, url: str) -> Place:
    """Take an address apart; raises ProblemError (hook_url, hook_http, hook_host) where it may not be told."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise ProblemError("hook_url", f"{url!r} is no address") from error
    if not _PLAIN.fullmatch(url) or len(url) > URL_CHARACTERS or not host or "@" in parts.netloc or parts.fragment:
        raise ProblemError("hook_url", f"{url!r} is no address that can be told")
    loopback = host in _LOOPBACK
    if parts.scheme != "https" and not loopback:
        raise ProblemError("hook_http", "Only https leaves this machine")
    named = f"[{host}]" if ":" in host else host
    allowed = {each.lower() for each in settings.hook_hosts}
    if f"{named}:{port}" not in allowed and not (port == 443 and parts.scheme == "https" and named in allowed):
        raise ProblemError("hook_host", f"hook_hosts does not name {named}:{port}")
    return Place(url, host, port, loopback)


def post(settings: Settings, url: str, secret: str, message: Message, seconds: float = SECONDS) -> Outcome:
    """Send a message once; whatever goes wrong is told, not raised. Raises ConfigError for unreadable certificates."""
    import httpcore  # here: only who tells carries it

    try:
        place = allowed_place(settings, url)
    except ProblemError as error:
        return Outcome(error.code)
    context = _trust(settings)
    now = int(clock.now().timestamp())
    headers: dict[bytes | str, bytes | str] = {
        "Host": urlsplit(url).netloc,
        "Content-Type": "application/json",
        "User-Agent": "evidence-station",
        "webhook-id": message.id,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(secret, message, now),
    }
    backend = _backend(place, seconds)
    try:
        with (
            httpcore.ConnectionPool(ssl_context=context, network_backend=backend, retries=0) as pool,
            pool.stream("POST", url, headers=headers, content=message.body) as answer,
        ):
            return _outcome(answer.status)
    except _ForbiddenAddressError:
        return Outcome("hook_address")
    except httpcore.TimeoutException:
        return Outcome("hook_timeout")
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ssl.SSLError) as error:
        untrusted = isinstance(error.__cause__ or error.__context__ or error, ssl.SSLCertVerificationError)
        return Outcome("hook_certificate" if untrusted else "hook_unreachable")


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome()
    if status == _GONE:
        return Outcome("hook_gone", gone=True)
    return Outcome("hook_redirect" if 300 <= status < 400 else "hook_refused")


def _trust(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.hook_certificates:
        try:
            context.load_verify_locations(cafile=Path(settings.hook_certificates))
        except OSError as error:
            raise ConfigError(
                f"The certificates in {settings.hook_certificates} can't be read: {error}",
                hint="Correct hook_certificates in station.toml",
            ) from error
    return context


class _ForbiddenAddressError(Exception):
    """A name led to an address that may not be told."""


def _resolve(place: Place) -> list[str]:
    """Return the addresses of the host; raises OSError when there is none, _ForbiddenAddressError."""
    found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    addresses = [str(sockaddr[0]) for *_, sockaddr in found]
    for address in addresses:
        if not _may_be(address, loopback=place.loopback):
            raise _ForbiddenAddressError(address)
    return addresses


def _may_be(address: str, *, loopback: bool) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if loopback:
        return ip.is_loopback
    return not (ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved)


def _backend(place: Place, seconds: float) -> Any:
    """Return a network for httpcore that resolves by our rule, and in which all steps together have `seconds`."""
    import httpcore

    deadline = clock.monotonic() + seconds

    def left() -> float:
        remaining = deadline - clock.monotonic()
        if remaining <= 0:
            raise httpcore.ReadTimeout("out of time")
        return remaining

    class Stream(httpcore.NetworkStream):
        """One connection; each step gets what is left of the time."""

        def __init__(self, stream: httpcore.NetworkStream) -> None:
            self._stream = stream

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            return self._stream.read(max_bytes, left())

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            self._stream.write(buffer, left())

        def close(self) -> None:
            self._stream.close()

        def start_tls(
            self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
        ) -> httpcore.NetworkStream:
            return Stream(self._stream.start_tls(ssl_context, server_hostname, left()))

        def get_extra_info(self, info: str) -> Any:
            return self._stream.get_extra_info(info)

    class Backend(httpcore.NetworkBackend):
        """Connects to the addresses that were checked."""

        def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore.NetworkStream:
            *others, last = _resolve(place)
            for address in others:  # as IPv6, where only IPv4 listens
                with suppress(httpcore.ConnectError):
                    return Stream(httpcore.SyncBackend().connect_tcp(address, port, left(), None, socket_options))
            return Stream(httpcore.SyncBackend().connect_tcp(last, port, left(), None, socket_options))

    return Backend()
