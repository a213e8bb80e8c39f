"""A ledger, a database for each organisation, and their projections: what stands behind most of the platform."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from support.database import RunningCluster
from support.journey import ORGANISATIONS, Journey, journey
from wayproof.ledger import CONTRACT
from wayproof.projection import worker
from wayproof.settings import DatabaseSettings, LedgerSettings, Settings
from wayproof.store import schema
from wayproof.store.connection import Connection, connect
from wayproof.store.ledger_view import wait_until_height

PROJECTED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class World:
    """A journey on a ledger of three organisations, with the settings of each one."""

    journey: Journey
    settings: dict[str, Settings]

    def connect(self, msp_id: str) -> Connection:
        return connect(self.settings[msp_id].database, application="test")

    async def height(self) -> int:
        """Number of blocks on the ledger."""
        newest: int = (await self.journey.network().newest_block()).header.number
        return newest + 1

    async def projected(self, msp_id: str) -> int:
        """Wait until an organisation's projection has what is on the ledger now; return that height."""
        height = await self.height()
        with self.connect(msp_id) as connection:
            assert await asyncio.to_thread(wait_until_height, connection, height, PROJECTED_WITHIN_S)
        return height


@asynccontextmanager
async def world(directory: Path, *, postgres: RunningCluster) -> AsyncIterator[World]:
    """Yield a world whose databases have tables and nothing in them: run `projecting` to fill them."""
    async with journey(directory) as story:
        settings = {msp_id: _settings(story, msp_id, dsn=postgres.new_database()) for msp_id in ORGANISATIONS}
        for of_one in settings.values():
            with connect(of_one.database, application="test") as connection:
                schema.apply(connection)
        yield World(story, settings)


@asynccontextmanager
async def projecting(settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """Run an organisation's projection in this process."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(settings, stop=stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait([task])
    await task


def _settings(story: Journey, msp_id: str, *, dsn: str) -> Settings:
    return Settings(
        organisation=msp_id,
        database=DatabaseSettings(dsn=SecretStr(dsn)),
        ledger=LedgerSettings(
            kind="embedded",
            endpoint=story.endpoint,
            tls_ca=story.home / "tls" / "ca.pem",
            channel=CONTRACT,
            contract=CONTRACT,
            users=story.home / "organisations" / msp_id / "users",
        ),
    )
