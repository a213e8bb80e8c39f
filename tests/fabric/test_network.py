"""A real network, from Python alone: transactions, restarts, crashes. Runs where Fabric's programs are found."""

import pytest

from support.fabric_network import CHAINCODE, FabricNetwork


@pytest.fixture(params=["fabric_bft", "fabric_raft"])
def either(request: pytest.FixtureRequest) -> FabricNetwork:
    network: FabricNetwork = request.getfixturevalue(request.param)
    return network


async def test_what_one_organisation_submits_another_reads(either: FabricNetwork) -> None:
    async with either.gateway("Org1MSP", "alice") as alice, either.gateway("Org3MSP") as other:
        await alice.network(either.channel).contract(CHAINCODE).submit("put", "colour", "blue")
        contract = other.network(either.channel).contract(CHAINCODE)
        assert await contract.evaluate("get", "colour") == b"blue"
