"""The block file: append-only, every byte under a checksum, on disk before a commit is reported.

Layout: the 8 bytes of `MAGIC`, then for each block a frame (`aiofabric.embedded.frames`) with a ``common.Block``.

A process that is killed leaves a prefix of its last frame: nobody was told of that block, so it is moved aside into a
file of its own and said so. The header has its own checksum so that a damaged length is never taken for such a tear.
Everything else that does not fit is damage: it is named and refused, never repaired.
"""

import fcntl
import logging
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from aiofabric.embedded.errors import LedgerDamagedError, LedgerInUseError
from aiofabric.embedded.frames import FIELDS, HEADER_BYTES, PRIVATE_MODE, frame, sync_directory, write_all

MAGIC = b"aiofab\x00\x01"
BLOCK_FILE = "blocks.dat"
LOCK_FILE = "ledger.lock"

logger = logging.getLogger(__name__)


class DirectoryLock:
    """Held by the one process that serves a directory; the system releases it when that process ends."""

    def __init__(self, directory: Path) -> None:
        self._file = (directory / LOCK_FILE).open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise LedgerInUseError(f"another process has the ledger in {directory} open: stop it first") from error

    def release(self) -> None:
        """Give the directory up."""
        self._file.close()


class BlockFile:
    """The blocks of one channel, by number. One writer; readers of any thread."""

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR if writable else os.O_RDONLY)
        self._writable = writable
        self._frames: list[tuple[int, int]] = []  # offset and length of each body
        self._end = len(MAGIC)
        self.torn_bytes = 0

    @property
    def height(self) -> int:
        """The number of blocks read or written so far."""
        return len(self._frames)

    @classmethod
    def create(cls, path: Path, *, genesis: bytes) -> None:
        """Make the file with its first block; refuse to touch one that exists."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
        try:
            write_all(descriptor, MAGIC + frame(0, genesis), offset=0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_directory(path.parent)

    def replay(self) -> Iterator[bytes]:
        """Read every block from the first on; raise LedgerDamagedError at the first that is not as written.

        An incomplete last frame ends the replay; if the file is writable it is moved aside.
        """
        if os.pread(self._descriptor, len(MAGIC), 0) != MAGIC:
            raise self._damage(0, "it does not begin as a block file does")
        size = os.fstat(self._descriptor).st_size
        while self._end < size:
            body = self._next_body(size)
            if body is None:
                self._set_torn_frame_aside(size)
                return
            yield body

    def _next_body(self, size: int) -> bytes | None:
        offset = self._end
        header = os.pread(self._descriptor, HEADER_BYTES, offset)
        if len(header) < HEADER_BYTES:
            return None
        if zlib.crc32(header[: FIELDS.size]).to_bytes(4, "big") != header[FIELDS.size :]:
            raise self._damage(offset, "the frame's header does not match its checksum")
        number, length, checksum = FIELDS.unpack_from(header)
        if number != self.height:
            raise self._damage(offset, f"the frame says block {number}")
        start = offset + HEADER_BYTES
        if start + length > size:
            return None
        body = os.pread(self._descriptor, length, start)
        if zlib.crc32(body) != checksum:
            raise self._damage(start, "the block does not match its checksum")
        self._frames.append((start, length))
        self._end = start + length
        return body

    def _damage(self, offset: int, what: str) -> LedgerDamagedError:
        return self.damage(self.height, offset=offset, what=what)

    def damage(self, number: int, *, what: str, offset: int | None = None) -> LedgerDamagedError:
        """Return the error that names a damaged block."""
        where = self._frames[number][0] if offset is None else offset
        return LedgerDamagedError(
            f"{self.path}: block {number} at offset {where} is damaged: {what}. Nothing was changed; restore the file"
        )

    def _set_torn_frame_aside(self, size: int) -> None:
        self.torn_bytes = size - self._end
        if not self._writable:
            return
        aside = self.path.with_name(f"{self.path.name}.torn-block-{self.height}-at-{self._end}")
        with aside.open("wb") as file:
            file.write(os.pread(self._descriptor, self.torn_bytes, self._end))
            file.flush()
            os.fsync(file.fileno())
        os.ftruncate(self._descriptor, self._end)
        os.fsync(self._descriptor)
        sync_directory(self.path.parent)
        logger.warning(
            "%s: block %d was being written when the process ended and was never reported; its %d bytes are now in %s",
            self.path, self.height, self.torn_bytes, aside.name,
        )  # fmt: skip

    def append(self, body: bytes) -> None:
        """Write the next block and return when it is on disk."""
        written = frame(self.height, body)
        write_all(self._descriptor, written, offset=self._end)
        os.fdatasync(self._descriptor)
        self._frames.append((self._end + HEADER_BYTES, len(body)))
        self._end += len(written)

    def read(self, number: int) -> bytes:
        """Return a stored block."""
        start, length = self._frames[number]
        return os.pread(self._descriptor, length, start)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
