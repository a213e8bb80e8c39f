"""F4: PostgreSQL is killed, shut down at once, and frozen, under load."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from support.fault_world import World
from support.faults import Fault, Trial
from support.findings import Findings

FROZEN_S, LONG_FROZEN_S = 1.5, 60.0
RECEIPTED_WITHIN_S = 5.0
"""From when the server serves again to the first receipt; judged in the long form only, on a quiet machine."""
MOST_GROWTH_MIB = 64.0
"""What ingest may need more than before while the database is frozen: its queue is bounded at 32 MiB."""


@contextmanager
def frozen(world: World) -> Iterator[None]:
    """Stop the server's processes, all of them, as SIGSTOP does: its sockets stay open, and nobody answers."""
    pid = world.platform.supervisor.pid("database")
    server = psutil.Process(pid)
    stopped = [server, *server.children(recursive=True)]
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in reversed(stopped):
            process.resume()


async def end_at_once(world: World, how: signal.Signals) -> None:
    """Kill the server's first process, or shut it down at once (SIGQUIT), and wait until it serves again."""
    supervisor = world.platform.supervisor
    pid, starts = supervisor.pid("database"), supervisor.starts("database")
    assert pid is not None
    os.kill(pid, how)
    while supervisor.starts("database") == starts:  # noqa: ASYNC110 - a process, not ours to wake us
        await asyncio.sleep(0.02)
    await supervisor.wait_until_ready("database")


def judge(trial: Trial, findings: Findings, name: str, acknowledged_s: float | None) -> None:
    """Note how soon the first receipt came, and require it to come; in the long form in time, too."""
    if acknowledged_s is None:
        findings.failures.append(f"{name}: nothing is receipted any more")
        return
    findings.keep_longest(f"first_acknowledged_s, {name}", acknowledged_s)
    is_soon = acknowledged_s < RECEIPTED_WITHIN_S or not trial.is_long
    findings.require(is_soon, f"{name}: receipted only {acknowledged_s} s after the server was back")


async def _run(trial: Trial) -> Findings:
    findings = Findings()
    async with trial.world() as world:
        await world.begin(findings, count=trial.measurements)
        before_mib = world.watch.figures()["max_rss_ingest_mib"]
        for name, how in (("killed", signal.SIGKILL), ("shut down at once", signal.SIGQUIT)):
            for _ in range(10 if trial.is_long else 1):
                began = time.monotonic()
                await end_at_once(world, how)
                served_s = time.monotonic() - began
                acknowledged_s = await world.watch.first_acknowledged_s()
                trial.say(f"{name}: serves after {served_s:.1f} s, receipted {acknowledged_s} s later")
                judge(trial, findings, name, acknowledged_s)
                if trial.is_long:
                    await asyncio.sleep(1.0)
        with frozen(world):
            await asyncio.sleep(LONG_FROZEN_S if trial.is_long else FROZEN_S)
        acknowledged_s = await world.watch.first_acknowledged_s()
        trial.say(f"frozen: receipted {acknowledged_s} s later")
        judge(trial, findings, "frozen", acknowledged_s)
        grown_mib = world.watch.figures()["max_rss_ingest_mib"] - before_mib
        findings.require(grown_mib < MOST_GROWTH_MIB, f"ingest grew by {grown_mib:.0f} MiB")
        await world.check(findings)
    return findings


FAULTS = (
    Fault("F4", "database killed, shut down at once, frozen", "lost 0; memory bounded; first receipt < 5 s", _run),
)
