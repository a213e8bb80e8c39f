"""Sealing: committed messages get their index in the log, for ever.

The rules (docs/reference/log.md):
- Only committed rows are sealed: what merely arrived could still vanish.
- One step orders its unsealed rows by (`received_at_ms`, `ingest_id`), whatever order they were committed or read in.
- The step's indices follow the log's size and are stored in one transaction, before any hash of them is published.
- An index once stored is frozen: a row that has one is never given another, so a step that is run again changes
  nothing, and the tree computed again from the stored assignment has the same root.
"""

from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

from wayproof.log.errors import LogError


class LogRow(NamedTuple):
    """A committed message as the log sees it: its place in the store, its 32-byte entry, and its index once sealed."""

    ingest_id: int
    received_at_ms: int
    entry: bytes
    index: int | None = None  # type: ignore[assignment]  # in place of tuple.index, which nobody needs


def seal(rows: Iterable[LogRow], *, size: int) -> tuple[LogRow, ...]:
    """Return the rows that this step seals, in log order, with the indices from `size` on.

    `size` is the number of rows sealed so far. Rows that are sealed already are left alone. Raises LogError if a row
    comes twice, or was sealed at or after `size`: then size and rows were not read in one transaction.
    """
    committed = list(rows)
    if len({row.ingest_id for row in committed}) != len(committed):
        raise LogError("a message row is there twice; read each committed row once")
    if any(row.index is not None and row.index >= size for row in committed):
        raise LogError(f"a row is sealed beyond size {size}; read rows and size in one transaction")
    unsealed = sorted((row for row in committed if row.index is None), key=attrgetter("received_at_ms", "ingest_id"))
    return tuple(
        [LogRow(row.ingest_id, row.received_at_ms, row.entry, index) for index, row in enumerate(unsealed, start=size)]
    )


def entries_in_order(rows: Iterable[LogRow], *, start: int = 0) -> list[bytes]:
    """Return the entries of sealed rows from index `start` on, whatever order they come in: what the tree is made of.

    Raises LogError unless the rows are sealed and their indices follow one another without a hole.
    """
    entries = {row.index: row.entry for row in rows}
    try:
        return [entries.pop(index) for index in range(start, start + len(entries))]
    except KeyError as error:
        raise LogError(f"no row is sealed at index {error}; the frozen assignment is damaged") from error
