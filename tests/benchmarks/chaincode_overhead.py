"""What a chaincode server costs: ours and Hyperledger's Node shim, one contract, one real network, in one run.

PYTHONPATH=tests .venv/bin/python tests/benchmarks/chaincode_overhead.py

The third is no chaincode server at all, but the least that one in Python can cost: gRPC's server and the messages.
The network has two organisations, one peer each, and four BFT orderers. Each chaincode is one process that both peers
use. They take turns at every load; a turn's figures are the client's latencies and the chaincode process's CPU time.
A submit is endorsed by both peers, ordered and committed; an evaluate is one call of the contract.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aiofabric.gateway import Contract, Deadlines, Gateway
from aiofabric.network import ChaincodeDefinition, Network, Organisation, find_binaries
from support.embedded_network import free_port
from support.node_program import install, missing

HERE = Path(__file__).parent
NODE_CHAINCODE = HERE / "chaincode_node"
CHANNEL, MSP_ID = "bench", "Org1MSP"
ORGANISATIONS = (Organisation(MSP_ID), Organisation("Org2MSP"))
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
START_S = 20.0
VALUE = "v" * 200
KEYS = 1000
PATIENT = Deadlines(evaluate_s=60.0, endorse_s=60.0, submit_s=60.0, commit_status_s=120.0)
"""A loaded machine is measured, not given up."""

Call = Callable[[Contract, int], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of work: what a transaction is, how many, how many at once."""

    name: str
    call: Call
    transactions: int
    in_flight: int
    endorsements: int
    bare: bool = True  # whether the bare server can do it


@dataclass(frozen=True, slots=True)
class Served:
    """A chaincode in a process of its own."""

    language: str
    contract: Contract
    process: asyncio.subprocess.Process

    def cpu_s(self) -> float:
        """CPU seconds that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn took."""

    rate: float
    cpu_ms: float  # of the chaincode process, for each call of the contract
    p50_ms: float
    p99_ms: float


def loads(scale: float) -> list[Load]:
    """Return every kind of work; ``scale`` multiplies the numbers of transactions."""

    def some(number: int) -> int:
        return max(1, int(number * scale))

    return [
        Load("get, 1 at once", _get, some(500), 1, 1),
        Load("get, 100 at once", _get, some(4000), 100, 1),
        Load("get, 1,000 at once", _get, some(4000), 1000, 1),
        Load("put, 100 at once", _put, some(1500), 100, 2),
        Load("put, 1,000 at once", _put, some(3000), 1000, 2),
        Load(f"put of {KEYS} keys, 10 at once", _put_many, some(100), 10, 2, bare=False),
    ]


async def _get(contract: Contract, _: int) -> object:
    return await contract.evaluate("get", "key")


async def _put(contract: Contract, number: int) -> object:
    return await contract.submit("put", f"{time.time_ns()}-{number}", VALUE)


async def _put_many(contract: Contract, number: int) -> object:
    return await contract.submit("put_many", f"{time.time_ns()}-{number}-", str(KEYS), VALUE)


async def take_turn(served: Served, load: Load) -> Turn:
    """Keep so many transactions in flight until all are done."""
    numbers = iter(range(load.transactions))
    latencies: list[float] = []

    async def work() -> None:
        for number in numbers:
            begun = time.perf_counter()
            await load.call(served.contract, number)
            latencies.append((time.perf_counter() - begun) * 1000)

    cpu, start = served.cpu_s(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(load.in_flight)))
    took, used = time.perf_counter() - start, served.cpu_s() - cpu
    cuts = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else latencies * 99
    return Turn(
        rate=load.transactions / took,
        cpu_ms=used * 1000 / (load.transactions * load.endorsements),
        p50_ms=cuts[49],
        p99_ms=cuts[98],
    )


@asynccontextmanager
async def running(language: str, command: Sequence[str], network: Network, gateway: Gateway) -> AsyncIterator[Served]:
    """Deploy a chaincode under its language's name and run it, one process for all peers."""
    address = f"127.0.0.1:{free_port()}"
    package_ids = set((await network.deploy(ChaincodeDefinition(language, addresses=address))).values())
    (package_id,) = package_ids
    environment = {
        **os.environ,
        "CHAINCODE_ID": package_id,
        "CHAINCODE_SERVER_ADDRESS": address,
        "CORE_CHAINCODE_LOGGING_LEVEL": "ERROR",
        "NODE_OPTIONS": "--no-deprecation",
        "PYTHONPATH": str(HERE),
    }
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
    try:
        await _listening(address)
        contract = gateway.network(CHANNEL).contract(language)
        await contract.submit("put", "key", VALUE)
        yield Served(language, contract, process)
    finally:
        with suppress(ProcessLookupError):  # it could not start
            process.terminate()
        await process.wait()


async def _listening(address: str) -> None:
    host, _, port = address.partition(":")
    async with asyncio.timeout(START_S):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


async def benchmark(options: argparse.Namespace) -> None:
    """Run everything and print a table."""
    home = os.environ.get("WAYPROOF_FABRIC_HOME")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wayproof" / "fabric"
    binaries = find_binaries(home=Path(home) if home else None, cache=cache)
    commands = {"python": [sys.executable, "-m", "aiofabric.chaincode", "chaincode_contract:invoke"]}
    commands["bare"] = [sys.executable, str(HERE / "chaincode_bare.py")]
    if reason := missing():
        print(f"without Node: {reason}")
    else:
        commands["node"] = ["node", str(install(NODE_CHAINCODE) / "chaincode.js")]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        network = await stack.enter_async_context(
            await Network.create(folder / "network", organisations=ORGANISATIONS, channel=CHANNEL, binaries=binaries)
        )
        identity, signer = network.user(MSP_ID)
        endpoint = network.endpoint(MSP_ID)
        gateway = await stack.enter_async_context(
            Gateway.connect(
                endpoint.address,
                tls_ca=endpoint.tls_ca_pem,
                identity=identity,
                signer=signer,
                deadlines=PATIENT,
            )
        )
        chaincodes = [
            await stack.enter_async_context(running(language, command, network, gateway))
            for language, command in commands.items()
        ]
        print(f"Fabric {binaries.version}, {options.turns} turns each, medians\n")
        print("| load | chaincode | a second | p50 ms | p99 ms | CPU ms per call of the contract |")
        print("|---|---|--:|--:|--:|--:|")
        for load in loads(options.scale):
            able = [served for served in chaincodes if load.bare or served.language != "bare"]
            turns: dict[str, list[Turn]] = {served.language: [] for served in able}
            for _ in range(options.turns):
                for served in able:
                    turns[served.language].append(await take_turn(served, load))
            for language, taken in turns.items():
                print(f"| {load.name} | {language} | {_row(taken)} |", flush=True)


def _row(turns: Sequence[Turn]) -> str:
    rate, p50, p99 = (
        statistics.median(values)
        for values in zip(*((turn.rate, turn.p50_ms, turn.p99_ms) for turn in turns), strict=True)
    )
    cpu = statistics.median(turn.cpu_ms for turn in turns)
    return f"{rate:,.0f} | {p50:,.1f} | {p99:,.1f} | {cpu:.2f}"


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Ours and Hyperledger's Node chaincode on one real network.")
    parser.add_argument("--turns", type=int, default=3, help="turns of each chaincode at each load (%(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the numbers of transactions (%(default)s)")
    asyncio.run(benchmark(parser.parse_args()))


if __name__ == "__main__":
    main()
