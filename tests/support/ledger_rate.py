"""One ledger transaction for each reading: how many a second, on an embedded ledger or a Fabric network of its own.

async with embedded_ledger(folder) as contract:
    rate = await per_second(contract, in_flight=100, duration_s=5)
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from aiofabric.errors import UnknownOutcomeError
from aiofabric.gateway import Contract, Deadlines, Gateway
from aiofabric.network import Binaries, ChaincodeDefinition, NOutOf, Organisation
from support.embedded_network import running_ledger
from support.fabric_network import CHAINCODE, CHAINCODE_ENVIRONMENT, ENTRY_POINT, running_fabric
from support.ingest_load import Load

ORGANISATIONS = ("Org1MSP", "Org2MSP")
DEADLINES = Deadlines(evaluate_s=30, endorse_s=30, submit_s=30, commit_status_s=60)
"""Longer than an application's: what takes long is to be measured, not cut off."""

_keys = count()


@asynccontextmanager
async def embedded_ledger(folder: Path) -> AsyncIterator[Contract]:
    """Serve an embedded ledger of two organisations in a process of its own, and yield a contract with `put`."""
    async with running_ledger(folder / "ledger") as ledger:
        identity, signer = ledger.user(ORGANISATIONS[0])
        gateway = Gateway.connect(
            ledger.address, tls_ca=ledger.tls_ca_pem, identity=identity, signer=signer, deadlines=DEADLINES
        )
        async with gateway:
            yield gateway.network(ledger.channel).contract(ledger.chaincode)


@asynccontextmanager
async def fabric_ledger(folder: Path, *, binaries: Binaries, orderers: int) -> AsyncIterator[Contract]:
    """Run a network of two organisations, each with a peer, and yield a contract with `put` that both endorse."""
    running = running_fabric(
        folder / "network",
        binaries=binaries,
        orderers=orderers,
        organisations=[Organisation(msp_id) for msp_id in ORGANISATIONS],
        chaincode=None,
    )
    async with running as network:
        definition = ChaincodeDefinition(CHAINCODE, endorsement_policy=NOutOf(2, ORGANISATIONS))
        await network.network.deploy(definition)
        await network.network.start_chaincode(CHAINCODE, entry_point=ENTRY_POINT, environment=CHAINCODE_ENVIRONMENT)
        async with network.gateway(ORGANISATIONS[0], deadlines=DEADLINES) as gateway:
            yield gateway.network(network.channel).contract(CHAINCODE)


async def per_second(contract: Contract, *, in_flight: int, duration_s: float) -> float:
    """Put one reading in each transaction, so many at once, for so long; return how many were committed a second."""
    load = Load(devices=1)
    committed, began_s = 0, time.perf_counter()

    async def work() -> None:
        nonlocal committed
        while time.perf_counter() - began_s < duration_s:
            number = next(_keys)
            await _put(contract, f"reading-{number}", load.pack(number).decode())
            committed += 1

    await asyncio.gather(*(work() for _ in range(in_flight)))
    return committed / (time.perf_counter() - began_s)


async def _put(contract: Contract, key: str, reading: str) -> None:
    transaction = await contract.proposal("put", key, reading).endorse()
    try:
        status = await (await transaction.submit()).status()
    except UnknownOutcomeError as error:
        status = await error.commit.status()
    assert status.successful, status.code_name
