"""What requests are answered with: the organisation's settings, its database, its connections to the ledger."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query, Request

from aiofabric.gateway import Network
from wayproof.ledger import Ledger
from wayproof.settings import Settings
from wayproof.store.connection import Connection, Pool, snapshot
from wayproof.store.errors import store_errors

WAIT_FOR_CONNECTION_S = 5.0
MOST_ITEMS = 200
"""Of a page."""


@dataclass(frozen=True, slots=True)
class Member:
    """The ledger as one of the organisation's users sees it."""

    network: Network
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that outlives a request."""

    settings: Settings
    pool: Pool
    operator: Member
    registrar: Member

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection of the pool. Raises StoreUnavailable."""
        with store_errors(), self.pool.connection(timeout=WAIT_FOR_CONNECTION_S) as connection:
            yield connection


def resources_of(request: Request) -> Resources:
    """Return the resources of the application that a request came to."""
    resources = request.app.state.resources
    if not isinstance(resources, Resources):
        raise TypeError("the application was started without resources")
    return resources


Held = Annotated[Resources, Depends(resources_of)]


def _reading(resources: Held) -> Iterator[Connection]:
    """Lend a connection on which every question sees the same moment."""
    with resources.connection() as connection, snapshot(connection):
        yield connection


Reading = Annotated[Connection, Depends(_reading)]

Gsin = Annotated[str, Path(pattern=r"^[0-9]{17}$", description="Global Shipment Identification Number.")]
DeviceId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Most items of the page.")]
After = Annotated[str | None, Query(max_length=200, description="`next` of the page before.")]


def now_ms() -> int:
    """Return this instant, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
