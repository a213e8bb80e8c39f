"""What a contract's calls are in a peer's protocol: reads, writes, queries, private data, policies."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fabric_protos.peer import chaincode_pb2
from fabric_protos.peer.chaincode_shim_pb2 import WriteRecord

from aiofabric.chaincode.key_policy import all_of
from aiofabric.chaincode.server import serve
from support.chaincode_contract import calls, invoke, tries
from support.chaincode_peer import FULL, FakePeer, Outcome, connected
from support.embedded_network import free_port

OLD_PEER = b""
PUT, DELETE, POLICY, PURGE = (
    WriteRecord.PUT_STATE,
    WriteRecord.DEL_STATE,
    WriteRecord.PUT_STATE_METADATA,
    WriteRecord.PURGE_PRIVATE_DATA,
)


@pytest.fixture
async def peer() -> AsyncIterator[FakePeer]:
    """A peer of Fabric 3.1, connected to a server."""
    async with (
        serve(invoke, package_id="basic:1", address=f"127.0.0.1:{free_port()}") as server,
        connected(server.address) as one,
    ):
        yield one


@pytest.fixture
async def old_peer() -> AsyncIterator[FakePeer]:
    """A peer that offers neither batches nor reads of several keys."""
    async with (
        serve(invoke, package_id="basic:1", address=f"127.0.0.1:{free_port()}") as server,
        connected(server.address, ready=OLD_PEER) as one,
    ):
        yield one


@pytest.fixture(params=["3.1", "2.5"])
async def any_peer(request: pytest.FixtureRequest) -> AsyncIterator[FakePeer]:
    """Either of them."""
    ready = FULL if request.param == "3.1" else OLD_PEER
    async with (
        serve(invoke, package_id="basic:1", address=f"127.0.0.1:{free_port()}") as server,
        connected(server.address, ready=ready) as one,
    ):
        yield one


def results(outcome: Outcome) -> list[Any]:
    """Return what the calls gave."""
    assert (outcome.kind, outcome.status) == ("COMPLETED", 200), outcome.message
    found: list[Any] = json.loads(outcome.payload)
    return found


async def test_reads_see_what_is_committed_and_never_the_own_writes(any_peer: FakePeer) -> None:
    first = await any_peer.invoke(*calls(["put_state", "k", "new"], ["get_state", "k"]))
    assert results(first) == [None, None]
    assert results(await any_peer.invoke(*calls(["get_state", "k"]))) == ["new"]


async def test_writes_travel_together_and_the_last_one_to_a_key_wins(peer: FakePeer) -> None:
    steps = [["put_state", "a", "1"], ["put_state", "b", "1"], ["put_state", "a", "2"], ["del_state", "b"]]
    outcome = await peer.invoke(*calls(*steps))
    assert outcome.requests == ["WRITE_BATCH_STATE"]
    assert outcome.writes == [(PUT, "", "a", b"2"), (DELETE, "", "b", b"")]


async def test_a_key_and_its_policy_are_two_writes_and_so_are_keys_of_two_collections(peer: FakePeer) -> None:
    steps: list[list[Any]] = [
        ["put_state", "k", "v"],
        ["set_state_validation_parameter", "k", ["Org1MSP"]],
        ["put_private_data", "c", "k", "p"],
        ["set_private_data_validation_parameter", "c", "k", ["Org2MSP"]],
        ["set_state_validation_parameter", "k", ["Org2MSP"]],
    ]
    outcome = await peer.invoke(*calls(*steps))
    assert outcome.writes == [
        (PUT, "", "k", b"v"),
        (POLICY, "", "k", all_of(["Org2MSP"])),
        (PUT, "c", "k", b"p"),
        (POLICY, "c", "k", all_of(["Org2MSP"])),
    ]


async def test_a_batch_is_cut_to_the_size_that_the_peer_offers() -> None:
    ready = _offer(use_write_batch=True, max_size_write_batch=3)
    async with (
        serve(invoke, package_id="basic:1", address=f"127.0.0.1:{free_port()}") as server,
        connected(server.address, ready=ready) as peer,
    ):
        outcome = await peer.invoke("put_many", "k", "7")
    assert outcome.requests == ["WRITE_BATCH_STATE"] * 3
    assert len(outcome.writes) == 7


async def test_an_old_peer_gets_each_write_as_it_comes(old_peer: FakePeer) -> None:
    steps: list[list[Any]] = [
        ["put_state", "a", "1"],
        ["del_state", "b"],
        ["set_state_validation_parameter", "a", ["Org1MSP"]],
        ["put_private_data", "c", "k", "p"],
        ["purge_private_data", "c", "k"],
        ["del_private_data", "c", "k"],
    ]
    outcome = await old_peer.invoke(*calls(*steps))
    assert outcome.requests == [
        "PUT_STATE",
        "DEL_STATE",
        "PUT_STATE_METADATA",
        "PUT_STATE",
        "PURGE_PRIVATE_DATA",
        "DEL_STATE",
    ]
    assert [(kind, collection) for kind, collection, *_ in outcome.writes] == [
        (PUT, ""),
        (DELETE, ""),
        (POLICY, ""),
        (PUT, "c"),
        (PURGE, "c"),
        (DELETE, "c"),
    ]


@pytest.mark.parametrize("ready", [b"\xff\xff", b"\x10\xe8\x07"], ids=["garbage", "a size without the offer"])
async def test_what_a_peer_does_not_clearly_offer_is_not_used(ready: bytes) -> None:
    async with (
        serve(invoke, package_id="basic:1", address=f"127.0.0.1:{free_port()}") as server,
        connected(server.address, ready=ready) as peer,
    ):
        assert (await peer.invoke(*calls(["put_state", "a", "1"]))).requests == ["PUT_STATE"]


async def test_several_keys_are_read_at_once_in_their_order(peer: FakePeer) -> None:
    await peer.invoke(*calls(["put_state", "a", "1"], ["put_state", "c", "3"]))
    outcome = await peer.invoke(*calls(["get_multiple_states", ["c", "b", "a"]]))
    assert results(outcome) == [["3", None, "1"]]
    assert outcome.requests == ["GET_STATE_MULTIPLE"]


async def test_reads_of_several_keys_are_cut_to_the_size_that_the_peer_offers() -> None:
    ready = _offer(use_get_multiple_keys=True, max_size_get_multiple_keys=2)
    async with (
        serve(invoke, package_id="basic:1", address=f"127.0.0.1:{free_port()}") as server,
        connected(server.address, ready=ready) as peer,
    ):
        outcome = await peer.invoke(*calls(["get_multiple_states", ["a", "b", "c", "d", "e"]]))
    assert outcome.requests == ["GET_STATE_MULTIPLE"] * 3
    assert results(outcome) == [[None] * 5]


async def test_an_old_peer_is_asked_for_one_key_after_the_other(old_peer: FakePeer) -> None:
    outcome = await old_peer.invoke(*calls(["get_multiple_states", ["a", "b"]], ["get_multiple_states", []]))
    assert outcome.requests == ["GET_STATE", "GET_STATE"]
    assert results(outcome) == [[None, None], []]


async def test_a_range_is_fetched_as_far_as_it_is_read(any_peer: FakePeer) -> None:
    await any_peer.invoke("put_many", "k", "250")
    outcome = await any_peer.invoke(*calls(["get_state_by_range", "k", "l"]))
    assert [key for key, _ in results(outcome)[0]] == [f"k{index:05d}" for index in range(250)]
    assert outcome.requests == ["GET_STATE_BY_RANGE", "QUERY_STATE_NEXT", "QUERY_STATE_NEXT"]


async def test_a_query_that_is_dropped_is_closed_before_the_next_one_or_at_the_end(peer: FakePeer) -> None:
    await peer.invoke("put_many", "k", "250")
    dropped = ["first", 100, "get_state_by_range", "k", ""]
    outcome = await peer.invoke(*calls(dropped, dropped, ["put_state", "done", "x"]))
    assert outcome.requests == [
        "GET_STATE_BY_RANGE",
        "QUERY_STATE_CLOSE",
        "GET_STATE_BY_RANGE",
        "QUERY_STATE_CLOSE",
        "WRITE_BATCH_STATE",
    ]


async def test_a_query_whose_results_are_never_asked_for_is_closed(peer: FakePeer) -> None:
    await peer.invoke("put_many", "k", "150")
    outcome = await peer.invoke(*calls(["first", 0, "get_state_by_range", "k", ""]))
    assert outcome.requests == ["GET_STATE_BY_RANGE", "QUERY_STATE_CLOSE"]


async def test_a_range_that_is_open_at_its_start_has_no_composite_keys(peer: FakePeer) -> None:
    composite = "\x00kind\x00one\x00"
    await peer.invoke(*calls(["put_state", composite, "c"], ["put_state", "simple", "s"]))
    assert results(await peer.invoke(*calls(["get_state_by_range", "", ""]))) == [[["simple", "s"]]]
    found = results(await peer.invoke(*calls(["get_state_by_partial_composite_key", "kind", []])))
    assert found == [[[composite, "c"]]]
    parts = await peer.invoke(*calls(["create_composite_key", "kind", ["one"]], ["split_composite_key", composite]))
    assert results(parts) == [composite, ["kind", ["one"]]]


async def test_pages_lead_from_one_to_the_next(any_peer: FakePeer) -> None:
    await any_peer.invoke("put_many", "k", "5")
    method = "get_state_by_range_with_pagination"
    entries, bookmark = results(await any_peer.invoke(*calls([method, "k", "l", 3, ""])))[0]
    assert [key for key, _ in entries] == ["k00000", "k00001", "k00002"]
    entries, bookmark = results(await any_peer.invoke(*calls([method, "k", "l", 3, bookmark])))[0]
    assert ([key for key, _ in entries], bookmark) == (["k00003", "k00004"], "")


async def test_pages_of_composite_keys(peer: FakePeer) -> None:
    await peer.invoke(*calls(*(["put_state", f"\x00kind\x00{number}\x00", "c"] for number in range(3))))
    method = "get_state_by_partial_composite_key_with_pagination"
    entries, bookmark = results(await peer.invoke(*calls([method, "kind", [], 2, ""])))[0]
    assert [key for key, _ in entries] == ["\x00kind\x000\x00", "\x00kind\x001\x00"]
    assert bookmark == "\x00kind\x002\x00"


@pytest.mark.parametrize(
    "query",
    [
        ["get_state_by_range_with_pagination", "", "", 1, ""],
        ["get_private_data_by_range", "c", "", ""],
        ["get_private_data_by_partial_composite_key", "c", "kind", []],
    ],
)
async def test_writes_beside_a_query_for_read_only_transactions_fail_where_they_stand(
    any_peer: FakePeer, query: list[Any]
) -> None:
    before = results(await any_peer.invoke(*tries(["put_state", "k", "v"], query)))
    assert [before[0], before[1]["raised"]] == [None, "PeerError"]
    after = results(await any_peer.invoke(*tries(query, ["put_state", "k", "v"])))
    assert after[1]["raised"] == "PeerError"
    assert "read-only transaction" in after[1]["text"]


async def test_rich_queries_with_and_without_pages(peer: FakePeer) -> None:
    query = '{"selector": {}}'
    refused = await peer.invoke(*calls(["get_query_result", query]))
    assert refused.status == 500
    assert "not supported for leveldb" in refused.message
    peer.ledger.rich_queries = True
    await peer.invoke(*calls(["put_state", "a", "1"], ["put_state", "b", "2"], ["put_private_data", "c", "p", "3"]))
    steps: list[list[Any]] = [
        ["get_query_result", query],
        ["get_query_result_with_pagination", query, 1, ""],
        ["get_private_data_query_result", "c", query],
    ]
    assert results(await peer.invoke(*calls(*steps))) == [
        [["a", "1"], ["b", "2"]],
        [[["a", "1"]], "more"],
        [["p", "3"]],
    ]


async def test_history_is_newest_first(peer: FakePeer) -> None:
    await peer.invoke(*calls(["put_state", "k", "1"]))
    await peer.invoke(*calls(["del_state", "k"]))
    found = results(await peer.invoke(*calls(["get_history_for_key", "k"])))
    assert found == [[["t", "", 7000, True], ["t", "1", 7000, False]]]


async def test_private_data_and_their_hashes(any_peer: FakePeer) -> None:
    steps: list[list[Any]] = [
        ["put_private_data", "c", "a", "1"],
        ["put_private_data", "c", "b", "2"],
        ["put_state", "a", "public"],
    ]
    await any_peer.invoke(*calls(*steps))
    steps = [
        ["get_private_data", "c", "a"],
        ["get_private_data", "other", "a"],
        ["get_private_data_hash", "c", "a"],
        ["get_private_data_hash", "c", "none"],
        ["get_multiple_private_data", "c", ["b", "none"]],
        ["get_private_data_by_range", "c", "", ""],
    ]
    assert results(await any_peer.invoke(*calls(*steps))) == [
        "1",
        None,
        "hash of 1",
        None,
        ["2", None],
        [["a", "1"], ["b", "2"]],
    ]


async def test_a_key_gets_its_own_policy_and_loses_it(any_peer: FakePeer) -> None:
    await any_peer.invoke(*calls(["set_state_validation_parameter", "k", ["Org2MSP", "Org1MSP"]]))
    assert any_peer.ledger.metadata["", "k"] == {"VALIDATION_PARAMETER": all_of(["Org1MSP", "Org2MSP"])}
    found = results(await any_peer.invoke(*calls(["get_state_validation_parameter", "k"])))
    assert "Org1MSP" in found[0]
    await any_peer.invoke(*calls(["set_state_validation_parameter", "k", []]))
    steps = [["get_state_validation_parameter", "k"], ["get_private_data_validation_parameter", "c", "k"]]
    assert results(await any_peer.invoke(*calls(*steps))) == [None, None]


@pytest.mark.parametrize(
    ("step", "raised"),
    [
        (["get_state", ""], "ValueError"),
        (["put_state", "", "v"], "ValueError"),
        (["put_state", "k", ""], "ValueError"),
        (["del_state", "\x00half"], "ValueError"),
        (["get_multiple_states", ["k", ""]], "ValueError"),
        (["get_state_by_range", "\x00", ""], "ValueError"),
        (["get_state_by_range_with_pagination", "", "", 0, ""], "ValueError"),
        (["get_state_by_range_with_pagination", "", "", 1, "\x00kind\x00"], "ValueError"),
        (["get_state_by_partial_composite_key", "", []], "ValueError"),
        (["get_history_for_key", ""], "ValueError"),
        (["get_private_data", "", "k"], "ValueError"),
        (["get_private_data", "c", ""], "ValueError"),
        (["put_private_data", "c", "k", ""], "ValueError"),
        (["get_private_data_by_range", "", "a", "b"], "ValueError"),
        (["purge_private_data", "", "k"], "ValueError"),
        (["get_private_data_validation_parameter", "", "k"], "ValueError"),
        (["set_event", "", "x"], "ValueError"),
        (["invoke_chaincode", "", [], ""], "ValueError"),
        (["get_state", "\ud800"], "UnicodeEncodeError"),
    ],
)
async def test_what_the_shims_refuse_is_refused_before_the_peer_is_asked(
    peer: FakePeer, step: list[Any], raised: str
) -> None:
    outcome = await peer.invoke(*tries(step))
    assert results(outcome)[0]["raised"] == raised
    assert outcome.requests == []


@pytest.mark.parametrize(
    ("step", "request_name"),
    [
        (["get_state", "k"], "GET_STATE"),
        (["get_private_data_hash", "c", "k"], "GET_PRIVATE_DATA_HASH"),
        (["get_multiple_states", ["k"]], "GET_STATE_MULTIPLE"),
        (["get_state_by_range", "", ""], "GET_STATE_BY_RANGE"),
        (["get_history_for_key", "k"], "GET_HISTORY_FOR_KEY"),
        (["get_state_validation_parameter", "k"], "GET_STATE_METADATA"),
        (["invoke_chaincode", "other", [], ""], "INVOKE_CHAINCODE"),
    ],
)
async def test_a_refusal_of_the_peer_is_an_error_in_the_contract_and_the_transaction_goes_on(
    peer: FakePeer, step: list[Any], request_name: str
) -> None:
    peer.refusals[request_name] = "no such luck"
    outcome = await peer.invoke(*tries(step, ["put_state", "after", "x"]))
    assert results(outcome)[0]["raised"] == "PeerError"
    assert "no such luck" in results(outcome)[0]["text"]
    assert results(outcome)[1] is None


async def test_a_refusal_in_the_middle_of_a_query_is_an_error_in_the_contract(peer: FakePeer) -> None:
    await peer.invoke("put_many", "k", "150")
    peer.refusals["QUERY_STATE_NEXT"] = "query iterator not found"
    outcome = await peer.invoke(*tries(["get_state_by_range", "", ""], ["get_state", "k00000"]))
    assert results(outcome)[0]["raised"] == "PeerError"
    assert results(outcome)[1] == "v"


async def test_writes_that_the_peer_refuses_at_the_end_fail_the_transaction(peer: FakePeer) -> None:
    peer.refusals["WRITE_BATCH_STATE"] = "tx creator does not have write access permission"
    outcome = await peer.invoke(*calls(["put_state", "k", "v"], ["set_event", "written", "x"]))
    assert (outcome.kind, outcome.status, outcome.event) == ("COMPLETED", 500, None)
    assert "write access permission" in outcome.message


def _offer(**features: Any) -> bytes:  # noqa: ANN401 - fields of a message
    encoded: bytes = chaincode_pb2.ChaincodeAdditionalParams(**features).SerializeToString()
    return encoded
