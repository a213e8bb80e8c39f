"""A link between a client and a server on this machine that can be slow, cut, or silent: a TCP forwarder on a thread.

with Link(target_port) as link:                  # clients connect to link.port
    link.delay_s = 0.2                           # each way, each piece
    link.cut()                                   # every connection ends
    link.is_silent = True                        # half-open: nothing passes, nobody is told
"""

import asyncio
import threading
from types import TracebackType
from typing import Self

from support.embedded_network import free_port

HOST = "127.0.0.1"
PIECE_BYTES = 1 << 14
LOOK_S = 0.02


class Link:
    """Forwards to a port. Its settings may be changed at any time, from any thread."""

    def __init__(self, target_port: int, *, target_host: str = HOST, host: str = HOST, port: int | None = None) -> None:
        self.port = port or free_port()
        self.delay_s = 0.0
        self.is_silent = False
        self.made = 0
        """Connections so far."""
        self._target = target_host, target_port
        self._host = host
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def cut(self) -> None:
        """End every connection that there is; new ones pass."""
        self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, self._host, self.port, backlog=1_024))
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self.is_silent = False
        self._cut()
        self._loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(self._loop), return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        ours = {writer, back}
        self._writers |= ours
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        finally:
            self._writers -= ours
            for it in ours:
                it.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one way until it ends; what comes while the link is silent is gone with the connection."""
        try:
            while piece := await reader.read(PIECE_BYTES):
                while self.is_silent:  # noqa: ASYNC110 - set from other threads
                    await asyncio.sleep(LOOK_S)
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            if not self.is_silent:
                writer.transport.abort()
