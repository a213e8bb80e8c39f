"""The process: serves the application until it is told to stop."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from wayproof.api.application import build
from wayproof.api.deadline import DeadlineProtocol
from wayproof.open_files import allow_open_files
from wayproof.settings import Settings, SettingsError
from wayproof.store import schema
from wayproof.store.connection import connect
from wayproof.store.errors import StoreUnavailable

logger = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
GRACE_S = 2
OPEN_FILES = 16_384
"""So that thousands of connections that come to nothing, until they are ended, keep nobody out."""


class _Server(uvicorn.Server):
    """A server whose signals are the caller's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def run(settings: Settings, *, stop: asyncio.Event) -> None:
    """Serve pages and API until `stop` is set.

    Raises SettingsError for a host that is not this machine or a port that is taken, SchemaError for other tables.
    While the database or the ledger is away, requests are answered 503.
    """
    api = settings.require_api()
    listener = _listen(api.host, api.port)
    with listener:
        allow_open_files(OPEN_FILES)
        await asyncio.to_thread(_require_tables, settings)
        config = uvicorn.Config(
            build(settings),
            http=DeadlineProtocol,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=GRACE_S,
            server_header=False,
            proxy_headers=False,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        stopped = asyncio.create_task(stop.wait())
        logger.info("serving", extra={"host": api.host, "port": api.port})
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        server.should_exit = True
        await serving
        logger.info("stopped")


def _listen(host: str, port: int) -> socket.socket:
    if host not in LOOPBACK:
        raise SettingsError(
            f"[api] host = {host!r}: the API has no log-in of its own and listens on {', '.join(LOOPBACK)} only; put "
            "what does log people in, and TLS, in front of it"
        )
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(f"[api] port {port} cannot be listened on: {error.strerror}") from error


def _require_tables(settings: Settings) -> None:
    try:
        with connect(settings.database, application="api", role="api") as connection:
            schema.require_current(connection)
    except StoreUnavailable as error:
        logger.warning("the database is away; requests are answered 503 until it is back", extra={"reason": str(error)})
