"""The listening socket and the process around it."""

import asyncio
import ipaddress
import logging
import signal

from wayproof.broker.connection import Connection
from wayproof.broker.errors import BrokerError
from wayproof.broker.exchange import Exchange
from wayproof.broker.limits import Limits
from wayproof.open_files import allow_open_files

logger = logging.getLogger(__name__)

STAND_IN = (
    "This broker is a stand-in: MQTT 3.1.1 only, QoS 0 and 1, no retained messages and no wills, sessions in memory, "
    "nobody asked who they are. Production uses Mosquitto."
)

_SPARE_FILES = 64
_BACKLOG = 1_024


async def serve(*, port: int, host: str = "127.0.0.1", limits: Limits | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Raises BrokerError where it must not listen, or cannot."""
    limits = limits or Limits()
    _require_loopback(host)
    allow_open_files(limits.max_connections + _SPARE_FILES)
    stopped = asyncio.Event()
    for interruption in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(interruption, stopped.set)
    logger.warning(STAND_IN)
    connections = Connections(limits)
    try:
        server = await asyncio.start_server(connections.serve, host, port, backlog=_BACKLOG, reuse_address=True)
    except OSError as error:
        raise BrokerError(f"cannot listen on {host}:{port}: {error.strerror}", code="broker_port") from error
    logger.info("ready", extra={"host": host, "port": port})
    try:
        await stopped.wait()
    finally:
        server.close()
        await connections.end()


class Connections:
    """The connections that are open, each a task of its own."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._exchange = Exchange(limits)
        self._open: set[asyncio.Task[None]] = set()
        self._is_full = False

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin with a connection, or close it when there are too many."""
        is_full, self._is_full = self._is_full, len(self._open) >= self._limits.max_connections
        if self._is_full:
            if not is_full:  # said once, until one was let in again
                logger.warning("connections refused: there are too many", extra={"connections": len(self._open)})
            writer.transport.abort()
            return
        connection = Connection(self._exchange, reader, writer, limits=self._limits)
        task = asyncio.create_task(connection.run())
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def end(self) -> None:
        """End all connections."""
        tasks = tuple(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _require_loopback(host: str) -> None:
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise BrokerError(
            f"the embedded broker listens on loopback only, as it asks nobody who they are, not on {host!r}: "
            "use Mosquitto",
            code="broker_not_loopback",
        )
