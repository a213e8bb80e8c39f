"""A ledger for a test: provisioned in a folder and served in a process of its own."""

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiofabric.embedded import Collection, Organisation, initialise, load_user
from aiofabric.identity import Identity, Signer

TESTS = Path(__file__).parents[1]
CHANNEL = "trade"
CHAINCODE = "assets"
TWO_ORGANISATIONS = (
    Organisation("Org1MSP", users={"alice": {"role": "clerk"}}),
    Organisation("Org2MSP", users={"bob": {}}),
)
START_TIMEOUT_S = 60.0


@dataclass(slots=True)
class RunningLedger:
    """A served ledger: where it is, and how to stop, kill and start it."""

    directory: Path
    port: int
    channel: str
    chaincode: str
    output: list[str] = field(default_factory=list)
    process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def tls_ca_pem(self) -> bytes:
        return (self.directory / "tls" / "ca.pem").read_bytes()

    def user(self, msp_id: str, name: str = "admin") -> tuple[Identity, Signer]:
        return load_user(self.directory, msp_id=msp_id, name=name)

    async def start(self) -> None:
        """Start the process and return when it answers."""
        self.output.clear()
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "aiofabric.embedded", "serve", str(self.directory), "--port", str(self.port),
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        ready = asyncio.Event()
        self._reader = asyncio.create_task(self._read_output(self.process, ready))
        try:
            await asyncio.wait_for(ready.wait(), START_TIMEOUT_S)
        finally:
            if not ready.is_set():
                await self.kill()
        if self.process.returncode is not None:
            raise RuntimeError("the ledger did not start:\n" + "\n".join(self.output))

    async def _read_output(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        if process.stdout is None:
            raise AssertionError
        async for line in process.stdout:
            self.output.append(line.decode().rstrip())
            if self.output[-1].startswith("serving "):
                ready.set()
        await process.wait()
        ready.set()

    async def stop(self) -> None:
        """Ask the process to end and wait until it has."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Kill the process as ``kill -9`` does."""
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        process, reader = self.process, self._reader
        self.process = self._reader = None
        if process is None or reader is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(how)
        await process.wait()
        await reader


_OTHERS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 2
TEST_PORTS = range(20_000 + 6_000 * _OTHERS, 26_000 + 6_000 * _OTHERS)
"""Of this test process: what one has just found free, or left for a moment, another one does not take."""


def free_port() -> int:
    """Return a port below 32768 that nobody listens on."""
    for _ in range(1000):
        port = random.choice(TEST_PORTS)  # noqa: S311 - any free port will do
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def is_provisioned(directory: Path) -> bool:
    """Tell whether there is a ledger in a folder."""
    return (directory / "ledger.json").exists()


def provision(
    directory: Path,
    *,
    organisations: Sequence[Organisation] = TWO_ORGANISATIONS,
    chaincodes: Mapping[str, str] | None = None,
    collections: Mapping[str, Sequence[Collection]] | None = None,
    policies: Mapping[str, str] | None = None,
    channel: str = CHANNEL,
) -> Path:
    """Make a ledger with the example contract, or with others."""
    contracts = chaincodes or {CHAINCODE: "support.embedded_contract:invoke"}
    initialise(
        directory,
        channel=channel,
        organisations=organisations,
        chaincodes=contracts,
        collections=collections,
        policies=policies,
    )
    return directory


@asynccontextmanager
async def running_ledger(
    directory: Path,
    *,
    organisations: Sequence[Organisation] = TWO_ORGANISATIONS,
    chaincodes: Mapping[str, str] | None = None,
    collections: Mapping[str, Sequence[Collection]] | None = None,
    channel: str = CHANNEL,
) -> AsyncIterator[RunningLedger]:
    """Provision a ledger in a folder (unless there is one) and serve it in a process of its own on a free port."""
    if not is_provisioned(directory):
        provision(
            directory, organisations=organisations, chaincodes=chaincodes, collections=collections, channel=channel
        )
    chaincode = next(iter(chaincodes)) if chaincodes else CHAINCODE
    ledger = RunningLedger(directory, free_port(), channel, chaincode)
    await ledger.start()
    try:
        yield ledger
    finally:
        await ledger.stop()
