"""The few calls of libumockdev 0.17 that the test bed needs, by ctypes, because no wheel of its bindings exists.

A test process needs nothing preloaded to host a test bed; one that is to live in it gets `Testbed.environ`.
"""

import ctypes
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any

PRELOAD = "libumockdev-preload.so.0"
_IOCTL_CALLBACK = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p)


class UnavailableError(Exception):
    """libumockdev is not installed."""


class CallError(Exception):
    """libumockdev refused a call."""


class _GError(ctypes.Structure):
    _fields_ = (("domain", c_uint32), ("code", c_int), ("message", c_char_p))


_ERROR = POINTER(POINTER(_GError))
_SIGNATURES = {
    "umockdev_testbed_new": (c_void_p,),
    "umockdev_testbed_get_root_dir": (c_char_p, c_void_p),
    "umockdev_testbed_add_from_string": (c_int, c_void_p, c_char_p, _ERROR),
    "umockdev_testbed_remove_device": (None, c_void_p, c_char_p),
    "umockdev_testbed_attach_ioctl": (c_int, c_void_p, c_char_p, c_void_p, _ERROR),
    "umockdev_testbed_detach_ioctl": (c_int, c_void_p, c_char_p, _ERROR),
    "umockdev_ioctl_base_new": (c_void_p,),
    "umockdev_ioctl_client_get_request": (c_uint64, c_void_p),
    "umockdev_ioctl_client_get_arg": (c_void_p, c_void_p),
    "umockdev_ioctl_client_complete": (None, c_void_p, c_int64, c_int),
    "umockdev_ioctl_data_resolve": (c_void_p, c_void_p, c_size_t, c_size_t, _ERROR),
    "umockdev_ioctl_data_set_ptr": (c_int, c_void_p, c_size_t, c_void_p),
    "umockdev_ioctl_data_update": (None, c_void_p, c_size_t, c_char_p, c_int),
    "umockdev_ioctl_data_retrieve": (None, c_void_p, POINTER(c_void_p), POINTER(c_int)),
    "umockdev_ioctl_data_unref": (None, c_void_p),
}


def _load(name: str, signatures: dict[str, tuple[Any, ...]]) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        raise UnavailableError(f"{name} is not installed (Debian: umockdev)") from error
    for function, (result, *arguments) in signatures.items():
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    return library


class Memory:
    """A piece of the client's memory; changes reach it when the request is completed."""

    def __init__(self, library: ctypes.CDLL, glib: ctypes.CDLL, pointer: int, owned: bool) -> None:
        self._library, self._glib = library, glib
        self.pointer = pointer
        self._owned = owned

    def read(self) -> bytes:
        """Return its bytes."""
        data, length = c_void_p(), c_int()
        self._library.umockdev_ioctl_data_retrieve(self.pointer, byref(data), byref(length))
        try:
            return ctypes.string_at(data.value, length.value) if data.value else b""
        finally:
            self._glib.g_free(data)

    def follow(self, offset: int, size: int) -> "Memory":
        """Return the `size` bytes the pointer at `offset` points to; release it when done."""
        error = POINTER(_GError)()
        found = self._library.umockdev_ioctl_data_resolve(self.pointer, offset, size, byref(error))
        if not found:
            raise CallError("the client's memory could not be read")
        return Memory(self._library, self._glib, found, owned=True)

    def write(self, offset: int, data: bytes) -> None:
        """Change bytes."""
        self._library.umockdev_ioctl_data_update(self.pointer, offset, data, len(data))

    def point_to(self, other: "Memory") -> None:
        """Let the pointer at its beginning point to `other`."""
        self._library.umockdev_ioctl_data_set_ptr(self.pointer, 0, other.pointer)

    def release(self) -> None:
        """Let go of memory that `follow` returned."""
        if self._owned:
            self._library.umockdev_ioctl_data_unref(self.pointer)
            self._owned = False


Answer = Callable[[int, Memory], tuple[int, int]]
"""Is given an ioctl's number and argument; returns result and errno. Runs on the library's own thread."""


class Bed:
    """A fake /sys and /dev in a temporary folder."""

    def __init__(self) -> None:
        self._library = _load("libumockdev.so.0", _SIGNATURES)
        signal = (c_uint64, c_void_p, c_char_p, _IOCTL_CALLBACK, c_void_p, c_void_p, c_int)
        self._gobject = _load(
            "libgobject-2.0.so.0", {"g_signal_connect_data": signal, "g_object_unref": (None, c_void_p)}
        )
        self._glib = _load("libglib-2.0.so.0", {"g_free": (None, c_void_p)})
        self._bed = self._library.umockdev_testbed_new()
        self._handlers: dict[str, tuple[int, object]] = {}
        self.root: str = self._library.umockdev_testbed_get_root_dir(self._bed).decode()

    def close(self) -> None:
        """Remove the folder and all handlers."""
        for node in list(self._handlers):
            self.detach(node)
        self._gobject.g_object_unref(self._bed)

    def add(self, description: str) -> None:
        """Add devices in the format of umockdev-record."""
        error = POINTER(_GError)()
        if not self._library.umockdev_testbed_add_from_string(self._bed, description.encode(), byref(error)):
            raise CallError(error.contents.message.decode())

    def remove(self, path: str) -> None:
        """Remove the device at `path` (/sys/devices/...)."""
        self._library.umockdev_testbed_remove_device(self._bed, path.encode())

    def attach(self, node: str, answer: Answer) -> None:
        """Let `answer` take the ioctls on the device node."""

        def callback(_base: int, client: int, _data: int) -> int:
            library = self._library
            argument = Memory(library, self._glib, library.umockdev_ioctl_client_get_arg(client), owned=False)
            result, errno = answer(library.umockdev_ioctl_client_get_request(client), argument)
            library.umockdev_ioctl_client_complete(client, result, errno)
            return 1

        kept = _IOCTL_CALLBACK(callback)
        base = self._library.umockdev_ioctl_base_new()
        self._gobject.g_signal_connect_data(base, b"handle-ioctl", kept, None, None, 0)
        error = POINTER(_GError)()
        if not self._library.umockdev_testbed_attach_ioctl(self._bed, node.encode(), base, byref(error)):
            raise CallError(error.contents.message.decode())
        self._handlers[node] = (base, kept)

    def detach(self, node: str) -> None:
        """Answer no more ioctls on the node."""
        base, _ = self._handlers[node]
        error = POINTER(_GError)()
        self._library.umockdev_testbed_detach_ioctl(self._bed, node.encode(), byref(error))
        self._gobject.g_object_unref(base)
        del self._handlers[node]
