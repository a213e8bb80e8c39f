"""The way back: the readings of a dropped week, derived again from the messages that are kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from wayproof.store import retention
from wayproof.store.connection import Connection
from wayproof.store.errors import StoreError, store_errors
from wayproof.store.measured import quantity_of, value_of
from wayproof.store.retention import QUERIES
from wayproof.store.weeks import WEEK_MS, week_of
from wayproof_verifier.telemetry import Rejection, decode

FETCH_ROWS = 500


@dataclass(frozen=True, slots=True)
class _Message:
    ingest_id: int
    stream_id: int
    topic: str
    payload: bytes


_Row = tuple[int, int, int, int, str, str, str, int | None, int | None, str | None]
_COLUMNS = (
    "stream_ids", "observed_at_ms", "ingest_ids", "ordinals", "names", "units", "kinds", "values", "scales", "texts",
)  # fmt: skip


def restore_week(connection: Connection, week: int) -> int:
    """Put a dropped week's readings back; return how many. As the owner, within a transaction.

    Its hours are summed up again by the next round. Raises StoreError (week_not_dropped).
    """
    if week not in retention.dropped(connection):
        raise StoreError(f"the readings of week {week} were not dropped", code="week_not_dropped")
    span = {"begin_ms": week * WEEK_MS, "end_ms": (week + 1) * WEEK_MS}
    count = 0
    with store_errors():
        connection.execute(QUERIES["make_week"], {"week": week})
        with (
            connection.cursor(name="week_messages", row_factory=class_row(_Message)) as messages,
            connection.cursor(binary=True) as adding,
        ):
            messages.execute(QUERIES["week_messages"], span)
            while batch := messages.fetchmany(FETCH_ROWS):
                rows = [row for message in batch for row in _readings(message, week)]
                count += adding.execute(QUERIES["put_back"], {**_columns(rows), **span}).rowcount
        connection.execute(QUERIES["not_dropped"], {"week": week})
    return count


def _readings(message: _Message, week: int) -> Iterator[_Row]:
    decoded = decode(message.payload, topic=message.topic)
    if isinstance(decoded, Rejection):  # fsck names such a message
        return
    for ordinal, reading in enumerate(decoded.readings):
        if week_of(reading.observed_at_ms) == week:
            at_ms, value, scale, text = value_of(reading)
            name, unit, kind = quantity_of(reading)
            yield message.stream_id, at_ms, message.ingest_id, ordinal, name, unit, kind, value, scale, text


def _columns(rows: Sequence[_Row]) -> dict[str, list[object]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(_COLUMNS)}
