"""F7: clocks jump by an hour, stand still, cross midnight; a device's clock is years off.

Our processes run with libfaketime (Debian: `faketime`), which reads from a file what time it is for them: only their
wall clock changes, as when somebody sets a machine's clock. No clock may lose anything, what looks wrong is flagged,
and receipts promise what they always do. The log's order is that of ingest ids from step to step of sealing; within the
step in which a clock is set back it is that of arrival by the clock (docs/reference/log.md), which the figures count.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.fault_world import World
from support.faults import Fault, Trial
from support.findings import Findings
from support.platform import SHIPPER
from wayproof import settings
from wayproof.simulate.device import Device
from wayproof.simulate.pack import records
from wayproof.store.connection import Connection, connect
from wayproof.up import services
from wayproof_verifier.telemetry import Receipt
from wayproof_verifier.telemetry.receipt import decode_receipt

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
HOUR_MS = 3_600_000
STAY_S, LONG_STAY_S = 1.0, 60.0
"""The shorter one is two steps of sealing."""
FLAGGED_WITHIN_S, ASKED_EVERY_S = 30.0, 0.25
VERBS = ("ingest", "anchor", "monitor", "plausibility")
YEARS_OFF = {"behind": datetime(2001, 1, 1, tzinfo=UTC), "ahead": datetime(2090, 1, 1, tzinfo=UTC)}
LEAVES = """
SELECT count(*) FROM (
    SELECT ingest_id, received_at_ms,
        lag(ingest_id) OVER by_index AS id_before, lag(received_at_ms) OVER by_index AS received_before
    FROM log_leaf JOIN message USING (ingest_id) WINDOW by_index AS (PARTITION BY epoch ORDER BY leaf_index)
) AS leaves WHERE ingest_id < id_before"""
OUT_OF_ORDER = f"{LEAVES} AND received_at_ms < received_before"
SET_BACK = """
SELECT count(*) FROM (
    SELECT received_at_ms, lag(received_at_ms) OVER (ORDER BY ingest_id) AS before FROM message
) AS arrivals WHERE received_at_ms < before - 1800000
"""
FLAGGED = """
SELECT count(DISTINCT (reading_flag.stream_id, reading_flag.observed_at_ms)) FROM reading_flag
WHERE code IN ('clock_jump', 'clock_drift') AND observed_at_ms > 3700000000000
"""


def why_not() -> str:
    """Return why clocks cannot be changed here, empty if they can."""
    return "" if LIBRARY else "left out: libfaketime is not on this machine (Debian, Ubuntu: apt install faketime)"


def clocks() -> dict[str, str]:
    """Return what time it is made to be, as libfaketime reads it."""
    now = datetime.now().astimezone()
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "an hour ahead": "+3600",
        "an hour behind": "-3600",
        "across midnight": f"+{(midnight - now).total_seconds() - 1:.0f}",
        "frozen": now.strftime("%Y-%m-%d %H:%M:%S"),
        "right again": "+0",
    }


@asynccontextmanager
async def with_clock(world: World, file: Path) -> AsyncIterator[None]:
    """Let our processes take the time from a file."""
    deployment, supervisor = world.platform.deployment, world.platform.supervisor
    member = next(it for it in deployment.members if it.msp_id == SHIPPER)
    workers = [services.worker(verb, deployment, member) for verb in VERBS]
    names = [worker.name for worker in workers]
    told = (
        "env",
        f"LD_PRELOAD={LIBRARY}",
        f"FAKETIME_TIMESTAMP_FILE={file}",
        "FAKETIME_NO_CACHE=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
    )
    await supervisor.stop(*names)
    await supervisor.start(*(replace(worker, command=(*told, *worker.command)) for worker in workers))
    try:
        yield
    finally:
        await supervisor.stop(*names)
        await supervisor.start(*workers)


def record_years_off(folder: Path) -> None:
    """Let a device record with its clock years behind, right, and years ahead."""
    with Device.open(folder) as device:
        for when in (datetime.now(UTC), YEARS_OFF["behind"], datetime.now(UTC), YEARS_OFF["ahead"], datetime.now(UTC)):
            at_ms = int(when.timestamp() * 1000)
            device.record("conditions", measured=records({"temperature": 4.5}), observed_at_ms=at_ms)


def require_sane_receipts(world: World, findings: Findings, *, promised_ms: int) -> None:
    """Require that every receipt that a device kept promises an anchor in the usual time after it was issued."""
    kept = 0
    for folder in world.platform.devices:
        with Device.open(folder) as device:
            for data in device.spool.receipts():
                receipt = decode_receipt(data)
                kept += 1
                promises = isinstance(receipt, Receipt) and receipt.anchored_by_ms - receipt.issued_at_ms == promised_ms
                findings.require(promises, f"a receipt promises something else: {receipt}")
    findings.require(kept > 0, "no device kept a receipt")
    findings.figures["receipts_kept"] = kept


async def require_in_store(world: World, findings: Findings) -> None:
    """Require the log's order to be that of ingest ids, the jumps to be seen, and the wrong device to be flagged."""
    read = settings.load(world.platform.deployment.settings(SHIPPER))
    with connect(read.database, application="test") as connection:
        out_of_order, set_back = _count(connection, OUT_OF_ORDER), _count(connection, SET_BACK)
        findings.require(out_of_order == 0, f"{out_of_order} leaves are out of order")
        findings.figures["ordered_by_clock"] = _count(connection, LEAVES)
        findings.require(set_back > 0, "no clock was set back: the fault was not made")
        for _ in range(int(FLAGGED_WITHIN_S / ASKED_EVERY_S)):
            if flagged := _count(connection, FLAGGED):
                break
            await asyncio.sleep(ASKED_EVERY_S)
    findings.require(flagged > 0, "a device's clock years ahead is not flagged")
    findings.figures.update(out_of_order=out_of_order, flagged_years_ahead=flagged)


def _count(connection: Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone() or {}
    return int(str(row["count"]))


async def _run(trial: Trial) -> Findings:
    findings = Findings(left_out=why_not())
    if findings.left_out:
        return findings
    async with trial.world() as world:
        file = trial.directory / "clock"
        await asyncio.to_thread(file.write_text, "+0", "ascii")
        async with with_clock(world, file):
            await world.begin(findings, count=trial.measurements)
            for name, clock in clocks().items():
                await asyncio.to_thread(file.write_text, clock, "ascii")
                acknowledged_s = await world.watch.first_acknowledged_s()
                await asyncio.sleep(LONG_STAY_S if trial.is_long else STAY_S)
                still_s = await world.watch.first_acknowledged_s()
                trial.say(f"{name}: receipted after {acknowledged_s} s, and later after {still_s} s")
                findings.require(acknowledged_s is not None and still_s is not None, f"{name}: nothing is receipted")
            await world.check(findings)
            await asyncio.to_thread(record_years_off, world.platform.devices[0])
            await world.check(findings)
        read = settings.load(world.platform.deployment.settings(SHIPPER))
        require_sane_receipts(world, findings, promised_ms=read.require_log().anchored_within_s * 1000)
        await require_in_store(world, findings)
    return findings


FAULTS = (
    Fault(
        "F7",
        "clocks an hour ahead and behind, across midnight, frozen; a device's years off",
        "lost 0; order by ingest id and leaf index; years ahead flagged; receipts promise the same time",
        _run,
    ),
)
