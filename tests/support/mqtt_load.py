"""A load generator that is not the bottleneck: packets built beforehand, a few raw connections, QoS 1 with a window.

with Generator(port, messages, connections=20) as generator:   # a process of its own
    generator.go()
"""

import asyncio
import multiprocessing
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from multiprocessing.synchronize import Event
from typing import NamedTuple, Self

import psutil

from wayproof.ingest.mqtt.packets import DISCONNECT, Version, connect, publish

BLOCK = 32
"""Packets of one write."""
PACED_BLOCK = 4
"""The same, where the rate is given."""
WINDOW = 64
"""Blocks that are not acknowledged, of one connection."""
PUBACK_BYTES = 4
CONNACK_BYTES = 4

Message = tuple[str, bytes]


Numbered = tuple[int, Message]


class Block(NamedTuple):
    """What is written at once: how many packets, their bytes, and the number of the last message of them all."""

    packets: int
    content: bytes
    last: int


def blocks_of(messages: Iterable[Message], *, connections: int, size: int = BLOCK) -> list[list[Block]]:
    """Return what each connection writes: a topic stays on one connection, so its order stays too."""
    by_connection: list[list[Numbered]] = [[] for _ in range(connections)]
    places: dict[str, int] = {}
    for number, message in enumerate(messages):
        by_connection[places.setdefault(message[0], len(places) % connections)].append((number, message))
    return [
        [_block(sent[start : start + size], start) for start in range(0, len(sent), size)] for sent in by_connection
    ]


def _block(messages: Sequence[Numbered], first: int) -> Block:
    packets = [
        publish(place % 65_535 + 1, *message, version=Version.V311)
        for place, (_, message) in enumerate(messages, first)
    ]
    return Block(len(packets), b"".join(packets), messages[-1][0])


class Generator:
    """A process that publishes."""

    def __init__(self, port: int, messages: Iterable[Message], *, connections: int = 20, per_second: float = 0) -> None:
        """`per_second` is the rate of all connections together; 0 is as fast as the broker takes it."""
        fork = multiprocessing.get_context("fork")  # the packets come along
        self._begin, self._ready = fork.Event(), fork.Event()
        blocks = blocks_of(messages, connections=connections, size=PACED_BLOCK if per_second else BLOCK)
        arguments = (port, blocks, self._ready, self._begin, per_second)
        self._process = fork.Process(target=_run, args=arguments, daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def go(self) -> float:
        """Begin once all connections are there; return when that was (epoch seconds)."""
        assert self._ready.wait(60)
        began_s = time.time()
        self._begin.set()
        return began_s

    def cpu_s(self) -> float:
        """CPU seconds so far."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)


def _run(port: int, blocks: list[list[Block]], ready: Event, begin: Event, per_second: float) -> None:
    asyncio.run(_publish_all(port, blocks, ready, begin, per_second))
    time.sleep(3600)  # so that whoever measures can still ask what it cost


async def _publish_all(port: int, blocks: list[list[Block]], ready: Event, begin: Event, per_second: float) -> None:
    streams = [await connected(port, f"load-{number}") for number in range(len(blocks))]
    ready.set()
    await asyncio.to_thread(begin.wait)
    await publish_all(streams, blocks, per_second=per_second)


async def publish_all(
    streams: Sequence[tuple[asyncio.StreamReader, asyncio.StreamWriter]],
    blocks: Sequence[Sequence[Block]],
    *,
    per_second: float,
) -> None:
    """Publish what each connection has to, and return when all of it is acknowledged."""
    publish_one = _publish_paced(per_second) if per_second else _publish
    await asyncio.gather(*(publish_one(*stream, of_one) for stream, of_one in zip(streams, blocks, strict=True)))


async def connected(
    port: int, client_id: str, *, tls: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection with a clean session."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    head = connect(client_id, version=Version.V311, keep_alive_s=0, receive_maximum=0)
    writer.write(head[:9] + bytes((head[9] | 2,)) + head[10:])  # a clean session
    connack = await reader.readexactly(CONNACK_BYTES)
    assert connack[3] == 0
    return reader, writer


async def _publish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, blocks: Sequence[Block]) -> None:
    written = answered_bytes = 0
    total = sum(block.packets for block in blocks)
    pending = iter(blocks)
    while answered_bytes < total * PUBACK_BYTES:
        while written - answered_bytes // PUBACK_BYTES < WINDOW * BLOCK and (block := next(pending, None)) is not None:
            written += block.packets
            writer.write(block.content)
        answer = await reader.read(1 << 16)
        assert answer
        answered_bytes += len(answer)
    writer.write(DISCONNECT)
    await writer.drain()


def _publish_paced(
    per_second: float,
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter, Sequence[Block]], Awaitable[None]]:
    """Return what sends each block when its last message is due, and leaves the answers unread until the end."""
    began_s = time.monotonic()

    async def publish_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, blocks: Sequence[Block]) -> None:
        answers = asyncio.create_task(reader.readexactly(PUBACK_BYTES * sum(block.packets for block in blocks)))
        for block in blocks:
            early_s = began_s + block.last / per_second - time.monotonic()
            if early_s > 0:
                await asyncio.sleep(early_s)
            writer.write(block.content)
        await answers
        writer.write(DISCONNECT)
        await writer.drain()

    return publish_one
