"""F6: disks are full: the database's, that of its log (WAL), that of our logs, and a device's.

Each gets a small disk of its own (tmpfs: root only). Full, nothing is acknowledged, and nobody dies of it but
PostgreSQL where its own log cannot grow; with room again everything goes on by itself.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg

from support.fault_world import World
from support.faults import Fault, Trial
from support.findings import Findings
from support.platform import SHIPPER
from support.small_disk import MIB, SmallDisk, on_small_disk, under_small_disk, why_not
from support.watch import RECEIPTED
from wayproof import settings
from wayproof.simulate.device import Device
from wayproof.simulate.errors import DeviceError
from wayproof.simulate.pack import records
from wayproof.up import services

ROOM_BYTES = 48 * MIB
SPOOL_ROOM_BYTES = 3 * MIB
WATERMARK_BYTES = 16 * MIB
LONG_FULL_S = 30.0
"""The short form goes on as soon as nothing was receipted for a second."""
STOPPED_WITHIN_S, RESUMED_WITHIN_S, ENDED_WITHIN_S = 20.0, 60.0, 60.0
ASKED_EVERY_S, QUIET_TIMES = 0.2, 5
INGEST = f"ingest-{SHIPPER}"


@asynccontextmanager
async def database_on_small_disks(world: World) -> AsyncIterator[tuple[SmallDisk, SmallDisk]]:
    """Move the database's files, and those of its log, to small disks, with the server stopped meanwhile."""
    deployment, supervisor = world.platform.deployment, world.platform.supervisor
    await supervisor.stop("database")
    with (
        on_small_disk(deployment.cluster.data, room_bytes=ROOM_BYTES) as data,
        on_small_disk(deployment.cluster.data / "pg_wal", room_bytes=ROOM_BYTES) as wal,
    ):
        await supervisor.start(services.database(deployment))
        try:
            yield data, wal
        finally:
            await supervisor.stop("database")
    await supervisor.start(services.database(deployment))


async def ingest_anew(world: World, *, min_free_bytes: int) -> None:
    """Let ingest begin again with another watermark."""
    write_watermark(world, min_free_bytes)
    await end_ingest(world)


def write_watermark(world: World, min_free_bytes: int) -> None:
    """Tell ingest's next life its watermark."""
    path = world.platform.deployment.settings(SHIPPER)
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("min_free_bytes")]
    at = lines.index("[ingest]") + 1
    path.write_text("\n".join([*lines[:at], f"min_free_bytes = {min_free_bytes}", *lines[at:]]) + "\n", "utf-8")


async def end_ingest(world: World) -> None:
    """Kill ingest, once it runs; its supervisor starts it again."""
    await world.platform.supervisor.wait_until_ready(INGEST)
    pid = world.platform.supervisor.pid(INGEST)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


async def stops(world: World) -> bool:
    """Wait until ingest receipts nothing for a second; tell whether it came to that."""
    last, quiet = None, 0
    for _ in range(int(STOPPED_WITHIN_S / ASKED_EVERY_S)):
        now = await asyncio.to_thread(world.watch.counted, RECEIPTED)
        quiet = quiet + 1 if now is not None and now == last else 0
        if quiet == QUIET_TIMES:
            return True
        last = now
        await asyncio.sleep(ASKED_EVERY_S)
    return False


async def full(
    trial: Trial, world: World, findings: Findings, disk: SmallDisk, *, what: str, code: str, rest_bytes: int = 0
) -> None:
    """Fill a disk under load: ingest stops with a code; make room: it goes on."""
    log = world.platform.deployment.directory / "logs" / f"{INGEST}.log"
    said = len(log.read_bytes())
    disk.fill(rest_bytes=rest_bytes)
    if what == "wal":
        findings.require(await exhaust_wal(world), "wal: the server never came to its end")
    findings.require(await stops(world), f"{what}: ingest goes on receipting")
    if trial.is_long:
        await asyncio.sleep(LONG_FULL_S)
    findings.require(await _says(log, code, after=said), f"{what}: ingest does not say {code}")
    disk.make_room()
    resumed_s = await world.watch.first_acknowledged_s(within_s=RESUMED_WITHIN_S)
    trial.say(f"{what} full: {code}; receipted {resumed_s} s after there was room")
    findings.require(resumed_s is not None, f"{what}: does not go on")
    findings.keep_longest(f"resumed_s, {what}", resumed_s)


async def _says(log: Path, code: str, *, after: int) -> bool:
    """Wait until a process says a code; tell whether it comes to that."""
    for _ in range(int(STOPPED_WITHIN_S / 0.1)):
        if f'"code": "{code}"'.encode() in (await asyncio.to_thread(log.read_bytes))[after:]:
            return True
        await asyncio.sleep(0.1)
    return False


async def exhaust_wal(world: World) -> bool:
    """Have the server begin one file of its log after another, until there is no room; tell whether it ends.

    How many it has in store differs: it keeps old ones for use again.
    """
    supervisor = world.platform.supervisor
    pid, deadline = supervisor.pid("database"), time.monotonic() + ENDED_WITHIN_S
    while supervisor.pid("database") == pid and time.monotonic() < deadline:
        with suppress(psycopg.OperationalError):  # the server dies of it: that is what it is for
            await asyncio.to_thread(switch_wal, world)
        await asyncio.sleep(0.05)
    return supervisor.pid("database") != pid


def switch_wal(world: World) -> None:
    """Have the server begin the next files of its log, and write into them, as its superuser."""
    with psycopg.connect(world.platform.deployment.cluster.dsn("postgres"), autocommit=True) as connection:
        for _ in range(8):
            connection.execute("SELECT pg_switch_wal()")
            connection.execute("CREATE TABLE IF NOT EXISTS of_a_test ()")
            connection.execute("DROP TABLE of_a_test")


async def logs_full(world: World, findings: Findings) -> None:
    """Fill the folder of our logs, and let a process begin there; then let it begin with room, and be read again."""
    supervisor, logs = world.platform.supervisor, world.platform.deployment.directory / "logs"
    said_bytes = (logs / f"{INGEST}.log").stat().st_size
    with under_small_disk(logs, room_bytes=MIB) as disk:
        disk.fill()
        starts = supervisor.starts(INGEST)
        await end_ingest(world)
        resumed_s = await world.watch.first_acknowledged_s(within_s=RESUMED_WITHIN_S)
        findings.require(resumed_s is not None, "logs: ingest does not work without room for its log")
        findings.require(supervisor.starts(INGEST) == starts + 1, "logs: ingest was started again and again")
    await end_ingest(world)
    findings.require(await world.watch.first_acknowledged_s() is not None, "logs: ingest does not begin afterwards")
    is_heard = (logs / f"{INGEST}.log").stat().st_size > said_bytes
    findings.require(is_heard, "logs: ingest says nothing once there is room")


def spool_full(world: World, findings: Findings) -> int:
    """Let a device record until its disk is full; return how many messages it has then."""
    recorded = 0
    with Device.open(world.platform.devices[0]) as device:
        measured = records({"temperature": 4.5})
        try:
            for number in range(1_000_000):
                device.record("conditions", measured=measured, observed_at_ms=1_600_000_000_000 + number * 60_000)
                recorded += 1
        except DeviceError as error:
            findings.require(error.code == "device_spool_full", f"spool: {error.code}")
        else:
            findings.failures.append("spool: its disk did not become full")
    return recorded


async def _run(trial: Trial) -> Findings:
    findings = Findings(left_out=why_not())
    if findings.left_out:
        return findings
    async with trial.world() as world:
        supervisor = world.platform.supervisor
        await world.begin(findings, count=trial.measurements)
        starts = {name: supervisor.starts(name) for name in supervisor.names if name not in ("database", INGEST)}
        async with database_on_small_disks(world) as (data, wal):
            await ingest_anew(world, min_free_bytes=WATERMARK_BYTES)
            findings.require(await world.watch.first_acknowledged_s() is not None, "does not begin on a small disk")
            await full(trial, world, findings, data, what="watermark", code="disk_low", rest_bytes=WATERMARK_BYTES // 2)
            await ingest_anew(world, min_free_bytes=0)
            findings.require(await world.watch.first_acknowledged_s() is not None, "does not begin without a watermark")
            await full(trial, world, findings, data, what="data", code="store_full")
            await full(trial, world, findings, wal, what="wal", code="store_unavailable")
            findings.figures["database_starts, wal"] = supervisor.starts("database")
            write_watermark(world, settings.IngestSettings(client_id="").min_free_bytes)
        await logs_full(world, findings)
        for name, before in starts.items():
            findings.require(
                supervisor.starts(name) == before, f"{name} ended {supervisor.starts(name) - before} times"
            )
        await world.check(findings)
        with on_small_disk(world.platform.devices[0], room_bytes=SPOOL_ROOM_BYTES):
            findings.figures["spool_full_at"] = await asyncio.to_thread(spool_full, world, findings)
            trial.say(f"spool full after {findings.figures['spool_full_at']} messages")
            await world.check(findings)
    return findings


FAULTS = (
    Fault(
        "F6",
        "disk full: data, WAL, logs, a device's spool",
        "stops acknowledging with a code; no crash loop of ours; goes on once there is room; lost 0",
        _run,
    ),
)
