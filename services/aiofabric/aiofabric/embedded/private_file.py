"""One organisation's private values on disk: a frame for each block that has some for it.

Layout: frames as in the block file (`aiofabric.embedded.frames`), numbered by block but not for every block. A body is
a ``protos.BlockAndPrivateData`` without its block: private write sets by the transaction's index, as Deliver sends
them. A frame is written before its block, so a process that is killed may leave one of a block that never was: it
is dropped.
"""

import os
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

from aiofabric.embedded.errors import LedgerDamagedError
from aiofabric.embedded.frames import FIELDS, HEADER_BYTES, PRIVATE_MODE, frame, sync_directory, write_all

PRIVATE_FILE = "private.dat"


class PrivateFile:
    """The frames of one organisation, by block number. One writer; readers of any thread."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        """Read the file if there is one; it is made when there is something to keep. Raises LedgerDamagedError."""
        self.path = path
        self._writable = writable
        self._frames: dict[int, tuple[int, int]] = {}  # offset and length of each body
        self._end = 0
        self._descriptor = -1
        self._lock = threading.Lock()  # whoever reads must not meet a file that is being replaced
        if path.exists():
            self._descriptor = os.open(path, os.O_RDWR if writable else os.O_RDONLY)
            self._read()

    def _read(self) -> None:
        size = os.fstat(self._descriptor).st_size
        while self._end + HEADER_BYTES <= size:
            header = os.pread(self._descriptor, HEADER_BYTES, self._end)
            if zlib.crc32(header[: FIELDS.size]).to_bytes(4, "big") != header[FIELDS.size :]:
                raise self._damage("the frame's header does not match its checksum")
            number, length, checksum = FIELDS.unpack_from(header)
            start = self._end + HEADER_BYTES
            if start + length > size:
                return
            if zlib.crc32(os.pread(self._descriptor, length, start)) != checksum:
                raise self._damage(f"the private data of block {number} do not match their checksum")
            if self._frames and number <= max(self._frames):
                raise self._damage(f"block {number} comes too late")
            self._frames[number] = (start, length)
            self._end = start + length

    def _damage(self, what: str) -> LedgerDamagedError:
        return LedgerDamagedError(
            f"{self.path}: damaged at offset {self._end}: {what}. Nothing was changed; restore the file"
        )

    def __contains__(self, number: int) -> bool:
        return number in self._frames

    def read(self, number: int) -> bytes:
        """Return a block's body, empty if there is none."""
        with self._lock:
            place = self._frames.get(number)
            return os.pread(self._descriptor, place[1], place[0]) if place else b""

    def append(self, number: int, body: bytes) -> None:
        """Write the next block's body and return when it is on disk."""
        if self._descriptor < 0:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
            sync_directory(self.path.parent)
        written = frame(number, body)
        write_all(self._descriptor, written, offset=self._end)
        os.fdatasync(self._descriptor)
        self._frames[number] = (self._end + HEADER_BYTES, len(body))
        self._end += len(written)

    def settle(self, height: int) -> None:
        """Drop what was written for blocks that are not there, and a torn end."""
        for number in [number for number in self._frames if number >= height]:
            start, _ = self._frames.pop(number)
            self._end = min(self._end, start - HEADER_BYTES)
        if self._descriptor >= 0 and self._writable and os.fstat(self._descriptor).st_size > self._end:
            os.ftruncate(self._descriptor, self._end)
            os.fsync(self._descriptor)

    def rewrite(self, change: Callable[[int, bytes], bytes]) -> None:
        """Give every body its new form, if any differs, in a new file that takes the old one's place."""
        bodies = {number: self.read(number) for number in self._frames}
        changed = {number: change(number, body) for number, body in bodies.items()}
        if changed == bodies:
            return
        new = self.path.with_suffix(".new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
        write_all(descriptor, b"".join(frame(number, body) for number, body in changed.items()), offset=0)
        os.fsync(descriptor)
        new.replace(self.path)
        sync_directory(self.path.parent)
        with self._lock:
            os.close(self._descriptor)
            self._descriptor, self._frames, self._end = descriptor, {}, 0
            for number, body in changed.items():
                self._frames[number] = (self._end + HEADER_BYTES, len(body))
                self._end += HEADER_BYTES + len(body)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
