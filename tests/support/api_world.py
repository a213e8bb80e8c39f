"""The API as it runs: real HTTP, a real database for each organisation, a real ledger, projections.

async with api_world(tmp_path, postgres=postgres, members=(SHIPPER, CARRIER)) as offices:
    answer = await offices[SHIPPER].client.get("/api/v1/shipments")
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aiofabric import embedded
from support.database import RunningCluster
from support.embedded_network import free_port
from support.journey import ORGANISATIONS, SHIPPER, Journey
from support.world import World, projecting, world
from wayproof.api import worker
from wayproof.ledger import CONTRACT
from wayproof.settings import ApiSettings, LogSettings, Settings
from wayproof_verifier.trust import TrustRoot

START_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Office:
    """One organisation's API, served, and a client of it."""

    settings: Settings
    client: httpx.AsyncClient

    @property
    def port(self) -> int:
        return self.settings.require_api().port


@dataclass(frozen=True, slots=True)
class ApiWorld:
    """A world with an API for each member."""

    world: World
    offices: dict[str, Office]

    def __getitem__(self, msp_id: str) -> Office:
        return self.offices[msp_id]

    @property
    def journey(self) -> Journey:
        return self.world.journey


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Office]:
    """Serve an organisation's API on its port."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(settings, stop=stop))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.require_api().port}", timeout=60) as client:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not await _is_live(client):
                    assert not task.done(), task.exception()
                    await asyncio.sleep(0.02)
            yield Office(settings, client)
    finally:
        stop.set()
        await asyncio.wait([task])
    await task


@asynccontextmanager
async def api_world(
    directory: Path, *, postgres: RunningCluster, members: Sequence[str] = (SHIPPER,)
) -> AsyncIterator[ApiWorld]:
    """Yield a world that is projected and served."""
    async with world(directory, postgres=postgres, members=members) as made, AsyncExitStack() as stack:
        trust_root = _trust_root(made.journey, directory)
        offices = {}
        for msp_id, settings in made.settings.items():
            told = settings.model_copy(
                update={
                    "api": ApiSettings(port=free_port()),
                    "ledger": settings.ledger.model_copy(update={"trust_root": trust_root}),
                    "log": _log(made.journey, directory) if msp_id == SHIPPER else None,
                }
            )
            await stack.enter_async_context(projecting(told))
            await made.projected(msp_id)
            offices[msp_id] = await stack.enter_async_context(serving(told))
        yield ApiWorld(made, offices)


async def _is_live(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health/live")).is_success
    except httpx.TransportError:
        return False


def _trust_root(story: Journey, directory: Path) -> Path:
    described = embedded.describe(story.home)
    trust = TrustRoot(
        channel=CONTRACT,
        genesis=bytes.fromhex(described.genesis_hash),
        contract=CONTRACT,
        organisations=ORGANISATIONS,
    )
    path = directory / "trust-root.json"
    path.write_bytes(trust.encode())
    return path


def _log(story: Journey, directory: Path) -> LogSettings:
    """Return what the shipper's API is told of its log, whose checkpoint key the journey registered."""
    path = directory / "checkpoint.pem"
    path.write_bytes(story.log.checkpoint_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return LogSettings(
        log_id=story.log.log_id, origin="shipper.example/wayproof", checkpoint_key=path, receipt_key=path
    )
