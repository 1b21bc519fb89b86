"""The bytes of one file of a recorder that speaks MTP.

Guarantee: exactly the bytes asked for, from exactly where they were asked for, or OSError; a recorder that sends more
than it was asked for is not spoken to any more.
"""

import errno

from station.device.ptp import UNKNOWN_LENGTH, Operation, Session

_MOST_AT_ONCE = 1024 * 1024


class PartialContent:
    """A file that can be read anywhere."""

    missing: tuple[tuple[int, int], ...] = ()
    concurrent = False

    def __init__(self, session: Session, operation: Operation, handle: int, size_bytes: int) -> None:
        """Read through GetPartialObject or its relative with offsets of 64 bits."""
        self.size_bytes = size_bytes
        self._session, self._operation, self._handle = session, operation, handle

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill `target` from `offset`; raises OSError."""
        done = 0
        while done < len(target):
            wanted = min(_MOST_AT_ONCE, len(target) - done)
            length = self._session.begin(self._operation, self._handle, *self._place(offset + done), wanted)
            if length > wanted:
                self._session.give_up("it sends more than it was asked for")
                raise OSError(errno.ENODEV, "it sends more than it was asked for")
            with target[done : done + length] as piece:
                self._session.take_into(piece)
            self._session.finish()
            if not length:
                raise OSError(errno.EIO, f"the recorder gives nothing from {offset + done} on")
            done += length

    def _place(self, offset: int) -> tuple[int, ...]:
        wide = self._operation == Operation.GET_PARTIAL_OBJECT_64
        return (offset & 0xFFFFFFFF, offset >> 32) if wide else (offset,)


class StreamContent:
    """A file that can be read from its beginning to its end and no other way."""

    missing: tuple[tuple[int, int], ...] = ()
    concurrent = False

    def __init__(self, session: Session, handle: int, size_bytes: int) -> None:
        """Read through GetObject."""
        self.size_bytes = size_bytes
        self._session, self._handle = session, handle
        self._position: int | None = None

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill `target` with what follows what was read before; raises OSError."""
        if self._position is None:
            length = self._session.begin(Operation.GET_OBJECT, self._handle)
            self._position = 0
            if length not in (self.size_bytes, UNKNOWN_LENGTH):
                self._session.give_up(f"it sends {length} bytes of a file that has {self.size_bytes}")
        if offset != self._position:
            raise OSError(errno.EIO, "it can be read from its beginning to its end only")
        self._session.take_into(target)
        self._position += len(target)
        if self._position == self.size_bytes:
            self._session.finish()
