"""Frames of a ledger's files: block number (8 bytes), length (4), CRC-32 of the body (4), CRC-32 of these 16 bytes (4).

All big endian, then the body. The header has its own checksum so that a damaged length is never taken for a torn write.
"""

import os
import struct
import zlib
from pathlib import Path

FIELDS = struct.Struct(">QII")
HEADER_BYTES = FIELDS.size + 4
PRIVATE_MODE = 0o600


def frame(number: int, body: bytes) -> bytes:
    """Return a frame."""
    fields = FIELDS.pack(number, len(body), zlib.crc32(body))
    return fields + zlib.crc32(fields).to_bytes(4, "big") + body


def write_all(descriptor: int, data: bytes, *, offset: int) -> None:
    """Write all of the data at an offset; it is not on disk yet."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        offset += written
        view = view[written:]


def sync_directory(directory: Path) -> None:
    """Make the directory's entries durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
