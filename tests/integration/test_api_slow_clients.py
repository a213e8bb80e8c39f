"""Who does not come to the point loses the connection; who sends a long body, or asks again and again, does not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from wayproof.api import deadline
from wayproof.api.deadline import PART_BYTES, SLOW_CLIENTS, DeadlineProtocol

WITHIN_S = 0.5
PATIENCE_S = 20.0


async def count(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the number of bytes in the body."""
    assert scope["type"] == "http"
    size_bytes, is_more = 0, True
    while is_more:
        message = await receive()
        size_bytes += len(message.get("body", b""))
        is_more = message.get("more_body", False)
    content = str(size_bytes).encode()
    length = str(len(content)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": content})


@asynccontextmanager
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Yield the port of a server whose clients have half a second."""
    monkeypatch.setattr(deadline, "REQUEST_WITHIN_S", WITHIN_S)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(count, http=DeadlineProtocol, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve([listener]))  # without its signal handlers
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


def ended_connections() -> float:
    return SLOW_CLIENTS.values().get((), 0)


async def is_ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(1), PATIENCE_S) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
    ],
)
async def test_a_request_that_does_not_end_ends_its_connection(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    before = ended_connections()
    async with served(monkeypatch) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        assert await is_ended(reader)
        writer.close()
    assert ended_connections() == before + 1


async def test_a_byte_now_and_then_gains_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(monkeypatch) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        ended = asyncio.create_task(is_ended(reader))
        sent = 0
        while not ended.done():
            writer.write(b"G")
            sent += 1
            await asyncio.sleep(WITHIN_S / 4)
        assert await ended
        assert sent < PATIENCE_S
        writer.close()


async def test_a_long_body_has_as_long_as_it_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(monkeypatch) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        parts = 8
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (parts * PART_BYTES))
        for _ in range(parts):
            await asyncio.sleep(WITHIN_S / 2)
            writer.write(bytes(PART_BYTES))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(6) == str(parts * PART_BYTES).encode()
        writer.close()


async def test_whoever_asks_again_is_answered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(monkeypatch) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(1) == b"0"
            await asyncio.sleep(WITHIN_S * 1.5)
        writer.close()
