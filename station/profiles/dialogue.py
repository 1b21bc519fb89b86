"""Keeping what is said to a recorder, and saying it again: a link that records, and a link that plays a recording.

Guarantees: what is kept holds no password but `PLACEHOLDER` in its stead; what a recording does not hold raises, so
that a dialect which begins to say something new fails its replay.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import SecretStr

from station.errors import StationError
from station.profiles.recording import PLACEHOLDER, Turn


class _Link(Protocol):
    """A link to one device, as station/device/usb speaks over it."""

    def control(self, request_type: int, request: int, value: int, index: int, data_or_length: bytes | int) -> bytes:
        """Make a control transfer."""
        ...

    def write(self, data: bytes) -> None:
        """Write to the bulk OUT endpoint."""
        ...

    def read(self, size: int) -> bytes:
        """Read from the bulk IN endpoint."""
        ...


class RecordingLink:
    """A link that passes everything on to another one and keeps each transfer as a turn, without the password."""

    def __init__(self, link: _Link, password: SecretStr | None) -> None:
        """Record what goes over `link`."""
        self._link = link
        self._secret = password.get_secret_value().encode() if password is not None else b""
        self.turns: list[Turn] = []

    def control(self, request_type: int, request: int, value: int, index: int, data_or_length: bytes | int) -> bytes:
        """Make a control transfer and keep it."""
        setup = (request_type, request, value, index)
        sent = data_or_length if isinstance(data_or_length, bytes) else None
        try:
            answer = self._link.control(request_type, request, value, index, data_or_length)
        except StationError as error:
            self._keep(sent, None, error, setup)
            raise
        self._keep(sent, None if sent is not None else answer, None, setup)
        return answer

    def write(self, data: bytes) -> None:
        """Write and keep it."""
        try:
            self._link.write(data)
        except StationError as error:
            self._keep(data, None, error, None)
            raise
        self._keep(data, None, None, None)

    def read(self, size: int) -> bytes:
        """Read and keep it."""
        try:
            data = self._link.read(size)
        except StationError as error:
            self._keep(None, None, error, None)
            raise
        self._keep(None, data, None, None)
        return data

    def _keep(
        self,
        host: bytes | None,
        device: bytes | None,
        error: StationError | None,
        setup: tuple[int, int, int, int] | None,
    ) -> None:
        fails = type(error).__name__ if error is not None else None
        self.turns.append(Turn(control=setup, host=self._hide(host), device=self._hide(device), fails=fails))

    def _hide(self, data: bytes | None) -> str | None:
        if data is None:
            return None
        return (data.replace(self._secret, PLACEHOLDER.encode()) if self._secret else data).hex()


class ReplayLink:
    """A link that answers from a recording: each thing the host says is looked up, the answers that followed come back.

    Guarantee: what the host never said in the recording raises ReplayError; the order in which it asks may differ.
    """

    def __init__(self, dialogue: Sequence[Turn], failures: Mapping[str, type[StationError]]) -> None:
        """Play `dialogue`; `failures` are the errors that its `fails` name."""
        self._exchanges = _exchanges(dialogue)
        self._failures = failures
        self._used: set[int] = set()
        self._answers: list[Turn] = []
        self.unheard = len(self._exchanges)

    def control(self, request_type: int, request: int, value: int, index: int, data_or_length: bytes | int) -> bytes:
        """Answer a control transfer as recorded."""
        sent = data_or_length.hex() if isinstance(data_or_length, bytes) else None
        said, _ = self._find((request_type, request, value, index), sent)
        self._fail(said)
        answer = bytes.fromhex(said.device or "")
        return answer if sent is not None else answer[: int(data_or_length)]

    def write(self, data: bytes) -> None:
        """Take what the host says; its recorded answers are read next."""
        said, self._answers = self._find(None, data.hex())
        self._fail(said)

    def read(self, size: int) -> bytes:
        """Return the next recorded answer, or fail as recorded."""
        if not self._answers:
            raise self._failures["LinkTimeoutError"]("the recording holds no further answer")
        answer = self._answers.pop(0)
        self._fail(answer)
        return bytes.fromhex(answer.device or "")[:size]

    def _find(self, setup: tuple[int, int, int, int] | None, sent: str | None) -> tuple[Turn, list[Turn]]:
        same = [n for n, (said, _) in enumerate(self._exchanges) if (said.control, said.host) == (setup, sent)]
        if not same:
            raise ReplayError(f"The recording does not hold what the host says: {setup or ''} {sent or ''}")
        chosen = next((n for n in same if n not in self._used), same[-1])
        self._used.add(chosen)
        self.unheard = len(self._exchanges) - len(self._used)
        said, answers = self._exchanges[chosen]
        return said, list(answers)

    def _fail(self, turn: Turn) -> None:
        if turn.fails is not None:
            raise self._failures[turn.fails]("as recorded")


class ReplayError(StationError):
    """The host said something that the recording does not hold."""


def _exchanges(dialogue: Sequence[Turn]) -> list[tuple[Turn, list[Turn]]]:
    """Group the turns: each thing the host says (or asks over endpoint 0) with the bulk answers that follow it."""
    found: list[tuple[Turn, list[Turn]]] = []
    for turn in dialogue:
        if turn.control is not None or turn.host is not None:
            found.append((turn, []))
        elif found:
            found[-1][1].append(turn)
    return found
