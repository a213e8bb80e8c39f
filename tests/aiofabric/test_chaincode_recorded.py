"""What real peers said once is said again, and our server must answer as it did: on every machine, without Fabric."""

import asyncio
from collections.abc import Iterable

import grpc
import pytest
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2_grpc

from aiofabric.chaincode.server import serve
from support.chaincode_contract import invoke
from support.chaincode_recording import CHAINCODE, FOLDER, OPTIONS, PEER, Sent, meaning, read
from support.embedded_network import free_port

WAIT_S = 10.0
VERSIONS = ("2.5.16", "3.1.5")
CASES = [(version, name) for version in VERSIONS for name in read(FOLDER / f"{version}.json")[1]]


@pytest.mark.parametrize(("version", "scenario"), CASES)
async def test_our_side_of_a_recorded_stream(version: str, scenario: str) -> None:
    handshake, scenarios = read(FOLDER / f"{version}.json")
    await _play([*handshake, *scenarios[scenario]])


async def _play(messages: Iterable[Sent]) -> None:
    """Send what the peer sent, and compare what comes with what came."""
    messages = list(messages)
    package_id = chaincode_pb2.ChaincodeID.FromString(messages[0].message.payload).name
    async with (
        serve(invoke, package_id=package_id, address=f"127.0.0.1:{free_port()}") as server,
        grpc.aio.insecure_channel(server.address, options=OPTIONS) as channel,
    ):
        call = chaincode_shim_pb2_grpc.ChaincodeStub(channel).Connect()
        for sent in messages:
            if sent.sender == PEER:
                await call.write(sent.message)
            else:
                said = await asyncio.wait_for(call.read(), WAIT_S)
                assert meaning(said) == meaning(sent.message)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recordings_have_what_the_protocol_has(version: str) -> None:
    handshake, scenarios = read(FOLDER / f"{version}.json")
    kinds = {sent.message.type for messages in scenarios.values() for sent in messages if sent.sender == CHAINCODE}
    batches, several = 24, 25
    expected = {6, 8, 11, 14, 15, 16, 17, 19, 20, 22} | ({batches, several} if version == "3.1.5" else {9, 10, 21, 23})
    assert expected <= kinds
    assert [sent.message.type for sent in handshake] == [1, 2, 4]
