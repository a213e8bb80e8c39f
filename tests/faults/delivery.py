"""F8: what a network and a device that comes back do to a stream: again, out of order, late, with messages missing.

Several devices, each attached to a shipment, send messages of a week ago. A seeded plan drops runs of sequences, sends
each message one to five times, within a window out of order, by two connections, and once more after its receipt. Some
sequences have a second message with other bytes. What is stored and what the platform names as missing or twofold is
held against the plan.
"""

import asyncio
import random
import time
from dataclasses import dataclass, field

from support.deliveries import deliver
from support.faults import Fault, Trial
from support.findings import Findings
from support.site import Place, Site, attacked
from support.telemetry_device import Device
from wayproof.store.watch import Interval, interval_state

DEVICES = 3
SHORT, LONG = 250, 10_000
"""Messages of each device."""
WINDOW = 1_000
"""How far a copy may come from its place, in messages."""
MOST_TIMES = 5
WEEK_MS = 7 * 86_400_000
GAPS, LONGEST_GAP = 8, 12
EQUIVOCATIONS = 5
COUNTED = "wayproof_ingest_messages_{}_total"

Gap = tuple[int, int, int]


@dataclass
class Plan:
    """What one device sends, in order, and what must be named as missing and as twofold."""

    device: Device
    gsin: str = ""
    sendings: list[bytes] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    twofold: set[tuple[int, int]] = field(default_factory=set)
    distinct: int = 0
    by_place: dict[Place, bytes] = field(default_factory=dict)
    """What the device would send again: the first of the messages at each place."""


async def run(trial: Trial) -> Findings:
    """Send by plan, then compare."""
    findings = Findings()
    count = LONG if trial.is_long else SHORT
    async with trial.world() as world, attacked(world) as site:
        plans = [Plan(await site.device(f"f8-{number}")) for number in range(DEVICES)]
        for number, plan in enumerate(plans):
            plan.device.observed_at_ms = time.time_ns() // 1_000_000 - WEEK_MS
            plan.device.interval_ms = 1_000
            plan.gsin = await site.attach(plan.device, number=80 + number)
            chance = random.Random(f"{trial.seed}/F8/{number}")  # noqa: S311 - repeatable
            fill(site, plan, count, chance=chance)
        before = counts(site)
        began = time.monotonic()
        trial.say("sending")
        await asyncio.gather(*(asyncio.to_thread(send, site, plan) for plan in plans))
        sent = sum(len(plan.sendings) for plan in plans)
        distinct = sum(plan.distinct for plan in plans)
        await site.until(lambda: counts(site)["duplicate"] - before["duplicate"] >= sent - distinct)
        took_s = time.monotonic() - began
        findings.take(await site.settled())
        for plan in plans:
            compare(site, plan, findings)
        stored = counts(site)["stored"] - before["stored"]
        findings.require(stored == distinct, f"stored {stored:.0f}, sent {distinct} different ones")
        findings.figures |= {
            "published": sent,
            "different": distinct,
            "duplicates_left_out": int(counts(site)["duplicate"] - before["duplicate"]),
            "gaps": sum(len(plan.gaps) for plan in plans),
            "missing": sum(last - first + 1 for plan in plans for _, first, last in plan.gaps),
            "equivocations": sum(len(plan.twofold) for plan in plans),
            "sent_s": round(took_s, 1),
        }
    return findings


def counts(site: Site) -> dict[str, float]:
    """Return what ingest has counted so far."""
    return {name: site.world.watch.counted(COUNTED.format(name)) or 0.0 for name in ("stored", "duplicate")}


def fill(site: Site, plan: Plan, count: int, *, chance: random.Random) -> None:
    """Make a device's messages, and choose what is lost, what comes again and when."""
    device = plan.device
    lost: set[int] = set()
    for _ in range(GAPS):
        first = chance.randrange(1, count - LONGEST_GAP)
        lost |= set(range(first, first + chance.randrange(1, LONGEST_GAP)))
    twofold = set(chance.sample(sorted(set(range(2, count)) - lost), EQUIVOCATIONS))
    placed: list[tuple[float, bytes]] = []
    for sequence in range(1, count + 1):
        payload = device.next({"temperature": f"{4 + sequence % 300 / 100:.2f}"})
        if sequence in lost:
            continue
        site.note(device, device.stream)
        plan.by_place[device.stream, 1, sequence] = payload
        copies = [payload] * chance.randint(1, MOST_TIMES)
        plan.distinct += 1
        if sequence in twofold:
            copies.append(device.equivocate({"temperature": "9"}))
            plan.distinct += 1
        placed += [(sequence + chance.uniform(0, WINDOW), copy) for copy in copies]
    plan.sendings = [payload for _, payload in sorted(placed, key=lambda it: it[0])]
    plan.gaps = runs(lost)
    plan.twofold = {(1, sequence) for sequence in twofold}


def runs(lost: set[int]) -> list[Gap]:
    """Return sequences as runs without a hole: boot, first, last."""
    found: list[Gap] = []
    for sequence in sorted(lost):
        if found and found[-1][2] == sequence - 1:
            found[-1] = (1, found[-1][1], sequence)
        else:
            found.append((1, sequence, sequence))
    return found


def send(site: Site, plan: Plan) -> None:
    """Publish by two connections, then what is not receipted, then once more some of what is."""
    half = len(plan.sendings) // 2
    deliver(site, plan.device, plan.sendings[:half], wait=False)
    deliver(site, plan.device, plan.sendings[half:], wait=False)
    while missing := [it for place, it in plan.by_place.items() if place not in site.held[plan.device.device_id]]:
        plan.sendings += missing
        deliver(site, plan.device, missing, wait=False)
    again = plan.sendings[:: max(1, len(plan.sendings) // 100)]
    plan.sendings += again
    deliver(site, plan.device, again, wait=False)


def compare(site: Site, plan: Plan, findings: Findings) -> None:
    """Hold what the platform names against the plan: in the store, and in ingest's log."""
    device = plan.device
    interval = Interval(device.device_id, device.stream, (0, 0), None)
    state = interval_state(site.connection, interval)
    named = [(gap.boot, gap.first, gap.last) for gap in state.gaps]
    findings.require(named == plan.gaps, f"{device.device_id}: named {named[:5]}, missing {plan.gaps[:5]}")
    findings.require(state.messages == plan.distinct, f"{device.device_id}: {state.messages} of {plan.distinct}")
    places = site.rows(
        "SELECT boot, sequence FROM message JOIN stream USING (stream_id) WHERE stream.device_id = %s"
        " GROUP BY boot, sequence HAVING count(*) > 1",
        device.device_id,
    )
    twofold = {(it["boot"], it["sequence"]) for it in places}
    findings.require(twofold == plan.twofold, f"{device.device_id}: twofold {twofold ^ plan.twofold}")
    said = {(it.get("boot"), it.get("sequence")) for it in equivocations(site, device)}
    findings.require(said == plan.twofold, f"{device.device_id}: the log names {said ^ plan.twofold}")


def equivocations(site: Site, device: Device) -> list[dict[str, object]]:
    """Return what ingest's log says of second messages at one place."""
    return [it for it in site.lines("ingest", "equivocation") if it.get("device_id") == device.device_id]


FAULTS = (
    Fault(
        "F8",
        "each message one to five times, out of order within 1,000, a week late, with gaps and second messages",
        "each different message stored once; gaps and second messages named exactly",
        run,
    ),
)
