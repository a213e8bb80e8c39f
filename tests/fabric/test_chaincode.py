"""The chaincode server on a real network: what a contract can do, what it can do wrong, servers that come and go."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from aiofabric.chaincode.server import ServerTls, serve
from aiofabric.errors import EndorseError, EvaluateError
from aiofabric.gateway import Contract, Deadlines
from aiofabric.network import ChaincodeDefinition
from aiofabric.network.definition import Collection
from aiofabric.network.package import ChaincodeTls
from support.chaincode_contract import calls, invoke, tries
from support.embedded_network import free_port
from support.fabric_network import CHAINCODE_ENVIRONMENT, FabricNetwork
from support.self_signed import self_signed

PROBE, CALLEE, SECRETS = "probe", "callee", "secrets"
ENTRY_POINT = "support.chaincode_contract:invoke"
WAIT_S = 30.0
PATIENT = Deadlines(evaluate_s=60.0, endorse_s=60.0, submit_s=60.0)
"""What is asked here is whether a call succeeds, on a machine that may be busy, and not how fast."""


@pytest.fixture(scope="module")
def served(fabric: FabricNetwork) -> FabricNetwork:
    """The network with two more chaincodes; one has a collection of Org1 and Org2."""

    async def deploy() -> None:
        for name, collections in ((PROBE, [Collection(SECRETS, ("Org1MSP", "Org2MSP"))]), (CALLEE, [])):
            await fabric.network.deploy(ChaincodeDefinition(name, collections=collections))
            await fabric.network.start_chaincode(name, entry_point=ENTRY_POINT, environment=CHAINCODE_ENVIRONMENT)

    with asyncio.Runner() as runner:
        runner.run(deploy())
    return fabric


@pytest.fixture
async def contract(served: FabricNetwork) -> AsyncIterator[Contract]:
    """The chaincode, seen by a client of Org1."""
    async with served.gateway("Org1MSP", deadlines=PATIENT) as gateway:
        yield gateway.network(served.channel).contract(PROBE)


async def evaluated(contract: Contract, *steps: Sequence[Any]) -> list[Any]:
    """Return what the calls gave in a transaction that only reads."""
    found: list[Any] = json.loads(await contract.evaluate(*tries(*steps)))
    return found


async def test_reads_writes_ranges_pages_and_history(contract: Contract) -> None:
    composite = "\x00kind\x00one\x00"
    await contract.submit(*calls(["put_state", "r1", "a"], ["put_state", "r2", "b"], ["put_state", composite, "c"]))
    await contract.submit(*calls(["put_state", "r1", "new"], ["get_state", "r1"], ["del_state", "r2"]))
    found = await evaluated(
        contract,
        ["get_state", "r2"],
        ["get_multiple_states", ["r1", "none"]],
        ["get_state_by_range", "r1", "r3"],
        ["get_state_by_partial_composite_key", "kind", []],
        ["get_history_for_key", "r2"],
    )
    assert found[:4] == [None, ["new", None], [["r1", "new"]], [[composite, "c"]]]
    assert [(value, is_delete) for _, value, _, is_delete in found[4]] == [("", True), ("b", False)]
    await contract.submit("put_many", "page", "120")
    method = "get_state_by_range_with_pagination"
    entries, bookmark = (await evaluated(contract, [method, "page", "pagf", 110, ""]))[0]
    assert (len(entries), bookmark) == (110, "page00110")
    entries, bookmark = (await evaluated(contract, [method, "page", "pagf", 110, bookmark]))[0]
    assert (len(entries), bookmark) == (10, "")


async def test_thousands_of_keys_in_one_transaction(contract: Contract) -> None:
    await contract.submit("put_many", "bulk", "2500")
    entries, values, few = await evaluated(
        contract,
        ["get_state_by_range", "bulk", "bull"],
        ["get_multiple_states", [f"bulk{number:05d}" for number in range(2501)]],
        ["first", 3, "get_state_by_range", "bulk", ""],
    )
    assert (len(entries), values, len(few)) == (2500, ["v"] * 2500 + [None], 3)


async def test_writes_beside_a_paginated_query_are_refused_in_the_contract(contract: Contract) -> None:
    page = ["get_state_by_range_with_pagination", "", "", 1, ""]
    assert (await evaluated(contract, page, ["put_state", "never", "x"]))[1]["raised"] == "PeerError"
    assert (await evaluated(contract, ["put_state", "never", "x"], page))[1]["raised"] == "PeerError"


async def test_private_data_are_for_members_and_their_hashes_for_everybody(
    served: FabricNetwork, contract: Contract
) -> None:
    await contract.submit(
        *calls(["put_private_data", SECRETS, "p", "v"], ["put_private_data", SECRETS, "q", "w"]),
        endorsing_organizations=["Org1MSP", "Org2MSP"],
    )
    found = await evaluated(
        contract,
        ["get_private_data", SECRETS, "p"],
        ["get_multiple_private_data", SECRETS, ["q", "none"]],
        ["get_private_data_by_range", SECRETS, "", ""],
        ["get_private_data_hash", SECRETS, "p"],
        ["get_private_data", "nowhere", "p"],
    )
    assert found[:3] == ["v", ["w", None], [["p", "v"], ["q", "w"]]]
    assert "collection trade/probe/nowhere could not be found" in found[4]["text"]
    async with served.gateway("Org3MSP") as outside:
        theirs = outside.network(served.channel).contract(PROBE)
        refused, seen_hash = await evaluated(
            theirs, ["get_private_data", SECRETS, "p"], ["get_private_data_hash", SECRETS, "p"]
        )
    assert "does not have read access permission" in refused["text"]
    assert seen_hash == found[3]
    await contract.submit(
        *calls(["del_private_data", SECRETS, "p"], ["purge_private_data", SECRETS, "q"]),
        endorsing_organizations=["Org1MSP", "Org2MSP"],
    )
    assert await evaluated(contract, ["get_private_data", SECRETS, "p"], ["get_private_data_hash", SECRETS, "q"]) == [
        None,
        None,
    ]


async def test_a_key_with_a_policy_of_its_own(contract: Contract) -> None:
    await contract.submit(*calls(["put_state", "own", "v"], ["set_state_validation_parameter", "own", ["Org1MSP"]]))
    assert "Org1MSP" in (await evaluated(contract, ["get_state_validation_parameter", "own"]))[0]
    await contract.submit(*calls(["put_state", "own", "w"]), endorsing_organizations=["Org1MSP"])
    assert await evaluated(contract, ["get_state", "own"]) == ["w"]


async def test_only_what_is_committed_has_an_event(served: FabricNetwork, contract: Contract) -> None:
    before = await (await contract.submit_async(*calls(["put_state", "e", "before"]))).status()
    with pytest.raises(EndorseError):
        await contract.submit("status", "500")
    await contract.submit(*calls(["put_state", "e", "v"], ["set_event", "happened", "details"]))
    async with served.gateway("Org1MSP") as gateway:
        events = gateway.network(served.channel).chaincode_events(PROBE, start_block=before.block_number)
        async with events:
            event = await asyncio.wait_for(anext(aiter(events)), WAIT_S)
    assert (event.event_name, event.payload) == ("happened", b"details")


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_a_contracts_failure_arrives_as_it_was_said(contract: Contract, status: int) -> None:
    with pytest.raises(EndorseError) as raised:
        await contract.submit("status", str(status))
    assert (raised.value.chaincode_status, raised.value.chaincode_message) == (status, "as asked")


async def test_a_crash_is_an_answer_at_once_and_the_next_call_is_served(contract: Contract) -> None:
    for kind in ("error", "exit"):
        async with asyncio.timeout(WAIT_S / 2):  # a peer waits 30 s for a chaincode that does not answer
            with pytest.raises(EvaluateError, match="chaincode raised"):
                await contract.evaluate("crash", kind)
    assert await evaluated(contract, ["get_state", "none"]) == [None]


async def test_calls_of_other_chaincodes(contract: Contract) -> None:
    inner = list(calls(["put_state", "theirs", "v"]))
    await contract.submit(*calls(["put_state", "mine", "v"], ["invoke_chaincode", CALLEE, inner, ""]))
    read = list(calls(["get_state", "theirs"]))
    found = await evaluated(
        contract,
        ["get_state", "mine"],
        ["invoke_chaincode", CALLEE, read, ""],
        ["invoke_chaincode", CALLEE, ["status", "404"], ""],
        ["invoke_chaincode", CALLEE, ["crash", "error"], ""],
        ["invoke_chaincode", PROBE, read, ""],
        ["invoke_chaincode", "nobody", read, ""],
    )
    assert found[:4] == [
        "v",
        [200, "", '["v"]'],
        [404, "as asked", ""],
        [500, "chaincode raised RuntimeError: as asked", ""],
    ]
    assert "exists" in found[4]["text"]  # of one's own transaction
    assert "chaincode nobody not found" in found[5]["text"]


async def test_a_thousand_transactions_at_once(contract: Contract) -> None:
    asked = [evaluated(contract, ["get_state", f"none{number}"]) for number in range(1000)]
    assert await asyncio.gather(*asked) == [[None]] * 1000


async def test_large_values_and_answers(contract: Contract) -> None:
    size = 4 * 1024 * 1024
    await contract.submit("put_large", str(size))
    assert len((await evaluated(contract, ["get_state", "large"]))[0]) == size
    assert len(await contract.evaluate("large", str(30 * 1024 * 1024))) == 30 * 1024 * 1024


async def test_a_server_that_is_killed_and_one_that_ends_in_order(served: FabricNetwork, contract: Contract) -> None:
    name = f"chaincode.{PROBE}.Org1MSP"
    only_there: Any = {"endorsing_organizations": ["Org1MSP"]}  # a gateway asks another organisation's peer otherwise
    served.network.kill(name)
    with pytest.raises(EvaluateError):
        await contract.evaluate(*calls(["get_state", "k"]), **only_there)
    await served.network.restart(name)
    assert await contract.evaluate(*calls(["get_state", "none"]), **only_there) == b"[null]"
    running = asyncio.ensure_future(contract.evaluate("sleep", "1", **only_there))
    await asyncio.sleep(0.5)
    await asyncio.to_thread(served.network.halt, name)
    assert await running == b""
    await served.network.restart(name)
    assert await contract.evaluate(*calls(["get_state", "none"]), **only_there) == b"[null]"


@pytest.mark.parametrize("mutual", [False, True], ids=["tls", "mutual tls"])
async def test_tls_between_peer_and_chaincode(served: FabricNetwork, *, mutual: bool) -> None:
    server, client = self_signed(), self_signed()
    name, address = f"secure{int(mutual)}", f"127.0.0.1:{free_port()}"
    tls = (
        ChaincodeTls(server.certificate, client.certificate, client.key) if mutual else ChaincodeTls(server.certificate)
    )
    package_ids = await served.network.deploy(ChaincodeDefinition(name, addresses=address, tls=tls))
    (package_id,) = set(package_ids.values())
    ours = ServerTls(server.certificate, server.key, client_ca=client.certificate if mutual else None)
    async with (
        serve(invoke, package_id=package_id, address=address, tls=ours),
        served.gateway("Org2MSP") as gateway,
    ):
        contract = gateway.network(served.channel).contract(name)
        await contract.submit(*calls(["put_state", "k", "v"]))
        assert await evaluated(contract, ["get_state", "k"]) == ["v"]
