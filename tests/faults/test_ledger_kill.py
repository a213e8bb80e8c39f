"""``kill -9`` of the embedded ledger under load: what was reported is there, nothing is applied twice.

Ten kills by default; ``WAYPROOF_KILLS=100`` for the long form. The moment of kill n is drawn from
``WAYPROOF_KILL_SEED`` + n, and each kill names its seed, so that a run can be taken up where it failed.
"""

import asyncio
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2_grpc

from aiofabric.embedded import status
from aiofabric.embedded.state import Space
from support.embedded_client import Client, opened, transaction_id
from support.embedded_network import RunningLedger, running_ledger

KILLS = int(os.environ.get("WAYPROOF_KILLS", "10"))
SEED = int(os.environ.get("WAYPROOF_KILL_SEED", "20261124"))
IN_FLIGHT = 30
LONGEST_LOAD_S = 0.8
ANSWER_S = 30.0
VALID = 0


@dataclass(slots=True)
class Record:
    """What the clients know: commits that were reported, and transactions whose outcome they never heard."""

    reported: dict[str, tuple[int, str]] = field(default_factory=dict)  # transaction id: block, request
    unknown: dict[str, common_pb2.Envelope] = field(default_factory=dict)  # request: transaction
    requests: int = 0


async def load(client: Client, gateway: gateway_pb2_grpc.GatewayStub, record: Record) -> None:
    """Submit requests, each once and under a name of its own, until the ledger is gone."""
    while True:
        record.requests += 1
        request = f"{record.requests:07d}"
        try:
            endorsed = await gateway.Endorse(client.endorse_request("append_once", request))
        except grpc.aio.AioRpcError:
            return
        envelope = client.signed(endorsed.prepared_transaction)
        record.unknown[request] = envelope
        try:
            await settle(client, gateway, record, request)
        except grpc.aio.AioRpcError:
            return


async def settle(client: Client, gateway: gateway_pb2_grpc.GatewayStub, record: Record, request: str) -> None:
    """Submit a transaction, again if need be (the second copy is a duplicate), and record the reported commit."""
    envelope = record.unknown[request]
    tx_id = transaction_id(envelope)
    await gateway.Submit(client.submit_request(envelope))
    answer = await gateway.CommitStatus(client.status_request(tx_id))
    assert answer.result == VALID
    record.reported[tx_id] = (answer.block_number, request)
    del record.unknown[request]


async def run_until_killed(ledger: RunningLedger, client: Client, record: Record, *, load_s: float) -> None:
    credentials = grpc.ssl_channel_credentials(ledger.tls_ca_pem)
    async with grpc.aio.secure_channel(ledger.address, credentials) as channel:
        gateway = gateway_pb2_grpc.GatewayStub(channel)
        for request in list(record.unknown):
            await asyncio.wait_for(settle(client, gateway, record, request), ANSWER_S)
        workers = [asyncio.create_task(load(client, gateway, record)) for _ in range(IN_FLIGHT)]
        await asyncio.sleep(load_s)
        await ledger.kill()
        await asyncio.wait_for(asyncio.gather(*workers), ANSWER_S)


async def check_reported(ledger: RunningLedger, client: Client, record: Record, *, since: set[str]) -> None:
    """Ask the restarted ledger for every commit that was reported in the last round."""
    credentials = grpc.ssl_channel_credentials(ledger.tls_ca_pem)
    async with grpc.aio.secure_channel(ledger.address, credentials) as channel:
        gateway = gateway_pb2_grpc.GatewayStub(channel)
        for tx_id in record.reported.keys() - since:
            answer = await gateway.CommitStatus(client.status_request(tx_id), timeout=ANSWER_S)
            assert (answer.block_number, answer.result) == (record.reported[tx_id][0], VALID)


@pytest.mark.timeout(60 + 30 * KILLS)
async def test_what_was_reported_survives_and_nothing_is_applied_twice(tmp_path: Path) -> None:
    directory, record = tmp_path / "ledger", Record()
    torn = 0
    async with running_ledger(directory) as ledger:
        client = Client.of(directory)
        for kill in range(KILLS):
            seed = SEED + kill
            before = set(record.reported)
            load_s = random.Random(seed).uniform(0.05, LONGEST_LOAD_S)  # noqa: S311 - a seeded moment
            await run_until_killed(ledger, client, record, load_s=load_s)
            torn += status(directory).torn_bytes > 0
            await ledger.start()  # verifies everything, or does not start
            await check_reported(ledger, client, record, since=before)
            print(f"kill {kill} (seed {seed}, {load_s:.3f} s): {len(record.reported)} reported, {torn} torn")
        await run_until_killed(ledger, client, record, load_s=0.05)
    assert len(record.reported) > 10 * KILLS
    await check_applied_once(directory, record)


async def check_applied_once(directory: Path, record: Record) -> None:
    async with opened(directory) as ledger:
        statuses = ledger.channel.chain.statuses
        applied = ledger.channel.chain.state.namespace(Space("assets")).entries
        for tx_id, (block, request) in record.reported.items():
            assert statuses[tx_id] == (block, VALID)
            assert applied[f"request/{request}"].value == b"x"
        for request, envelope in record.unknown.items():  # on the ledger or not, but never twice
            committed = transaction_id(envelope) in statuses
            assert (f"request/{request}" in applied) == committed
        assert all(entry.value == b"x" for entry in applied.values())
