"""Blocks that wait in a temporary file until evidence is written: a channel may have more than fit into memory."""

import tempfile
from collections.abc import Iterator

LENGTH_BYTES = 8
IN_MEMORY_BYTES = 4 << 20


class BlockSpool:
    """Blocks in the order in which they came; read once or often, never while one is being added."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - as long as this object

    def append(self, block: bytes) -> None:
        """Add a block."""
        self._file.write(len(block).to_bytes(LENGTH_BYTES, "big") + block)

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        while length := self._file.read(LENGTH_BYTES):
            yield self._file.read(int.from_bytes(length, "big"))

    def __del__(self) -> None:
        self._file.close()
