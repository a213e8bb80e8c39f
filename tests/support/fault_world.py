"""The platform under load, watched, for faults: `world.load` publishes, `world.check(findings)` delivers and audits."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiofabric.network import ending_with_parent
from support.findings import Findings
from support.platform import SHIPPER, Platform, running_platform, write_measurements
from support.watch import Watch
from wayproof.up import brokers

MEASUREMENTS, LONG_MEASUREMENTS = 4_000, 40_000
"""Of each device between two audits, unless the load is stopped earlier: at least 80 s, and 800 s."""

LONG_AGO_S = 400 * 86_400
"""How long ago devices begin to measure, a minute between readings."""

INTERVAL_S, SHORT_INTERVAL_S = 0.02, 0.05
"""Between two measurements of each device; the longer one leaves more of a small machine to the fault."""
SETTLED_WITHIN_S = 120.0


class Load:
    """The devices, publishing in a process of their own. Their spools are the send logs."""

    def __init__(self, platform: Platform, *, directory: Path, seed: int, interval_s: float) -> None:
        self._platform = platform
        self._interval_s = interval_s
        self._file = directory / "measurements.csv"
        self._seed = seed
        self._begin_s = int(time.time()) - LONG_AGO_S
        self._process: asyncio.subprocess.Process | None = None

    async def begin(self, *, interval_s: float | None = None, count: int = MEASUREMENTS) -> None:
        """Start to measure and publish."""
        every_s = self._interval_s if interval_s is None else interval_s
        write_measurements(self._file, start_s=self._begin_s, count=count, seed=self._seed)
        self._begin_s += count * 60  # a device's time goes on: no two lives of it measure at the same time
        self._process = await self._simulate("--csv", str(self._file), "--interval-s", str(every_s))

    async def kill(self) -> None:
        """Kill the devices, and start them again."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        await self.begin()

    async def deliver(self, *, within_s: float = SETTLED_WITHIN_S) -> bool:
        """Stop measuring and wait until everything that was signed is receipted; tell whether it is."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        await self._process.wait()
        delivery = await self._simulate("--count", "0")
        try:
            return await asyncio.wait_for(delivery.wait(), within_s) == 0
        except TimeoutError:
            delivery.kill()
            await delivery.wait()
            return False

    async def end(self) -> None:
        """End the devices, however they are."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _simulate(self, *arguments: str) -> asyncio.subprocess.Process:
        command = (sys.executable, "-m", "wayproof", "simulate", *map(str, self._platform.devices), *arguments)
        with (self._platform.deployment.directory / "logs" / "devices.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *ending_with_parent(command), stdout=asyncio.subprocess.DEVNULL, stderr=log
            )


class World:
    """A platform with real processes, its devices, and what watches it."""

    def __init__(self, platform: Platform, *, directory: Path, seed: int, interval_s: float) -> None:
        self.platform = platform
        self.load = Load(platform, directory=directory, seed=seed, interval_s=interval_s)
        self.watch = Watch(platform)

    async def begin(self, findings: Findings, *, interval_s: float | None = None, count: int = MEASUREMENTS) -> None:
        """Begin the load, and return once receipts go out."""
        self.watch.begin()
        await self.load.begin(interval_s=interval_s, count=count)
        findings.require(await self.watch.first_acknowledged_s() is not None, "the load did not begin")

    async def check(self, findings: Findings, *, within_s: float = SETTLED_WITHIN_S) -> None:
        """Stop the load, deliver everything, wait until it is anchored, and audit."""
        began = time.monotonic()
        delivered = await self.load.deliver(within_s=within_s)
        findings.require(delivered, f"not everything is receipted after {within_s:.0f} s")
        findings.take(await self.platform.settled(within_s=within_s))
        findings.figures["drained_s"] = round(time.monotonic() - began, 1)
        findings.figures.update(self.watch.figures())

    async def fsck(self) -> str:
        """Compute log, flags and projection again; return what it says if it finds anything."""
        settings = str(self.platform.deployment.settings(SHIPPER))
        process = await asyncio.create_subprocess_exec(
            *ending_with_parent((sys.executable, "-m", "wayproof", "fsck", "--settings", settings)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return "" if process.returncode == 0 else f"fsck: {process.returncode}\n{output.decode()}"


@asynccontextmanager
async def running_world(
    directory: Path,
    *,
    seed: int,
    broker: brokers.Kind = "mosquitto",
    resume: bool = False,
    interval_s: float = INTERVAL_S,
) -> AsyncIterator[World]:
    """Make a platform (or go on with one), run it, watch it, and yield it; its load is not begun."""
    async with running_platform(directory, resume=resume, broker=broker) as platform:
        world = World(platform, directory=directory, seed=seed, interval_s=interval_s)
        with world.watch:
            try:
                yield world
            finally:
                await world.load.end()
