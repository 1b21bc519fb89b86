"""Unpacks Debian's vmlinuz into the ELF file inside: an emulated processor need not do it at every boot.

usage: vmlinux.py VMLINUZ OUT
"""

import lzma
import sys
import zlib
from pathlib import Path

_XZ, _GZIP, _ELF = b"\xfd7zXZ\x00", b"\x1f\x8b\x08", b"\x7fELF"


def unpack(packed: bytes) -> bytes:
    """Return the kernel inside; raises ValueError where there is none."""
    for magic, unpacker in ((_XZ, lambda: lzma.LZMADecompressor()), (_GZIP, lambda: zlib.decompressobj(31))):
        start = packed.find(magic)
        while start >= 0:
            try:
                kernel: bytes = unpacker().decompress(packed[start:])
            except (lzma.LZMAError, zlib.error):
                kernel = b""  # the magic's bytes occur in the unpacker's own code too
            if kernel.startswith(_ELF):
                return kernel
            start = packed.find(magic, start + 1)
    raise ValueError("neither an xz nor a gzip kernel is inside")


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(unpack(Path(sys.argv[1]).read_bytes()))
