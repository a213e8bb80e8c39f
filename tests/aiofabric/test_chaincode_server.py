"""The server around the streams: peers that come and go, TLS, orderly ends, the program."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc
import pytest
from fabric_protos.peer import chaincode_shim_pb2_grpc
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage

from aiofabric.chaincode.server import ServerTls, serve
from support import chaincode_contract
from support.chaincode_contract import calls, invoke
from support.chaincode_peer import connected
from support.embedded_network import free_port
from support.self_signed import self_signed

TESTS = Path(__file__).parents[1]
WAIT_S = 20.0
IDLE_S = float(os.environ.get("WAYPROOF_IDLE_S", "60")) if os.environ.get("WAYPROOF_LONG") == "1" else 0.0


def here() -> str:
    """Return an address that nobody listens on."""
    return f"127.0.0.1:{free_port()}"


async def test_two_peers_are_served_and_one_that_leaves_does_not_matter() -> None:
    async with (
        serve(invoke, package_id="basic:1", address=here()) as server,
        connected(server.address) as stays,
    ):
        async with connected(server.address) as leaves:
            await leaves.invoke(*calls(["put_state", "k", "theirs"]))
            await stays.invoke(*calls(["put_state", "k", "ours"]))
        assert json.loads((await stays.invoke(*calls(["get_state", "k"]))).payload) == ["ours"]
        async with connected(server.address) as back:
            assert (await back.invoke(*calls(["get_state", "k"]))).status == 200


async def test_a_stream_that_breaks_fails_the_requests_on_it_and_the_peer_comes_back() -> None:
    chaincode_contract.gate.clear()
    async with serve(invoke, package_id="basic:1", address=here(), workers=1) as server:
        async with connected(server.address) as peer:
            peer.unanswered = {"GET_STATE"}
            lost = asyncio.ensure_future(peer.invoke(*calls(["get_state", "k"])))
            await asyncio.wait_for(peer.arrived.wait(), WAIT_S)
            lost.cancel()
        async with connected(server.address) as again:  # the only worker is free again
            assert (await again.invoke(*calls(["get_state", "k"]))).status == 200


async def test_the_end_lets_transactions_finish_and_turns_new_ones_away() -> None:
    chaincode_contract.gate.clear()
    listening, stopping = asyncio.Event(), asyncio.Event()
    address = here()

    async def run() -> None:
        async with serve(invoke, package_id="basic:1", address=address):
            listening.set()
            await stopping.wait()

    server = asyncio.ensure_future(run())
    await asyncio.wait_for(listening.wait(), WAIT_S)
    async with connected(address) as peer:
        running = asyncio.ensure_future(peer.invoke("wait"))
        await asyncio.sleep(0.05)
        stopping.set()
        await asyncio.sleep(0.05)
        late = await peer.invoke(*calls(["get_state", "k"]))
        assert (late.kind, late.message) == ("ERROR", "the chaincode server is stopping")
        chaincode_contract.gate.set()
        outcome = await running
        assert (outcome.status, len(outcome.writes)) == (200, 1)
        await asyncio.wait_for(peer.ended.wait(), WAIT_S)
    await asyncio.wait_for(server, WAIT_S)


async def test_a_transaction_that_does_not_end_is_given_up() -> None:
    chaincode_contract.gate.clear()
    address = here()
    async with serve(invoke, package_id="basic:1", address=address, drain_s=0.1), connected(address) as peer:
        stuck = asyncio.ensure_future(peer.invoke("wait"))
        await asyncio.sleep(0.05)
        stuck.cancel()
        peer.violations.clear()
    chaincode_contract.gate.set()


@pytest.mark.long
@pytest.mark.skipif(IDLE_S == 0, reason="left out: an idle minute (WAYPROOF_IDLE_S seconds) with WAYPROOF_LONG=1")
async def test_an_idle_stream_outlives_its_peers_pings() -> None:
    """A gRPC server that is not told otherwise ends the connection at the third ping."""
    async with (
        serve(invoke, package_id="basic:1", address=here()) as server,
        connected(server.address, ping_ms=11_000) as peer,
    ):
        await asyncio.sleep(IDLE_S)
        assert not peer.ended.is_set()
        assert (await peer.invoke(*calls(["get_state", "k"]))).status == 200


async def test_a_taken_address_is_an_error_that_names_it() -> None:
    address = here()
    async with serve(invoke, package_id="basic:1", address=address):
        with pytest.raises(OSError, match=address):
            async with serve(invoke, package_id="basic:1", address=address):
                pass


async def test_a_peer_that_does_not_get_ready_is_left() -> None:
    async with (
        serve(invoke, package_id="basic:1", address=here(), handshake_s=0.1) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        call = chaincode_shim_pb2_grpc.ChaincodeStub(channel).Connect()
        assert (await call.read()).type == ChaincodeMessage.REGISTER
        assert await asyncio.wait_for(call.read(), WAIT_S) == grpc.aio.EOF


@pytest.mark.parametrize("address", ["127.0.0.1", ":9999", "127.0.0.1:http"])
async def test_an_address_has_host_and_port(address: str) -> None:
    with pytest.raises(ValueError, match="write HOST:PORT"):
        async with serve(invoke, package_id="basic:1", address=address):
            pass


async def test_workers_are_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least one worker"):
        async with serve(invoke, package_id="basic:1", address=here(), workers=0):
            pass


async def test_tls_without_peers_certificates() -> None:
    pair = self_signed()
    async with serve(invoke, package_id="basic:1", address=here(), tls=ServerTls(pair.certificate, pair.key)) as server:
        credentials = grpc.ssl_channel_credentials(pair.certificate)
        async with connected(server.address, credentials=credentials) as peer:
            assert (await peer.invoke(*calls(["get_state", "k"]))).status == 200
        with pytest.raises(grpc.aio.AioRpcError):
            async with connected(server.address):
                pass


async def test_mutual_tls_serves_only_peers_of_the_authority() -> None:
    pair, client, stranger = self_signed(), self_signed(), self_signed()
    tls = ServerTls(pair.certificate, pair.key, client_ca=client.certificate)
    async with serve(invoke, package_id="basic:1", address=here(), tls=tls) as server:
        credentials = grpc.ssl_channel_credentials(pair.certificate, client.key, client.certificate)
        async with connected(server.address, credentials=credentials) as peer:
            assert (await peer.invoke(*calls(["get_state", "k"]))).status == 200
        for refused in (
            grpc.ssl_channel_credentials(pair.certificate),
            grpc.ssl_channel_credentials(pair.certificate, stranger.key, stranger.certificate),
        ):
            with pytest.raises(grpc.aio.AioRpcError):
                async with connected(server.address, credentials=refused):
                    pass


def test_the_key_is_not_in_the_settings_text() -> None:
    assert "private" not in repr(ServerTls(b"certificate", b"private"))


async def test_the_program_serves_a_contract_and_ends_in_order_on_sigterm() -> None:
    address = here()
    options = ["support.chaincode_contract:invoke", "--package-id", "basic:1", "--address", address]
    async with _program("aiofabric.chaincode", *options) as process:
        assert await _line(process) == f"serving basic:1 at {address}"
        async with connected(address) as peer:
            assert peer.registered == "basic:1"
            running = asyncio.ensure_future(peer.invoke("sleep", "0.3"))
            await asyncio.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            assert (await running).status == 200
        assert await asyncio.wait_for(process.wait(), WAIT_S) == 0


async def test_the_program_takes_its_settings_from_the_environment_with_tls(tmp_path: Path) -> None:
    address, pair = here(), self_signed()
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    environment = {
        "CHAINCODE_ID": "basic:2",
        "CHAINCODE_SERVER_ADDRESS": address,
        "CHAINCODE_TLS_CERT": str(certificate),
        "CHAINCODE_TLS_KEY": str(key),
        "CHAINCODE_CLIENT_CA_CERT": str(certificate),
    }
    async with _program("aiofabric.chaincode", "support.chaincode_contract:invoke", environment=environment) as process:
        assert await _line(process) == f"serving basic:2 at {address}"
        credentials = grpc.ssl_channel_credentials(pair.certificate, pair.key, pair.certificate)
        async with connected(address, credentials=credentials) as peer:
            assert (await peer.invoke(*calls(["get_state", "k"]))).status == 200


async def test_wayproofs_contract_is_served_by_its_own_program() -> None:
    address = here()
    options = ["--package-id", "wayproof:1", "--address", address]
    async with _program("wayproof_contract.peer", *options) as process:
        assert await _line(process) == f"serving wayproof:1 at {address}"
        async with connected(address) as peer:
            outcome = await peer.invoke("only one argument")
            assert (outcome.status, json.loads(outcome.message)["code"]) == (400, "malformed_argument")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nowhere:invoke", "--package-id", "x:1", "--address", "127.0.0.1:1"], "nowhere:invoke cannot be imported"),
        (["support", "--package-id", "x:1", "--address", "127.0.0.1:1"], "write MODULE:ATTRIBUTE"),
        (["support.chaincode_contract:_TAKE_BYTES", "--package-id", "x:1", "--address", "a:1"], "is not callable"),
        (["support.chaincode_contract:invoke", "--address", "127.0.0.1:1"], "CHAINCODE_ID"),
        (["support.chaincode_contract:invoke", "--package-id", "x:1"], "CHAINCODE_SERVER_ADDRESS"),
        (
            ["support.chaincode_contract:invoke", "--package-id", "x:1", "--address", "a:1", "--tls-key", "key.pem"],
            "TLS needs both",
        ),
    ],
)
async def test_a_program_that_cannot_start_says_why(options: list[str], said: str) -> None:
    async with _program("aiofabric.chaincode", *options) as process:
        _, error = await asyncio.wait_for(process.communicate(), WAIT_S)
        assert process.returncode != 0
        assert said in error.decode()


@asynccontextmanager
async def _program(
    module: str, *options: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CHAINCODE_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *options,
        env={**clean, "PYTHONPATH": str(TESTS), **(environment or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), WAIT_S)).decode().strip()


async def test_a_peer_that_hangs_up_while_the_server_stops_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(100):  # gRPC cancels a stream at a moment of its own
        server, peer = AsyncExitStack(), AsyncExitStack()
        address = f"127.0.0.1:{free_port()}"
        await server.enter_async_context(serve(invoke, package_id="basic:1", address=address, drain_s=0.5))
        await peer.enter_async_context(connected(address))
        await asyncio.gather(peer.aclose(), server.aclose())
    assert "were given up" not in caplog.text
