"""The embedded ledger as others see it: Hyperledger's own Node and Go clients, and a Go reader of its blocks."""

import re
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from fabric_protos.common import common_pb2

from aiofabric.embedded import Collection
from aiofabric.gateway import Gateway
from aiofabric.gateway.connection import Message
from support import go_program, node_program
from support.embedded_network import CHAINCODE, RunningLedger, running_ledger

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCES = Path(__file__).parent
SCENARIO = (
    "submit",
    "evaluate",
    "submit-async",
    "transient-data",
    "offline-signing",
    "evaluate-error-details",
    "endorse-error-details",
    "endorsers-disagree",
    "commit-error-on-conflict",
    "commit-error-on-policy",
    "chaincode-events",
    "chaincode-events-resume",
    "block-events",
    "filtered-block-events",
    "block-and-private-data-events",
    "private-data",
    "key-endorsement",
    "block-events-resume",
)
AUDIT = (
    "header-chain",
    "data-hashes",
    "orderer-signatures",
    "transaction-ids",
    "creator-signatures",
    "proposal-hashes",
    "endorsement-signatures",
)
CHAINCODES = {
    CHAINCODE: "support.embedded_contract:invoke",
    "basic": "support.scenario_chaincodes.basic:invoke",
    "private": "support.scenario_chaincodes.private:invoke",
}
COLLECTIONS = [Collection("Both", ("Org1MSP", "Org2MSP")), Collection("Theirs", ("Org2MSP",))]
NO_GO, NO_NODE = go_program.missing(), node_program.missing()
needs_go = pytest.mark.skipif(
    bool(NO_GO), reason=f"left out: the official Go client and the Go block reader did not run, because {NO_GO}"
)
needs_node = pytest.mark.skipif(
    bool(NO_NODE), reason=f"left out: the official Node client did not run, because {NO_NODE}"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ledger(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningLedger]:
    directory = tmp_path_factory.mktemp("ledger") / "trade"
    async with running_ledger(directory, chaincodes=CHAINCODES, collections={"private": COLLECTIONS}) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def go_client() -> Path:
    return go_program.build(SOURCES / "gateway_go")


@pytest.fixture(scope="module")
def node_client() -> Path:
    return node_program.install(SOURCES / "gateway_node")


def user(ledger: RunningLedger) -> Path:
    return ledger.directory / "organisations" / "Org1MSP" / "users" / "admin"


def go_flags(ledger: RunningLedger) -> list[str]:
    tls_ca = ledger.directory / "tls" / "ca.pem"
    return ["-peer", ledger.address, "-tls-ca", str(tls_ca), "-user", str(user(ledger))]


def run(*command: str | Path, cwd: Path | None = None) -> tuple[int, list[str]]:
    """Return exit status and lines printed: those of the checks, or what went wrong before the first."""
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)
    lines = result.stdout.splitlines()
    return result.returncode, lines or result.stderr.splitlines()


@needs_go
async def test_the_official_go_client(ledger: RunningLedger, go_client: Path) -> None:
    status, lines = run(go_client, "scenario", *go_flags(ledger))
    assert lines == [f"passed {name}" for name in SCENARIO]
    assert status == 0


@needs_node
async def test_the_official_node_client(ledger: RunningLedger, node_client: Path) -> None:
    tls_ca = ledger.directory / "tls" / "ca.pem"
    arguments = (ledger.address, tls_ca, user(ledger), ledger.channel, ledger.chaincode)
    status, lines = run("node", "scenario.mjs", *arguments, cwd=node_client)
    assert lines == [f"passed {name}" for name in SCENARIO]
    assert status == 0


async def read_blocks(ledger: RunningLedger) -> list[Message]:
    """Submit one transaction, and return every block up to the one that holds it."""
    identity, signer = ledger.user("Org1MSP")
    async with Gateway.connect(ledger.address, tls_ca=ledger.tls_ca_pem, identity=identity, signer=signer) as gateway:
        network = gateway.network(ledger.channel)
        commit = await network.contract(ledger.chaincode).submit_async("put", "audited", "x")
        last = (await commit.status()).block_number
        async with network.block_events(start_block=0) as stream:
            return [await anext(stream) for _ in range(last + 1)]


@needs_go
async def test_an_independent_reader_accepts_every_block(ledger: RunningLedger, go_client: Path) -> None:
    blocks = await read_blocks(ledger)
    status, lines = run(go_client, "audit", *go_flags(ledger))
    assert lines[:-1] == [f"passed {name}" for name in AUDIT]
    counted = re.fullmatch(r"read (\d+) blocks, (\d+) transactions, (\d+) signatures", lines[-1])
    assert counted is not None
    transactions = sum(len(block.data.data) for block in blocks[1:])
    assert [int(counted[1]), int(counted[2])] == [len(blocks), transactions]
    # At least the orderer's of each block; the creator's, and one endorser's or more, of each transaction.
    assert int(counted[3]) >= len(blocks) - 1 + 2 * transactions
    assert status == 0


def change_number(blocks: list[Message]) -> None:
    blocks[-1].header.number += 1


def change_previous_hash(blocks: list[Message]) -> None:
    blocks[-1].header.previous_hash = bytes(32)


def change_data(blocks: list[Message]) -> None:
    blocks[-1].data.data[0] += b"\x78\x00"  # a field that Fabric does not know


def change_orderer_signature(blocks: list[Message]) -> None:
    metadata = common_pb2.Metadata.FromString(blocks[-1].metadata.metadata[0])
    other = common_pb2.Metadata.FromString(blocks[-2].metadata.metadata[0])
    metadata.signatures[0].signature = other.signatures[0].signature
    blocks[-1].metadata.metadata[0] = metadata.SerializeToString()


def drop_orderer_signature(blocks: list[Message]) -> None:
    blocks[-1].metadata.metadata[0] = b""


def change_envelope(change: Callable[[Message], None]) -> Callable[[list[Message]], None]:
    def changed(blocks: list[Message]) -> None:
        envelope = common_pb2.Envelope.FromString(blocks[-1].data.data[0])
        change(envelope)
        blocks[-1].data.data[0] = envelope.SerializeToString()

    return changed


def drop_signature(envelope: Message) -> None:
    envelope.signature = b""


def change_nonce(envelope: Message) -> None:
    payload = common_pb2.Payload.FromString(envelope.payload)
    header = common_pb2.SignatureHeader.FromString(payload.header.signature_header)
    header.nonce = bytes(24)
    payload.header.signature_header = header.SerializeToString()
    envelope.payload = payload.SerializeToString()


def change_written_value(envelope: Message) -> None:
    envelope.payload = envelope.payload.replace(b"audited", b"awaited")


CHANGES = [
    pytest.param(change_number, {"header-chain", "orderer-signatures"}, id="number"),
    pytest.param(change_previous_hash, {"header-chain", "orderer-signatures"}, id="previous-hash"),
    pytest.param(change_data, {"data-hashes"}, id="data"),
    pytest.param(change_orderer_signature, {"orderer-signatures"}, id="another-blocks-signature"),
    pytest.param(drop_orderer_signature, {"orderer-signatures"}, id="no-orderers-signature"),
    pytest.param(change_envelope(drop_signature), {"data-hashes", "creator-signatures"}, id="no-creators-signature"),
    pytest.param(
        change_envelope(change_nonce),
        {"data-hashes", "creator-signatures", "transaction-ids", "proposal-hashes"},
        id="another-nonce",
    ),
    pytest.param(
        change_envelope(change_written_value),
        {"data-hashes", "creator-signatures", "proposal-hashes", "endorsement-signatures"},
        id="another-key-written",
    ),
]


@needs_go
@pytest.mark.parametrize(("change", "failing"), CHANGES)
async def test_the_reader_names_what_was_changed(
    ledger: RunningLedger, go_client: Path, tmp_path: Path, change: Callable[[list[Message]], None], failing: set[str]
) -> None:
    blocks = await read_blocks(ledger)
    change(blocks)
    for index, block in enumerate(blocks):
        (tmp_path / f"{index}.block").write_bytes(block.SerializeToString())
    status, lines = run(go_client, "audit", "-blocks", str(tmp_path))
    failed = {line.split(":")[0].removeprefix("failed ") for line in lines if line.startswith("failed ")}
    assert failed == failing
    assert status == 1
