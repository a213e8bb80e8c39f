"""What real Fabric refuses, and by which name: bent endorsements, second forms of signatures, replays.

Where the peers call a transaction invalid, the verifier is asked too, and says the same.
"""

from collections.abc import AsyncIterator

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2

from aiofabric.blocks import signed_part
from aiofabric.errors import EndorseError, EvaluateError, SubmitError, UnknownOutcomeError
from aiofabric.gateway import Gateway
from aiofabric.identity import Identity
from aiofabric.status import Status
from support.fabric_network import CHAINCODE, FabricNetwork
from support.fabric_tampering import (
    Bend,
    high_s,
    transaction_of,
    with_forged_endorsement,
    with_high_s_endorsement,
    with_one_endorsement,
    with_one_endorsement_twice,
    with_other_answer,
)
from wayproof_verifier.errors import PolicyError, TransactionError
from wayproof_verifier.fabric.block import read_block
from wayproof_verifier.fabric.chain import ConfigChain, read_config_chain
from wayproof_verifier.fabric.transaction import check_creator, check_endorsements, read_transaction

EVERYBODY = ("Org1MSP", "Org2MSP", "Org3MSP")
POLICY = "/Channel/Application/Endorsement"
DENIED = "access denied: channel [trade] creator org [Org1MSP]"


@pytest.fixture(params=["fabric_bft", "fabric_raft"])
def fabric(request: pytest.FixtureRequest) -> FabricNetwork:
    network: FabricNetwork = request.getfixturevalue(request.param)
    return network


@pytest.mark.parametrize(
    "bend",
    [
        with_one_endorsement,
        with_one_endorsement_twice,
        with_forged_endorsement,
        with_high_s_endorsement,
        with_other_answer,
    ],
)
async def test_bent_endorsements_make_a_transaction_invalid(fabric: FabricNetwork, bend: Bend) -> None:
    async with fabric.gateway("Org1MSP", "alice") as gateway:
        contract = gateway.network(fabric.channel).contract(CHAINCODE)
        endorsed = await contract.proposal("put", bend.__name__, "never").endorse()
        status = await _submitted(gateway, bend(endorsed.payload))
        assert status.code_name == "ENDORSEMENT_POLICY_FAILURE"
        with pytest.raises(EvaluateError, match="404"):
            await contract.evaluate("get", bend.__name__)
        with pytest.raises(PolicyError):
            await _verified(gateway, fabric, status)


@pytest.mark.parametrize("bend", [with_forged_endorsement, with_high_s_endorsement])
async def test_a_void_endorsement_beside_enough_good_ones_counts_for_nothing(fabric: FabricNetwork, bend: Bend) -> None:
    """Fabric passes over it; whoever submits can add one, so evidence must not fail for it."""
    async with fabric.gateway("Org1MSP", "alice") as gateway:
        contract = gateway.network(fabric.channel).contract(CHAINCODE)
        proposal = contract.proposal("put", f"beside {bend.__name__}", "there", endorsing_organizations=EVERYBODY)
        status = await _submitted(gateway, bend((await proposal.endorse()).payload))
        assert status.code_name == "VALID"
        assert await _verified(gateway, fabric, status) == 2


async def test_peers_take_what_a_client_wrote_as_nobody_does(fabric: FabricNetwork) -> None:
    """A field that no version of Fabric has, a field twice, out of order: valid, so evidence can hold it."""
    async with fabric.gateway("Org1MSP", "alice") as gateway:
        contract = gateway.network(fabric.channel).contract(CHAINCODE)
        for number, bend in enumerate((_with_unknown_field, _with_header_last)):
            endorsed = await contract.proposal("put", f"unusual {number}", "there").endorse()
            status = await _submitted(gateway, bend(endorsed.payload))
            assert status.code_name == "VALID"
            assert await _verified(gateway, fabric, status) == 2


@pytest.mark.parametrize("form", ["with CRLF", "with text above", "with another one below"])
async def test_a_certificate_may_be_in_any_form_that_peers_read(fabric: FabricNetwork, form: str) -> None:
    """Clients send their certificate's file as it is."""
    identity, signer = fabric.user("Org1MSP", "alice")
    pem = identity.certificate_pem
    forms = {
        "with CRLF": pem.replace(b"\n", b"\r\n"),
        "with text above": b"Certificate of alice\n" + pem,
        "with another one below": pem + fabric.user("Org2MSP")[0].certificate_pem,
    }
    endpoint = fabric.endpoint()
    as_saved = Identity("Org1MSP", forms[form])
    async with Gateway.connect(
        endpoint.address, tls_ca=endpoint.tls_ca_pem, identity=as_saved, signer=signer
    ) as gateway:
        contract = gateway.network(fabric.channel).contract(CHAINCODE)
        endorsed = await contract.proposal("put", form, "there").endorse()
        status = await (await endorsed.submit()).status()
        assert status.code_name == "VALID"
        assert await _verified(gateway, fabric, status) == 2


async def test_an_answer_under_another_proposal_is_refused(fabric: FabricNetwork) -> None:
    async with fabric.gateway("Org1MSP", "alice") as gateway:
        contract = gateway.network(fabric.channel).contract(CHAINCODE)
        one, two = [await contract.proposal("put", "replayed", value).endorse() for value in ("one", "two")]
        forged, fresh = map(common_pb2.Payload.FromString, (one.payload, two.payload))
        forged.header.CopyFrom(fresh.header)
        transaction = transaction_pb2.Transaction.FromString(forged.data)
        transaction.actions[0].header = fresh.header.signature_header
        forged.data = transaction.SerializeToString()
        status = await _submitted(gateway, forged.SerializeToString())
        assert status.code_name == "INVALID_ENDORSER_TRANSACTION"
        with pytest.raises(TransactionError, match="the endorsers answered another proposal"):
            await _verified(gateway, fabric, status)


async def test_a_proposal_signed_in_the_second_form_is_denied(fabric: FabricNetwork) -> None:
    identity, signer = fabric.user("Org1MSP", "alice")
    endpoint = fabric.endpoint()
    second = Gateway.connect(
        endpoint.address, tls_ca=endpoint.tls_ca_pem, identity=identity, signer=lambda data: high_s(signer(data))
    )
    async with second as gateway:
        contract = gateway.network(fabric.channel).contract(CHAINCODE)
        with pytest.raises(EvaluateError) as evaluated:
            await contract.evaluate("get", "colour")
        assert (evaluated.value.code, DENIED in evaluated.value.message) == ("FAILED_PRECONDITION", True)
        with pytest.raises(EndorseError) as endorsed:
            await contract.submit("put", "colour", "blue")
        assert endorsed.value.code == "ABORTED"
        assert DENIED in endorsed.value.details[0].message


async def test_an_envelope_signed_in_the_second_form_is_not_ordered(fabric: FabricNetwork) -> None:
    _, signer = fabric.user("Org1MSP", "alice")
    async with fabric.gateway("Org1MSP", "alice") as gateway:
        network = gateway.network(fabric.channel)
        height = (await network.newest_block()).header.number
        endorsed = await network.contract(CHAINCODE).proposal("put", "high s", "never").endorse()
        transaction = transaction_of(gateway, endorsed.payload, signature=high_s(signer(endorsed.payload)))
        with pytest.raises(SubmitError) as refused:
            await transaction.submit()
        is_bft = fabric.network.description.plan.consensus == "BFT"
        # One orderer's refusal is final; of several, the gateway only knows that there were too few.
        assert isinstance(refused.value, UnknownOutcomeError) == is_bft
        assert "status=FORBIDDEN" in (refused.value.details[0].message if is_bft else refused.value.message)
        # What is ordered after it stands in the next block: it was not ordered.
        await network.contract(CHAINCODE).submit("put", "after high s", "there")
        assert (await network.newest_block()).header.number == height + 1


async def test_a_replayed_proposal_is_not_endorsed_again(fabric: FabricNetwork) -> None:
    async with fabric.gateway("Org1MSP", "alice") as gateway:
        proposal = gateway.network(fabric.channel).contract(CHAINCODE).proposal("put", "replay", "once")
        encoded = proposal.bytes
        status = await (await (await proposal.endorse()).submit()).status()
        assert status.successful
        with pytest.raises(EndorseError) as refused:
            await gateway.proposal(encoded).endorse()
        assert f"duplicate transaction found [{status.transaction_id}]" in refused.value.details[0].message


async def test_a_replayed_envelope_commits_once(fabric: FabricNetwork) -> None:
    is_bft = fabric.network.description.plan.consensus == "BFT"
    async with fabric.gateway("Org1MSP", "alice") as gateway:
        network = gateway.network(fabric.channel)
        transaction = await network.contract(CHAINCODE).proposal("append_once", "replayed envelope").endorse()
        first = await (await transaction.submit()).status()
        if is_bft:
            with pytest.raises(UnknownOutcomeError) as refused:
                await transaction.submit()
            assert "request already processed" in refused.value.details[0].message
            assert await refused.value.commit.status() == first
        else:
            await transaction.submit()
        await network.contract(CHAINCODE).submit("put", "after replay", "there")
        codes = [code async for code in _codes(gateway, fabric, first)]
        assert codes == ([0] if is_bft else [0, 9])
        assert await network.contract(CHAINCODE).evaluate("get", "request/replayed envelope") == b"x"


def _with_unknown_field(payload: bytes) -> bytes:
    return payload + b"\xfa\x3e\x01x"


def _with_header_last(payload: bytes) -> bytes:
    read = common_pb2.Payload.FromString(payload)
    first: bytes = common_pb2.Payload(data=b"replaced").SerializeToString()
    last: bytes = common_pb2.Payload(header=read.header).SerializeToString()
    return first + payload + last


async def _submitted(gateway: Gateway, payload: bytes) -> Status:
    return await (await transaction_of(gateway, payload).submit()).status()


async def _verified(gateway: Gateway, fabric: FabricNetwork, status: Status) -> int:
    """Let the verifier judge a committed transaction by the channel's configuration; return how many endorsed it."""
    block = await _block(gateway, fabric, status.block_number)
    envelope = next(each for each in read_block(block).envelopes if status.transaction_id.encode() in each)
    transaction = read_transaction(envelope)
    config = (await _config(gateway, fabric)).in_force(status.block_number)
    check_creator(transaction, membership=config.membership)
    return len(check_endorsements(transaction, config=config, policy=POLICY))


async def _config(gateway: Gateway, fabric: FabricNetwork) -> ConfigChain:
    genesis_hash = bytes.fromhex(fabric.network.genesis_hash)
    return read_config_chain([await _block(gateway, fabric, 0)], channel_id=fabric.channel, genesis_hash=genesis_hash)


async def _block(gateway: Gateway, fabric: FabricNetwork, number: int) -> bytes:
    async with gateway.network(fabric.channel).block_events(start_block=number) as blocks:
        async for block in blocks:
            return signed_part(block.SerializeToString())
    raise AssertionError(number)


async def _codes(gateway: Gateway, fabric: FabricNetwork, status: Status) -> AsyncIterator[int]:
    """Yield what the peer says of every copy of a transaction."""
    network = gateway.network(fabric.channel)
    newest = (await network.newest_block()).header.number
    async with network.block_events(start_block=status.block_number) as blocks:
        async for block in blocks:
            for envelope, code in zip(block.data.data, block.metadata.metadata[2], strict=True):
                if status.transaction_id.encode() in envelope:
                    yield code
            if block.header.number >= newest:
                return
