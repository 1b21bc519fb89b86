"""Asking a recorder to put its card away, after which it shows its charging face again.

Guarantee: the one command sent is START STOP UNIT with the eject bit (SCSI Block Commands, "START STOP UNIT command");
no byte of storage is written, and the disk is opened for reading only.
"""

import ctypes
import fcntl
import os

from station.device.watch.errors import LinkError

_SG_IO = 0x2285  # scsi/sg.h
_SG_DXFER_NONE = -1
_TIMEOUT_MS = 10_000
_START_STOP_UNIT = bytes((0x1B, 0, 0, 0, 0x02, 0))  # LoEj set, Start clear


class _Header(ctypes.Structure):
    """`sg_io_hdr_t` of scsi/sg.h."""

    _fields_ = (
        ("interface_id", ctypes.c_int),
        ("dxfer_direction", ctypes.c_int),
        ("cmd_len", ctypes.c_ubyte),
        ("mx_sb_len", ctypes.c_ubyte),
        ("iovec_count", ctypes.c_ushort),
        ("dxfer_len", ctypes.c_uint),
        ("dxferp", ctypes.c_void_p),
        ("cmdp", ctypes.c_void_p),
        ("sbp", ctypes.c_void_p),
        ("timeout", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("pack_id", ctypes.c_int),
        ("usr_ptr", ctypes.c_void_p),
        ("status", ctypes.c_ubyte),
        ("masked_status", ctypes.c_ubyte),
        ("msg_status", ctypes.c_ubyte),
        ("sb_len_wr", ctypes.c_ubyte),
        ("host_status", ctypes.c_ushort),
        ("driver_status", ctypes.c_ushort),
        ("resid", ctypes.c_int),
        ("duration", ctypes.c_uint),
        ("info", ctypes.c_uint),
    )


def eject(node: str) -> None:
    """Eject the disk `node`; raises LinkError when it can't be opened or refuses."""
    command = ctypes.create_string_buffer(_START_STOP_UNIT, len(_START_STOP_UNIT))
    header = _Header(
        interface_id=ord("S"),
        dxfer_direction=_SG_DXFER_NONE,
        cmd_len=len(_START_STOP_UNIT),
        cmdp=ctypes.cast(command, ctypes.c_void_p),
        timeout=_TIMEOUT_MS,
    )
    try:
        handle = os.open(node, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(handle, _SG_IO, header)
        finally:
            os.close(handle)
    except OSError as error:
        raise LinkError(f"{node} can't be ejected: {error.strerror}") from error
    if header.status or header.host_status:
        raise LinkError(f"{node} refused to be ejected")
