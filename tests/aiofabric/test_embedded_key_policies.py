"""Key-level endorsement in a block, and what chaincodes that call each other write."""

from pathlib import Path

import pytest
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.peer import transaction_pb2

from aiofabric.chaincode import key_policy
from aiofabric.embedded import ProvisionError, RequestRefusedError, status
from support.embedded_client import Client, action_payload, commit_together, opened, result_of, transaction_id
from support.embedded_network import provision

VALID, POLICY, CONFLICT = (
    transaction_pb2.VALID,
    transaction_pb2.ENDORSEMENT_POLICY_FAILURE,
    transaction_pb2.MVCC_READ_CONFLICT,
)
CHAINCODES = {"assets": "support.scenario_chaincodes.basic:invoke", "other": "support.embedded_contract:invoke"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return provision(tmp_path / "ledger", chaincodes=CHAINCODES)


async def test_a_key_whose_policy_changes_in_a_block_cannot_be_written_later_in_it(directory: Path) -> None:
    async with opened(directory) as ledger:
        client = Client.of(directory)
        await client.submit(ledger, "put", "k", "1")
        policy = await client.endorse(ledger, "set_endorsers", "k", "Org1MSP", "Org2MSP")
        write = await client.endorse(ledger, "put", "k", "2")
        again = await client.endorse(ledger, "set_endorsers", "k", "Org1MSP")
        elsewhere = await client.endorse(ledger, "put", "other", "2")
        codes = [code for _, code in await commit_together(client, ledger, policy, write, again, elsewhere)]
        assert codes == [VALID, POLICY, POLICY, VALID]
        assert await client.evaluate(ledger, "get_endorsers", "k") == b"Org1MSP,Org2MSP"
    assert status(directory).verified


async def test_a_change_of_policy_that_is_not_rightly_endorsed_does_not_count(directory: Path) -> None:
    async with opened(directory) as ledger:
        client = Client.of(directory)
        await client.submit(ledger, "put", "k", "1")
        policy = await client.endorse(ledger, "set_endorsers", "k", "Org1MSP", organisations=["Org2MSP"])
        write = await client.endorse(ledger, "put", "k", "2")
        assert [code for _, code in await commit_together(client, ledger, policy, write)] == [POLICY, VALID]


async def test_value_and_policy_of_a_key_go_their_own_ways(directory: Path) -> None:
    async with opened(directory) as ledger:
        client = Client.of(directory)
        await client.submit(ledger, "put", "k", "1")
        await client.submit(ledger, "set_endorsers", "k", "Org2MSP")
        stale = await client.endorse(ledger, "get_endorsers", "k")
        await client.submit(ledger, "put", "k", "2")  # planned for Org2MSP; the policy stays
        assert await client.evaluate(ledger, "get_endorsers", "k") == b"Org2MSP"
        assert (await client.commit(ledger, stale))[1] == CONFLICT  # who asks for a policy has read its key
    async with opened(directory) as ledger:
        assert await client.evaluate(ledger, "get", "k") == b"2"
        assert (await client.submit(ledger, "put", "k", "3", organisations=["Org1MSP"]))[1] == POLICY
        assert (await client.submit(ledger, "put", "k", "3", organisations=["Org2MSP"]))[1] == VALID


async def test_a_deleted_key_has_no_policy_any_more(directory: Path) -> None:
    async with opened(directory) as ledger:
        client = Client.of(directory)
        await client.submit(ledger, "put", "k", "1")
        await client.submit(ledger, "set_endorsers", "k", "Org2MSP")
        assert (await client.submit(ledger, "delete", "k"))[1] == VALID
        await client.submit(ledger, "put", "k", "1")
        assert await client.evaluate(ledger, "get_endorsers", "k") == b""


async def test_a_policy_write_is_in_the_set_as_fabric_has_it(directory: Path) -> None:
    async with opened(directory) as ledger:
        envelope = await Client.of(directory).endorse(ledger, "set_endorsers", "k", "Org2MSP", "Org1MSP")
        (entry,) = rwset_pb2.TxReadWriteSet.FromString(result_of(envelope).results).ns_rwset
        rwset = kv_rwset_pb2.KVRWSet.FromString(entry.rwset)
        (written,) = rwset.metadata_writes
        (parameter,) = written.entries
        assert not rwset.writes
        assert (written.key, parameter.name) == ("k", "VALIDATION_PARAMETER")
        assert parameter.value == key_policy.all_of(["Org1MSP", "Org2MSP"])


async def test_bytes_that_are_no_policy_are_refused(directory: Path) -> None:
    async with opened(directory) as ledger:
        with pytest.raises(RequestRefusedError) as refusal:
            await Client.of(directory).endorse(ledger, "set_policy", "k", "no policy")
        assert "a key's policy is a serialized common.SignaturePolicyEnvelope" in refusal.value.details[0].message


async def test_a_called_chaincode_writes_to_its_own_namespace(directory: Path) -> None:
    async with opened(directory) as ledger:
        client = Client.of(directory)
        envelope = await client.endorse(ledger, "call", "other", "put", "k", "called")
        namespaces = [
            entry.namespace for entry in rwset_pb2.TxReadWriteSet.FromString(result_of(envelope).results).ns_rwset
        ]
        assert namespaces == ["assets", "other"]
        assert (await client.commit(ledger, envelope))[1] == VALID
        other = Client(client.identity, client.sign, chaincode="other")
        assert await other.evaluate(ledger, "get", "k") == b"called"
        with pytest.raises(RequestRefusedError, match="404"):
            await client.evaluate(ledger, "get", "k")


async def test_the_event_of_a_called_chaincode_is_not_the_transactions(directory: Path) -> None:
    async with opened(directory) as ledger:
        client = Client.of(directory)
        envelope = await client.endorse(ledger, "call", "other", "event", "Said", "payload")
        assert result_of(envelope).events == b""
        number, _ = await client.commit(ledger, envelope)
        block = await ledger.block(number)
        assert transaction_id(envelope).encode() in block.data.data[0]


async def test_what_a_called_chaincode_reads_is_checked_too(directory: Path) -> None:
    async with opened(directory) as ledger:
        client = Client.of(directory)
        other = Client(client.identity, client.sign, chaincode="other")
        envelopes = [await client.endorse(ledger, "call", "other", "add", "n", "1") for _ in range(2)]
        assert [code for _, code in await commit_together(client, ledger, *envelopes)] == [VALID, CONFLICT]
        assert await other.evaluate(ledger, "get", "n") == b"1"


async def test_a_chaincode_may_have_its_own_policy(tmp_path: Path) -> None:
    policies = {"assets": "OR('Org2MSP.peer')"}
    directory = provision(tmp_path / "ledger", chaincodes=CHAINCODES, policies=policies)
    async with opened(directory) as ledger:
        client = Client.of(directory)
        assert (await client.submit(ledger, "put", "k", "1", organisations=["Org2MSP"]))[1] == VALID
        assert (await client.submit(ledger, "put", "k", "2", organisations=["Org1MSP"]))[1] == POLICY
        assert (await client.submit(ledger, "get", "k", organisations=["Org1MSP"]))[1] == POLICY
        assert (await client.submit(ledger, "put", "k", "3"))[1] == VALID  # planned
        other = Client(client.identity, client.sign, chaincode="other")
        assert (await other.submit(ledger, "put", "k", "1", organisations=["Org2MSP"]))[1] == POLICY  # the channel's
        called = await client.endorse(ledger, "call", "other", "put", "k", "1")
        assert len(action_payload(called).action.endorsements) == 2  # both chaincodes are written to
        assert (await client.commit(ledger, called))[1] == VALID
    assert status(directory).verified


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ({"absent": "OR('Org1MSP.peer')"}, "no chaincode of the ledger"),
        ({"assets": "OR('Org9MSP.peer')"}, "Org9MSP"),
        ({"assets": "Org1MSP"}, "neither AND, OR or OutOf"),
    ],
)
def test_policies_that_cannot_be(tmp_path: Path, policies: dict[str, str], words: str) -> None:
    with pytest.raises(ProvisionError, match=words):
        provision(tmp_path / "ledger", chaincodes=CHAINCODES, policies=policies)
    assert not (tmp_path / "ledger").exists()
