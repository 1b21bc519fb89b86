"""Charging faces spoken to in text over bulk endpoints: the Ambarella ASCII dialect and the "BC+" dialect.

Source: recorders.md, "Talking to them". Answers that it does not give word by word are this fake's own invention, and
say so where they are made. `mood`: normal, garbage (answers no dialect), silent (no answer), stall (refuses orders).
"""

import re
from collections import deque
from datetime import datetime

from tests.fakes.recorder.descriptors import IN, Endpoint, Interface
from tests.fakes.recorder.errors import StalledError
from tests.fakes.recorder.faces import Function

GARBAGE = b"\x00\xff\x55\xaa?;;\r\n"
_ORDER = re.compile(rb"@([A-Za-z]{3});(\d+);([^;#]*);?#")


class SpokenFunction(Function):
    """What both dialects share: orders come in by one endpoint, answers wait at the other."""

    def __init__(
        self,
        triple: tuple[int, int, int],
        interface: int,
        endpoint_in: int,
        endpoint_out: int,
        *,
        storage: str = "storage",
        mood: str = "normal",
    ) -> None:
        super().__init__(Interface(interface, triple, (Endpoint(endpoint_in), Endpoint(endpoint_out))))
        self.mood = mood
        self._storage = storage
        self._answers: deque[bytes] = deque()

    def reset(self) -> None:
        """Forget answers nobody fetched."""
        self._answers.clear()

    def send(self, endpoint: int, data: bytes) -> None:
        """Hear one transfer."""
        if endpoint & IN or self.mood == "stall":
            raise StalledError("this recorder takes no orders")
        self.hear(data)

    def take(self, endpoint: int, size: int) -> bytes | None:
        """Return the next answer, in pieces when it is longer than `size`."""
        if not endpoint & IN:
            raise StalledError("orders go in here")
        if not self._answers:
            return None
        answer = self._answers.popleft()
        if answer[size:]:
            self._answers.appendleft(answer[size:])
        return answer[:size]

    def hear(self, data: bytes) -> None:
        """Act on what came."""
        raise NotImplementedError

    def answer(self, told: bytes) -> None:
        """Queue one answer, as the mood is."""
        if self.mood != "silent":
            self._answers.append(GARBAGE if self.mood == "garbage" else told)


class AmbarellaFunction(SpokenFunction):
    """The Ambarella ASCII dialect; answers are padded with NUL to 64 bytes.

    Known are the answers to Ver and Gdv; those to Sdt, Stm and ATH are invented: `@Sdt;OK#`, an error `@Sdt;ERR#`.
    """

    def __init__(
        self,
        triple: tuple[int, int, int] = (0xFF, 0x00, 0x00),
        interface: int = 0,
        endpoint_in: int = 0x81,
        endpoint_out: int = 0x01,
        *,
        answer_bytes: int = 64,
        storage: str = "storage",
        mood: str = "normal",
    ) -> None:
        super().__init__(triple, interface, endpoint_in, endpoint_out, storage=storage, mood=mood)
        self._answer_bytes = answer_bytes

    def hear(self, data: bytes) -> None:
        """Obey one order; one that is none gets no answer."""
        self.recorder.note("order", text=data.decode("ascii", errors="replace"))
        found = _ORDER.fullmatch(data)
        if found is None:
            return
        name, value = found.group(1).decode(), found.group(3).decode()
        identity = self.recorder.identity
        told = {"Ver": f"OK;{identity.firmware}", "Gdv": f"{len(identity.serial)};{identity.serial}"}.get(name)
        if told is None:
            told = "OK" if self._obey(name, value) else "ERR"
        self.answer(f"@{name};{told}#".encode().ljust(self._answer_bytes, b"\0"))

    def _obey(self, name: str, value: str) -> bool:
        if name == "ATH" and self.mood == "normal":
            self.recorder.note("unlock", ok=True)
            self.recorder.become(self._storage)
            return True
        forms = {"Sdt": "%Y%m%d", "Stm": "%H%M%S00"}
        if name not in forms:
            return False
        try:
            moment = datetime.strptime(value, forms[name])  # noqa: DTZ007 - a recorder knows no zone
        except ValueError:
            return False
        shown = self.recorder.clock.read()
        part = moment.date() if name == "Sdt" else shown.date(), shown.time() if name == "Sdt" else moment.time()
        self.recorder.clock.set(datetime.combine(*part))
        self.recorder.note("clock", shown=self.recorder.clock.read())
        return True


BCPLUS_DEVICES = (
    # vendor, product, interface, endpoint in, endpoint out
    (0x4255, 0x0001, 0, 0x81, 0x01),
    (0x4255, 0x000F, 0, 0x81, 0x01),
    (0x1D70, 0x01D4, 2, 0x83, 0x02),
    (0x1D70, 0x01D5, 0, 0x81, 0x01),
    (0x1D70, 0x01D6, 2, 0x83, 0x02),
    (0x1D70, 0x01D7, 0, 0x81, 0x01),
)
"""The six devices recorders.md names as speaking BC+."""


class BcPlusFunction(SpokenFunction):
    """The "BC+" dialect: lines ending in CR LF.

    Known is `+LOGIN:Sucess` (sic); all other answers are invented as `+NAME:value`, refusals as `+NAME:Fail`. Before
    the log-in, and with no tries left, everything is refused.
    """

    def __init__(
        self,
        triple: tuple[int, int, int] = (0xFF, 0x00, 0x00),
        interface: int = 0,
        endpoint_in: int = 0x81,
        endpoint_out: int = 0x01,
        *,
        password: str = "888888",
        tries: int = 3,
        storage: str = "storage",
        mood: str = "normal",
    ) -> None:
        super().__init__(triple, interface, endpoint_in, endpoint_out, storage=storage, mood=mood)
        self.password, self.tries = password, tries
        self._logged_in = False
        self._heard = b""

    def reset(self) -> None:
        """Forget the log-in and half a line too."""
        super().reset()
        self._logged_in, self._heard = False, b""

    def hear(self, data: bytes) -> None:
        """Obey each whole line."""
        *lines, self._heard = (self._heard + data).split(b"\r\n")
        for line in lines:
            text = line.decode("ascii", errors="replace")
            self.recorder.note("order", text=text)
            name, value = _split_order(text)
            if name:
                self.answer(f"+{name}:{self._tell(name, value)}\r\n".encode())

    def _tell(self, name: str, value: str) -> str:
        if name == "LOGIN":
            return self._log_in(value)
        if not self._logged_in:
            return "Fail"
        facts = {
            "UUID": self.recorder.identity.serial,
            "BATVAL": str(self.recorder.battery_percent),
            "PCUDISKSTAT": "0",
            "GBIDCODE": self.recorder.identity.police_number,
        }
        if name in facts and value == "?":
            return facts[name]
        if name == "SYSTIME":
            return self._set_clock(value)
        if (name, value) == ("UDISKEN", "1") and self.mood == "normal":
            self.recorder.note("unlock", ok=True)
            self.recorder.become(self._storage)
            return "Sucess"
        return "Fail"

    def _log_in(self, value: str) -> str:
        self._logged_in = self.tries > 0 and value == f"admin:{self.password}"
        if not self._logged_in:
            self.tries = max(0, self.tries - 1)
            self.recorder.note("unlock", ok=False)
        return "Sucess" if self._logged_in else "Fail"

    def _set_clock(self, value: str) -> str:
        try:
            self.recorder.clock.set(datetime.strptime(value, "%Y%m%d%H%M%S"))  # noqa: DTZ007 - it knows no zone
        except ValueError:
            return "Fail"
        self.recorder.note("clock", shown=self.recorder.clock.read())
        return "Sucess"


def _split_order(text: str) -> tuple[str, str]:
    """Split `BC+NAME=value` or `BC+NAME?`; no name: it is no order."""
    found = re.fullmatch(r"BC\+([A-Z]+)(?:=(.*)|(\?))", text)
    return (found.group(1), found.group(2) if found.group(3) is None else "?") if found else ("", "")
