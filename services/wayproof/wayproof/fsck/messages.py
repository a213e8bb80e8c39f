"""Messages and their readings, batch by batch: fetches what a judgement needs, and names the row that is wrong."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from wayproof.fsck.finding import Findings, Mismatch, shown
from wayproof.fsck.message import (
    Judged,
    Key,
    Keys,
    is_erased,
    judge,
    judge_erased,
    judge_readings,
    message_key,
    quantity_of,
)
from wayproof.store import fsck as stored
from wayproof.store import retention
from wayproof.store.connection import Connection
from wayproof.store.fsck import StoredMessage, StoredReading
from wayproof.store.key_end import key_end
from wayproof_contract import canonical
from wayproof_contract.state import erasure_key
from wayproof_verifier.telemetry import PublicKey
from wayproof_verifier.telemetry.topic import Topic, parse_topic

BATCH = 200
"""Messages whose readings are fetched at once."""
MOST_REMEMBERED = 10_000
"""Devices whose keys are remembered."""


class MessageCheck:
    """Compares messages with their bytes."""

    def __init__(self, connection: Connection, findings: Findings, *, log_id: str) -> None:
        self._connection, self._findings, self._log_id = connection, findings, log_id
        self._keys: dict[str, Keys] = {}
        self._dropped = retention.dropped(connection)

    def checked(self, rows: Iterator[StoredMessage]) -> Iterator[StoredMessage]:
        """Check every message and its readings, and yield it."""
        while batch := list(islice(rows, BATCH)):
            self._check(batch)
            yield from batch

    def _check(self, batch: Sequence[StoredMessage]) -> None:
        whole = [row for row in batch if row.is_there]
        readings = stored.readings(self._connection, [row.ingest_id for row in whole])
        self._learn_keys(row.topic for row in whole)
        for row in whole:
            judged = self._judge(row)
            found = readings.get(row.ingest_id, [])
            self._findings.extend(judged.mismatches)
            self._findings.extend(self._stream(row, judged))
            self._findings.extend(judge_readings(row, found, expected=judged.readings, dropped=self._dropped))
            self._findings.extend(self._quantities(found, judged))
            self._findings.counts["messages"] += 1
            self._findings.counts["readings"] += len(found)
            if self._dropped:
                self._findings.counts["dropped readings"] += max(0, len(judged.readings) - len(found))

    def _judge(self, row: StoredMessage) -> Judged:
        if not is_erased(row):
            return judge(row, keys=self._keys.get(_device_of(row.topic), {}))
        self._findings.counts["erased messages"] += 1
        value = None
        if row.epoch is not None and row.leaf_index is not None:
            key = erasure_key(self._log_id, row.epoch, row.leaf_index)
            value = stored.record(self._connection, key)
        return judge_erased(row, record=canonical.decode_object(value) if value else None)

    def _stream(self, row: StoredMessage, judged: Judged) -> Iterator[Mismatch]:
        """Yield what is wrong with a message's stream: that it points to another one, or that one's row."""
        if row.stream_id is None or judged.stream is None:
            return
        found = (row.stream_device_id, row.stream_name)
        if found == judged.stream:
            return
        device_id, name = judged.stream
        number = stored.stream_number(self._connection, device_id=device_id, name=name)
        if row.stream_name is None or number is None:
            value = "no row" if row.stream_name is None else f"{found}"
            yield Mismatch("stream", f"stream_id {row.stream_id}", "", value, f"{judged.stream}")
        if number is not None:
            yield Mismatch("message", message_key(row), "stream_id", shown(row.stream_id), f"{number}, {name!r}")

    def _quantities(self, found: Iterable[StoredReading], judged: Judged) -> Iterator[Mismatch]:
        """Yield what is wrong with what readings measure: that one points to another, or the quantity's row."""
        for reading in found:
            if not 0 <= reading.ordinal < len(judged.readings):
                continue
            expected = quantity_of(judged.readings[reading.ordinal])
            value = (reading.name, reading.unit, reading.kind)
            if value == expected:
                continue
            name, unit, kind = expected
            number = stored.quantity_number(self._connection, name=name, unit=unit, kind=kind)
            if reading.name is None or number is None:
                shows = "no row" if reading.name is None else f"{value}"
                yield Mismatch("quantity", f"quantity_id {reading.quantity_id}", "", shows, f"{expected}")
            if number is not None:
                key = f"ingest_id {reading.ingest_id}, ordinal {reading.ordinal}"
                is_named = f"{number}, {name} in {unit or kind}"
                yield Mismatch("reading", key, "quantity_id", shown(reading.quantity_id), is_named)

    def _learn_keys(self, topics: Iterable[str | None]) -> None:
        """Read the keys of the devices that these topics name."""
        wanted = {_device_of(topic) for topic in topics} - {""}
        if len(self._keys) > MOST_REMEMBERED:
            self._keys.clear()
        unknown = wanted - self._keys.keys()
        if not unknown:
            return
        found: dict[str, dict[bytes, Key]] = {device_id: {} for device_id in unknown}
        for row in stored.keys(self._connection, unknown):
            try:
                public = PublicKey.from_spki(row.public_key)
            except ValueError:  # a row that was changed: the ledger part names it
                continue
            end = None if row.last_positions is None else key_end(row.last_positions)
            found[row.device_id][public.key_id] = Key(public, row.registered_at_ms, end)
        self._keys.update(found)


def _device_of(topic: str | None) -> str:
    parsed = parse_topic(topic or "")
    return parsed.device_id if isinstance(parsed, Topic) else ""
