"""Links made of plain objects: one that follows a script, one that answers orders, and the time they take."""

from collections.abc import Mapping

from station.device.watch.errors import LinkError, LinkTimeoutError


class Clock:
    """Monotonic time that passes only when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class ScriptedLink:
    """Gives the prepared packets, whatever is asked; an error in the script is raised; after the end, silence."""

    def __init__(self, *packets: bytes | LinkError, clock: Clock | None = None, read_seconds: float = 0.0) -> None:
        self.packets = list(packets)
        self.sent: list[bytes] = []
        self.reads = 0
        self._clock = clock
        self._read_seconds = read_seconds

    def control(self, request_type: int, request: int, value: int, index: int, data_or_length: bytes | int) -> bytes:
        raise AssertionError("a dialect over bulk made a control transfer")

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def read(self, size: int) -> bytes:
        self.reads += 1
        if self._clock is not None:
            self._clock.seconds += self._read_seconds
        if not self.packets:
            raise LinkTimeoutError("silence")
        packet = self.packets.pop(0)
        if isinstance(packet, LinkError):
            raise packet
        assert len(packet) <= size
        return packet


class AnsweringLink(ScriptedLink):
    """Answers each order as a recorder would; one that it does not know gets silence."""

    def __init__(self, answers: Mapping[bytes, bytes | LinkError]) -> None:
        super().__init__()
        self._answers = answers

    def write(self, data: bytes) -> None:
        super().write(data)
        answer = self._answers.get(data)
        if isinstance(answer, bytes):
            self.packets += [answer[at : at + 64] for at in range(0, len(answer), 64)]
        elif answer is not None:
            self.packets.append(answer)


class ControlLink:
    """Answers vendor requests by number; notes what was asked."""

    def __init__(self, answers: Mapping[int, bytes | LinkError]) -> None:
        self._answers = answers
        self.asked: list[tuple[int, int, int, int, bytes | int]] = []

    def control(self, request_type: int, request: int, value: int, index: int, data_or_length: bytes | int) -> bytes:
        self.asked.append((request_type, request, value, index, data_or_length))
        answer = self._answers[request]
        if isinstance(answer, LinkError):
            raise answer
        return answer

    def write(self, data: bytes) -> None:
        raise AssertionError("the control dialect wrote to an endpoint")

    def read(self, size: int) -> bytes:
        raise AssertionError("the control dialect read from an endpoint")
