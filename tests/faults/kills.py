"""F1 and F2: kill the platform's processes under load, again and again, and see that nothing is lost or doubled.

A process is killed at a named fail point, or at any moment, as `kill -9` does. After every `AUDIT_EVERY` kills the load
stops, everything is delivered, and the devices' own send logs are compared with rows, leaves and anchors. What a kill
does follows from seed and number alone.
"""

import asyncio
import os
import random
import signal
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from support.fault_world import World
from support.faults import Fault, Trial
from support.findings import Findings
from support.platform import SHIPPER

Plan = tuple[str, str]
"""Process, fail point; without one, at any moment."""

TAKING_IN: tuple[Plan, ...] = (
    ("ingest", "ingest.before_insert"),
    ("ingest", "ingest.before_commit"),
    ("ingest", "ingest.after_commit"),
    ("ingest", "ingest.before_ack"),
    ("ingest", "ingest.mid_ack"),
    ("ingest", "ingest.after_ack"),
    ("ingest", "ingest.before_receipt"),
    ("ingest", ""),
    ("broker", ""),
    ("database", ""),
    ("device", ""),
)
BEHIND_IT: tuple[Plan, ...] = (
    ("anchor", "sealer.before_commit"),
    ("anchor", "sealer.after_commit"),
    ("anchor", "anchor.before_submit"),
    ("anchor", "anchor.after_submit"),
    ("projection", "projection.before_commit"),
    ("projection", "projection.after_commit"),
    ("monitor", "monitor.before_submit"),
    ("monitor", "monitor.after_submit"),
    ("plausibility", "flags.before_commit"),
    ("plausibility", "flags.after_commit"),
    ("anchor", ""),
    ("projection", ""),
    ("monitor", ""),
    ("plausibility", ""),
    ("maintain", ""),
    ("ledger", ""),
    ("database", ""),
)
SHORT_KILLS, LONG_KILLS = 4, 260
AUDIT_EVERY = 13
REACHED_WITHIN_S = 15.0
PROGRESS = "kills.json"


@dataclass(slots=True)
class Tally:
    """What a run did, and did before it was stopped."""

    following: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    not_reached: Counter[str] = field(default_factory=Counter)
    recoveries_s: list[float] = field(default_factory=list)
    acknowledged_s: list[float] = field(default_factory=list)
    audits: int = 0


TALLY = TypeAdapter(Tally)


def plan_of(plans: Sequence[Plan], seed: int, number: int) -> tuple[str, str, random.Random]:
    """Return process, fail point ("" for any moment) and chance of a kill: every plan comes once in every round."""
    rounds, place = divmod(number, len(plans))
    order = list(plans)
    random.Random(f"{seed}/{rounds}").shuffle(order)  # noqa: S311 - repeatable
    return (*order[place], random.Random(f"{seed}/{number}"))  # noqa: S311 - repeatable


async def kill_once(world: World, tally: Tally, plan: tuple[str, str, random.Random]) -> str:
    """Do one kill, wait until all is up again, and return what was done."""
    process, point, chance = plan
    supervisor = world.platform.supervisor
    await asyncio.sleep(chance.uniform(0.1, 1.0))
    what = point or f"{process} at any moment"
    if process == "device":
        await world.load.kill()
        tally.kills[what] += 1
        return what
    name = process if process in ("ledger", "database", "broker") else f"{process}-{SHIPPER}"
    pid = supervisor.pid(name)
    if point:
        (world.platform.failpoints / point).touch()
    elif pid is not None:
        os.kill(pid, signal.SIGKILL)
    if not await _ended(world, name, pid=pid):
        (world.platform.failpoints / point).unlink(missing_ok=True)
        tally.not_reached[point] += 1
        return f"{point}: not reached"
    began = time.monotonic()
    acknowledged = asyncio.create_task(world.watch.first_acknowledged_s())
    await supervisor.wait_until_ready(name)
    tally.recoveries_s.append(round(time.monotonic() - began, 2))
    if process in ("ingest", "broker", "database"):
        tally.acknowledged_s.append(await acknowledged or float("inf"))
    else:
        acknowledged.cancel()
    tally.kills[what] += 1
    return what


async def _ended(world: World, name: str, *, pid: int | None) -> bool:
    """Wait until a process has ended; tell whether it did in time."""
    deadline = time.monotonic() + REACHED_WITHIN_S
    while pid is not None and world.platform.supervisor.pid(name) == pid:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


async def kill_again_and_again(trial: Trial, plans: Sequence[Plan]) -> Findings:
    """Kill, audit, and compute again; goes on after the last audit of the run that is resumed."""
    kills = trial.kills or (LONG_KILLS if trial.is_long else SHORT_KILLS)
    progress, findings = trial.directory / PROGRESS, Findings()
    tally = TALLY.validate_json(progress.read_bytes()) if trial.resume and progress.exists() else Tally()
    async with trial.world() as world:
        while tally.following < kills and not findings.failures:
            await world.begin(findings)
            first = tally.following
            for number in range(first, min(first + AUDIT_EVERY, kills)):
                done = await kill_once(world, tally, plan_of(plans, trial.seed, number))
                trial.say(f"kill {number} (seed {trial.seed}): {done}")
            await world.check(findings)
            tally.following, tally.audits = min(first + AUDIT_EVERY, kills), tally.audits + 1
            progress.write_bytes(TALLY.dump_json(tally))
            trial.say(f"  {findings.audit}")
    _tell(findings, tally)
    return findings


def _tell(findings: Findings, tally: Tally) -> None:
    """Say what was done: how many kills of each kind, how soon all was up, and ingest answered, again."""
    findings.figures["kills"] = kills = sum(tally.kills.values())
    findings.figures["audits"] = tally.audits
    for name, times in (("ready_s", tally.recoveries_s), ("first_acknowledged_s", tally.acknowledged_s)):
        if times:
            findings.figures[f"{name}_median"] = statistics.median(times)
            findings.figures[f"{name}_longest"] = max(times)
    findings.figures["kinds"] = ", ".join(f"{name} {times}" for name, times in sorted(tally.kills.items()))
    findings.figures["not_reached"] = ", ".join(f"{name} {times}" for name, times in sorted(tally.not_reached.items()))
    findings.require(max(tally.acknowledged_s, default=0.0) < float("inf"), "ingest answered nobody after a kill")
    findings.require(kills >= sum(tally.not_reached.values()), "most fail points were not reached")


async def _taking_in(trial: Trial) -> Findings:
    return await kill_again_and_again(trial, TAKING_IN)


async def _behind_it(trial: Trial) -> Findings:
    return await kill_again_and_again(trial, BEHIND_IT)


PASSES = "lost 0, duplicates 0, everything that was sent anchored, fsck consistent"
FAULTS = (
    Fault("F1", "ingest, broker, database, devices killed", PASSES, _taking_in),
    Fault(
        "F2", "sealer, anchor, projection, monitor, plausibility, maintain, ledger, database killed", PASSES, _behind_it
    ),
)
