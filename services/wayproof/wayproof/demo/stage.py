"""The processes around the story: a ledger to run it on, and the verifier to judge what it leaves."""

import asyncio
import json
import secrets
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiofabric import embedded
from aiofabric.gateway import Gateway, Network
from wayproof.demo.story import ORGANISATIONS, Exported, NetworkOf, Say, Story
from wayproof.demo.tampering import TAMPERINGS, tamper
from wayproof.errors import WayproofError
from wayproof.ledger import CONTRACT, ENTRY_POINT, USERS

MARKER = ".wayproof-demo"
READY_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0


async def run(directory: Path, *, say: Say) -> int:
    """Run the story in a folder of its own; return 0 if everything ended as it must, 1 otherwise."""
    _prepare(directory)
    say("One shipment, three organisations, one device; everything runs on this machine.\n")
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(_ledger(directory / "ledger"))
        say(f"A ledger of three organisations serves on {address} (embedded: a stand-in on one machine).")
        network_of = await _connected(stack, directory / "ledger", address=address)
        story = Story(directory, network_of, say)
        await story.register()
        await story.ship()
        await story.hand_over()
        await story.close()
        exported = await story.export()
    say("\nThe ledger is stopped. wayproof-verify needs the files only:\n")
    return await _judge(exported, say=say)


def _prepare(directory: Path) -> None:
    if directory.exists() and any(directory.iterdir()) and not (directory / MARKER).exists():
        raise WayproofError(f"{directory} holds something else; name another folder with --directory")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    (directory / MARKER).write_text("made by `wayproof demo`, replaced by its next run\n")


@asynccontextmanager
async def _ledger(directory: Path) -> AsyncIterator[str]:
    """Make a ledger, serve it in a process of its own, and yield its address."""
    organisations = [embedded.Organisation(msp_id, USERS) for msp_id in ORGANISATIONS]
    embedded.initialise(directory, channel=CONTRACT, organisations=organisations, chaincodes={CONTRACT: ENTRY_POINT})
    port = _free_port()
    arguments = ("-m", "wayproof", "ledger", "serve", str(directory), "--port", str(port))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        ready = await asyncio.wait_for(process.stdout.readline(), READY_WITHIN_S)
        if not ready:
            raise WayproofError(f"the ledger did not start; run `wayproof ledger serve {directory}` to see why")
        yield f"127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), STOP_WITHIN_S)


async def _connected(stack: AsyncExitStack, directory: Path, *, address: str) -> NetworkOf:
    """Return the channel as each user of each organisation sees it."""
    tls_ca = (directory / "tls" / "ca.pem").read_bytes()
    networks: dict[tuple[str, str], Network] = {}
    for msp_id in ORGANISATIONS:
        for user in USERS:
            identity, signer = embedded.load_user(directory, msp_id=msp_id, name=user)
            gateway = Gateway.connect(address, tls_ca=tls_ca, identity=identity, signer=signer)
            await stack.enter_async_context(gateway)
            networks[msp_id, user] = gateway.network(CONTRACT)
    return lambda msp_id, user: networks[msp_id, user]


def _free_port() -> int:
    """Return a port that nobody listens on, below the range that outgoing connections use."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


async def _judge(exported: Exported, *, say: Say) -> int:
    """Verify the evidence, then every tampered copy of it; tell whether all ended as they must."""
    status, text = await _verify(exported.evidence, exported)
    say(text)
    as_expected = status == 0
    say("\nChanged copies, each well-formed:")
    for number, tampering in enumerate(TAMPERINGS, start=1):
        changed = exported.evidence.with_name(f"tampered-{number}.evidence")
        changed.write_bytes(tamper(exported.evidence.read_bytes(), tampering))
        status, text = await _verify(changed, exported, "--json")
        failed = [check["name"] for check in json.loads(text)["checks"] if check["status"] == "failed"]
        say(f"  {'REFUSED' if status == 1 else 'ACCEPTED!':9} {tampering.pretends:48} {', '.join(failed)}")
        as_expected &= status == 1
    say(f"\nOpen {exported.evidence}, or check it yourself:")
    say(f"  wayproof-verify {exported.evidence} --trust-root {exported.trust_root} --receipts {exported.receipts}")
    return 0 if as_expected else 1


async def _verify(evidence: Path, exported: Exported, *options: str) -> tuple[int, str]:
    command = Path(sys.executable).with_name("wayproof-verify")
    arguments = (str(evidence), "--trust-root", str(exported.trust_root), "--receipts", str(exported.receipts))
    process = await asyncio.create_subprocess_exec(
        command, *arguments, "--require-closed", *options, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()
