"""Fleets in a process of their own, which publish at a rate through Mosquitto's TLS; their chains go on.

with FleetProcess(kinds=["ES256"], devices=50, readings=10) as fleet:
    fleet.prepare(Order("ES256", 10_000, per_second=0, port=8884, tls=files))
    began_s = fleet.go()

The process is spawned, not forked: whoever measures has threads of gRPC. The connections are those of the service that
replays refused payloads: it may publish for every device.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Self

from support.ingest_load import Load
from support.mqtt_load import BLOCK, PACED_BLOCK, Message, blocks_of, connected, publish_all
from wayproof.tls import TlsFiles, client_context

CONNECTIONS = 10
PREPARED_WITHIN_S = 300.0


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be published: so many messages of a kind, at a rate (0: as fast as they are taken), and where."""

    kind: str
    count: int
    per_second: float
    port: int
    tls: TlsFiles


class FleetProcess:
    """A process that publishes what it is told to, one order after the other."""

    def __init__(self, *, kinds: Sequence[str], devices: int, readings: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, tuple(kinds), devices, readings), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def prepare(self, order: Order) -> None:
        """Build the messages and connect."""
        self._pipe.send(order)
        assert self._pipe.poll(PREPARED_WITHIN_S), "the fleet does not connect"
        self._pipe.recv()

    def go(self) -> float:
        """Begin; return when that was (epoch seconds)."""
        self._pipe.send(None)
        began_s: float = self._pipe.recv()
        return began_s

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process.pid is not None
        return self._process.pid


def _serve(pipe: Connection, kinds: tuple[str, ...], devices: int, readings: int) -> None:
    loads = {kind: Load(kind=kind, devices=devices, readings=readings) for kind in kinds}
    while True:
        order: Order = pipe.recv()
        asyncio.run(_publish(pipe, order, list(loads[order.kind].messages(order.count))))


async def _publish(pipe: Connection, order: Order, messages: Sequence[Message]) -> None:
    size = PACED_BLOCK if order.per_second else BLOCK
    blocks = blocks_of(messages, connections=CONNECTIONS, size=size)
    tls = client_context(order.tls)
    streams = [await connected(order.port, f"fleet-{number}", tls=tls) for number in range(len(blocks))]
    pipe.send(None)
    pipe.recv()
    pipe.send(time.time())
    await publish_all(streams, blocks, per_second=order.per_second)
