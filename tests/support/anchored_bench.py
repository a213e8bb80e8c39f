"""The whole way of a message, from publish to the anchor that covers it, on one ledger: what is measured, and how.

async with anchored_way(folder, kinds=["ES256"], devices=100, fabric=None) as way:
    full = await way.run("ES256", 100_000)                                     # as fast as it goes
    half = await way.run("ES256", 100_000, per_second=full.stored / 2)

Everything is a process as `wayproof up` runs it: Mosquitto with TLS, access list and persistence, ingest, the anchor
process (which seals, too), the projections of both organisations, PostgreSQL, the ledger. PostgreSQL keeps the time of
each commit, so a message's stages are told by the database: committed, sealed, and anchored, which is when the anchor
that covers it was committed on the ledger, came back as a block, and was projected.
"""

import asyncio
import base64
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psutil
from pydantic import SecretStr

from aiofabric.network import Binaries
from support.fleet_process import FleetProcess, Order
from support.ingest_bench import cpu_s
from support.ingest_load import Load, T
from support.platform import CONSIGNEE, MEMBERS, PORTS, SHIPPER, free_ports
from wayproof import ledger as ledgers
from wayproof import settings
from wayproof.enrolment.folder import Folder
from wayproof.settings import DatabaseSettings, Settings
from wayproof.store.connection import Connection, connect
from wayproof.up import provision, services
from wayproof.up.provision import Deployment, database_name
from wayproof.up.supervisor import Supervisor

READINGS = 10
"""Of a message."""
PATIENCE_S = 300.0
POLL_S = 0.1
MONITORING = (f"monitor-{SHIPPER}", f"plausibility-{SHIPPER}")
"""What judges readings beside the way and is no part of it."""
PROCESSES = {
    "ingest": f"ingest-{SHIPPER}",
    "anchor": f"anchor-{SHIPPER}",
    "projection": f"projection-{SHIPPER}",
    "projection, consignee": f"projection-{CONSIGNEE}",
    "broker": "broker",
    "PostgreSQL": "database",
    "ledger": "ledger",
}
TUNED = "\ntrack_commit_timestamp = on\n"
"""What PostgreSQL is told beside what a deployment tells it: when each row was committed."""

HEADS: LiteralString = """
    SELECT
        (SELECT coalesce(max(size), 0) FROM log_epoch) AS sealed, (SELECT count(*) FROM log_waiting) AS waiting,
        (SELECT coalesce(max(size), 0) FROM anchor) AS anchored
"""
STAGES: LiteralString = """
    WITH sent AS (
        SELECT
            (first_observed_at_ms - %(first_ms)s) / 100 AS number, leaf_index,
            pg_xact_commit_timestamp(message.xmin) AS committed, pg_xact_commit_timestamp(log_leaf.xmin) AS sealed
        FROM log_leaf JOIN message USING (ingest_id)
        WHERE leaf_index >= %(base)s AND leaf_index < %(end)s AND rejection IS NULL
    ),
    head AS (
        SELECT
            lag(size, 1, 0::bigint) OVER (ORDER BY counter) AS first, size, pg_xact_commit_timestamp(xmin) AS anchored
        FROM anchor
    ),
    staged AS (
        SELECT
            number, extract(epoch FROM committed)::double precision AS committed,
            extract(epoch FROM sealed)::double precision AS sealed,
            extract(epoch FROM anchored)::double precision AS anchored,
            %(began_s)s::double precision
            + CASE WHEN %(per_second)s > 0 THEN number / %(per_second)s ELSE 0 END AS due
        FROM sent JOIN head ON leaf_index >= head.first AND leaf_index < head.size
    )
    SELECT
        count(DISTINCT number) AS messages, min(number) AS first, max(number) AS last,
        max(committed) AS committed, max(anchored) AS anchored,
        percentile_cont(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY committed - due) AS to_committed,
        percentile_cont(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY sealed - due) AS to_sealed,
        percentile_cont(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY anchored - due) AS to_anchored
    FROM staged
"""
STAGE_NAMES = ("committed", "sealed", "anchored")


@dataclass(frozen=True, slots=True)
class Run:
    """What became of some messages.

    Attributes:
        stored: messages stored a second, from the first packet until the last one was committed.
        anchored: the same until the anchor that covers the last one was projected.
        delays_s: from when a message was due to be sent until each stage: p50, p99 and the longest, in seconds.
        cpu_us: CPU microseconds for each message, by process.
    """

    stored: float
    anchored: float
    delays_s: Mapping[str, tuple[float, float, float]]
    cpu_us: Mapping[str, float]


@dataclass
class Way:
    """A running deployment with registered fleets, by kind."""

    deployment: Deployment
    supervisor: Supervisor
    settings: Settings
    connection: Connection
    fleet: FleetProcess
    sent: Counter[str] = field(default_factory=Counter)

    async def run(self, kind: str, count: int, *, per_second: float = 0.0) -> Run:
        """Publish so many messages, at a rate or as fast as the broker takes them; return once all are anchored."""
        base, first = self.sent.total(), self.sent[kind]
        await self._until(lambda it: it["waiting"] == 0 and it["sealed"] == it["anchored"] == base, "is settled")
        tls = Folder.at(self.settings.require_enrolment().directory).service("replay")
        order = Order(kind, count, per_second, self.settings.require_broker().port, tls)
        await asyncio.to_thread(self.fleet.prepare, order)
        before = self._cpu_s()
        began_s = self.fleet.go()
        self.sent[kind] += count
        await self._until(lambda it: it["anchored"] >= base + count, "is anchored")
        cpu_us = {name: (used - before[name]) / count * 1e6 for name, used in self._cpu_s().items()}
        asked = {
            "base": base, "end": base + count, "first_ms": T * 1000 + first * 100, "began_s": began_s,
            "per_second": per_second,
        }  # fmt: skip
        row: dict[str, Any] = self.connection.execute(STAGES, asked).fetchone() or {}
        assert (row["messages"], row["first"], row["last"]) == (count, 0, count - 1), "not what was sent"
        return Run(
            stored=count / (row["committed"] - began_s),
            anchored=count / (row["anchored"] - began_s),
            delays_s={name: tuple(row[f"to_{name}"]) for name in STAGE_NAMES},
            cpu_us=cpu_us,
        )

    async def register(self, loads: Iterable[Load]) -> None:
        """Register fleets on the ledger, and wait until ingest may know them."""
        fleet = [(load.kind, device) for load in loads for device in load.fleet]
        log_id = self.settings.require_log().log_id
        async with ledgers.connect(self.settings.ledger, msp_id=SHIPPER, user="registrar") as (_, ledger):
            for kind, device in fleet:
                key = {"algorithm": "none"}
                if kind != "unsigned":
                    key = {"algorithm": device.algorithm, "public_key": base64.b64encode(device.spki).decode()}
                argument = {"device_id": device.device_id, "model": "logger", "home_log": log_id, **key}
                await ledger.submit("register_device", argument)
        deadline = time.monotonic() + PATIENCE_S
        while self._row("SELECT count(*) AS count FROM device")["count"] < len(fleet):
            assert time.monotonic() < deadline, "the fleets are not projected"
            await asyncio.sleep(POLL_S)

    async def _until(self, condition: Callable[[Mapping[str, int]], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition(row := self._row(HEADS)):
            if time.monotonic() > deadline:
                logs = self.deployment.directory / "logs"
                raise SystemExit(f"of {self.sent.total()} messages not everything {what}: {row}; see {logs}")
            await asyncio.sleep(POLL_S)

    def _row(self, query: LiteralString) -> dict[str, Any]:
        return dict(self.connection.execute(query).fetchone() or {})

    def _cpu_s(self) -> dict[str, float]:
        pids = {name: self.supervisor.pid(service) for name, service in PROCESSES.items()}
        pids["generator"] = self.fleet.pid
        return {name: cpu_s(psutil.Process(pid)) for name, pid in pids.items() if pid is not None}


@asynccontextmanager
async def anchored_way(
    folder: Path, *, kinds: Sequence[str], devices: int, fabric: Binaries | None, with_monitoring: bool = False
) -> AsyncIterator[Way]:
    """Make a deployment in a folder, on Fabric or else on the embedded ledger, and run it with the settings' defaults.

    `kinds` of fleets are `unsigned` and signature algorithms.
    """
    deployment = await asyncio.to_thread(_made, folder / "deployment", fabric)
    read = settings.load(deployment.settings(SHIPPER))
    async with services.running(deployment, say=lambda _: None, pages=False) as supervisor:
        if not with_monitoring:
            await supervisor.stop(*MONITORING)
        dsn = SecretStr(deployment.cluster.dsn(database_name(MEMBERS[0])))
        with (
            connect(DatabaseSettings(dsn=dsn), application="benchmark") as connection,
            FleetProcess(kinds=kinds, devices=devices, readings=READINGS) as fleet,
        ):
            way = Way(deployment, supervisor, read, connection, fleet)
            await way.register(Load(kind=kind, devices=devices, readings=READINGS) for kind in kinds)
            yield way


def _made(directory: Path, fabric: Binaries | None) -> Deployment:
    deployment = provision.initialise(
        directory, members=MEMBERS, first_port=free_ports(PORTS), fabric=fabric, broker="mosquitto"
    )
    with (deployment.cluster.data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(TUNED)
    return deployment
