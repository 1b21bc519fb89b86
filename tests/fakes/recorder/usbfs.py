"""Answers the ioctls of /dev/bus/usb/BBB/DDD as the kernel does (linux/usbdevice_fs.h, 64 bit), from a fake recorder.

Guarantee: no call waits; a transfer with nothing to come stays pending and is reaped once there is something, or
discarded. When the recorder has left or come up anew, everything says ENODEV.
"""

import errno
import struct
from collections.abc import Callable
from dataclasses import dataclass

from tests.fakes.recorder.descriptors import IN
from tests.fakes.recorder.errors import GoneError, StalledError
from tests.fakes.recorder.model import Recorder
from tests.fakes.recorder.umockdev import Memory

_URB_BYTES = 56
_URB = struct.Struct("<BBxxiIxxxxQi")  # type, endpoint, status, flags, buffer, length; then the actual length
_STATUS_AT, _BUFFER_AT, _ACTUAL_AT = 4, 16, 28
_CONTROL_URB = 2
_SETUP = struct.Struct("<BBHHH")
_CAPABILITIES = 0x01 | 0x04 | 0x10  # zero packets, no size limit, reaping after the device is gone
_HIGH_SPEED = 3
_DONE = (0, 0)


@dataclass(slots=True)
class _Transfer:
    """One URB the client submitted; `status` None: still pending."""

    key: bytes
    memory: Memory
    buffer: Memory
    endpoint: int
    size: int
    status: int | None = None

    def finish(self, status: int, actual: int) -> None:
        self.memory.write(_STATUS_AT, struct.pack("<i", status))
        self.memory.write(_ACTUAL_AT, struct.pack("<i", actual))
        self.status = status

    def release(self) -> None:
        self.buffer.release()
        self.memory.release()


class Usbfs:
    """The device node of one enumeration; an instance is what `umockdev.Bed.attach` takes."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._enumeration = recorder.enumeration
        self._transfers: list[_Transfer] = []
        self.failure: Exception | None = None
        ask = self._recorder.control
        self._known: dict[int, Callable[[Memory], tuple[int, int]]] = {
            4: lambda memory: self._order(memory, "<II", lambda number, setting: ask(1, 11, setting, number, 0)),
            5: lambda memory: self._order(memory, "<I", lambda value: ask(0, 9, value, 0, 0)),
            8: lambda _: (-1, errno.ENODATA),  # GETDRIVER: no kernel driver is bound
            10: self._submit,
            11: self._discard,
            12: self._reap,
            13: self._reap,
            15: lambda _: _DONE,
            16: lambda _: _DONE,
            20: self._reset,
            21: lambda memory: self._order(memory, "<I", lambda endpoint: ask(2, 1, 0, endpoint, 0)),
            26: self._capabilities,
            31: lambda _: (_HIGH_SPEED, 0),
        }

    def __call__(self, request: int, argument: Memory) -> tuple[int, int]:
        """Return result and errno of one ioctl; what was not foreseen is kept in `failure` and is an I/O error."""
        number = request & 0xFF
        try:
            self._recorder.tick()
            if self._gone and number not in (11, 12, 13):
                return -1, errno.ENODEV
            if number not in self._known:
                return -1, errno.ENOTTY
            return self._known[number](argument)
        except StalledError:
            return -1, errno.EPIPE
        except GoneError:
            return -1, errno.ENODEV
        except Exception as error:  # noqa: BLE001 - it can't pass through C; the test bed raises it when it closes
            self.failure = error
            return -1, errno.EIO

    @property
    def _gone(self) -> bool:
        return not self._recorder.present or self._recorder.enumeration != self._enumeration

    def _order(self, argument: Memory, form: str, order: Callable[..., bytes]) -> tuple[int, int]:
        memory = argument.follow(0, struct.calcsize(form))
        try:
            order(*struct.unpack(form, memory.read()))
        finally:
            memory.release()
        return _DONE

    def _capabilities(self, argument: Memory) -> tuple[int, int]:
        memory = argument.follow(0, 4)
        memory.write(0, struct.pack("<I", _CAPABILITIES))
        memory.release()
        return _DONE

    def _reset(self, argument: Memory) -> tuple[int, int]:
        del argument
        self._recorder.bus_reset()
        return _DONE

    def _submit(self, argument: Memory) -> tuple[int, int]:
        key = argument.read()  # the client's pointer, before following turns it into one of ours
        memory = argument.follow(0, _URB_BYTES)
        kind, endpoint, _, _, _, length = _URB.unpack_from(memory.read())
        transfer = _Transfer(key, memory, memory.follow(_BUFFER_AT, max(length, 1)), endpoint, length)
        self._transfers.append(transfer)
        try:
            if kind == _CONTROL_URB:
                self._control(transfer)
            elif not endpoint & IN:
                self._recorder.send(endpoint, transfer.buffer.read()[:length])
                transfer.finish(0, length)
        except StalledError:
            transfer.finish(-errno.EPIPE, 0)
        except GoneError:
            transfer.finish(-errno.ENODEV, 0)
        return _DONE

    def _control(self, transfer: _Transfer) -> None:
        data = transfer.buffer.read()
        request_type, request, value, index, length = _SETUP.unpack_from(data)
        sent = b"" if request_type & IN else data[_SETUP.size : _SETUP.size + length]
        answer = self._recorder.control(request_type, request, value, index, length, sent)
        if answer:
            transfer.buffer.write(_SETUP.size, answer)
        transfer.finish(0, len(answer) if request_type & IN else length)

    def _listen(self) -> None:
        """Finish pending transfers, each endpoint's in order."""
        for transfer in self._transfers:
            if transfer.status is not None:
                continue
            try:
                told = None if self._gone else self._recorder.take(transfer.endpoint, transfer.size)
                if told:
                    transfer.buffer.write(0, told)
                if told is not None:
                    transfer.finish(0, len(told))
                elif self._gone:
                    transfer.finish(-errno.ENODEV, 0)
            except StalledError:
                transfer.finish(-errno.EPIPE, 0)
            except GoneError:
                transfer.finish(-errno.ENODEV, 0)

    def _discard(self, argument: Memory) -> tuple[int, int]:
        key = argument.read()
        for transfer in self._transfers:
            if transfer.key == key and transfer.status is None:
                transfer.finish(-errno.ENOENT, 0)
                return _DONE
        return -1, errno.EINVAL

    def _reap(self, argument: Memory) -> tuple[int, int]:
        self._listen()
        for transfer in self._transfers:
            if transfer.status is not None:
                self._transfers.remove(transfer)
                place = argument.follow(0, 8)
                place.point_to(transfer.memory)
                place.release()
                transfer.release()
                return _DONE
        return -1, errno.ENODEV if self._gone else errno.EAGAIN
