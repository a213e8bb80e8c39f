"""F3: the broker is stopped in order, killed, stays away, and comes back with nothing of what it had.

Mosquitto as shipped writes its queues when it is stopped in order, and only then. So a killed one forgets messages that
it acknowledged, and one with an empty folder forgets that ingest ever subscribed. Nothing may be lost all the same:
devices keep what no receipt names.
"""

import asyncio
import os
import shutil
import signal

from support.fault_world import World
from support.faults import Fault, Trial
from support.findings import Findings
from wayproof.up import services

AWAY_S, LONG_AWAY_S = 1.0, 60.0
SETTLED_S = 0.5
"""What ingest needs to keep what it had read already: no answer to what comes afterwards."""

WAYS = ("stopped", "killed", "killed, back with nothing", "away, back with nothing")


async def take_away(world: World, how: int) -> None:
    """End the broker, and see that nobody starts it again."""
    pid = world.platform.supervisor.pid("broker")
    if how == signal.SIGKILL and pid is not None:
        os.kill(pid, how)
    await world.platform.supervisor.stop("broker")
    await asyncio.sleep(SETTLED_S)


async def bring_back(world: World, *, empty: bool) -> float | None:
    """Start the broker, having removed what it kept; return how soon ingest receipts something, in seconds."""
    deployment = world.platform.deployment
    if empty:
        shutil.rmtree(deployment.broker_directory / "data")
    acknowledged = asyncio.create_task(world.watch.first_acknowledged_s())
    await world.platform.supervisor.start(services.broker(deployment))
    return await acknowledged


async def _run(trial: Trial) -> Findings:
    findings = Findings()
    async with trial.world() as world:
        await world.begin(findings, count=trial.measurements)
        for _ in range(5 if trial.is_long else 1):
            for way in WAYS:
                await take_away(world, signal.SIGTERM if way == "stopped" else signal.SIGKILL)
                if way.startswith("away"):
                    await asyncio.sleep(LONG_AWAY_S if trial.is_long else AWAY_S)
                acknowledged_s = await bring_back(world, empty="nothing" in way)
                trial.say(f"{way}: receipted again {acknowledged_s} s after its start")
                findings.require(acknowledged_s is not None, f"{way}: nothing is receipted any more")
                findings.keep_longest(f"first_acknowledged_s, {way}", acknowledged_s)
        await world.check(findings)
    return findings


FAULTS = (
    Fault("F3", "broker stopped, killed, restarted with nothing", "lost 0; ingest subscribes again by itself", _run),
)
