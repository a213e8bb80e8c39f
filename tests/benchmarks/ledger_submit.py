"""Submits per second: our client and Hyperledger's Go client against one embedded ledger, in one run.

PYTHONPATH=tests .venv/bin/python tests/benchmarks/ledger_submit.py

The ledger runs in a process of its own; the clients take turns, each keeps the same number of transactions in flight,
and each transaction is endorsed by both organisations, ordered, committed durably, and waited for.
"""

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from aiofabric.gateway import Contract, Gateway
from support.embedded_network import RunningLedger, running_ledger
from support.go_program import build

GO_CLIENT = Path(__file__).parents[1] / "conformance" / "gateway_go"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Round:
    """One client's turn: transactions, seconds, and the CPU seconds of client and ledger."""

    transactions: int
    duration_s: float
    client_cpu_s: float
    ledger_cpu_s: float

    @property
    def rate(self) -> float:
        """Transactions per second."""
        return self.transactions / self.duration_s


async def submit_all(contract: Contract, *, prefix: str, transactions: int, in_flight: int) -> None:
    """Submit to keys of their own, so many at once, and wait for each commit."""
    indexes = iter(range(transactions))

    async def work() -> None:
        for index in indexes:
            await contract.submit("put", f"{prefix}-{index}", "value")

    await asyncio.gather(*(work() for _ in range(in_flight)))


async def python_round(ledger: RunningLedger, *, prefix: str, options: argparse.Namespace) -> Round:
    """Let our client submit."""
    identity, signer = ledger.user("Org1MSP")
    async with Gateway.connect(ledger.address, tls_ca=ledger.tls_ca_pem, identity=identity, signer=signer) as gateway:
        contract = gateway.network(ledger.channel).contract(ledger.chaincode)
        await contract.submit("put", f"{prefix}-warm-up", "x")
        ledger_cpu, cpu, start = cpu_seconds(ledger), time.process_time(), time.perf_counter()
        await submit_all(contract, prefix=prefix, transactions=options.transactions, in_flight=options.in_flight)
        return Round(
            transactions=options.transactions,
            duration_s=time.perf_counter() - start,
            client_cpu_s=time.process_time() - cpu,
            ledger_cpu_s=cpu_seconds(ledger) - ledger_cpu,
        )


async def go_round(ledger: RunningLedger, *, prefix: str, options: argparse.Namespace) -> Round:
    """Let the official Go client submit."""
    user = ledger.directory / "organisations" / "Org1MSP" / "users" / "admin"
    ledger_cpu = cpu_seconds(ledger)
    process = await asyncio.create_subprocess_exec(
        build(GO_CLIENT), "submit", "-peer", ledger.address, "-tls-ca", ledger.directory / "tls" / "ca.pem",
        "-user", user, "-prefix", prefix,
        "-count", str(options.transactions), "-in-flight", str(options.in_flight),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "gateway_go submit")
    measured = json.loads(output)
    return Round(
        transactions=options.transactions,
        duration_s=measured["seconds"],
        client_cpu_s=measured["cpu_s"],
        ledger_cpu_s=cpu_seconds(ledger) - ledger_cpu,
    )


def cpu_seconds(ledger: RunningLedger) -> float:
    """Return the CPU seconds that the ledger's process has used (Linux)."""
    if ledger.process is None:
        raise AssertionError
    fields = Path(f"/proc/{ledger.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


Client = Callable[..., Awaitable[Round]]


async def measure(clients: dict[str, Client], options: argparse.Namespace) -> dict[str, list[Round]]:
    """Let the clients take turns, and say how it goes."""
    results: dict[str, list[Round]] = {name: [] for name in clients}
    turns = count()
    with tempfile.TemporaryDirectory() as folder:
        async with running_ledger(Path(folder) / "trade") as ledger:
            for number in range(options.rounds):
                for name, client in clients.items():
                    result = await client(ledger, prefix=f"turn-{next(turns)}", options=options)
                    results[name].append(result)
                    print(f"round {number + 1} of {options.rounds}: {name} {result.rate:.0f}/s", file=sys.stderr)
    return results


def table(results: dict[str, list[Round]], options: argparse.Namespace) -> str:
    """Return the results as Markdown."""
    lines = [
        (
            f"{options.rounds} rounds of {options.transactions} transactions, {options.in_flight} in flight; "
            f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}."
        ),
        "",
        "| client | submits/s, median | min to max | client CPU per transaction | ledger CPU per transaction |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, rounds in results.items():
        rates = sorted(one.rate for one in rounds)
        client = statistics.median(one.client_cpu_s / one.transactions for one in rounds) * 1000
        ledger = statistics.median(one.ledger_cpu_s / one.transactions for one in rounds) * 1000
        lines.append(
            f"| {name} | {statistics.median(rates):.0f} | {rates[0]:.0f} to {rates[-1]:.0f} "
            f"| {client:.2f} ms | {ledger:.2f} ms |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Submits per second of our client and of the official Go client.")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each client (default 5)")
    parser.add_argument("--transactions", type=int, default=2000, help="transactions in each turn (default 2000)")
    parser.add_argument("--in-flight", type=int, default=100, help="transactions under way at once (default 100)")
    options = parser.parse_args()
    clients: dict[str, Client] = {"aiofabric": python_round}
    if shutil.which("go"):
        build(GO_CLIENT)
        clients["fabric-gateway (Go)"] = go_round
    else:
        print("left out: the official Go client, because go is not on PATH", file=sys.stderr)
    print(table(asyncio.run(measure(clients, options)), options))


if __name__ == "__main__":
    main()
