"""F5: the ledger is away, slow, refuses, leaves outcomes unknown, lies, and talks nonsense; ingest goes on.

Half load is measured first: the long form publishes for a fleet as fast as messages are taken in, then at half of that
rate, before and while the ledger is away. What the fleet sent must be stored and anchored, too.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from support.fault_world import World
from support.faults import Fault, Trial
from support.faulty_ledger import MODES
from support.findings import Findings
from support.fleet import Fleet
from support.platform import SHIPPER
from support.watch import STORED
from wayproof.up import services
from wayproof.up.supervisor import Service

AWAY_S, LONG_AWAY_S = 1.0, 300.0
MODE_S, LONG_MODE_S = 1.0, 30.0
"""The shorter one is two steps of the anchor."""
FULL_LOAD_MESSAGES = 60_000
BEFORE_S = 60.0
LONG_INTERVAL_S = 0.25
"""Between two measurements of the devices with spools: they go on for a quarter of an hour."""
MOST_DROP = 0.05
DRAINED_WITHIN_S = 300.0


@asynccontextmanager
async def away(world: World) -> AsyncIterator[None]:
    """Stop the ledger; start it again afterwards."""
    supervisor = world.platform.supervisor
    await supervisor.stop("ledger")
    try:
        yield
    finally:
        await supervisor.start(services.ledger(world.platform.deployment))


@asynccontextmanager
async def faulty(world: World, mode: Path) -> AsyncIterator[None]:
    """Put the faulty ledger in the real one's place, on the same port and the same blocks."""
    deployment, supervisor = world.platform.deployment, world.platform.supervisor
    program = Path(__file__).parents[1] / "support" / "faulty_ledger.py"
    command = (sys.executable, str(program), str(deployment.ledger_directory))
    port = deployment.ledger_port
    await supervisor.stop("ledger")
    await supervisor.start(Service("ledger", (*command, "--port", str(port), "--mode", str(mode)), port=port))
    try:
        yield
    finally:
        await supervisor.stop("ledger")
        await supervisor.start(services.ledger(deployment))


@contextmanager
def answering(mode: Path, how: str) -> Iterator[None]:
    """Let the faulty ledger answer in one way."""
    mode.write_text(how)
    try:
        yield
    finally:
        mode.write_text("")


async def half_load(trial: Trial, world: World, findings: Findings, fleet: Fleet) -> None:
    """Measure what ingest takes in, then take the ledger away at half of it, and compare the rates."""
    full = await fleet.publish(FULL_LOAD_MESSAGES)
    half = full / 2
    trial.say(f"full load {full:.0f} messages/s, half of it {half:.0f}")
    before = await fleet.publish(int(half * BEFORE_S), per_second=half)
    async with away(world):
        during = await fleet.publish(int(half * (trial.outage_s or LONG_AWAY_S)), per_second=half)
    trial.say(f"with the ledger {before:.0f}/s, without it {during:.0f}/s")
    drop = 1 - during / before
    findings.require(drop <= MOST_DROP, f"ingest slows by {drop:.1%} without the ledger")
    findings.figures.update(
        full_per_s=round(full), half_per_s=round(half), before_per_s=round(before), away_per_s=round(during)
    )
    drained_s = await fleet.wait_until_anchored(DRAINED_WITHIN_S)
    findings.require(drained_s is not None, "what the fleet sent is not all stored and anchored")
    findings.figures.update(fleet_sent=fleet.sent, fleet_drained_s=drained_s if drained_s is not None else "no")


async def _run(trial: Trial) -> Findings:
    findings = Findings()
    async with trial.world() as world:
        await world.begin(findings, interval_s=LONG_INTERVAL_S if trial.is_long else None)
        anchor, mode = f"anchor-{SHIPPER}", trial.directory / "mode"
        starts = {name: world.platform.supervisor.starts(name) for name in world.platform.supervisor.names}
        if trial.is_long:
            await half_load(trial, world, findings, await Fleet.registered(world))
        else:
            async with away(world):
                before = world.watch.counted(STORED) or 0.0
                await asyncio.sleep(trial.outage_s or AWAY_S)
                findings.require((world.watch.counted(STORED) or 0.0) > before, "nothing is stored without the ledger")
        with answering(mode, ""):
            pass
        async with faulty(world, mode):
            for how in MODES:
                with answering(mode, how):
                    acknowledged_s = await world.watch.first_acknowledged_s()
                    findings.require(acknowledged_s is not None, f"{how}: nothing is receipted any more")
                    await asyncio.sleep(LONG_MODE_S if trial.is_long else MODE_S)
                trial.say(how)
        for name in (name for name in starts if name not in ("ledger", anchor)):
            ended = world.platform.supervisor.starts(name) - starts[name]
            findings.require(ended == 0, f"{name} ended {ended} times")
        findings.require(world.platform.supervisor.starts(anchor) == starts[anchor], f"{anchor} ended")
        await world.check(findings)
    return findings


FAULTS = (
    Fault(
        "F5",
        "ledger away, slow, refusing, silent, lying, talking nonsense",
        "lost 0; ingest slows by 5 % at most at half load; the backlog drains; no process ends",
        _run,
    ),
)
