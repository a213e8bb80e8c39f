"""The official clients' accepted scenarios, with our client, on the embedded ledger.

They are the features of fabric-gateway's ``scenario`` folder: transactions, errors, endorsement, offline signing,
chaincode events, block events. Private data and key-level policies need a ledger that has them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from fabric_protos.ledger.rwset import rwset_pb2

from aiofabric.errors import (
    CommitError,
    CommitStatusError,
    EndorseError,
    EvaluateError,
    EventStreamError,
    FabricError,
    UnsignedError,
)
from aiofabric.gateway import (
    ChaincodeEvent,
    Contract,
    Deadlines,
    FileCheckpointer,
    Gateway,
    InMemoryCheckpointer,
    Network,
    Position,
)
from aiofabric.gateway.checkpoint import Checkpoint
from aiofabric.gateway.connection import Message
from aiofabric.identity import private_key_signer
from support.embedded_network import RunningLedger, running_ledger

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAIT_S = 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ledger(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningLedger]:
    async with running_ledger(tmp_path_factory.mktemp("ledger") / "trade") as ledger:
        yield ledger


def connect(ledger: RunningLedger, msp_id: str = "Org1MSP", deadlines: Deadlines | None = None) -> Gateway:
    identity, signer = ledger.user(msp_id)
    return Gateway.connect(
        ledger.address, tls_ca=ledger.tls_ca_pem, identity=identity, signer=signer, deadlines=deadlines
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(ledger: RunningLedger) -> AsyncIterator[Network]:
    async with connect(ledger) as gateway:
        yield gateway.network(ledger.channel)


@pytest.fixture
def contract(network: Network, ledger: RunningLedger) -> Contract:
    return network.contract(ledger.chaincode)


@asynccontextmanager
async def offline(ledger: RunningLedger) -> AsyncIterator[Gateway]:
    identity, _ = ledger.user("Org1MSP")
    async with Gateway.connect(ledger.address, tls_ca=ledger.tls_ca_pem, identity=identity) as gateway:
        yield gateway


class TestTransactions:
    async def test_evaluate_with_result(self, contract: Contract) -> None:
        await contract.submit("put", "evaluated", b"value")
        assert await contract.evaluate("get", "evaluated") == b"value"

    async def test_submit_with_result_updates_the_ledger(self, contract: Contract) -> None:
        assert await contract.submit("add", "total", "5") == b"5"
        assert await contract.submit("add", "total", "2") == b"7"
        assert await contract.evaluate("get", "total") == b"7"

    async def test_submit_async_answers_before_the_commit(self, contract: Contract) -> None:
        commit = await contract.submit_async("put", "async", "x")
        assert commit.result == b"x"
        status = await commit.status()
        assert status.successful
        assert status.transaction_id == commit.transaction_id
        assert status.block_number > 0
        assert await commit.status() == status

    async def test_transient_data_reaches_the_contract_and_no_block(self, contract: Contract, network: Network) -> None:
        proposal = contract.proposal("transient", transient={"secret": b"nobody sees this"})
        transaction = await proposal.endorse()
        assert transaction.result == b"kept quiet"
        status = await (await transaction.submit()).status()
        async with network.block_events(start_block=status.block_number) as blocks:
            block = await asyncio.wait_for(anext(blocks), WAIT_S)
        assert b"nobody sees this" not in block.SerializeToString()

    async def test_evaluate_with_error_response(self, contract: Contract) -> None:
        with pytest.raises(EvaluateError) as raised:
            await contract.evaluate("get", "absent")
        assert (raised.value.code, raised.value.chaincode_status) == ("UNKNOWN", 404)
        assert raised.value.chaincode_message == "no absent"

    async def test_submit_with_error_response(self, contract: Contract) -> None:
        with pytest.raises(EndorseError) as raised:
            await contract.submit("fail", "409")
        assert (raised.value.code, raised.value.chaincode_status) == ("ABORTED", 409)
        assert raised.value.chaincode_message == "as asked"
        assert raised.value.details[0].msp_id == "Org1MSP"

    async def test_many_at_once_over_one_channel(self, contract: Contract) -> None:
        keys = [f"parallel-{index}" for index in range(100)]
        assert await asyncio.gather(*(contract.submit("put", key, key) for key in keys)) == [k.encode() for k in keys]

    async def test_endorsed_state_is_had_without_submitting(self, contract: Contract) -> None:
        await contract.submit("put", "endorsed", "state")
        transaction = await contract.proposal("get", "endorsed").endorse()
        assert transaction.result == b"state"
        assert {entry.namespace for entry in rwset_pb2.TxReadWriteSet.FromString(transaction.read_write_set).ns_rwset}


class TestErrors:
    async def test_evaluate_with_wrong_arguments(self, contract: Contract) -> None:
        with pytest.raises(EvaluateError):
            await contract.evaluate("get", "one", "too", "many")

    async def test_wrong_chaincode_name(self, network: Network) -> None:
        with pytest.raises(EvaluateError) as evaluated:
            await network.contract("nowhere").evaluate("get", "a")
        assert evaluated.value.code == "FAILED_PRECONDITION"
        with pytest.raises(EndorseError) as endorsed:
            await network.contract("nowhere").submit("put", "a", "b")
        assert endorsed.value.code == "FAILED_PRECONDITION"

    async def test_wrong_channel_name(self, ledger: RunningLedger) -> None:
        async with connect(ledger) as gateway:
            contract = gateway.network("elsewhere").contract(ledger.chaincode)
            with pytest.raises(EndorseError) as endorsed:
                await contract.submit("put", "a", "b")
            with pytest.raises(EvaluateError) as evaluated:
                await contract.evaluate("get", "a")
            with pytest.raises(EventStreamError) as stream:
                await anext(gateway.network("elsewhere").block_events())
        codes = (endorsed.value.code, evaluated.value.code, stream.value.code)
        assert codes == ("FAILED_PRECONDITION", "UNAVAILABLE", "NOT_FOUND")

    async def test_wrong_transaction_name(self, contract: Contract) -> None:
        with pytest.raises(EndorseError) as raised:
            await contract.submit("nothing")
        assert raised.value.chaincode_message == "no function nothing"

    async def test_a_crash_of_the_contract(self, contract: Contract) -> None:
        with pytest.raises(FabricError):
            await contract.evaluate("crash", "error")
        with pytest.raises(EndorseError):
            await contract.submit("crash", "error")
        assert await contract.submit("put", "after-the-crash", "alive") == b"alive"

    async def test_a_signer_without_the_identitys_key(self, ledger: RunningLedger) -> None:
        identity, _ = ledger.user("Org1MSP")
        stranger = private_key_signer(ec.generate_private_key(ec.SECP256R1()))
        async with Gateway.connect(
            ledger.address, tls_ca=ledger.tls_ca_pem, identity=identity, signer=stranger
        ) as gateway:
            network = gateway.network(ledger.channel)
            contract = network.contract(ledger.chaincode)
            with pytest.raises(EvaluateError) as evaluated:
                await contract.evaluate("get", "a")
            with pytest.raises(EndorseError) as endorsed:
                await contract.submit("put", "a", "b")
            with pytest.raises(CommitStatusError) as asked:
                await network.commit("00" * 32).status()
            with pytest.raises(EventStreamError) as blocks:
                await anext(network.block_events())
            with pytest.raises(EventStreamError) as events:
                await anext(network.chaincode_events(ledger.chaincode))
        assert (evaluated.value.code, endorsed.value.code) == ("FAILED_PRECONDITION", "ABORTED")
        codes = {asked.value.code, blocks.value.code, events.value.code}
        assert codes == {"PERMISSION_DENIED"}

    async def test_endorsers_that_disagree(self, contract: Contract) -> None:
        with pytest.raises(EndorseError) as raised:
            await contract.submit("nondeterministic")
        assert raised.value.code == "ABORTED"
        assert any("do not match" in detail.message for detail in raised.value.details)

    async def test_a_conflict(self, contract: Contract) -> None:
        first, second = [await contract.proposal("add", "conflict", "1").endorse() for _ in range(2)]
        statuses = [await (await transaction.submit()).status() for transaction in (first, second)]
        assert [status.code_name for status in statuses] == ["VALID", "MVCC_READ_CONFLICT"]

    async def test_conflicts_are_raised_or_tried_again(self, contract: Contract) -> None:
        results = await asyncio.gather(
            *(contract.submit("add", "contended", "1") for _ in range(10)), return_exceptions=True
        )
        conflicts = [result for result in results if isinstance(result, CommitError)]
        assert conflicts
        assert all(conflict.is_retryable for conflict in conflicts)
        succeeded = len(results) - len(conflicts)
        await asyncio.gather(*(contract.submit("add", "contended", "1", attempts=50) for _ in conflicts))
        assert await contract.evaluate("get", "contended") == str(len(results)).encode()
        assert succeeded >= 1

    async def test_the_same_transaction_twice_commits_once(self, contract: Contract) -> None:
        transaction = await contract.proposal("append_once", "twice").endorse()
        await (await transaction.submit()).status()
        assert (await (await transaction.submit()).status()).successful
        assert await contract.evaluate("get", "request/twice") == b"x"

    async def test_the_status_of_an_unknown_transaction_is_waited_for(self, ledger: RunningLedger) -> None:
        async with connect(ledger, deadlines=Deadlines(commit_status_s=0.3)) as gateway:
            with pytest.raises(CommitStatusError) as raised:
                await gateway.network(ledger.channel).commit("ab" * 32).status()
        assert raised.value.code == "DEADLINE_EXCEEDED"


class TestEndorsement:
    @pytest.mark.parametrize("organizations", [["Org1MSP"], ["Org2MSP"], ["Org1MSP", "Org2MSP"]])
    async def test_evaluate_and_endorse_at_the_organisations_asked(
        self, contract: Contract, organizations: list[str]
    ) -> None:
        await contract.submit("put", "asked", "x")
        assert await contract.evaluate("get", "asked", endorsing_organizations=organizations) == b"x"
        transaction = await contract.proposal("put", "asked", "y", endorsing_organizations=organizations).endorse()
        assert all(organization.encode() in transaction.payload for organization in organizations)

    async def test_too_few_organisations_make_it_invalid(self, contract: Contract) -> None:
        with pytest.raises(CommitError) as raised:
            await contract.submit("put", "few", "x", endorsing_organizations=["Org1MSP"])
        assert raised.value.code_name == "ENDORSEMENT_POLICY_FAILURE"
        assert not raised.value.is_retryable

    async def test_enough_organisations(self, contract: Contract) -> None:
        assert await contract.submit("put", "enough", "x", endorsing_organizations=["Org1MSP", "Org2MSP"]) == b"x"

    async def test_an_organisation_that_is_not_there(self, contract: Contract) -> None:
        with pytest.raises(EndorseError) as raised:
            await contract.submit("put", "few", "x", endorsing_organizations=["Org9MSP"])
        assert raised.value.code == "UNAVAILABLE"

    async def test_the_other_organisations_member_submits_too(self, ledger: RunningLedger) -> None:
        async with connect(ledger, "Org2MSP") as gateway:
            contract = gateway.network(ledger.channel).contract(ledger.chaincode)
            assert await contract.submit("put", "org2", "x") == b"x"


class TestOfflineSigning:
    async def test_nothing_goes_without_a_signature(self, ledger: RunningLedger) -> None:
        async with offline(ledger) as gateway:
            contract = gateway.network(ledger.channel).contract(ledger.chaincode)
            with pytest.raises(UnsignedError):
                await contract.evaluate("get", "a")
            with pytest.raises(UnsignedError):
                await contract.submit("put", "a", "b")

    async def test_signed_elsewhere_step_by_step(self, ledger: RunningLedger) -> None:
        _, sign = ledger.user("Org1MSP")
        async with offline(ledger) as gateway:
            contract = gateway.network(ledger.channel).contract(ledger.chaincode)
            proposal = contract.proposal("put", "offline", "x")
            transaction = await gateway.signed_proposal(proposal.bytes, sign(proposal.message)).endorse()
            commit = await gateway.signed_transaction(transaction.bytes, sign(transaction.message)).submit()
            status = await gateway.signed_commit(commit.bytes, sign(commit.message)).status()
            query = contract.proposal("get", "offline")
            answer = await gateway.signed_proposal(query.bytes, sign(query.message)).evaluate()
        assert status.successful
        assert answer == b"x"

    async def test_chaincode_events_are_signed_for_elsewhere(self, ledger: RunningLedger, contract: Contract) -> None:
        _, sign = ledger.user("Org1MSP")
        first = await emit(contract, "offline-event")
        async with offline(ledger) as gateway:
            request = gateway.network(ledger.channel).chaincode_events_request(ledger.chaincode, start_block=first)
            with pytest.raises(UnsignedError):
                request.events()
            signed = gateway.signed_chaincode_events_request(request.bytes, sign(request.message))
            async with signed.events() as stream:
                assert await take(stream, 1) == ["offline-event"]

    @pytest.mark.parametrize("kind", ["block_events", "filtered_block_events", "block_and_private_data_events"])
    async def test_blocks_are_signed_for_elsewhere(self, ledger: RunningLedger, kind: str) -> None:
        _, sign = ledger.user("Org1MSP")
        async with offline(ledger) as gateway:
            request = getattr(gateway.network(ledger.channel), f"{kind}_request")(start_block=0)
            with pytest.raises(UnsignedError):
                request.events()
            rebuild = getattr(gateway, f"signed_{kind}_request")
            async with rebuild(request.bytes, sign(request.message)).events() as stream:
                assert block_number(kind, await asyncio.wait_for(anext(stream), WAIT_S)) == 0
            with pytest.raises(EventStreamError) as raised:
                await asyncio.wait_for(anext(rebuild(request.bytes, sign(b"something else")).events()), WAIT_S)
        assert raised.value.code == "PERMISSION_DENIED"


async def take(stream: AsyncIterator[ChaincodeEvent], count: int) -> list[str]:
    """Return the payloads of the next events."""
    async with asyncio.timeout(WAIT_S):
        return [(await anext(stream)).payload.decode() for _ in range(count)]


async def emit(contract: Contract, *payloads: str) -> int:
    """Submit a transaction with an event for each payload, one after the other; return the first one's block."""
    blocks = []
    for payload in payloads:
        commit = await contract.submit_async("event", "Said", payload)
        blocks.append((await commit.status()).block_number)
    return blocks[0]


class TestChaincodeEvents:
    async def test_receive(self, contract: Contract, network: Network) -> None:
        first = await emit(contract, "receive-0")
        async with network.chaincode_events(contract.chaincode_name, start_block=first) as stream:
            assert await take(stream, 1) == ["receive-0"]
            await emit(contract, "receive-1")
            event = await asyncio.wait_for(anext(stream), WAIT_S)
        assert (event.event_name, event.payload) == ("Said", b"receive-1")
        assert event.chaincode_name == contract.chaincode_name
        assert event.block_number > first

    async def test_replay_and_restart_after_closing(self, contract: Contract, network: Network) -> None:
        first = await emit(contract, "replay-0", "replay-1")
        for _ in range(2):
            async with network.chaincode_events(contract.chaincode_name, start_block=first) as stream:
                assert await take(stream, 2) == ["replay-0", "replay-1"]

    async def test_closing_one_leaves_the_others(self, contract: Contract, network: Network) -> None:
        first = await emit(contract, "close-0")
        closed, other = (network.chaincode_events(contract.chaincode_name, start_block=first) for _ in range(2))
        await take(closed, 1)
        closed.close()
        await emit(contract, "close-1")
        async with other:
            assert await take(other, 2) == ["close-0", "close-1"]

    async def test_after_a_transaction(self, contract: Contract, network: Network) -> None:
        commit = await contract.submit_async("event", "Said", "after-0")
        block = (await commit.status()).block_number
        await emit(contract, "after-1")
        async with network.chaincode_events(
            contract.chaincode_name, start_block=block, after_transaction_id=commit.transaction_id
        ) as stream:
            assert await take(stream, 1) == ["after-1"]

    async def test_resume_from_a_checkpoint_file(self, contract: Contract, network: Network, tmp_path: Path) -> None:
        payloads = [f"resume-{index}" for index in range(6)]
        first = await emit(contract, payloads[0])
        await asyncio.gather(*(emit(contract, payload) for payload in payloads[1:]))
        seen: list[str] = []
        while len(seen) < len(payloads):  # a reader that is stopped after each event, in the middle of blocks
            checkpointer = FileCheckpointer(tmp_path / "checkpoint.json")
            stream = network.chaincode_events(contract.chaincode_name, start_block=first, checkpoint=checkpointer)
            async with stream:
                event = await asyncio.wait_for(anext(stream), WAIT_S)
                seen.append(event.payload.decode())
                await checkpointer.checkpoint_chaincode_event(event)
        assert sorted(seen) == payloads

    async def test_a_checkpoint_at_a_transaction_without_an_event_is_not_silent(
        self, contract: Contract, network: Network
    ) -> None:
        first = await emit(contract, "silent-0")
        commit = await contract.submit_async("put", "no-event", "x")
        position = Position((await commit.status()).block_number, commit.transaction_id)
        await emit(contract, "silent-1")
        async with network.chaincode_events(contract.chaincode_name, start_block=first, checkpoint=position) as stream:
            assert await take(stream, 1) == ["silent-1"]
        asked = network.chaincode_events_request(contract.chaincode_name, checkpoint=position)
        async with asked.events() as stream:
            with pytest.raises(TimeoutError):  # what the peer itself does: nothing, for ever
                await asyncio.wait_for(anext(stream), 0.5)

    async def test_events_of_invalid_transactions_are_not_seen(self, contract: Contract, network: Network) -> None:
        first = await emit(contract, "valid-0")
        with pytest.raises(CommitError):
            await contract.submit("event", "Said", "invalid", endorsing_organizations=["Org1MSP"])
        await emit(contract, "valid-1")
        async with network.chaincode_events(contract.chaincode_name, start_block=first) as stream:
            assert await take(stream, 2) == ["valid-0", "valid-1"]


KINDS = ["block_events", "filtered_block_events", "block_and_private_data_events"]


def block_number(kind: str, item: Message) -> int:
    """Return the number of a block of any of the three kinds."""
    if kind == "filtered_block_events":
        return int(item.number)
    return int((item if kind == "block_events" else item.block).header.number)


async def block_numbers(
    network: Network, kind: str, count: int, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
) -> list[int]:
    async with getattr(network, kind)(start_block=start_block, checkpoint=checkpoint) as stream:
        async with asyncio.timeout(WAIT_S):
            return [block_number(kind, await anext(stream)) for _ in range(count)]


async def test_the_newest_block(network: Network, contract: Contract) -> None:
    last = await emit(contract, "newest")
    assert (await network.newest_block()).header.number == last


@pytest.mark.parametrize("kind", KINDS)
class TestBlockEvents:
    async def test_replay_from_the_genesis_block(self, network: Network, contract: Contract, kind: str) -> None:
        await contract.submit("put", "block", "x")
        assert await block_numbers(network, kind, 2, start_block=0) == [0, 1]
        assert await block_numbers(network, kind, 2, start_block=0) == [0, 1]

    async def test_receive_what_is_committed_later(self, network: Network, contract: Contract, kind: str) -> None:
        first = await emit(contract, "x")
        async with getattr(network, kind)(start_block=first) as stream:
            assert block_number(kind, await asyncio.wait_for(anext(stream), WAIT_S)) == first
            later = await emit(contract, "x")
            assert block_number(kind, await asyncio.wait_for(anext(stream), WAIT_S)) == later

    async def test_closing_one_leaves_the_others(self, network: Network, contract: Contract, kind: str) -> None:
        first = await emit(contract, "x")
        closed, other = (getattr(network, kind)(start_block=first) for _ in range(2))
        await asyncio.wait_for(anext(closed), WAIT_S)
        closed.close()
        await emit(contract, "x")
        async with other:
            for number in (first, first + 1):
                assert block_number(kind, await asyncio.wait_for(anext(other), WAIT_S)) == number

    async def test_resume_from_a_checkpoint(self, network: Network, contract: Contract, kind: str) -> None:
        first = await emit(contract, "x", "y", "z")
        checkpointer = InMemoryCheckpointer()
        await checkpointer.checkpoint_block(first)
        assert await block_numbers(network, kind, 2, start_block=0, checkpoint=checkpointer) == [first + 1, first + 2]
