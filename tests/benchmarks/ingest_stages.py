"""What one message costs ingest, stage by stage, without a broker: CPU microseconds of Python and of PostgreSQL.

PYTHONPATH=tests python tests/benchmarks/ingest_stages.py --help
"""

import argparse
import gc
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from pydantic import SecretStr

from support.database import running_cluster
from support.ingest_load import KINDS, Load
from support.ingest_world import LOG_ID, ORGANISATION, register_log
from wayproof.anchor.sealing import seal_step
from wayproof.ingest.arrivals import Arrival
from wayproof.ingest.group import assemble
from wayproof.ingest.group_judge import GroupJudge
from wayproof.ingest.judge import House
from wayproof.ingest.signatures import Verifiers
from wayproof.ingest.worker import YOUNG_OBJECTS
from wayproof.settings import DatabaseSettings
from wayproof.store import schema
from wayproof.store.connection import Connection, connect
from wayproof.store.messages import Numbers, add_messages


class Costs:
    """CPU seconds of this process and of one backend, by stage."""

    def __init__(self, backend: psutil.Process) -> None:
        self._backend = backend
        self.python: dict[str, list[float]] = {}
        self.postgres: dict[str, list[float]] = {}

    def of(self, stage: str, work: Callable[[], object], *, messages: int) -> None:
        """Do one stage of a group; note microseconds per message."""
        python, backend = time.process_time(), _cpu(self._backend)
        work()
        self.python.setdefault(stage, []).append((time.process_time() - python) / messages * 1e6)
        self.postgres.setdefault(stage, []).append((_cpu(self._backend) - backend) / messages * 1e6)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def groups(load: Load, *, groups: int, size: int) -> list[list[Arrival]]:
    """Prepare arrivals: packets are built before the clock runs."""
    sent = iter(load.messages(groups * size))
    at_ms = time.time_ns() // 1_000_000
    return [
        [
            Arrival(topic, payload, at_ms, 1, number % 65_535 + 1, 1)
            for number, (topic, payload) in zip(range(size), sent, strict=False)
        ]
        for _ in range(groups)
    ]


def measure(connection: Connection, load: Load, *, count: int, size: int, verifiers: int) -> Costs:
    """Take groups in, and seal them."""
    costs = Costs(psutil.Process(connection.info.backend_pid))
    pool = Verifiers(verifiers)
    judge = GroupJudge(House(ORGANISATION, LOG_ID), verifiers=pool)
    numbers = Numbers()
    for place, arrivals in enumerate(groups(load, groups=count + 1, size=size)):
        these = costs if place else Costs(psutil.Process(connection.info.backend_pid))  # the first one learns
        _take_in(connection, arrivals, judge=judge, numbers=numbers, costs=these)
    pool.close()
    return costs


def _take_in(
    connection: Connection, arrivals: Sequence[Arrival], *, judge: GroupJudge, numbers: Numbers, costs: Costs
) -> None:
    count = len(arrivals)
    judged = []
    costs.of("judge", lambda: judged.extend(judge.judge(connection, arrivals)), messages=count)
    assembled = []
    costs.of("assemble", lambda: assembled.append(assemble(judged)), messages=count)
    messages = assembled[0].messages
    assert len(messages) == count
    costs.of("learn numbers", lambda: numbers.learn(connection, messages), messages=count)

    def store() -> None:
        with connection.transaction():
            assert len(add_messages(connection, messages, numbers=numbers)) == count

    costs.of("store", store, messages=count)

    def seal() -> None:
        while seal_step(connection):
            pass

    costs.of("seal", seal, messages=count)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Measure ingest's stages without a broker; prints a Markdown table.")
    parser.add_argument("--groups", type=int, default=10, help="groups, of which the median counts (default: 10)")
    parser.add_argument("--size", type=int, default=4_000, help="messages of a group (default: 4,000)")
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--readings", type=int, default=1, help="readings of a message")
    parser.add_argument("--kind", choices=KINDS, default="unsigned")
    parser.add_argument("--verifiers", type=int, default=1, help="threads; more than one blurs the CPU columns")
    options = parser.parse_args()
    gc.set_threshold(YOUNG_OBJECTS)
    load = Load(kind=options.kind, devices=options.devices, readings=options.readings)
    with tempfile.TemporaryDirectory() as folder, running_cluster(Path(folder) / "cluster") as cluster:
        settings = DatabaseSettings(dsn=SecretStr(cluster.new_database()))
        with connect(settings, application="benchmark") as connection:
            schema.apply(connection)
            register_log(connection)
            load.register(connection)
            costs = measure(connection, load, count=options.groups, size=options.size, verifiers=options.verifiers)
    assert threading.active_count() == 1
    print(
        f"{options.kind}, {options.readings} readings a message, groups of {options.size}; CPU µs per message, median"
    )
    print("| stage | Python | PostgreSQL |\n|---|--:|--:|")
    for stage, python in costs.python.items():
        print(f"| {stage} | {statistics.median(python):.2f} | {statistics.median(costs.postgres[stage]):.2f} |")


if __name__ == "__main__":
    main()
