"""A fleet that publishes unsigned messages at a given rate through Mosquitto's TLS, as fast as a real one would.

    fleet = await Fleet.registered(world)
    rate = await fleet.publish(60_000)                        # as fast as they are taken in
    rate = await fleet.publish(60_000, per_second=rate / 2)

The connections are those of the service that replays refused payloads: it may publish for every device. What publishes
is a process of its own (`python fleet.py --help`).
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString, Self

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a program
if str(Path(__file__).parent) in sys.path:
    sys.path.remove(str(Path(__file__).parent))  # where `platform` would pass for Python's own

from aiofabric.network import ending_with_parent
from support.fault_world import World
from support.ingest_load import Load
from support.mqtt_load import PACED_BLOCK, blocks_of, connected, publish_all
from support.platform import SHIPPER
from support.watch import STORED
from wayproof import ledger as ledgers
from wayproof import settings
from wayproof.enrolment.folder import Folder
from wayproof.store.connection import connect
from wayproof.tls import client_context

DEVICES = 20
CONNECTIONS = 10
STORED_WITHIN_S = 300.0
ASKED_EVERY_S = 0.1
BEGUN = "begun"
ALL: LiteralString = "SELECT count(*) FROM message WHERE device_id LIKE 'reefer-unsigned-%'"
ANCHORED: LiteralString = (
    "SELECT count(*) FROM message JOIN log_leaf USING (ingest_id) WHERE device_id LIKE 'reefer-unsigned-%'"
    " AND leaf_index < (SELECT max(size) FROM anchor)"
)


@dataclass
class Fleet:
    """Registered devices, and how many messages of theirs were sent."""

    world: World
    sent: int = 0

    @classmethod
    async def registered(cls, world: World) -> Self:
        """Register the devices on the ledger, and wait until ingest may know them."""
        read = settings.load(world.platform.deployment.settings(SHIPPER))
        fleet = Load(devices=DEVICES).fleet
        async with ledgers.connect(read.ledger, msp_id=SHIPPER, user="registrar") as (_, ledger):
            for device in fleet:
                argument = {"device_id": device.device_id, "algorithm": "none", "model": "logger"}
                await ledger.submit("register_device", {**argument, "home_log": read.require_log().log_id})
        made = cls(world)
        await made._until(lambda: made._count("SELECT count(*) FROM device") >= DEVICES, within_s=STORED_WITHIN_S)
        return made

    async def publish(self, count: int, *, per_second: float = 0.0) -> float:
        """Publish so many messages and return how many ingest stored a second until it had as many, anybody's."""
        command = (sys.executable, __file__, str(self.world.platform.deployment.settings(SHIPPER)))
        what = ("--first", str(self.sent), "--count", str(count), "--per-second", str(per_second))
        process = await asyncio.create_subprocess_exec(
            *ending_with_parent((*command, *what)), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert (await process.stdout.readline()).decode().strip() == BEGUN
        before, began = self._stored(), time.monotonic()
        assert await process.wait() == 0
        self.sent += count
        assert await self._until(lambda: self._stored() >= before + count, within_s=STORED_WITHIN_S)
        return (self._stored() - before) / (time.monotonic() - began)

    async def wait_until_anchored(self, within_s: float) -> float | None:
        """Return after how many seconds all that was sent is stored and anchored, once; None if it is not in time."""
        began = time.monotonic()
        done = await self._until(lambda: self._count(ANCHORED) == self.sent, within_s=within_s)
        return round(time.monotonic() - began, 1) if done and self._count(ALL) == self.sent else None

    async def _until(self, condition: Callable[[], bool], *, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while not await asyncio.to_thread(condition):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(ASKED_EVERY_S)
        return True

    def _stored(self) -> float:
        counted = self.world.watch.counted(STORED)
        assert counted is not None
        return counted

    def _count(self, query: LiteralString) -> int:
        read = settings.load(self.world.platform.deployment.settings(SHIPPER))
        with connect(read.database, application="fleet") as connection:
            row = connection.execute(query).fetchone() or {}
            return int(str(row["count"]))


async def publish(settings_file: Path, *, first: int, count: int, per_second: float) -> None:
    """Publish the fleet's messages from a number on, saying when it begins."""
    read = settings.load(settings_file)
    broker = read.require_broker()
    tls = client_context(Folder.at(read.require_enrolment().directory).service("replay"))
    load = Load(devices=DEVICES, first=first)
    size = {"size": PACED_BLOCK} if per_second else {}
    blocks = blocks_of(load.messages(count), connections=CONNECTIONS, **size)
    streams = [await connected(broker.port, f"fleet-{number}", tls=tls) for number in range(len(blocks))]
    print(BEGUN, flush=True)  # noqa: T201 - to whoever started this
    await publish_all(streams, blocks, per_second=per_second)


def main() -> None:
    """Read the command line and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", type=Path, help="the organisation's settings")
    parser.add_argument("--first", type=int, default=0, help="number of the first message")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--per-second", type=float, default=0.0, help="0 is as fast as the broker takes them")
    options = parser.parse_args()
    asyncio.run(publish(options.settings, first=options.first, count=options.count, per_second=options.per_second))


if __name__ == "__main__":
    main()
