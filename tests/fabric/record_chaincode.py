"""Record what a real peer and our chaincode server say to each other.

PYTHONPATH=tests .venv/bin/python tests/fabric/record_chaincode.py 3.1.5

It takes Fabric's programs as the tests of this folder do (WAYPROOF_FABRIC_HOME, the cache, PATH), makes a network of
one organisation in a temporary folder, and writes tests/fixtures/fabric/chaincode/VERSION.json.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage

from aiofabric.chaincode.server import serve
from aiofabric.errors import GatewayError
from aiofabric.gateway import Contract, Gateway
from aiofabric.network import Binaries, ChaincodeDefinition, Network, Organisation, find_binaries
from aiofabric.network.definition import Collection
from support.chaincode_contract import calls, invoke, tries
from support.chaincode_recording import FOLDER, Sent, recording_proxy, write
from support.embedded_network import free_port

MSP_ID, CHANNEL, NAME, CALLEE, SECRETS = "Org1MSP", "trade", "probe", "callee", "secrets"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Transactions whose messages belong together."""

    transactions: Sequence[tuple[str, ...]]
    transient: dict[str, bytes] = field(default_factory=dict)


_RANGE = ("put_many", "range", "110")
SCENARIOS = {
    "put and get": Scenario(
        [calls(["put_state", "k", "v"], ["get_state", "k"]), calls(["get_state", "k"], ["get_state", "none"])]
    ),
    "delete": Scenario([calls(["del_state", "k"]), calls(["get_state", "k"])]),
    "batch": Scenario([("put_many", "batch", "12")]),
    "several keys": Scenario([calls(["get_multiple_states", ["batch00000", "none", "batch00002"]])]),
    "range": Scenario([_RANGE, calls(["get_state_by_range", "range", "s"])]),
    "range dropped": Scenario([calls(["first", 2, "get_state_by_range", "range", "s"], ["get_state", "range00000"])]),
    "open range": Scenario(
        [calls(["put_state", "\x00kind\x00a\x00", "c"]), calls(["first", 1, "get_state_by_range", "", ""])]
    ),
    "composite keys": Scenario([calls(["get_state_by_partial_composite_key", "kind", []])]),
    "pages": Scenario(
        [
            calls(["get_state_by_range_with_pagination", "range", "s", 60, ""]),
            calls(["get_state_by_range_with_pagination", "range", "s", 60, "range00060"]),
            calls(["get_state_by_partial_composite_key_with_pagination", "kind", [], 5, ""]),
        ]
    ),
    "history": Scenario(
        [calls(["put_state", "h", "1"]), calls(["del_state", "h"]), calls(["get_history_for_key", "h"])]
    ),
    "event": Scenario([calls(["put_state", "k", "v"], ["set_event", "happened", "details"])]),
    "application error": Scenario([("status", "404"), ("status", "500")]),
    "crash": Scenario([("crash", "error"), ("crash", "exit"), ("garbage", "text")]),
    "transient data": Scenario([("proposal",)], transient={"secret": b"x"}),
    "private data": Scenario(
        [
            calls(["put_private_data", SECRETS, "k", "v"], ["put_private_data", SECRETS, "l", "w"]),
            calls(
                ["get_private_data", SECRETS, "k"],
                ["get_private_data_hash", SECRETS, "k"],
                ["get_multiple_private_data", SECRETS, ["k", "none"]],
                ["get_private_data_by_range", SECRETS, "", ""],
            ),
            calls(["del_private_data", SECRETS, "k"], ["purge_private_data", SECRETS, "l"]),
        ]
    ),
    "key policy": Scenario(
        [
            calls(["put_state", "p", "v"], ["set_state_validation_parameter", "p", [MSP_ID]]),
            calls(["get_state_validation_parameter", "p"], ["get_state_validation_parameter", "none"]),
            calls(["set_state_validation_parameter", "p", []]),
        ]
    ),
    "chaincode to chaincode": Scenario(
        [
            calls(["put_state", "k", "v"], ["invoke_chaincode", CALLEE, list(calls(["put_state", "theirs", "v"])), ""]),
            calls(["invoke_chaincode", CALLEE, ["status", "404"], CHANNEL]),
        ]
    ),
    "refused": Scenario(
        [
            tries(["invoke_chaincode", NAME, list(calls()), ""]),
            tries(["invoke_chaincode", "nobody", [], ""]),
            tries(["get_query_result", "{}"]),
            tries(["get_private_data", "nowhere", "k"]),
            tries(["get_state_by_range_with_pagination", "", "", 1, ""], ["put_state", "never", "v"]),
            tries(["put_state", "never", "v"], ["get_private_data_by_range", SECRETS, "", ""]),
            calls(["put_private_data", "nowhere", "k", "v"]),
        ]
    ),
}


async def record(binaries: Binaries, directory: Path, *, version: str) -> Path:
    """Make a network, run every scenario, and return the file with what was said."""
    address, behind = (f"127.0.0.1:{free_port()}" for _ in range(2))
    network = await Network.create(
        directory, organisations=[Organisation(MSP_ID)], orderers=1, channel=CHANNEL, binaries=binaries
    )
    async with network:
        await network.deploy(ChaincodeDefinition(CALLEE))
        environment = {"PYTHONPATH": str(Path(__file__).parents[1])}
        await network.start_chaincode(CALLEE, entry_point="support.chaincode_contract:invoke", environment=environment)
        collections = [Collection(SECRETS, (MSP_ID,))]
        definition = ChaincodeDefinition(NAME, addresses=address, collections=collections)
        package_id = (await network.deploy(definition))[MSP_ID]
        identity, signer = network.user(MSP_ID)
        endpoint = network.endpoint(MSP_ID)
        async with (
            serve(invoke, package_id=package_id, address=behind) as server,
            recording_proxy(address, chaincode_address=server.address) as recording,
            Gateway.connect(endpoint.address, tls_ca=endpoint.tls_ca_pem, identity=identity, signer=signer) as gateway,
        ):
            contract = gateway.network(CHANNEL).contract(NAME)
            await contract.evaluate(*calls())
            handshake = [sent for sent in recording.take() if not sent.message.txid]
            scenarios = {name: await _run(contract, scenario, recording.take) for name, scenario in SCENARIOS.items()}
    path = FOLDER / f"{version}.json"
    write(path, fabric=version, handshake=handshake, scenarios=scenarios)
    return path


async def _run(contract: Contract, scenario: Scenario, take: Callable[[], list[Sent]]) -> list[Sent]:
    for transaction in scenario.transactions:
        with suppress(GatewayError):  # several are there to fail
            await contract.submit(*transaction, transient=scenario.transient)
    return [sent for sent in take() if sent.message.type != ChaincodeMessage.KEEPALIVE]


def main() -> int:
    """Record, and say where it is."""
    parser = argparse.ArgumentParser(description="Record a real peer and our chaincode server.")
    parser.add_argument("version", help="of Fabric, for the file's name (not every peer knows it)")
    options = parser.parse_args()
    home = os.environ.get("WAYPROOF_FABRIC_HOME")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wayproof" / "fabric"
    binaries = find_binaries(home=Path(home) if home else None, cache=cache)
    with tempfile.TemporaryDirectory() as folder:
        path = asyncio.run(record(binaries, Path(folder) / "network", version=options.version))
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
