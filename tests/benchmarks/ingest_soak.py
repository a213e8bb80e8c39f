"""Ingest for a long time: memory of each process, and what a reading costs, while the table grows to 100 million rows.

PYTHONPATH=tests python tests/benchmarks/ingest_soak.py --help

It runs in laps. A lap sends its messages at a given rate and ends when all of them are sealed; broker, ingest and
sealer live on from lap to lap. What was measured goes to `laps.jsonl` and `memory.jsonl` in the folder, which has the
database too: started again with the same folder, it goes on with a new lap where it was stopped.
"""

import argparse
import contextlib
import json
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from pydantic import SecretStr

from support.database import RunningCluster, running_cluster
from support.ingest_bench import PATIENCE_S, cpu_s, ours, plain_broker
from support.ingest_load import Load
from support.ingest_world import register_log
from support.mqtt_load import Generator
from wayproof.settings import DatabaseSettings
from wayproof.store import schema
from wayproof.store.connection import Connection, connect

READINGS = 10
POLL_S = 0.5
MEMORY_EVERY_S = 5.0
BYTES_A_ROW = 250
"""On disk, with its share of a message, indexes and the log; a rough figure, to refuse a disk that is too small."""
SERVER = ("-c", "shared_buffers=1GB", "-c", "max_wal_size=4GB")
COSTS = ("ingest", "PostgreSQL", "sealer", "broker", "generator")
MEBIBYTE = 1 << 20
LEAST_HOURS = 5 / 60


@dataclass(frozen=True, slots=True)
class Lap:
    """So many rows were there before and after; seconds that it took; CPU microseconds of each process per reading."""

    rows_before: int
    rows: int
    took_s: float
    cpu_us: dict[str, float]


@dataclass(frozen=True, slots=True)
class Memory:
    """When (epoch seconds), at how many rows before the lap, and MiB of memory that is a process's own."""

    at_s: float
    rows: int
    own_mib: dict[str, float]


@dataclass(slots=True)
class Soak:
    """One life of the processes, over a database that outlives them."""

    folder: Path
    connection: Connection
    processes: dict[str, psutil.Process]
    port: int
    options: argparse.Namespace
    _remembered_at_s: float = 0.0

    def lap(self) -> Lap:
        """Send one lap's messages and wait until all of them are sealed. Raises TimeoutError."""
        count = self.options.lap_rows // READINGS
        started = self.size()
        first = max(started, _sent_before(self.folder))
        (self.folder / "sent").write_text(str(first + count), "utf-8")  # before: none is sent twice after a stop
        messages = Load(readings=READINGS, devices=self.options.devices, first=first).messages(count)
        with Generator(self.port, messages, per_second=self.options.per_second) as generator:
            before = {name: cpu_s(it) for name, it in self.processes.items()}
            generator.go()
            began_s = time.monotonic()
            deadline = began_s + PATIENCE_S + (count / self.options.per_second if self.options.per_second else 0)
            while self.size() < started + count:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.size() - started} of {count} messages are sealed")
                self.remember(started * READINGS)
                time.sleep(POLL_S)
            took_s = time.monotonic() - began_s
            spent = {name: cpu_s(it) - before[name] for name, it in self.processes.items()}
            spent["generator"] = generator.cpu_s()
        readings = count * READINGS
        cpu_us = {name: round(spent[name] / readings * 1e6, 3) for name in COSTS}
        lap = Lap(started * READINGS, (started + count) * READINGS, round(took_s, 1), cpu_us)
        _append(self.folder / "laps.jsonl", asdict(lap))
        return lap

    def size(self) -> int:
        """Return how many messages are sealed."""
        row = self.connection.execute("SELECT coalesce(sum(size), 0) AS size FROM log_epoch").fetchone()
        assert row is not None
        return int(str(row["size"]))

    def drain(self) -> None:
        """Wait until nothing waits that an earlier life left."""
        deadline = time.monotonic() + PATIENCE_S
        while self.connection.execute("SELECT FROM log_waiting LIMIT 1").fetchone() is not None:
            if time.monotonic() > deadline:
                raise TimeoutError("what an earlier run left is not sealed")
            time.sleep(POLL_S)

    def remember(self, rows: int) -> None:
        """Note the memory of all processes, every few seconds."""
        if time.monotonic() - self._remembered_at_s < MEMORY_EVERY_S:
            return
        self._remembered_at_s = time.monotonic()
        own = {name: round(own_bytes(it) / MEBIBYTE, 1) for name, it in self.processes.items()}
        _append(self.folder / "memory.jsonl", asdict(Memory(round(time.time(), 1), rows, own)))


def own_bytes(process: psutil.Process) -> int:
    """Return memory that is not shared (RssAnon), of a process and its children: PostgreSQL's buffers are left out."""
    total = 0
    for it in [process, *process.children(recursive=True)]:
        with contextlib.suppress(OSError):  # a child may have ended
            for line in Path(f"/proc/{it.pid}/status").read_text("ascii").splitlines():
                if line.startswith("RssAnon:"):
                    total += int(line.split()[1]) * 1024
    return total


@contextlib.contextmanager
def soaking(options: argparse.Namespace) -> Iterator[Soak]:
    """Start everything over the folder's database, which is made where it is not there."""
    folder = Path(options.directory)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for log in folder.glob("*.log"):  # of an earlier life: what is waited for must be said in this one
        log.unlink()
    load = Load(readings=READINGS, devices=options.devices)
    with running_cluster(folder / "cluster", arguments=SERVER) as cluster, plain_broker(folder) as broker:
        dsn = _database(cluster, load)
        settings = DatabaseSettings(dsn=SecretStr(dsn))
        with (
            connect(settings, application="benchmark") as connection,
            ours(folder, dsn, broker.port) as (ingest, sealer),
        ):
            assert cluster.process is not None
            pids = {"ingest": ingest, "sealer": sealer, "broker": broker.process, "PostgreSQL": cluster.process}
            processes = {name: psutil.Process(it.pid) for name, it in pids.items()}
            soak = Soak(folder, connection, processes, broker.port, options)
            soak.drain()
            yield soak


def _database(cluster: RunningCluster, load: Load) -> str:
    cluster.cluster.create_database("soak")
    dsn = cluster.cluster.dsn("soak")
    with connect(DatabaseSettings(dsn=SecretStr(dsn)), application="benchmark") as connection:
        schema.apply(connection)
        if connection.execute("SELECT FROM log_epoch").fetchone() is None:
            with connection.transaction():
                register_log(connection)
                load.register(connection)
    return dsn


def _sent_before(folder: Path) -> int:
    path = folder / "sent"
    return int(path.read_text("utf-8")) if path.exists() else 0


def _append(path: Path, value: object) -> None:
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(value) + "\n")


def _read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def table(laps: Sequence[Lap]) -> str:
    """Return what a reading cost as the table grew, a line for each doubling, as a Markdown table."""
    titles = " | ".join(f"{it}, CPU µs" for it in COSTS)
    lines = [f"| rows | readings/s | {titles} |", "|--:|--:|" + "--:|" * len(COSTS)]
    due = 0
    for place, lap in enumerate(laps):
        if lap.rows >= due or place == len(laps) - 1:
            due = 2 * lap.rows
            rate = (lap.rows - lap.rows_before) / lap.took_s
            lines.append(f"| {lap.rows:,} | {rate:,.0f} | {' | '.join(f'{lap.cpu_us[it]:.2f}' for it in COSTS)} |")
    return "\n".join(lines)


def slopes(memory: Sequence[Memory]) -> dict[str, float]:
    """Return how fast each process's own memory grew after the first fifth of the time: MiB an hour, least squares.

    Empty where that is less than five minutes: caches are still being filled then.
    """
    later = memory[len(memory) // 5 :]
    hours = [it.at_s / 3600 for it in later]
    if not hours or hours[-1] - hours[0] < LEAST_HOURS:
        return {}
    return {
        name: statistics.linear_regression(hours, [it.own_mib[name] for it in later]).slope for name in later[0].own_mib
    }


def report(folder: Path, *, since_s: float) -> dict[str, object]:
    """Print what was measured, write it to `result.json`, and return it. Memory is that of the life since then."""
    laps = [Lap(**it) for it in _read(folder / "laps.jsonl")]  # type: ignore[arg-type]  # as written above
    memory = [it for it in (Memory(**it) for it in _read(folder / "memory.jsonl")) if it.at_s >= since_s]  # type: ignore[arg-type]
    print("\n" + table(laps))
    growth = slopes(memory)
    for name in memory[0].own_mib if memory else ():
        values = [it.own_mib[name] for it in memory]
        slope = f"{growth[name]:+.1f} MiB an hour" if growth else "too short for a slope"
        print(f"{name}: {values[0]:.0f} MiB of its own at first, {values[-1]:.0f} at last, {slope}")
    result: dict[str, object] = {"laps": [asdict(it) for it in laps], "memory_mib_an_hour": growth}
    (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return result


def main() -> None:
    """Run laps until there are enough rows; print the table."""
    parser = argparse.ArgumentParser(description="Let ingest run long, and watch memory and cost. Ctrl-C, then go on.")
    parser.add_argument("--directory", default=".build/soak", help="database and results (default: .build/soak)")
    parser.add_argument("--rows", type=float, default=1e8, help="readings in the table at the end (default: 1e8)")
    parser.add_argument("--lap-rows", type=lambda it: int(float(it)), default=1_000_000, help="default: 1e6")
    parser.add_argument("--per-second", type=float, default=5_500, help="messages of 10 readings; 0: all it can take")
    parser.add_argument("--devices", type=int, default=100)
    options = parser.parse_args()
    folder, began_s = Path(options.directory), time.time()
    with contextlib.suppress(KeyboardInterrupt), soaking(options) as soak:
        needed, free = (options.rows - soak.size() * READINGS) * BYTES_A_ROW, shutil.disk_usage(folder).free
        if needed > free:
            raise SystemExit(f"about {needed / 1e9:.0f} GB are needed in {folder}, and {free / 1e9:.0f} GB are free")
        while soak.size() * READINGS < options.rows:
            lap = soak.lap()
            costs = ", ".join(f"{name} {lap.cpu_us[name]:.2f}" for name in COSTS)
            done = f"{lap.rows:,} of {int(options.rows):,} rows"
            print(f"{done}: {lap.took_s:.0f} s, CPU µs a reading: {costs}", flush=True)
    report(folder, since_s=began_s)


if __name__ == "__main__":
    main()
