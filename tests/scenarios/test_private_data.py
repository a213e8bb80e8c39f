"""Feature: private data."""

import asyncio
import hashlib

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.peer import proposal_pb2, proposal_response_pb2, transaction_pb2

from aiofabric.errors import CommitError, EndorseError, EvaluateError
from aiofabric.gateway import Contract
from support.scenario_ledger import (
    ORG1,
    ORG1_COLLECTION,
    ORG2,
    ORG3,
    ORG3_COLLECTION,
    PRIVATE,
    SHARED_COLLECTION,
    ScenarioLedger,
)

VALUE = b"nobody else sees this"
ARRIVES_WITHIN_S = 20


async def write(contract: Contract, key: str, *collections: str, at: list[str] | None = None) -> None:
    """Write VALUE to collections, endorsed where it is said."""
    await contract.submit("write", key, *collections, transient={"value": VALUE}, endorsing_organizations=at or ())


async def read_when_it_arrives(contract: Contract, collection: str, key: str) -> bytes:
    """Read a value that a peer may have a little later than the one that told of the commit."""
    async with asyncio.timeout(ARRIVES_WITHIN_S):
        while True:
            try:
                return await contract.evaluate("read", collection, key)
            except EvaluateError:
                await asyncio.sleep(0.1)


async def until_it_has_the_hash(contract: Contract, key: str, *, at: str) -> None:
    """Wait until an organisation's peer has the block that wrote a key of Org1's collection."""
    async with asyncio.timeout(ARRIVES_WITHIN_S):
        while True:
            if await contract.evaluate("hash", ORG1_COLLECTION, key, endorsing_organizations=[at]):
                return
            await asyncio.sleep(0.1)


async def test_write_and_read_in_the_own_collection(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as gateway:
        contract = ledger.contract(gateway, PRIVATE)
        await write(contract, key, ORG1_COLLECTION, at=[ORG1])
        assert await contract.evaluate("read", ORG1_COLLECTION, key) == VALUE
        assert await contract.evaluate("read", ORG1_COLLECTION, key, endorsing_organizations=[ORG1]) == VALUE


async def test_read_through_another_organisation_fails(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as gateway:
        contract = ledger.contract(gateway, PRIVATE)
        await write(contract, key, ORG1_COLLECTION, at=[ORG1])
        await until_it_has_the_hash(contract, key, at=ORG3)
        with pytest.raises(EvaluateError) as raised:
            await contract.evaluate("read", ORG1_COLLECTION, key, endorsing_organizations=[ORG3])
    assert raised.value.chaincode_status == 500
    words = raised.value.chaincode_message or ""
    assert "private data matching public hash version is not available" in words
    assert words.endswith("Private data version = <nil>")


async def test_several_values_at_once_are_absent_where_they_are_not_held(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as gateway:
        contract = ledger.contract(gateway, PRIVATE)
        await write(contract, key, ORG1_COLLECTION, at=[ORG1])
        arguments = ("read_many", ORG1_COLLECTION, key, f"{key}-absent")
        assert await contract.evaluate(*arguments) == VALUE + b",-"
        if ledger.has_multiple_reads:
            assert await contract.evaluate(*arguments, endorsing_organizations=[ORG3]) == b"-,-"


async def test_another_organisation_can_cause_a_write_but_not_read(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as gateway, ledger.gateway(ORG3) as gateway3:
        contract = ledger.contract(gateway, PRIVATE)
        await write(contract, key, ORG3_COLLECTION, at=[ORG3])
        for organisation in (ORG1, ORG3):
            with pytest.raises(EvaluateError) as raised:
                await contract.evaluate("read", ORG3_COLLECTION, key, endorsing_organizations=[organisation])
            assert (raised.value.chaincode_message or "").endswith(
                "tx creator does not have read access permission on privatedata in "
                f"chaincodeName:private collectionName: {ORG3_COLLECTION}"
            )
        assert await read_when_it_arrives(ledger.contract(gateway3, PRIVATE), ORG3_COLLECTION, key) == VALUE


async def test_one_organisation_writes_and_the_other_reads(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG3) as writer, ledger.gateway(ORG1) as reader:
        await write(ledger.contract(writer, PRIVATE), key, ORG1_COLLECTION, at=[ORG1])
        assert await read_when_it_arrives(ledger.contract(reader, PRIVATE), ORG1_COLLECTION, key) == VALUE


@pytest.mark.parametrize(("writer", "reader"), [(ORG1, ORG3), (ORG3, ORG1)])
async def test_a_shared_collection(ledger: ScenarioLedger, key: str, writer: str, reader: str) -> None:
    async with ledger.gateway(writer) as writing, ledger.gateway(reader) as reading:
        await write(ledger.contract(writing, PRIVATE), key, SHARED_COLLECTION, at=[ORG1, ORG3])
        contract = ledger.contract(reading, PRIVATE)
        assert await read_when_it_arrives(contract, SHARED_COLLECTION, key) == VALUE


async def test_a_shared_collection_without_explicit_endorsers(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as writing, ledger.gateway(ORG3) as reading:
        await write(ledger.contract(writing, PRIVATE), key, SHARED_COLLECTION)
        contract = ledger.contract(reading, PRIVATE)
        assert await read_when_it_arrives(contract, SHARED_COLLECTION, key) == VALUE


async def test_the_endorsers_of_one_collection_are_planned_for(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as writing, ledger.gateway(ORG3) as reading:
        await write(ledger.contract(writing, PRIVATE), key, ORG3_COLLECTION)
        contract = ledger.contract(reading, PRIVATE)
        assert await read_when_it_arrives(contract, ORG3_COLLECTION, key) == VALUE


async def test_collections_without_common_endorsers_need_explicit_ones(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as gateway:
        contract = ledger.contract(gateway, PRIVATE)
        with pytest.raises(EndorseError) as raised:
            await write(contract, key, SHARED_COLLECTION, ORG3_COLLECTION)
        assert raised.value.code == "FAILED_PRECONDITION"
        assert raised.value.message.startswith(
            "requires endorsement from organisation(s) that are not in the distribution policy of the private data "
        )
        assert raised.value.message.endswith(
            "; retry specifying trusted endorsing organizations to protect transient data"
        )
        await write(contract, key, SHARED_COLLECTION, ORG3_COLLECTION, at=[ORG1, ORG3])
        assert await read_when_it_arrives(contract, SHARED_COLLECTION, key) == VALUE


async def test_the_wrong_endorser_of_a_collection_is_found_at_commit(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as gateway:
        with pytest.raises(CommitError) as raised:
            await write(ledger.contract(gateway, PRIVATE), key, ORG3_COLLECTION, at=[ORG1])
    assert raised.value.code_name == "ENDORSEMENT_POLICY_FAILURE"


async def test_everybody_has_the_hash(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as gateway, ledger.gateway(ORG2) as other:
        await write(ledger.contract(gateway, PRIVATE), key, ORG1_COLLECTION, at=[ORG1])
        contract = ledger.contract(other, PRIVATE)
        found = await contract.evaluate("hash", ORG1_COLLECTION, key, endorsing_organizations=[ORG1])
        assert found == hashlib.sha256(VALUE).digest()


async def test_a_value_is_deleted_or_purged(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as gateway:
        contract = ledger.contract(gateway, PRIVATE)
        for ending in ("delete", "purge"):
            await write(contract, key, ORG1_COLLECTION, at=[ORG1])
            assert await contract.evaluate("read", ORG1_COLLECTION, key) == VALUE
            await contract.submit(ending, ORG1_COLLECTION, key, endorsing_organizations=[ORG1])
            with pytest.raises(EvaluateError) as raised:
                await contract.evaluate("read", ORG1_COLLECTION, key)
            assert raised.value.chaincode_message == f"no {key}"
            assert await contract.evaluate("hash", ORG1_COLLECTION, key) == b""


async def test_a_range_is_for_transactions_that_only_read(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as gateway:
        contract = ledger.contract(gateway, PRIVATE)
        for number in (1, 2):
            await write(contract, f"{key}{number}", ORG1_COLLECTION, at=[ORG1])
        expected = ",".join(f"{key}{number}={VALUE.decode()}" for number in (1, 2))
        assert await contract.evaluate("range", ORG1_COLLECTION, key, key + "~") == expected.encode()
        with pytest.raises(EvaluateError) as raised:
            await contract.evaluate("range_then_write", ORG1_COLLECTION, key, key + "~")
    words = "Transaction has already performed queries on pvt data. Writes are not allowed"
    assert (raised.value.chaincode_message or "").endswith(words)


async def test_a_hash_that_changed_meanwhile_is_a_conflict(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as gateway:
        contract = ledger.contract(gateway, PRIVATE)
        await write(contract, key, ORG1_COLLECTION, at=[ORG1])
        stale = await contract.proposal(
            "replace", ORG1_COLLECTION, key, transient={"value": b"late"}, endorsing_organizations=[ORG1]
        ).endorse()
        await write(contract, key, ORG1_COLLECTION, at=[ORG1])
        assert (await (await stale.submit()).status()).code_name == "MVCC_READ_CONFLICT"
        assert await contract.evaluate("read", ORG1_COLLECTION, key) == VALUE


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("read", "collection {}/private/Nothing could not be found"),
        ("hash", "collection [Nothing] not defined in the collection config for chaincode [private]"),
    ],
)
async def test_a_collection_that_is_not_defined(ledger: ScenarioLedger, key: str, function: str, words: str) -> None:
    async with ledger.gateway(ORG1) as gateway:
        with pytest.raises(EvaluateError) as raised:
            await ledger.contract(gateway, PRIVATE).evaluate(function, "Nothing", key)
    assert (raised.value.chaincode_message or "").endswith(words.format(ledger.channel))


async def test_a_private_key_has_its_own_endorsers(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as gateway:
        contract = ledger.contract(gateway, PRIVATE)
        await write(contract, key, SHARED_COLLECTION)
        await contract.submit("set_endorsers", SHARED_COLLECTION, key, ORG3, endorsing_organizations=[ORG1, ORG3])
        with pytest.raises(CommitError) as raised:
            await write(contract, key, SHARED_COLLECTION, at=[ORG1, ORG2])
        assert raised.value.code_name == "ENDORSEMENT_POLICY_FAILURE"
        await write(contract, key, SHARED_COLLECTION, at=[ORG3])


async def test_a_block_has_hashes_and_its_private_data_go_to_members(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway(ORG1) as gateway, ledger.gateway(ORG2) as other:
        proposal = ledger.contract(gateway, PRIVATE).proposal(
            "write", key, SHARED_COLLECTION, transient={"value": VALUE}, endorsing_organizations=[ORG1, ORG3]
        )
        status = await (await (await proposal.endorse()).submit()).status()
        for reader, seen in ((gateway, True), (other, False)):
            network = reader.network(ledger.channel)
            async with network.block_and_private_data_events(start_block=status.block_number) as blocks:
                item = await anext(blocks)
            index = transaction_ids(item.block).index(status.transaction_id)
            assert VALUE not in item.block.SerializeToString()
            assert (index in item.private_data_map) is seen
            if seen:
                (namespace,) = item.private_data_map[index].ns_pvt_rwset
                (private,) = namespace.collection_pvt_rwset
                (written,) = kv_rwset_pb2.KVRWSet.FromString(private.rwset).writes
                assert (namespace.namespace, private.collection_name) == (PRIVATE, SHARED_COLLECTION)
                assert (written.key, written.value) == (key, VALUE)
                assert private_hash(item.block.data.data[index]) == hashlib.sha256(private.rwset).digest()


def transaction_ids(block: common_pb2.Block) -> list[str]:
    payloads = [common_pb2.Payload.FromString(common_pb2.Envelope.FromString(data).payload) for data in block.data.data]
    return [common_pb2.ChannelHeader.FromString(payload.header.channel_header).tx_id for payload in payloads]


def private_hash(envelope: bytes) -> bytes:
    """Return the hash by which a transaction binds the private write set of its one collection."""
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(envelope).payload)
    transaction = transaction_pb2.Transaction.FromString(payload.data)
    action = transaction_pb2.ChaincodeActionPayload.FromString(transaction.actions[0].payload).action
    response = proposal_response_pb2.ProposalResponsePayload.FromString(action.proposal_response_payload)
    results = proposal_pb2.ChaincodeAction.FromString(response.extension).results
    (own,) = [entry for entry in rwset_pb2.TxReadWriteSet.FromString(results).ns_rwset if entry.namespace == PRIVATE]
    (collection,) = own.collection_hashed_rwset
    found: bytes = collection.pvt_rwset_hash
    return found
