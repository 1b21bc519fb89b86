"""What stands before every route: host, origin, size; and after it: security headers and the service log.

Guarantees: a request under a foreign host name is refused (DNS rebinding), and so is a POST that does not come from our
own pages (cross-site request forgery; SameSite=Strict besides); no body is larger than its route needs; every answer
carries the strict content security policy; the log holds routes, never addresses with secrets in them. Pure ASGI.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from station import clock

BODY_BYTES = 1024 * 1024
PIECE_BYTES = 32 * 1024 * 1024  # of an upload that is sent in pieces, and written to disk as it comes
PROGRAMS = "/api/v1/"
_logger = structlog.get_logger(__name__)

_CSP = "content-security-policy"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_HEADERS = {
    _CSP: _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: under it browsers send `Origin: null` with our own forms (Fetch standard, "append a request
    # `Origin` header"), and the check of the origin would refuse them. Nothing is sent to other sites either way.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), usb=()",
}


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, listen: str) -> None:
        """`listen` is the address the station listens on, `host:port`."""
        self._app = app
        host = listen.rpartition(":")[0].strip("[]")
        self._any_address = host in ("0.0.0.0", "::")  # noqa: S104  compared, not bound
        self._names = {host.lower(), "localhost", "127.0.0.1", "::1"}
        if self._any_address:
            self._names.add(socket.gethostname().lower())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        status = 0
        begun = clock.monotonic()

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                add_headers(MutableHeaders(scope=message), scope)
            await send(message)

        try:
            if refusal is not None:
                await _refuse(scope, *refusal)(scope, receive, send_guarded)
            else:
                await self._app(scope, _bounded(receive, _most_bytes(scope)), send_guarded)
        finally:
            _log(scope, status, refusal, clock.monotonic() - begun)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        if not self._knows(headers.get("host", "")):
            return 421, "This station does not go by that name"
        # Programs bring a token of their own and no cookie counts there, so no browser can be talked into it.
        program = scope["path"].startswith(PROGRAMS)
        if not program and scope["method"] not in ("GET", "HEAD") and not _from_our_pages(scope, headers):
            return 403, "This request did not come from the station's own pages"
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > _most_bytes(scope):
            return 413, "Too large"
        return None

    def _knows(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if not name:
            return False
        if name in self._names:
            return True
        return self._any_address and _is_address(name)


def _refuse(scope: Scope, status: int, words: str) -> Response:
    if not scope["path"].startswith(PROGRAMS):
        return PlainTextResponse(words, status)
    problem = {"type": "about:blank", "title": words, "status": status}
    return JSONResponse(problem, status, media_type="application/problem+json")


def _most_bytes(scope: Scope) -> int:
    return PIECE_BYTES if scope["method"] == "PATCH" and scope["path"].startswith("/uploads/") else BODY_BYTES


def _bounded(receive: Receive, most_bytes: int) -> Receive:
    """Stop a body that grows beyond what it may have, whatever its headers said."""
    seen = 0

    async def receive_bounded() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > most_bytes:
                return {"type": "http.disconnect"}
        return message

    return receive_bounded


def _from_our_pages(scope: Scope, headers: Headers) -> bool:
    """Tell whether a browser vouches that our own page sent this; a request that says nothing of it is refused."""
    site = headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = headers.get("origin")
    if origin is not None:
        return origin == f"{scope['scheme']}://{headers.get('host', '')}"
    return site == "same-origin"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def add_headers(headers: MutableHeaders, scope: Scope) -> None:
    """Add the security headers to an answer; also called for the one answer that is made outside of the guard."""
    for name, value in _HEADERS.items():
        if name == _CSP:
            headers.setdefault(name, value)  # what others made is sent under a stricter one
        else:
            headers[name] = value
    headers.setdefault("cache-control", "no-store")
    if scope["scheme"] == "https":
        headers["strict-transport-security"] = "max-age=31536000"


def _log(scope: Scope, status: int, refusal: tuple[int, str] | None, seconds: float) -> None:
    # The route's pattern, not the address: a log-in link's address is its secret.
    state = scope.get("state", {})
    visit = state.get("visit")
    _logger.info(
        "request",
        method=scope["method"],
        route=str(state.get("route", "")).partition(" ")[2] or "(none)",
        status=status or 500,  # nothing was sent: the answer for a bug is made outside
        milliseconds=round(seconds * 1000, 1),
        address=scope["client"][0] if scope.get("client") else "",
        person=visit.person.person if visit is not None else None,
        refusal=refusal[1] if refusal else None,
    )
