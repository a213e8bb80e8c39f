"""A ledger, a database for each organisation, and their projections: what stands behind most of the platform."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from support.database import RunningCluster
from support.journey import SHIPPER, Journey, journey
from support.stored_log import StoredLog
from wayproof.ledger import CONTRACT
from wayproof.projection import worker
from wayproof.settings import DatabaseSettings, LedgerSettings, Settings
from wayproof.store import schema
from wayproof.store.connection import Connection, connect
from wayproof.store.ledger_view import wait_until_height

PROJECTED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class World:
    """A journey on a ledger of three organisations, with the settings of those that have a database."""

    journey: Journey
    settings: dict[str, Settings]

    @property
    def log(self) -> StoredLog:
        """The shipper's log, in its database."""
        assert isinstance(self.journey.log, StoredLog)
        return self.journey.log

    def connect(self, msp_id: str) -> Connection:
        return connect(self.settings[msp_id].database, application="test")

    def settings_toml(self, msp_id: str, *, failpoint: str = "") -> str:
        """Return an organisation's settings as a file of them, with a fail point or without."""
        settings = self.settings[msp_id]
        ledger = settings.ledger
        lines = [
            f"organisation = {json.dumps(msp_id)}",
            f"failpoint = {json.dumps(failpoint)}",
            "[database]",
            f"dsn = {json.dumps(settings.database.dsn.get_secret_value())}",
            "[ledger]",
            *(
                f"{name} = {json.dumps(str(getattr(ledger, name)))}"
                for name in ("kind", "endpoint", "tls_ca", "channel", "contract", "users")
            ),
        ]
        return "\n".join(lines) + "\n"

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
async def world(
    directory: Path, *, postgres: RunningCluster, members: Sequence[str] = (SHIPPER,)
) -> AsyncIterator[World]:
    """Yield a world whose log stands in the shipper's database, and nothing of the ledger does: see `projecting`.

    `members` have a database each, the shipper among them.
    """
    databases = {msp_id: new_database(postgres) for msp_id in members}
    with connect(databases[SHIPPER], application="test log") as connection:
        async with journey(directory, log=StoredLog("shipper-log", connection=connection)) as story:
            yield World(
                story,
                {
                    msp_id: settings_of(msp_id, of_one, home=story.home, endpoint=story.endpoint)
                    for msp_id, of_one in databases.items()
                },
            )


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


def new_database(postgres: RunningCluster) -> DatabaseSettings:
    """Make a database with tables and nothing in them."""
    settings = DatabaseSettings(dsn=SecretStr(postgres.new_database()))
    with connect(settings, application="test") as connection:
        schema.apply(connection)
    return settings


def settings_of(msp_id: str, database: DatabaseSettings, *, home: Path, endpoint: str) -> Settings:
    """Return the settings of an organisation on the embedded ledger in a folder."""
    return Settings(
        organisation=msp_id,
        database=database,
        ledger=LedgerSettings(
            kind="embedded",
            endpoint=endpoint,
            tls_ca=home / "tls" / "ca.pem",
            channel=CONTRACT,
            contract=CONTRACT,
            users=home / "organisations" / msp_id / "users",
        ),
    )
