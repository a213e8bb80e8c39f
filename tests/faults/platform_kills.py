"""Kill the platform's processes under load, again and again, and see that nothing is lost or doubled.

`python tests/faults/platform_kills.py --kills 200 --seed 1 --directory DIR` makes the platform in DIR, keeps devices
publishing, and kills one process after another: at a named fail point, or at any moment. After every `--audit-every`
kills the load stops, everything is delivered, and the devices' own send logs are compared with rows, leaves and
anchors. In the end `wayproof fsck` computes log, flags and projection again. A run that was stopped goes on with
`--resume`. What a kill does follows from seed and number alone.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a program: the tests' support is beside this folder

from support.platform import SHIPPER, Platform, running_platform, write_measurements
from wayproof.store.audit import Audit

FAIL_POINTS = {
    "ingest": (
        "ingest.before_insert",
        "ingest.before_commit",
        "ingest.after_commit",
        "ingest.before_ack",
        "ingest.mid_ack",
        "ingest.after_ack",
        "ingest.before_receipt",
    ),
    "anchor": ("sealer.before_commit", "sealer.after_commit", "anchor.before_submit", "anchor.after_submit"),
    "projection": ("projection.before_commit", "projection.after_commit"),
    "monitor": ("monitor.before_submit", "monitor.after_submit"),
    "plausibility": ("flags.before_commit", "flags.after_commit"),
}
ANY_MOMENT = ("ingest", "anchor", "projection", "monitor", "plausibility", "ledger", "database", "broker", "device")
PLANS = [
    *((process, point) for process, points in FAIL_POINTS.items() for point in points),
    *((process, "") for process in ANY_MOMENT),
]
MEASUREMENTS = 4_000
"""Of each device between two audits, unless the load is stopped earlier."""

LONG_AGO_S = 400 * 86_400
"""How long ago devices begin to measure, a minute between readings."""

INTERVAL_S = 0.02
REACHED_WITHIN_S = 15.0
SETTLED_WITHIN_S = 120.0


@dataclass(slots=True)
class Tally:
    """What a run did."""

    kills: Counter[str] = field(default_factory=Counter)
    not_reached: Counter[str] = field(default_factory=Counter)
    audits: list[Audit] = field(default_factory=list)
    recoveries_s: list[float] = field(default_factory=list)


class Load:
    """The devices, publishing in a process of their own."""

    def __init__(self, platform: Platform, *, directory: Path, seed: int) -> None:
        self._platform = platform
        self._file = directory / "measurements.csv"
        self._seed = seed
        self._begin_s = int(time.time()) - LONG_AGO_S
        self._process: asyncio.subprocess.Process | None = None

    async def begin(self) -> None:
        """Start to measure and publish."""
        write_measurements(self._file, start_s=self._begin_s, count=MEASUREMENTS, seed=self._seed)
        self._begin_s += MEASUREMENTS * 60  # a device's time goes on: no two lives of it measure at the same time
        self._process = await self._simulate("--csv", str(self._file), "--interval-s", str(INTERVAL_S))

    async def kill(self) -> None:
        """Kill the devices, and start them again."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        await self.begin()

    async def deliver(self) -> None:
        """Stop measuring and wait until everything that was signed is receipted."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        await self._process.wait()
        delivery = await self._simulate("--count", "0")
        try:
            await asyncio.wait_for(delivery.wait(), SETTLED_WITHIN_S)
        except TimeoutError:
            delivery.kill()
            await delivery.wait()

    async def end(self) -> None:
        """End the devices, however they are."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _simulate(self, *arguments: str) -> asyncio.subprocess.Process:
        command = (sys.executable, "-m", "wayproof", "simulate", *map(str, self._platform.devices), *arguments)
        return await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )


def plan_of(seed: int, number: int) -> tuple[str, str, random.Random]:
    """Return process, fail point ("" for any moment) and chance of a kill: every plan comes once in every round."""
    rounds, place = divmod(number, len(PLANS))
    order = list(PLANS)
    random.Random(f"{seed}/{rounds}").shuffle(order)  # noqa: S311 - repeatable
    return (*order[place], random.Random(f"{seed}/{number}"))  # noqa: S311 - repeatable


async def kill_once(platform: Platform, load: Load, tally: Tally, *, seed: int, number: int) -> str:
    """Do one kill and return what was done."""
    process, point, chance = plan_of(seed, number)
    await asyncio.sleep(chance.uniform(0.1, 1.0))
    if process == "device":
        await load.kill()
        tally.kills["device at any moment"] += 1
        return "device at any moment"
    name = process if process in ("ledger", "database", "broker") else f"{process}-{SHIPPER}"
    pid = platform.supervisor.pid(name)
    if point:
        (platform.failpoints / point).touch()
    elif pid is not None:
        os.kill(pid, signal.SIGKILL)
    if not await _ended(platform, name, pid=pid):
        (platform.failpoints / point).unlink(missing_ok=True)
        tally.not_reached[point] += 1
        return f"{point}: not reached"
    began = time.monotonic()
    await platform.supervisor.wait_until_ready(name)
    tally.recoveries_s.append(time.monotonic() - began)
    tally.kills[point or f"{process} at any moment"] += 1
    return point or f"{process} at any moment"


async def _ended(platform: Platform, name: str, *, pid: int | None) -> bool:
    """Wait until a process has ended; tell whether it did in time."""
    deadline = time.monotonic() + REACHED_WITHIN_S
    while pid is not None and platform.supervisor.pid(name) == pid:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


async def check(platform: Platform, load: Load, tally: Tally) -> Audit:
    """Deliver everything, wait until it is anchored, and compare."""
    await load.deliver()
    found = await platform.settled(within_s=SETTLED_WITHIN_S)
    tally.audits.append(found)
    if found.lost or found.duplicated or found.sent != found.anchored:
        raise AssertionError(f"after {sum(tally.kills.values())} kills: {found}")
    return found


async def fsck(platform: Platform) -> None:
    """Compute log and projection again."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wayproof",
        "fsck",
        "--settings",
        str(platform.deployment.settings(SHIPPER)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise AssertionError(f"fsck: {process.returncode}\n{output.decode()}")


async def run(directory: Path, *, kills: range, seed: int, audit_every: int, resume: bool) -> Tally:
    """Kill, audit, and compute again. Raises AssertionError where something is lost, doubled, or not the same."""
    tally = Tally()
    async with running_platform(directory, resume=resume) as platform:
        load = Load(platform, directory=directory, seed=seed)
        try:
            for first in range(kills.start, kills.stop, audit_every):
                await load.begin()
                for number in itertools.takewhile(kills.__contains__, range(first, first + audit_every)):
                    done = await kill_once(platform, load, tally, seed=seed, number=number)
                    print(f"kill {number} (seed {seed}): {done}", flush=True)  # noqa: T201 - progress of a long run
                found = await check(platform, load, tally)
                (directory / "progress.json").write_text(json.dumps({"next": min(first + audit_every, kills.stop)}))
                print(f"  audit: {found}", flush=True)  # noqa: T201 - as above
            await fsck(platform)
        finally:
            await load.end()
    return tally


def main() -> None:
    """Run the long form and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--audit-every", type=int, default=10)
    parser.add_argument("--resume", action="store_true", help="go on in the directory of an earlier run")
    options = parser.parse_args()
    progress = options.directory / "progress.json"
    first = json.loads(progress.read_text())["next"] if options.resume and progress.exists() else 0
    tally = asyncio.run(
        run(
            options.directory,
            kills=range(first, options.kills),
            seed=options.seed,
            audit_every=options.audit_every,
            resume=options.resume,
        )
    )
    print(f"{sum(tally.kills.values())} kills, {len(tally.audits)} audits, the last: {tally.audits[-1]}")  # noqa: T201
    for name, times in sorted(tally.kills.items()):
        print(f"  {times:4} {name}")  # noqa: T201
    for name, times in sorted(tally.not_reached.items()):
        print(f"  {times:4} {name}: not reached within {REACHED_WITHIN_S:.0f} s, not counted")  # noqa: T201
    slowest = max(tally.recoveries_s, default=0.0)
    print(f"running again after at most {slowest:.1f} s; fsck: consistent")  # noqa: T201


if __name__ == "__main__":
    main()
