"""Lines from a descriptor, bounded, with what was read too far kept for whoever reads on.

Guarantee: no line and no total is longer than its bound, whatever the other side sends.
"""

import os

from station.device.erase.formats import RefusedError
from station.records.ticket import LINE_BYTES, TICKET_BYTES, Refusal

_PIECE_BYTES = 64 * 1024


class Lines:
    """The lines of one ticket."""

    def __init__(self, handle: int) -> None:
        """Take the descriptor to read from; it stays the caller's."""
        self._handle = handle
        self._held = bytearray()
        self._total = 0

    def next(self) -> bytes:
        """Return the next line without its end; raises RefusedError where there is none, or none that is honest."""
        searched = 0
        while (end := self._held.find(b"\n", searched)) < 0:
            searched = len(self._held)
            piece = os.read(self._handle, _PIECE_BYTES)
            self._held += piece
            self._total += len(piece)
            if not piece:
                raise RefusedError(Refusal.MALFORMED, "The ticket breaks off")
            if len(self._held) > LINE_BYTES + _PIECE_BYTES or self._total > TICKET_BYTES:
                raise RefusedError(Refusal.MALFORMED, "The ticket is longer than any that is honest")
        line = bytes(self._held[:end])
        del self._held[: end + 1]
        return line
