"""F13: links that are slow, cut, or silent, between devices and the broker, and between the broker and ingest.

Devices and ingest reach Mosquitto through links of ours. While devices publish, both links are slowed down, cut
several times, and left half-open: nothing passes, and nobody is told. Ingest has to notice that by itself, within one
and a half keep-alive intervals, and to connect again. In the long form, as root, packets of the devices are lost too.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from support.fault_world import World
from support.faults import Fault, Trial
from support.findings import Findings
from support.link import Link
from support.platform import SHIPPER
from support.site import Site, attacked
from support.veth import Way, can_lose_packets, lossy
from wayproof.ingest.mqtt.conversation import KEEP_ALIVE_S, LOOP_S, SILENT_TIMES
from wayproof.simulate import identity as identities

CUTS_SHORT, CUTS_LONG = 2, 20
DELAY_S = 0.2
LOSSES, SHORTEST_LOSS_S, LONGEST_LOSS_S = 20, 0.05, 2.0
SILENT_SHORT_S = 1.0
NOTICED_WITHIN_S = SILENT_TIMES * KEEP_ALIVE_S + 5 * LOOP_S
"""Half a second of its loop is what it looks at its clock by; a few of them on a busy machine."""
SLACK_S = 10.0
INGEST = f"ingest-{SHIPPER}"


async def run(trial: Trial) -> Findings:
    """Disturb both links under load, then deliver and audit."""
    findings = Findings()
    chance = random.Random(f"{trial.seed}/F13")  # noqa: S311 - repeatable
    async with trial.world() as world, attacked(world) as site:
        with ExitStack() as stack:
            port = site.deployment.broker_port
            way = stack.enter_context(lossy(port)) if trial.is_long and can_lose_packets() else None
            port = way.port if way else port
            outer = stack.enter_context(Link(port))
            inner = stack.enter_context(Link(site.deployment.broker_services_port))
            async with between(world, site, outer, inner):
                await world.load.begin()
                await receipted_more(site)
                trial.say("slow")
                outer.delay_s = inner.delay_s = DELAY_S
                await asyncio.sleep(chance.uniform(1, 3) if trial.is_long else 1.0)
                for number in range(CUTS_LONG if trial.is_long else CUTS_SHORT):
                    trial.say(f"cut {number}")
                    outer.delay_s = inner.delay_s = chance.choice([0, DELAY_S / 10, DELAY_S])
                    chance.choice([outer, inner]).cut()
                    await asyncio.sleep(chance.uniform(0.2, 1.5))
                outer.delay_s = inner.delay_s = 0
                if way is not None:
                    trial.say("packets lost")
                    findings.figures["packets_lost_s"] = await packets_lost(way, chance=chance)
                trial.say("devices' link silent")
                await silent(outer, SILENT_SHORT_S)
                trial.say("ingest's link silent")
                if trial.is_long:
                    findings.figures["silence_noticed_s"] = await noticed(site, inner, findings)
                else:
                    await silent(inner, SILENT_SHORT_S)
                await receipted_more(site)
                await world.check(findings)
                findings.figures["device_connections"] = outer.made
                findings.figures["ingest_connections"] = inner.made
                findings.require(inner.made > 1 or not trial.is_long, "ingest never connected again")
    return findings


@asynccontextmanager
async def between(world: World, site: Site, outer: Link, inner: Link) -> AsyncIterator[None]:
    """Let devices and ingest go through the links, and in the end straight to the broker again."""
    settings = site.deployment.settings(SHIPPER)
    straight = settings.read_text("utf-8")
    services_port, devices_port = site.deployment.broker_services_port, site.deployment.broker_port
    through = straight.replace(f"\nport = {services_port}\n", f"\nport = {inner.port}\n")
    assert through != straight
    try:
        settings.write_text(through, "utf-8")
        _lead(world, outer.port)
        await restart_ingest(site)
        yield
    finally:
        settings.write_text(straight, "utf-8")
        _lead(world, devices_port)
        await restart_ingest(site)


def _lead(world: World, port: int) -> None:
    """Tell devices, which must not be open, the broker's port."""
    for folder in world.platform.devices:
        told, _ = identities.read(folder)
        (folder / identities.DESCRIPTION).unlink()
        identities.describe(folder, told.model_copy(update={"broker_port": port}))


async def restart_ingest(site: Site) -> None:
    """Kill ingest, and return when it listens again."""
    pid = site.process("ingest").pid
    os.kill(pid, signal.SIGKILL)
    await site.until(lambda: site.supervisor.pid(INGEST) not in {pid, None})
    await site.until(site.is_heard)


async def receipted_more(site: Site) -> None:
    """Return when ingest has receipted something since now."""
    took_s = await site.world.watch.first_acknowledged_s()
    assert took_s is not None, "nothing is receipted any more"


async def silent(link: Link, seconds: float) -> None:
    """Let nothing pass for a while; what was under way then comes late."""
    link.is_silent = True
    await asyncio.sleep(seconds)
    link.is_silent = False


async def packets_lost(way: Way, *, chance: random.Random) -> float:
    """Lose all packets of the devices, again and again; return for how long altogether."""
    times = [chance.uniform(SHORTEST_LOSS_S, LONGEST_LOSS_S) for _ in range(LOSSES)]
    for seconds in times:
        await asyncio.to_thread(way.lose, seconds)
        await asyncio.sleep(chance.uniform(0.2, 1.0))
    return round(sum(times), 1)


async def noticed(site: Site, link: Link, findings: Findings) -> float:
    """Let nothing pass until ingest gives its connection up; return after how many seconds it did."""
    said = len(site.lines("ingest", "the broker is away"))
    began = time.monotonic()
    link.is_silent = True
    while len(site.lines("ingest", "the broker is away")) == said:
        if time.monotonic() - began > NOTICED_WITHIN_S + SLACK_S:
            findings.failures.append(f"ingest has not noticed within {NOTICED_WITHIN_S + SLACK_S:.0f} s")
            break
        await asyncio.sleep(0.1)
    took_s = time.monotonic() - began
    link.is_silent = False
    link.cut()
    return round(took_s, 1)


FAULTS = (
    Fault(
        "F13",
        "links to the broker slow, cut and half-open, of devices and of ingest",
        "lost 0; ingest notices a silent broker within 1.5 keep-alive intervals",
        run,
    ),
)
