"""Where to go on reading: the position after the last block or chaincode event that was dealt with.

A position is a block number and a transaction id within it. The reader records it *after* its own work is done, so
what it has not finished is read again: deal with each event so that a second time does no harm, or keep the position
in the same database transaction as the work (`aiofabric.gateway.SqlCheckpoint`).
"""

import asyncio
import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiofabric.errors import CheckpointError
from aiofabric.gateway.event import ChaincodeEvent


class Checkpoint(Protocol):
    """A position to start from. Block 0 with an empty transaction id says nothing and is ignored."""

    @property
    def block_number(self) -> int:
        """The block in which the next event is expected."""

    @property
    def transaction_id(self) -> str:
        """The last transaction dealt with in that block; empty to start with its first."""


@dataclass(frozen=True, slots=True)
class Position:
    """A position as a value, to be kept wherever the reader keeps its work. The default is the beginning.

    Attributes:
        block_number: the block in which the next event is expected.
        transaction_id: the last transaction dealt with in that block; empty to start with its first.
    """

    block_number: int = 0
    transaction_id: str = ""

    @classmethod
    def after_block(cls, block_number: int) -> "Position":
        """Return the position after a whole block."""
        return cls(block_number + 1)

    @classmethod
    def after_event(cls, event: ChaincodeEvent) -> "Position":
        """Return the position after a chaincode event."""
        return cls(event.block_number, event.transaction_id)


class InMemoryCheckpointer:
    """A position that is forgotten with the process: for going on after a dropped connection."""

    def __init__(self) -> None:
        self._block_number = 0
        self._transaction_id = ""

    @property
    def block_number(self) -> int:
        """The block in which the next event is expected."""
        return self._block_number

    @property
    def transaction_id(self) -> str:
        """The last transaction dealt with in that block; empty to start with its first."""
        return self._transaction_id

    async def checkpoint_block(self, block_number: int) -> None:
        """Record that a whole block is dealt with."""
        await self.checkpoint_transaction(block_number + 1, transaction_id="")

    async def checkpoint_transaction(self, block_number: int, *, transaction_id: str) -> None:
        """Record that the transactions of a block are dealt with up to and including this one."""
        self._block_number = block_number
        self._transaction_id = transaction_id

    async def checkpoint_chaincode_event(self, event: ChaincodeEvent) -> None:
        """Record that a chaincode event is dealt with."""
        await self.checkpoint_transaction(event.block_number, transaction_id=event.transaction_id)


class FileCheckpointer(InMemoryCheckpointer):
    """A position kept in a file, in the official clients' form: JSON with ``blockNumber`` and ``transactionId``.

    The file is replaced whole (written aside, fsync, rename, fsync of the folder): after a crash it holds the old
    position or the new one. One process writes it.
    """

    def __init__(self, path: Path) -> None:
        """Read the file if it is there. Raises `CheckpointError` if it does not hold a position."""
        super().__init__()
        self._path = path
        with contextlib.suppress(FileNotFoundError):
            self._block_number, self._transaction_id = _parse(path.read_bytes(), path=path)

    async def checkpoint_transaction(self, block_number: int, *, transaction_id: str) -> None:
        """Record the last transaction of a block that is dealt with, and return when that is durable."""
        encoded = json.dumps({"blockNumber": block_number, "transactionId": transaction_id}).encode()
        await asyncio.to_thread(_replace, self._path, encoded)
        await super().checkpoint_transaction(block_number, transaction_id=transaction_id)


def _parse(encoded: bytes, *, path: Path) -> tuple[int, str]:
    """Read what the Go client writes (a number) or the Node client (a text, either key left out)."""
    try:
        state = json.loads(encoded)
        block_number, transaction_id = int(state.get("blockNumber", 0)), state.get("transactionId", "")
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} does not hold a checkpoint; restore it, or delete it to start anew") from error
    if block_number < 0 or not isinstance(transaction_id, str):
        raise CheckpointError(f"{path} does not hold a checkpoint; restore it, or delete it to start anew")
    return block_number, transaction_id


def _replace(path: Path, encoded: bytes) -> None:
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(encoded)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
