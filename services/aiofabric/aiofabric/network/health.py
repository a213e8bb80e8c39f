"""Whether a process is of use: its health endpoint, an orderer's leader, a chaincode's port."""

import asyncio
import http.client
import re
import time
from collections.abc import Awaitable, Callable

from aiofabric.network.errors import ProcessError
from aiofabric.network.plan import HOST
from aiofabric.network.processes import ProcessFolder

_REQUEST_TIMEOUT_S = 5.0
_POLL_S = 0.1
_OK = 200
_HEIGHT = re.compile(r'^ledger_blockchain_height\{channel="([^"]+)"\} (\d+)$', re.MULTILINE)
_IS_LEADER = re.compile(r'^consensus_(?:etcdraft|BFT)_is_leader\{channel="([^"]+)"\} 1$', re.MULTILINE)


async def is_healthy(operations_port: int) -> bool:
    """Return whether a peer or an orderer says that it is."""
    return await asyncio.to_thread(_get, operations_port, "/healthz") is not None


async def leads(operations_port: int, *, channel: str) -> bool:
    """Return whether an orderer says that it leads a channel."""
    metrics = await asyncio.to_thread(_get, operations_port, "/metrics")
    return metrics is not None and channel in _IS_LEADER.findall(metrics)


async def height(operations_port: int, *, channel: str) -> int | None:
    """Return how many blocks of a channel a peer or an orderer has; None if it does not say."""
    metrics = await asyncio.to_thread(_get, operations_port, "/metrics") or ""
    return next((int(count) for name, count in _HEIGHT.findall(metrics) if name == channel), None)


async def listens(address: str) -> bool:
    """Return whether somebody accepts connections at ``host:port``."""
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def wait_until(
    condition: Callable[[], Awaitable[bool]], *, what: str, timeout_s: float, process: ProcessFolder | None = None
) -> None:
    """Ask until the answer is yes.

    Args:
        condition: what to ask.
        what: the words for it, for the error.
        timeout_s: how long.
        process: what it depends on; when it ends, nobody waits any longer.

    Raises ProcessError, with the last lines of the process's log.
    """
    deadline = time.monotonic() + timeout_s
    while not await condition():
        has_ended = process is not None and not process.is_alive()
        if has_ended or time.monotonic() > deadline:
            why = f"{process.path.name} has ended" if process and has_ended else f"not within {timeout_s:.0f} s"
            log = f". The end of {process.log}:\n{process.tail()}" if process else ""
            raise ProcessError(f"{what}: {why}{log}")
        await asyncio.sleep(_POLL_S)


def _get(port: int, path: str) -> str | None:
    connection = http.client.HTTPConnection(HOST, port, timeout=_REQUEST_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return content.decode("utf-8", "replace") if response.status == _OK else None
