"""From publish to the ledger: how soon a message is anchored, and how many readings beside one transaction for each.

PYTHONPATH=tests python tests/benchmarks/ingest_anchored.py --help

On each ledger (the embedded one; real Fabric where its programs are found) in one run: first how many transactions of
one reading each are committed a second, at the best of some numbers in flight, with nothing else running; then a whole
deployment as processes takes in messages of ten readings as fast as it can, and at half of that rate. A reading counts
as anchored when the anchor that covers it was committed on the ledger and projected into the organisation's tables.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiofabric.gateway import Contract
from aiofabric.network import Binaries
from support.anchored_bench import READINGS, STAGE_NAMES, Run, Way, anchored_way
from support.fabric_network import BFT_ORDERERS, RAFT_ORDERERS, binaries_missing, find_fabric
from support.ingest_load import KINDS
from support.ledger_rate import embedded_ledger, fabric_ledger, per_second

WARM_UP_MESSAGES = 5_000
LEAST_MESSAGES = 1_000


@dataclass(frozen=True, slots=True)
class Ledger:
    """A ledger to measure on, and how many transactions are tried in flight."""

    name: str
    plain: Callable[[Path], AbstractAsyncContextManager[Contract]]
    in_flight: tuple[int, ...]
    fabric: Binaries | None = None


@dataclass(slots=True)
class Measured:
    """What was measured on one ledger: single transactions a second by number in flight, and runs by kind."""

    plain: dict[int, list[float]] = field(default_factory=dict)
    full: dict[str, list[Run]] = field(default_factory=dict)
    half: dict[str, list[Run]] = field(default_factory=dict)
    half_rate: dict[str, float] = field(default_factory=dict)

    @property
    def best(self) -> tuple[int, list[float]]:
        """The number in flight with the highest median, and its rates."""
        return max(self.plain.items(), key=lambda it: statistics.median(it[1]))


def ledgers(wanted: str) -> list[Ledger]:
    """Return the ledgers that are here and whose name has `wanted` in it; say which one is left out."""
    found = [Ledger("embedded", embedded_ledger, (50, 100, 200))]
    missing = binaries_missing()
    if missing:
        say(f"real Fabric is left out: {missing}")
    else:
        binaries = find_fabric()
        orderers = BFT_ORDERERS if binaries.can_order_bft else RAFT_ORDERERS
        found.append(
            Ledger(
                f"Fabric {binaries.version}, {orderers} orderers, 2 peers",
                lambda folder: fabric_ledger(folder, binaries=binaries, orderers=orderers),
                (100, 300, 600),
                binaries,
            )
        )
    return [it for it in found if wanted in it.name]


async def measure(ledger: Ledger, options: argparse.Namespace) -> Measured:
    """Measure on one ledger, all rounds, saying how it goes."""
    measured = Measured()
    with _folder() as folder:
        async with ledger.plain(folder) as contract:
            await measure_plain(ledger, contract, measured, options)
    with _folder() as folder:
        say(f"{ledger.name}: a deployment is made")
        way = anchored_way(
            folder,
            kinds=options.kinds,
            devices=options.devices,
            fabric=ledger.fabric,
            with_monitoring=options.everything,
        )
        async with way as running:
            await measure_full(ledger, running, measured, options)
            await measure_half(ledger, running, measured, options)
    return measured


async def measure_plain(ledger: Ledger, contract: Contract, measured: Measured, options: argparse.Namespace) -> None:
    """Measure single transactions."""
    await per_second(contract, in_flight=ledger.in_flight[0], duration_s=options.plain_seconds / 2)
    for number in range(options.rounds):
        for in_flight in ledger.in_flight:
            rate = await per_second(contract, in_flight=in_flight, duration_s=options.plain_seconds)
            measured.plain.setdefault(in_flight, []).append(rate)
            say(f"{ledger.name}, round {number + 1}: {rate:,.0f} transactions/s, {in_flight} in flight")


async def measure_full(ledger: Ledger, way: Way, measured: Measured, options: argparse.Namespace) -> None:
    """Measure how much goes the whole way, the kinds of messages taking turns."""
    warm = {kind: await way.run(kind, WARM_UP_MESSAGES) for kind in options.kinds}
    for number in range(options.rounds):
        for kind in options.kinds:
            stored = [it.stored for it in measured.full.get(kind, [warm[kind]])]
            count = max(int(statistics.median(stored) * options.seconds), LEAST_MESSAGES)
            run = await way.run(kind, count)
            measured.full.setdefault(kind, []).append(run)
            say(
                f"{ledger.name}, round {number + 1}, {kind}: {count:,} messages, {run.stored:,.0f}/s stored,"
                f" {run.anchored:,.0f}/s anchored"
            )


async def measure_half(ledger: Ledger, way: Way, measured: Measured, options: argparse.Namespace) -> None:
    """Measure how soon a message is anchored at half of the rate at which they were stored."""
    for kind, runs in measured.full.items():
        rate = options.per_second or statistics.median(it.stored for it in runs) / 2
        measured.half_rate[kind] = rate
        for number in range(options.rounds):
            run = await way.run(kind, max(int(rate * options.seconds), LEAST_MESSAGES), per_second=rate)
            measured.half.setdefault(kind, []).append(run)
            p50, p99, longest = run.delays_s["anchored"]
            say(
                f"{ledger.name}, round {number + 1}, {kind} at {rate:,.0f}/s: anchored after p50 {p50:.1f} s,"
                f" p99 {p99:.1f} s, longest {longest:.1f} s"
            )


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ingest-anchored-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL's account goes through it
        yield folder


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}; load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)


def spread(values: Iterable[float], form: str = ",.0f") -> str:
    """Return the median and the range of some numbers."""
    found = sorted(values)
    return f"{statistics.median(found):{form}} ({found[0]:{form}} to {found[-1]:{form}})"


def rates(results: dict[str, Measured]) -> str:
    """Return the rates as a Markdown table."""
    lines = [
        "| ledger, messages | readings/s, one a transaction | stored | anchored | times as many | CPU µs a message |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for name, measured in results.items():
        in_flight, plain = measured.best
        for kind, runs in measured.full.items():
            anchored = [run.anchored * READINGS for run in runs]
            ratio = statistics.median(anchored) / statistics.median(plain)
            spent = ", ".join(
                f"{process} {statistics.median(run.cpu_us[process] for run in runs):.0f}" for process in runs[0].cpu_us
            )
            lines.append(
                f"| {name}, {kind} | {spread(plain)}, {in_flight} in flight"
                f" | {spread(run.stored * READINGS for run in runs)} | {spread(anchored)}"
                f" | {ratio:.0f} ({min(anchored) / max(plain):.0f} to {max(anchored) / min(plain):.0f}) | {spent} |"
            )
    return "\n".join(lines)


def delays(results: dict[str, Measured]) -> str:
    """Return the delays at half load as a Markdown table: of each percentile the median and range of the rounds."""
    lines = [
        "| ledger, messages | messages/s | from publish until | p50 s | p99 s | longest s |",
        "|---|--:|---|--:|--:|--:|",
    ]
    for name, measured in results.items():
        for kind, runs in measured.half.items():
            for stage in STAGE_NAMES:
                columns = zip(*(run.delays_s[stage] for run in runs), strict=True)
                cells = " | ".join(spread(column, ".2f") for column in columns)
                lines.append(f"| {name}, {kind} | {measured.half_rate[kind]:,.0f} | {stage} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts (default: 5)")
    parser.add_argument("--seconds", type=float, default=20, help="of publishing in each run (default: 20)")
    parser.add_argument("--plain-seconds", type=float, default=5, help="of single transactions in each (default: 5)")
    parser.add_argument("--devices", type=int, default=50, help="of each kind (default: 50)")
    parser.add_argument("--kinds", nargs="+", default=["unsigned", "ES256"], choices=KINDS, help="(unsigned, ES256)")
    parser.add_argument("--per-second", type=float, default=0, help="messages, instead of half of the rate measured")
    parser.add_argument("--ledger", default="", help="those whose name has this in it: embedded, Fabric")
    parser.add_argument("--everything", action="store_true", help="monitor and plausibility run beside it, too")
    options = parser.parse_args()
    results = {}
    for ledger in ledgers(options.ledger):
        results[ledger.name] = asyncio.run(measure(ledger, options))
        print(f"\n{rates(results)}\n\n{delays(results)}\n", flush=True)
    print(f"{options.rounds} rounds of {options.seconds:g} s, {READINGS} readings a message, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
