"""HTTP with a deadline: a client that does not come to its request, or sends it byte by byte, loses its connection.

uvicorn has a limit for the pause after an answer and none for a request that does not end. Without one, anybody holds
as many connections open as the process may have.
"""

import asyncio

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from wayproof.observability import metrics

REQUEST_WITHIN_S = 10.0
"""From the connection, or a request's first byte, to the request's end; for a long body, for each part of it."""
PART_BYTES = 16 << 10

SLOW_CLIENTS = metrics.counter(
    "wayproof_api_slow_clients_total", "Connections that were ended because no whole request came in time."
)


class DeadlineProtocol(H11Protocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deadline: asyncio.TimerHandle | None = None
        self._came_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; wait for the rest, if there is one."""
        super().data_received(data)
        if self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}:
            self._expect_nothing()
            return
        self._came_bytes += len(data)
        if self._deadline is None or self._came_bytes >= PART_BYTES:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._expect_nothing()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(REQUEST_WITHIN_S, self._end)

    def _expect_nothing(self) -> None:
        self._came_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self) -> None:
        if self.flow.read_paused:  # it is we who do not read
            self._expect()
            return
        SLOW_CLIENTS.add(1)
        self.transport.abort()
