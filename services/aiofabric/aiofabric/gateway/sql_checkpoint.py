"""A checkpoint in the caller's own database, in the caller's own transaction.

The position changes in the same commit as the work that it stands for: what is committed is never done again, and what
is not committed is done again. Any DB-API 2.0 driver will do (PEP 249); this module imports none, opens nothing and
commits nothing. Every statement is plain SQL: a table, SELECT, DELETE, INSERT.
"""

import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Literal, LiteralString, Protocol

from aiofabric.errors import CheckpointError
from aiofabric.gateway.checkpoint import Checkpoint, Position

Paramstyle = Literal["format", "qmark", "numeric"]
"""A driver's placeholders, as its ``paramstyle`` says: ``%s`` (also of ``pyformat`` drivers), ``?``, ``:1``."""

_PLACEHOLDERS: dict[Paramstyle, tuple[str, str, str]] = {
    "format": ("%s", "%s", "%s"),
    "qmark": ("?", "?", "?"),
    "numeric": (":1", ":2", ":3"),
}
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")


class Cursor(Protocol):
    """What is needed of a DB-API 2.0 cursor (psycopg's connection has ``execute`` too, and returns one)."""

    def execute(self, operation: LiteralString, parameters: Sequence[object] = ..., /) -> object:
        """Run a statement."""

    def fetchone(self) -> Sequence[object] | None:
        """Return the next row, or None."""


class AsyncCursor(Protocol):
    """The same of a driver for asyncio, such as psycopg's ``AsyncCursor``."""

    def execute(self, operation: LiteralString, parameters: Sequence[object] = ..., /) -> Awaitable[object]:
        """Run a statement."""

    def fetchone(self) -> Awaitable[Sequence[object] | None]:
        """Return the next row, or None."""


@dataclass(frozen=True, slots=True)
class SqlCheckpoint:
    """A named position in a table. It holds no connection: every method works on the cursor that it is given.

    One reader has one name. Two that save under one name at once conflict at the primary key, and one of them fails.

    Attributes:
        name: the reader's name, the row's primary key.
        paramstyle: the driver's placeholders.
        table: the table's name, perhaps with its schema: letters, digits and underscores.
    """

    name: str
    paramstyle: Paramstyle = "format"
    table: str = "fabric_checkpoint"
    _statements: tuple[LiteralString, LiteralString, LiteralString] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _TABLE.fullmatch(self.table):
            raise ValueError(f"{self.table!r} is not a name of a table: letters, digits and underscores, one dot")
        if self.paramstyle not in _PLACEHOLDERS:
            raise ValueError(f"{self.paramstyle!r}: use one of {', '.join(_PLACEHOLDERS)} ('format' for pyformat)")
        first, second, third = _PLACEHOLDERS[self.paramstyle]
        # The table's name is checked above and the rest are placeholders: nothing else gets into the text.
        select = f"SELECT block_number, transaction_id FROM {self.table} WHERE name = {first}"  # noqa: S608
        delete = f"DELETE FROM {self.table} WHERE name = {first}"  # noqa: S608
        insert = (
            f"INSERT INTO {self.table} (name, block_number, transaction_id) "  # noqa: S608
            f"VALUES ({first}, {second}, {third})"
        )
        object.__setattr__(self, "_statements", (select, delete, insert))

    @property
    def schema(self) -> LiteralString:
        """The statement that makes the table if it is not there, for a migration of yours."""
        return (
            f"CREATE TABLE IF NOT EXISTS {self.table} (name varchar(255) PRIMARY KEY, "
            "block_number bigint NOT NULL, transaction_id varchar(64) NOT NULL)"
        )

    def load(self, cursor: Cursor) -> Position:
        """Return the position, or the beginning if there is none. Raises `CheckpointError` if it is not a position."""
        cursor.execute(self._statements[0], (self.name,))
        return self._position(cursor.fetchone())

    def save(self, cursor: Cursor, position: Checkpoint) -> None:
        """Write the position, to be committed by the caller together with the work."""
        _, delete, insert = self._statements
        cursor.execute(delete, (self.name,))
        cursor.execute(insert, (self.name, position.block_number, position.transaction_id))

    async def load_async(self, cursor: AsyncCursor) -> Position:
        """Do as `load`, with a cursor for asyncio."""
        await cursor.execute(self._statements[0], (self.name,))
        return self._position(await cursor.fetchone())

    async def save_async(self, cursor: AsyncCursor, position: Checkpoint) -> None:
        """Do as `save`, with a cursor for asyncio."""
        _, delete, insert = self._statements
        await cursor.execute(delete, (self.name,))
        await cursor.execute(insert, (self.name, position.block_number, position.transaction_id))

    def _position(self, row: Sequence[object] | None) -> Position:
        if row is None:
            return Position()
        block_number, transaction_id = row
        if not isinstance(block_number, int) or block_number < 0 or not isinstance(transaction_id, str):
            raise CheckpointError(f"{self.table} holds no position for {self.name!r}: restore or delete its row")
        return Position(block_number, transaction_id)
