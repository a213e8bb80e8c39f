"""What a real Fabric network does a second: BFT and Raft, two and three peers, everything on this machine.

    PYTHONPATH=tests .venv/bin/python tests/benchmarks/fabric_rates.py

Makes each network in turn (`aiofabric.network`), with a chaincode server in Python for each peer, and lets one client
process work on it: single writes with so many in flight, writes of 1,000 keys, evaluates, and 1,000 submits at one
moment. A write is done when its commit status is known; its endorsements are those of a majority. Fabric's programs
are found in WAYPROOF_FABRIC_HOME, or where `make fabric-binaries` put them.
"""

import argparse
import asyncio
import json
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib.metadata import version
from itertools import count
from pathlib import Path

from aiofabric.errors import FabricError, UnknownOutcomeError
from aiofabric.gateway import Contract, Deadlines, EventStream, Network
from aiofabric.gateway.connection import Message
from aiofabric.network import Binaries, BinariesMissingError, ChaincodeDefinition, NOutOf, Organisation
from support.fabric_network import (
    CHAINCODE,
    CHAINCODE_ENVIRONMENT,
    ENTRY_POINT,
    HOW_TO_GET,
    FabricNetwork,
    find_fabric,
    running_fabric,
)
from support.fabric_rates import KINDS, Round, Shape, cpu_seconds, machine_cpu_seconds, table

VALUE = "v" * 200
KEYS_IN_BATCH = 1000
BATCHES = 10
EVALUATES = 100
BURST = 1000
DEADLINES = Deadlines(evaluate_s=30, endorse_s=30, submit_s=30, commit_status_s=60)
"""Longer than an application's: what takes long is to be measured, not cut off."""

SHAPES = (Shape("BFT", 4, 2), Shape("BFT", 4, 3), Shape("Raft", 1, 2), Shape("Raft", 1, 3))

Call = Callable[[], Awaitable[bool]]
"""Does one piece of work; tells whether its outcome was unknown for a while."""


class BlockStatuses:
    """Commit statuses as one stream of blocks tells them, instead of a call for each transaction."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[int]] = {}

    @asynccontextmanager
    async def following(self, network: Network) -> AsyncIterator[None]:
        """Follow the channel inside the block."""
        async with network.filtered_block_events() as blocks:
            reader = asyncio.create_task(self._read(blocks))
            yield
            reader.cancel()

    def expect(self, transaction_id: str) -> "asyncio.Future[int]":
        """Return what will be the transaction's validation code; to be called before it is sent."""
        return self._waiting.setdefault(transaction_id, asyncio.get_running_loop().create_future())

    async def _read(self, blocks: EventStream[Message]) -> None:
        async for block in blocks:
            for transaction in block.filtered_transactions:
                waiting = self._waiting.pop(transaction.txid, None)
                if waiting is not None:
                    waiting.set_result(transaction.tx_validation_code)


class Work:
    """The client's calls, each with a key that nothing else writes."""

    def __init__(self, contract: Contract, *, prefix: str, statuses: BlockStatuses) -> None:
        self._contract = contract
        self._prefix = prefix
        self._statuses = statuses
        self._numbers = count()

    async def write(self) -> bool:
        """Write one key of 200 bytes, and wait for its commit."""
        return await self._submit("put", f"{self._prefix}-{next(self._numbers)}", VALUE)

    async def write_streamed(self) -> bool:
        """Write one key, and learn of its commit from the stream of blocks."""
        transaction = await self._contract.proposal("put", f"{self._prefix}-{next(self._numbers)}", VALUE).endorse()
        code = self._statuses.expect(transaction.transaction_id)
        unknown = False
        try:
            await transaction.submit()
        except UnknownOutcomeError:
            unknown = True
        if await code:
            raise RuntimeError(f"a write without a rival has the code {code.result()}")
        return unknown

    async def write_many(self) -> bool:
        """Write 1,000 keys in one transaction."""
        return await self._submit("put_many", f"{self._prefix}-batch-{next(self._numbers)}-", str(KEYS_IN_BATCH))

    async def read(self) -> bool:
        """Ask for a key that was written before."""
        await self._contract.evaluate("get", f"{self._prefix}-0")
        return False

    async def _submit(self, *arguments: str) -> bool:
        transaction = await self._contract.proposal(*arguments).endorse()
        unknown = False
        try:
            commit = await transaction.submit()
            status = await commit.status()
        except UnknownOutcomeError as error:
            unknown = True
            status = await error.commit.status()
        if not status.successful:
            raise RuntimeError(f"a write without a rival is {status.code_name}")
        return unknown


async def measured(
    network: FabricNetwork, what: str, call: Call, *, in_flight: int, duration_s: float, most: int | None = None
) -> Round:
    """Let so many calls be under way at once, for so long or so many; return what was seen."""
    latencies_s: list[float] = []
    errors: list[str] = []
    unknown = 0
    numbers = count()
    cpu, machine, began = cpu_seconds(network.directory), machine_cpu_seconds(), time.perf_counter()

    async def work() -> None:
        nonlocal unknown
        while time.perf_counter() - began < duration_s and (most is None or next(numbers) < most):
            start = time.perf_counter()
            try:
                unknown += await call()
            except (FabricError, RuntimeError) as error:
                errors.append(f"{type(error).__name__}: {error}")
            else:
                latencies_s.append(time.perf_counter() - start)

    await asyncio.gather(*(work() for _ in range(in_flight)))
    now = cpu_seconds(network.directory)
    used = {kind: now[kind] - cpu[kind] for kind in KINDS}
    return Round(
        what=what,
        duration_s=time.perf_counter() - began,
        latencies_s=sorted(latencies_s),
        cpu_s=used,
        others_s=machine_cpu_seconds() - machine - sum(used.values()),
        unknown=unknown,
        errors=errors,
    )


async def one_round(network: FabricNetwork, work: Work, options: argparse.Namespace) -> list[Round]:
    """Do every kind of work once."""
    await work.write()
    kinds: list[tuple[str, Call, int, int | None]] = [
        *((f"writes, {in_flight} in flight", work.write, in_flight, None) for in_flight in (1, 20, 100, 300)),
        ("writes, 100 in flight, statuses from the stream of blocks", work.write_streamed, 100, None),
        (f"writes of {KEYS_IN_BATCH:,} keys, {BATCHES} in flight", work.write_many, BATCHES, None),
        (f"evaluates, {EVALUATES} in flight", work.read, EVALUATES, None),
        (f"{BURST:,} writes at one moment", work.write, BURST, BURST),
    ]
    return [
        await measured(network, name, call, in_flight=in_flight, duration_s=options.seconds, most=most)
        for name, call, in_flight, most in kinds
        if options.only in name
    ]


async def deploy(network: FabricNetwork, *, by_channel_policy: bool) -> None:
    """Deploy the contract and start its servers."""
    msp_ids = network.network.organisations
    majority = NOutOf(len(msp_ids) // 2 + 1, msp_ids)
    await network.network.deploy(
        ChaincodeDefinition(CHAINCODE, endorsement_policy=None if by_channel_policy else majority)
    )
    await network.network.start_chaincode(CHAINCODE, entry_point=ENTRY_POINT, environment=CHAINCODE_ENVIRONMENT)


async def measure(shape: Shape, *, binaries: Binaries, options: argparse.Namespace) -> list[list[Round]]:
    """Make a network, measure its rounds, say how it goes, and remove it."""
    organisations = [Organisation(f"Org{number}MSP") for number in range(1, shape.peers + 1)]
    results = []
    folder = Path(tempfile.mkdtemp(prefix="fabric-rates-"))
    try:
        running = running_fabric(
            folder / "network", binaries=binaries, orderers=shape.orderers, organisations=organisations, chaincode=None
        )
        async with running as network, network.gateway(deadlines=DEADLINES) as gateway:
            await deploy(network, by_channel_policy=options.channel_policy)
            channel, statuses = gateway.network(network.channel), BlockStatuses()
            contract = channel.contract(CHAINCODE)
            async with statuses.following(channel):
                warm_up = Work(contract, prefix="warm-up", statuses=statuses)
                await measured(network, "warm-up", warm_up.write, in_flight=100, duration_s=options.seconds / 2)
                for number in range(options.rounds):
                    work = Work(contract, prefix=f"round-{number}", statuses=statuses)
                    results.append(await one_round(network, work, options))
                    for result in results[-1]:
                        say(f"{shape}, round {number + 1} of {options.rounds}: {result}")
    finally:
        shutil.rmtree(folder)
    return results


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    print(text, file=sys.stderr, flush=True)


def report(results: dict[Shape, list[list[Round]]], *, binaries: Binaries, options: argparse.Namespace) -> str:
    """Return what was measured, as Markdown."""
    head = (
        f"Fabric {binaries.version}, aiofabric {version('aiofabric')}, grpcio {version('grpcio')}, "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}; "
        f"{options.rounds} rounds of {options.seconds:g} s each."
    )
    return "\n\n".join([head, *(f"### {shape}\n\n{table(rounds)}" for shape, rounds in results.items())])


def chosen(names: Sequence[str], *, binaries: Binaries) -> list[Shape]:
    """Return the networks that were asked for, or all that Fabric's programs can make."""
    unknown = set(names) - {shape.short for shape in SHAPES}
    if unknown:
        sys.exit(f"no network {', '.join(unknown)}: choose from {', '.join(shape.short for shape in SHAPES)}")
    return [
        shape
        for shape in SHAPES
        if (shape.short in names if names else shape.ordering != "BFT" or binaries.can_order_bft)
    ]


async def run(options: argparse.Namespace) -> None:
    """Measure every network that was asked for; print tables, and write all samples if asked to."""
    try:
        binaries = find_fabric()
    except BinariesMissingError as error:
        sys.exit(f"{error} ({HOW_TO_GET})")
    results: dict[Shape, list[list[Round]]] = {}
    for shape in chosen(options.networks, binaries=binaries):
        results[shape] = await measure(shape, binaries=binaries, options=options)
        say("\n" + table(results[shape]) + "\n")
    print(report(results, binaries=binaries, options=options))
    if options.json is not None:
        samples = {shape.short: [[asdict(one) for one in rounds] for rounds in each] for shape, each in results.items()}
        options.json.write_text(json.dumps({"fabric": binaries.version, "rounds": samples}) + "\n")


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default 3)")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement (default 10)")
    parser.add_argument("--only", default="", help="only the kinds of work whose name contains this")
    parser.add_argument(
        "--channel-policy",
        action="store_true",
        help="endorse by the channel's policy, MAJORITY Endorsement, instead of the same as a signature policy",
    )
    parser.add_argument("--json", type=Path, help="write every latency to this file")
    parser.add_argument(
        "networks", nargs="*", help=f"some of {', '.join(shape.short for shape in SHAPES)} (default: all)"
    )
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
