"""What a contract reads and writes, and what becomes of it."""

import asyncio
from pathlib import Path

import pytest
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2

from aiofabric.embedded import EmbeddedLedger, RequestRefusedError
from support.embedded_client import Client, at, commit_together, opened, result_of, transaction_id
from support.embedded_network import provision

VALID, MVCC_READ_CONFLICT, PHANTOM_READ_CONFLICT = 0, 11, 12


async def code(client: Client, ledger: EmbeddedLedger, *args: str) -> int:
    return (await client.submit(ledger, *args))[1]


async def test_a_read_sees_committed_state_only_and_the_last_write_wins(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        envelope = await client.endorse(ledger, "put_twice_and_read", "k")
        assert result_of(envelope).response.payload == b"absent"
        assert (await client.commit(ledger, envelope))[1] == VALID
        assert await client.evaluate(ledger, "get", "k") == b"last"


async def test_an_endorsed_transaction_changes_nothing_until_it_is_committed(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        await client.endorse(ledger, "put", "k", "v")
        with pytest.raises(RequestRefusedError, match="chaincode response 404, no k"):
            await client.evaluate(ledger, "get", "k")


@pytest.mark.parametrize("wrong", [("put", "k", ""), ("put", "", "v"), ("put", "\0k", "v"), ("get", "\0"[:0])])
async def test_bad_keys_and_empty_values_are_refused(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        with pytest.raises(RequestRefusedError) as refusal:
            await Client.of(tmp_path / "ledger").endorse(ledger, *wrong)
        assert "chaincode raised ValueError" in refusal.value.details[0].message


async def test_of_twenty_concurrent_changes_of_a_key_one_is_valid(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        await client.submit(ledger, "add", "counter", "1")
        envelopes = [await client.endorse(ledger, "add", "counter", "1") for _ in range(20)]
        results = await asyncio.gather(*(client.commit(ledger, envelope) for envelope in envelopes))
        assert sorted(result[1] for result in results) == [VALID] + [MVCC_READ_CONFLICT] * 19
        assert await client.evaluate(ledger, "get", "counter") == b"2"


async def test_versions_are_block_and_index_and_a_conflict_names_the_later_one(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        number, _ = await client.submit(ledger, "put", "k", "1")
        stale = await client.endorse(ledger, "add", "k", "1")
        rwset = rwset_pb2.TxReadWriteSet.FromString(result_of(stale).results)
        assert [entry.namespace for entry in rwset.ns_rwset] == ["assets"]
        (read,) = kv_rwset_pb2.KVRWSet.FromString(rwset.ns_rwset[0].rwset).reads
        assert (read.version.block_num, read.version.tx_num) == (number, 0)
        assert await code(client, ledger, "delete", "k") == VALID
        assert (await client.commit(ledger, stale))[1] == MVCC_READ_CONFLICT


async def test_blind_writes_never_conflict(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        envelopes = [await client.endorse(ledger, "put", "k", str(value)) for value in range(5)]
        results = await commit_together(client, ledger, *envelopes)
        assert [result[1] for result in results] == [VALID] * 5
        assert await client.evaluate(ledger, "get", "k") == b"4"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("put", "b5", "new"), PHANTOM_READ_CONFLICT),
        (("put", "b1", "changed"), PHANTOM_READ_CONFLICT),
        (("delete", "b1"), PHANTOM_READ_CONFLICT),
        (("delete", "b7"), VALID),
        (("put", "c", "outside"), VALID),
        (("put", "a", "outside"), VALID),
    ],
)
@pytest.mark.parametrize("same_block", [False, True])
async def test_a_range_that_would_read_differently_is_a_phantom(
    tmp_path: Path, change: tuple[str, ...], expected: int, *, same_block: bool
) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        await client.submit(ledger, "put", "b1", "x")
        await client.submit(ledger, "put", "b2", "x")
        counting = await client.endorse(ledger, "count", "b", "c", "total")
        changing = await client.endorse(ledger, *change)
        if same_block:
            (block, changed), (other, counted) = await commit_together(client, ledger, changing, counting)
            assert block == other
        else:
            changed = (await client.commit(ledger, changing))[1]
            counted = (await client.commit(ledger, counting))[1]
        assert (changed, counted) == (VALID, expected)


async def test_a_range_read_in_part_is_checked_as_far_as_the_peer_read(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        await client.submit(ledger, "put_many", "r", "150")
        envelope = await client.endorse(ledger, "first", "r", "s", "3")
        assert result_of(envelope).response.payload == b"r00000,r00001,r00002"
        info = _ranges(envelope)[0]
        # A peer hands out results by the hundred and has read one more, to know that there is more.
        assert (info.end_key, info.itr_exhausted, len(info.raw_reads.kv_reads)) == ("r00100", False, 101)
        inside = await client.endorse(ledger, "first", "r", "s", "3")
        await client.submit(ledger, "put", "r00120", "changed")
        assert (await client.commit(ledger, envelope))[1] == VALID
        await client.submit(ledger, "put", "r00100", "changed")
        assert (await client.commit(ledger, inside))[1] == PHANTOM_READ_CONFLICT


async def test_a_whole_range_longer_than_a_batch_is_read_and_recorded(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        await client.submit(ledger, "put_many", "r", "250")
        envelope = await client.endorse(ledger, "count", "r", "s", "n")
        assert result_of(envelope).response.payload == b"250"
        info = _ranges(envelope)[0]
        assert (info.end_key, info.itr_exhausted, len(info.raw_reads.kv_reads)) == ("s", True, 250)
        assert (await client.commit(ledger, envelope))[1] == VALID


async def test_open_ranges_leave_composite_keys_out_and_partial_ones_find_them(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        for attributes in (["a", "1"], ["a", "2"], ["ab", "3"]):
            await client.submit(ledger, "put_composite", "kind", *attributes)
        await client.submit(ledger, "put", "\u00e4", "last in UTF-8 order")
        await client.submit(ledger, "put", "z", "x")
        assert await client.evaluate(ledger, "page", "", "", "10", "") == "z,\u00e4,next=".encode()
        assert await client.evaluate(ledger, "composite", "kind", "a") == b"/kind/a/1/,/kind/a/2/"
        assert await client.evaluate(ledger, "composite", "other") == b""


async def test_pages_follow_each_other(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        await client.submit(ledger, "put_many", "p", "5")
        assert await client.evaluate(ledger, "page", "p", "q", "2", "") == b"p00000,p00001,next=p00002"
        assert await client.evaluate(ledger, "page", "p", "q", "2", "p00002") == b"p00002,p00003,next=p00004"
        assert await client.evaluate(ledger, "page", "p", "q", "2", "p00004") == b"p00004,next="


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("page_then_put", "Transaction has already performed a paginated query. Writes are not allowed"),
        ("put_then_page", "Paginated queries are supported only in a read-only transaction"),
    ],
)
async def test_a_paginated_query_needs_a_read_only_transaction(tmp_path: Path, function: str, words: str) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        with pytest.raises(RequestRefusedError) as refusal:
            await Client.of(tmp_path / "ledger").endorse(ledger, function)
        assert words in refusal.value.details[0].message


async def test_history_is_newest_first_and_knows_deletions(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        for args in (("put", "k", "1"), ("put", "k", "2"), ("delete", "k"), ("put", "k", "3")):
            await client.submit(ledger, *args)
        assert await client.evaluate(ledger, "history", "k") == b"3:False,:True,2:False,1:False"


async def test_reads_and_writes_are_sorted_by_key(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        envelope = await Client.of(tmp_path / "ledger").endorse(ledger, "put_many", "k", "30")
        rwset = rwset_pb2.TxReadWriteSet.FromString(result_of(envelope).results).ns_rwset[0].rwset
        keys = [write.key for write in kv_rwset_pb2.KVRWSet.FromString(rwset).writes]
        assert keys == sorted(keys)
        assert len(keys) == 30


async def test_transient_data_reach_the_contract_and_not_the_transaction(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        tx_id, signed = client.proposal("transient", transient={"secret": b"do not tell anybody"})
        request = client.endorse_request("transient")
        request.transaction_id = tx_id
        request.proposed_transaction.CopyFrom(signed)
        envelope = client.signed(await ledger.endorse(request))
        assert b"do not tell" not in envelope.SerializeToString()
        assert (await client.commit(ledger, envelope))[1] == VALID
        assert await client.evaluate(ledger, "get", "transient") == b"19"


@pytest.mark.parametrize(
    ("args", "answer"),
    [
        (("fail", "400"), "chaincode response 400, as asked"),
        (("fail", "500"), "chaincode response 500, as asked"),
        (("crash", "error"), "chaincode response 500, chaincode raised RuntimeError: as asked"),
        (("crash", "exit"), "chaincode response 500, chaincode raised SystemExit: 3"),
        (("garbage",), "chaincode response 500, chaincode raised TypeError: it returned str, not Response"),
        (("absent",), "chaincode response 400, no function absent"),
    ],
)
async def test_a_contract_that_fails_is_not_endorsed(tmp_path: Path, args: tuple[str, ...], answer: str) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        with pytest.raises(RequestRefusedError) as refusal:
            await client.evaluate(ledger, *args)
        assert (refusal.value.code.name, refusal.value.details[0].message) == ("UNKNOWN", answer)
        with pytest.raises(RequestRefusedError) as refusal:
            await client.endorse(ledger, *args)
        assert (refusal.value.code.name, refusal.value.details[0].message) == ("ABORTED", answer)
        assert ledger.height == 1
        assert (await client.submit(ledger, "put", "still", "alive"))[1] == VALID


@pytest.mark.parametrize(
    ("entry_point", "words"),
    [
        ("support.absent:invoke", "ModuleNotFoundError"),
        ("support.embedded_contract:absent", "AttributeError"),
        ("support.embedded_contract", "support.embedded_contract"),
        ("support.embedded_network:TESTS", "is not callable"),
    ],
)
async def test_a_contract_that_cannot_be_imported_is_one_that_cannot_be_launched(
    tmp_path: Path, entry_point: str, words: str
) -> None:
    directory = provision(tmp_path / "ledger", chaincodes={"assets": entry_point})
    async with opened(directory) as ledger:
        client = Client.of(directory)
        for ask in (client.evaluate, client.endorse):
            with pytest.raises(RequestRefusedError) as refusal:
                await ask(ledger, "get", "k")
            assert refusal.value.code.name == "ABORTED"
            assert "could not launch chaincode assets" in refusal.value.details[0].message
            assert words in refusal.value.details[0].message


async def test_endorsements_that_differ_are_not_a_transaction(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        with pytest.raises(RequestRefusedError) as refusal:
            await client.endorse(ledger, "nondeterministic")
        assert refusal.value.code.name == "ABORTED"
        assert refusal.value.details[0].message == "ProposalResponsePayloads do not match"


async def test_an_event_carries_the_ledgers_own_names_and_the_last_one_wins(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        envelope = await client.endorse(ledger, "event", "sold", "payload")
        number, _ = await client.commit(ledger, envelope)
        async for response in ledger.chaincode_events(client.events_request(start=at(number))):
            (event,) = response.events
            break
        assert (event.chaincode_id, event.tx_id) == ("assets", transaction_id(envelope))
        assert (event.event_name, event.payload) == ("sold", b"payload")


def _ranges(envelope: object) -> list[kv_rwset_pb2.RangeQueryInfo]:
    rwset = rwset_pb2.TxReadWriteSet.FromString(result_of(envelope).results).ns_rwset[0].rwset
    return list(kv_rwset_pb2.KVRWSet.FromString(rwset).range_queries_info)
