"""Ingest through Mosquitto beside Telegraf and `mosquitto_sub | psql COPY`: one run, one broker, one database server.

PYTHONPATH=tests python tests/benchmarks/ingest.py --help

A run begins with the first packet of the generator and ends when the last row is committed. Ours is validated,
de-duplicated, hashed, committed with fsync and acknowledged by then; `sealed` is how much later the log had it all.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from support.database import RunningCluster, running_cluster
from support.ingest_bench import (
    PATIENCE_S,
    PlainBroker,
    Processes,
    Target,
    cpu_s,
    mosquitto_sub_running,
    ours,
    plain_broker,
    target,
    telegraf,
    telegraf_running,
)
from support.ingest_load import Load, T
from support.mqtt_load import Generator

POLL_S = 0.1
DELAY = """
    WITH delay AS (
        SELECT 1000 * (
            extract(epoch FROM pg_xact_commit_timestamp(message.xmin)) - %(began_s)s
            - (observed_at_ms - %(first_ms)s) / 100.0 / %(per_second)s
        ) AS ms
        FROM message JOIN reading USING (ingest_id)
    )
    SELECT
        percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50, percentile_cont(0.99) WITHIN GROUP (ORDER BY ms) AS p99,
        max(ms) AS longest
    FROM delay
"""
DATABASE = ("-c", "track_commit_timestamp=on", "-c", "shared_buffers=1GB", "-c", "max_wal_size=8GB")


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who takes part: what is sent, where it ends up, and how it is run on (folder, dsn, port)."""

    name: str
    load: Callable[[], Load]
    table: str
    run: Callable[[Path, str, int], AbstractContextManager[Processes]]
    share: float = 1.0
    """Of the messages of a run: what takes longer gets fewer."""
    is_ours: bool = False


@dataclass(slots=True)
class Runs:
    """What was measured of one contestant: messages a second, and CPU microseconds per message of each process."""

    rates: list[float] = field(default_factory=list)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    sealed_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scene:
    """One run: everything in it is fresh but the database server."""

    broker: PlainBroker
    database: Target
    generator: Generator
    server: psutil.Process
    processes: dict[str, psutil.Process]

    def cpu_s(self, before: dict[str, float]) -> dict[str, float]:
        """Return CPU seconds by process; of one that has ended, what was known."""
        watched = {**self.processes, "broker": psutil.Process(self.broker.process.pid), "PostgreSQL": self.server}
        spent = dict(before)
        for name, process in watched.items():
            with contextlib.suppress(psutil.Error):
                spent[name] = cpu_s(process)
        return spent


@dataclass(frozen=True, slots=True)
class Stage:
    """What all of them share."""

    cluster: RunningCluster
    folder: Path

    @contextlib.contextmanager
    def set_for(self, contestant: Contestant, count: int, *, per_second: float = 0) -> Iterator[Scene]:
        """Start everything but the generator's sending."""
        load = contestant.load()
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        assert self.cluster.process is not None
        with (
            plain_broker(folder) as broker,
            target(self.cluster, load) as database,
            Generator(broker.port, load.messages(count), per_second=per_second) as generator,
            contestant.run(folder, database.dsn, broker.port) as processes,
        ):
            names = ("ingest", "sealer") if contestant.is_ours else ("client", "psql")
            by_name = {name: psutil.Process(it.pid) for name, it in zip(names, processes, strict=False)}
            yield Scene(broker, database, generator, psutil.Process(self.cluster.process.pid), by_name)

    def run(self, contestant: Contestant, count: int, runs: Runs) -> None:
        """Let one contestant take in so many messages, as fast as it can."""
        with self.set_for(contestant, count) as scene:
            before = spent = scene.cpu_s({})
            scene.generator.go()
            began_s = time.monotonic()
            while (stored := _stored(scene.database, contestant.table, pause_times=20)) < count:
                spent = scene.cpu_s(spent)
                assert time.monotonic() - began_s < PATIENCE_S, f"{contestant.name}: {stored} of {count}"
            ended_s = time.monotonic()
            spent = scene.cpu_s(spent)
            runs.rates.append(count / (ended_s - began_s))
            for name, seconds in spent.items():
                runs.cpu.setdefault(name, []).append((seconds - before[name]) / count * 1e6)
            runs.cpu.setdefault("generator", []).append(scene.generator.cpu_s() / count * 1e6)
            if contestant.is_ours:
                _until_sealed(scene.database, count)
                runs.sealed_s.append(time.monotonic() - ended_s)

    def delay_ms(self, contestant: Contestant, count: int, *, per_second: float) -> list[float]:
        """Return p50, p99 and the longest time from publish to commit at a rate, in milliseconds.

        The packets say when they are to be sent, from the moment on at which the generator begins; PostgreSQL says when
        the transaction of a row was committed.
        """
        with self.set_for(contestant, count, per_second=per_second) as scene:
            began_s = scene.generator.go()
            while _stored(scene.database, contestant.table, pause_times=50) < count:
                assert time.time() - began_s < PATIENCE_S
            row = scene.database.connection.execute(
                DELAY, {"began_s": began_s, "per_second": per_second, "first_ms": T * 1000}
            ).fetchone()
            assert row is not None
            return [float(str(it)) for it in row.values()]


def _until_sealed(database: Target, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while database.count("log_waiting"):
        assert time.monotonic() < deadline, "it is not sealed"
        time.sleep(POLL_S)
    assert database.count("log_leaf") == count


def _stored(database: Target, table: str, *, pause_times: int) -> int:
    """Count rows after a pause: so many times as long as counting takes, that it costs the server next to nothing."""
    began_s = time.monotonic()
    row = database.connection.execute("SELECT to_regclass(%s) AS there", [table]).fetchone()
    stored = database.count(table) if row and row["there"] else 0
    time.sleep(max(POLL_S, pause_times * (time.monotonic() - began_s)))
    return stored


def contestants(options: argparse.Namespace) -> list[Contestant]:
    """Return who takes part, as far as it is on this machine."""

    def we(name: str, *, kind: str = "unsigned", readings: int = 1, share: float = 1.0, **ingest: object) -> Contestant:
        return Contestant(
            name,
            lambda: Load(kind=kind, devices=options.devices, readings=readings),
            "message",
            lambda folder, dsn, port: ours(folder, dsn, port, **ingest),
            share,
            is_ours=True,
        )

    def one_reading() -> Load:
        return Load(devices=options.devices)

    all_of_them = [
        we("wayproof, 1 reading"),
        we("wayproof, 1 reading, paho", client="paho"),
        we("wayproof, 10 readings", readings=10, share=0.5),
        we("wayproof, 10 readings, ES256", kind="ES256", readings=10, share=0.2),
        we("wayproof, 10 readings, EdDSA", kind="EdDSA", readings=10, share=0.2),
    ]
    path = telegraf()
    if path is not None:
        all_of_them.append(
            Contestant(
                "Telegraf, 1 reading",
                one_reading,
                "rival",
                lambda folder, dsn, port: telegraf_running(folder, dsn, port, path=path),
            )
        )
    if shutil.which("mosquitto_sub"):
        count = int(options.messages)
        all_of_them.append(
            Contestant(
                "mosquitto_sub | psql COPY, 1 reading",
                one_reading,
                "raw",
                lambda folder, dsn, port: mosquitto_sub_running(folder, dsn, port, count=count),
            )
        )
    return [it for it in all_of_them if options.only in it.name]


def table(measured: dict[str, Runs], contestants: Sequence[Contestant]) -> str:
    """Return the results as a Markdown table."""
    lines = ["| | messages/s | min to max | readings/s | of Telegraf | CPU µs a message |", "|---|--:|--:|--:|--:|---|"]
    telegraf_rates = measured.get("Telegraf, 1 reading", Runs()).rates
    for contestant in contestants:
        runs = measured[contestant.name]
        rate = statistics.median(runs.rates)
        ratio = (
            f"{statistics.median(a / b for a, b in zip(runs.rates, telegraf_rates, strict=False)):.2f}"
            if telegraf_rates and contestant.load().readings == 1
            else ""
        )
        spent = ", ".join(f"{name} {statistics.median(values):.1f}" for name, values in runs.cpu.items())
        lines.append(
            f"| {contestant.name} | {rate:,.0f} | {min(runs.rates):,.0f} to {max(runs.rates):,.0f} |"
            f" {rate * contestant.load().readings:,.0f} | {ratio} | {spent} |"
        )
        if runs.sealed_s:
            lines.append(f"| … all sealed after | {statistics.median(runs.sealed_s):.1f} s | | | | |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Measure ingest beside its rivals; prints a Markdown table.")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts (default: 5)")
    parser.add_argument("--messages", type=int, default=200_000, help="of a run (default: 200,000)")
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--only", default="", help="those whose name has this in it")
    parser.add_argument("--delay-at", type=float, default=0.5, help="share of our rate for publish to commit; 0: not")
    options = parser.parse_args()
    measured: dict[str, Runs] = {}
    taking_part = contestants(options)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with running_cluster(folder / "cluster", arguments=DATABASE) as cluster:
            stage = Stage(cluster, folder)
            for number in range(options.rounds):
                for contestant in taking_part:
                    runs = measured.setdefault(contestant.name, Runs())
                    stage.run(contestant, int(options.messages * contestant.share), runs)
                    print(
                        f"{number + 1}: {contestant.name}: {runs.rates[-1]:,.0f}/s, load {os.getloadavg()[0]:.1f}",
                        flush=True,
                    )
            first = taking_part[0]
            per_second = statistics.median(measured[first.name].rates) * options.delay_at
            delays = []
            if per_second and first.is_ours:
                count = min(options.messages, int(per_second * 10))
                delays = [stage.delay_ms(first, count, per_second=per_second) for _ in range(options.rounds)]
    print(f"\n{options.messages:,} messages, {options.rounds} rounds, {os.cpu_count()} cores\n")
    print(table(measured, taking_part))
    if delays:
        p50, p99, longest = (statistics.median(column) for column in zip(*delays, strict=True))
        print(
            f"\nPublish to commit at {per_second:,.0f} messages/s: p50 {p50:.0f} ms, p99 {p99:.0f} ms, {longest:.0f} ms"
        )


if __name__ == "__main__":
    main()
