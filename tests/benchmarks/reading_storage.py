"""How readings are stored, side by side in one server: what a COPY costs it, what a reading takes, what a trace asks.

PYTHONPATH=tests python tests/benchmarks/reading_storage.py --help

`two indexes` is the one table of before (docs/adr/0019-readings-in-weeks.md), `weeks` are partitions, `hypertable`
needs TimescaleDB (make timescaledb). One transaction copies the readings of 300 messages.
"""

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import psutil
from pydantic import SecretStr

from support.database import running_cluster
from support.timescaledb import running_timescaledb
from wayproof.settings import DatabaseSettings
from wayproof.store import packing, schema, storage
from wayproof.store.connection import Connection, connect
from wayproof.store.messages import QUERIES

GROUP = 300
READINGS = 10
ASKED = 500
STREAMS = 100
STEP_MS = 600_000
"""Between two messages of a stream: 30,000 messages of 100 streams span two days, 300,000 three weeks."""

BEFORE: LiteralString = """
    CREATE TABLE before.reading (
        stream_id integer NOT NULL, observed_at_ms bigint NOT NULL, ingest_id bigint NOT NULL,
        ordinal smallint NOT NULL, quantity_id integer NOT NULL, value bigint, scale smallint, text text,
        PRIMARY KEY (stream_id, observed_at_ms, ingest_id, ordinal),
        CHECK ((value IS NULL) = (scale IS NULL) AND (value IS NULL) <> (text IS NULL))
    )
"""
TRACE: LiteralString = """
    SELECT count(*), min(value), max(observed_at_ms)
    FROM unnest(%(ids)s::bigint[], %(first)s::bigint[], %(last)s::bigint[]) AS held (ingest_id, first_ms, last_ms)
    CROSS JOIN LATERAL (
        SELECT value, observed_at_ms FROM reading
        WHERE reading.ingest_id = held.ingest_id AND reading.observed_at_ms BETWEEN held.first_ms AND held.last_ms
        OFFSET 0
    ) AS measured
"""


@dataclass(slots=True)
class Figures:
    """Of one way to store, by round: CPU µs of PostgreSQL for 10 readings, bytes a reading, ms of a trace."""

    copy: list[float] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    trace: list[float] = field(default_factory=list)

    def row(self, name: str) -> str:
        """Return medians, and the least and most, as a row of Markdown."""
        cells = (
            f"{statistics.median(them):.1f} ({min(them):.1f} to {max(them):.1f})"
            for them in (self.copy, self.size, self.trace)
        )
        return f"| {name} | {' | '.join(cells)} |"


def _two_indexes(connection: Connection) -> None:
    connection.execute("CREATE SCHEMA before")
    connection.execute(BEFORE)
    connection.execute("CREATE INDEX ON before.reading (ingest_id)")
    connection.execute("SET search_path = before")


def _weeks(connection: Connection) -> None:
    schema.apply(connection, timescaledb="off")


def _hypertable(connection: Connection) -> None:
    schema.apply(connection, timescaledb="required")


def _spans(ids: Sequence[int], start_ms: int) -> dict[str, list[int]]:
    first = [start_ms + (it // STREAMS) * STEP_MS for it in ids]
    return {"ids": list(ids), "first": first, "last": [at + (READINGS - 1) * 1_000 for at in first]}


def _copy(connection: Connection, first: int, start_ms: int) -> None:
    rows = [
        packing.readings(
            it, it % STREAMS + 1, (1,) * READINGS, [(at + k * 1_000, 2_000 + k, 2, None) for k in range(READINGS)]
        )
        for it in range(first, first + GROUP)
        for at in _spans([it], start_ms)["first"]
    ]
    with connection.transaction(), connection.cursor() as cursor, cursor.copy(QUERIES["copy_readings"]) as copy:
        for block in packing.file(rows):
            copy.write(block)


def measure(connection: Connection, figures: Figures, *, messages: int) -> None:
    """Fill a fresh table with the readings of messages, and ask for one stream's."""
    backend = psutil.Process(connection.info.backend_pid)
    start_ms = time.time_ns() // 1_000_000 - messages // STREAMS * STEP_MS // 2
    before = _cpu(backend)
    for first in range(1, messages, GROUP):
        _copy(connection, first, start_ms)
    figures.copy.append((_cpu(backend) - before) / messages * (10 / READINGS) * 1e6)
    size = connection.execute(
        "SELECT sum(pg_total_relation_size(relid))::bigint AS bytes FROM pg_stat_user_tables WHERE relid IN "
        "(SELECT inhrelid FROM pg_inherits WHERE inhparent = 'reading'::regclass UNION SELECT 'reading'::regclass)"
    ).fetchone()
    assert size is not None
    figures.size.append(int(str(size["bytes"])) / messages / READINGS)
    connection.execute("ANALYZE reading")
    asked = _spans(range(STREAMS, messages, STREAMS)[:ASKED], start_ms)
    for _ in range(2):  # the first one reads what it needs into the cache
        began = time.perf_counter()
        row = connection.execute(TRACE, asked).fetchone()
        took = time.perf_counter() - began
    assert row is not None
    assert row["count"] == len(asked["ids"]) * READINGS
    figures.trace.append(took * 1_000)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextlib.contextmanager
def _server() -> Iterator[tuple[Callable[[], str], bool]]:
    """Run a server, with TimescaleDB where there is one; give what makes databases in it, and whether it is."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running_timescaledb())
        if server is not None:
            yield server.new_database, True
            return
        print("No TimescaleDB here: the hypertable is left out (make timescaledb)", flush=True)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        yield stack.enter_context(running_cluster(Path(folder) / "cluster")).new_database, False


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Measure how readings are stored; prints a Markdown table.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--messages", type=int, default=60_000, help=f"of {READINGS} readings (default and least: 60,000)"
    )
    options = parser.parse_args()
    ways: dict[str, Callable[[Connection], None]] = {"two indexes": _two_indexes, "weeks": _weeks}
    with _server() as (new_database, is_timescaledb):
        if is_timescaledb:
            ways["hypertable"] = _hypertable
        figures = {name: Figures() for name in ways}
        for number in range(options.rounds):
            for name, make in ways.items():
                settings = DatabaseSettings(dsn=SecretStr(new_database()))
                with connect(settings, application="benchmark") as connection:
                    make(connection)
                    measure(connection, figures[name], messages=options.messages // GROUP * GROUP)
                    kind = storage.storage(connection)
                print(f"round {number + 1}: {figures[name].row(name)} {kind or ''}", flush=True)
    print(f"| | COPY of 10 readings, CPU µs | bytes a reading | {ASKED} messages' readings, ms |\n|---|--:|--:|--:|")
    for name, them in figures.items():
        print(them.row(name))


if __name__ == "__main__":
    main()
