"""How the signer and its clients talk: length-prefixed frames on a local socket.

A frame is 4 bytes big-endian length and that many bytes. A request is one frame of JSON, for `extend` followed by
`count` frames of one record each; the answer is one frame of JSON. Guarantees: no frame beyond the bound is read
into memory; a peer that ends early or sends too much raises FrameError, a silent one TimeoutError.
"""

import json
import socket
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from station.errors import LedgerError
from station.ledger.entry import RECORD_BYTES
from station.ledger.note import NOTE_BYTES

MESSAGE_BYTES = 2 * NOTE_BYTES
_SEND_BYTES = 256 * 1024
_LENGTH_BYTES = 4


class FrameError(LedgerError):
    """The other side of the signer's socket did not keep to the frames."""


def read_frame(stream: BinaryIO, limit: int = RECORD_BYTES) -> bytes | None:
    """Return the next frame, None if the peer has ended between frames; raises FrameError, OSError."""
    prefix = stream.read(_LENGTH_BYTES)
    if not prefix:
        return None
    length = int.from_bytes(prefix)
    if len(prefix) < _LENGTH_BYTES or length > limit:
        raise FrameError(f"A frame of {length} bytes is more than the {limit} that are allowed here")
    body = stream.read(length)
    if len(body) < length:
        raise FrameError("The other side of the signer's socket ended within a frame")
    return body


def read_message(stream: BinaryIO) -> dict[str, object] | None:
    """Return the next frame as a JSON object, None at the end; raises FrameError, OSError."""
    body = read_frame(stream, MESSAGE_BYTES)
    if body is None:
        return None
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError("A message on the signer's socket is not JSON") from error
    if not isinstance(message, dict):
        raise FrameError("A message on the signer's socket is not a JSON object")
    return message


def frame(body: bytes) -> bytes:
    """Return the body with its length before it."""
    return len(body).to_bytes(_LENGTH_BYTES) + body


def send_message(peer: socket.socket, **message: object) -> None:
    """Send one JSON object."""
    peer.sendall(frame(json.dumps(message).encode()))


def send_frames(peer: socket.socket, bodies: Iterable[bytes]) -> None:
    """Send many frames, a bounded chunk of memory at a time."""
    for chunk in _chunks(bodies):
        peer.sendall(chunk)


def _chunks(bodies: Iterable[bytes]) -> Iterator[bytes]:
    chunk = bytearray()
    for body in bodies:
        chunk += frame(body)
        if len(chunk) >= _SEND_BYTES:
            yield bytes(chunk)
            chunk.clear()
    if chunk:
        yield bytes(chunk)
