"""What the benchmark of real Fabric keeps of a measurement, and how it is told."""

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
KINDS = ("orderers", "peers", "chaincode", "client")
"""Whose CPU time is told apart."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A network to measure: how it orders, and how many orderers and peers it has."""

    ordering: str
    orderers: int
    peers: int

    @property
    def short(self) -> str:
        """Its name on a command line."""
        return f"{self.ordering.lower()}-{self.peers}"

    def __str__(self) -> str:
        return f"{self.ordering}, {self.orderers} orderer{'s' * (self.orderers > 1)}, {self.peers} peers"


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement.

    Attributes:
        what: the kind of work.
        duration_s: how long it took.
        latencies_s: each success's, sorted.
        cpu_s: CPU seconds by kind of process.
        others_s: CPU seconds that the machine spent on anything else meanwhile.
        unknown: successes whose outcome was unknown at first.
        errors: failures, in words.
    """

    what: str
    duration_s: float
    latencies_s: list[float]
    cpu_s: dict[str, float]
    others_s: float
    unknown: int
    errors: list[str]

    @property
    def rate(self) -> float:
        """Successes per second."""
        return len(self.latencies_s) / self.duration_s

    def percentile_ms(self, percent: float) -> float:
        """Return the latency that so many per cent of the successes do not exceed (nearest rank)."""
        if not self.latencies_s:
            return float("nan")
        rank = -(-len(self.latencies_s) * percent // 100)
        return self.latencies_s[max(int(rank), 1) - 1] * 1000

    @property
    def others_cores(self) -> float:
        """How many cores were busy with other programs, on average."""
        return self.others_s / self.duration_s

    def cpu_ms(self, kind: str) -> float:
        """Return the CPU milliseconds that a success took of one kind of process."""
        return self.cpu_s[kind] * 1000 / max(len(self.latencies_s), 1)

    def __str__(self) -> str:
        latencies = ", ".join(f"p{percent} {self.percentile_ms(percent):.0f} ms" for percent in (50, 95, 99))
        cpu = ", ".join(f"{kind} {self.cpu_ms(kind):.2f}" for kind in KINDS)
        failures = f"; {len(self.errors)} errors, such as {self.errors[0]}" if self.errors else ""
        return (
            f"{self.what}: {self.rate:.1f}/s, {latencies}; CPU ms each: {cpu}; "
            f"others {self.others_cores:.1f} cores; {self.unknown} unknown{failures}"
        )


def cpu_seconds(network: Path) -> dict[str, float]:
    """Return the CPU seconds that a network's processes, and this one, have used so far (Linux)."""
    used = dict.fromkeys(KINDS, 0.0) | {"client": _of_process("self")}
    for folder in (network / "nodes").iterdir():
        used[_kind(folder.name)] += _of_process((folder / "pid").read_text("ascii"))
    return used


def machine_cpu_seconds() -> float:
    """Return the CPU seconds that all programs on this machine have used so far (Linux)."""
    user, nice, system, _, _, *interrupts = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8])
    return (user + nice + system + sum(interrupts)) / TICKS_PER_S


def table(rounds: Sequence[Sequence[Round]]) -> str:
    """Return medians and ranges over the rounds as Markdown."""
    lines = [
        "| work | a second, median (range) | p50 | p95 | p99 (worst round) | CPU ms each: "
        + " · ".join(KINDS)
        + " | cores busy with other programs | outcome unknown at first | errors |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for same in zip(*rounds, strict=True):
        rates = sorted(one.rate for one in same)
        middle = [statistics.median(one.percentile_ms(percent) for one in same) for percent in (50, 95, 99)]
        worst = max(one.percentile_ms(99) for one in same)
        cpu = " · ".join(f"{statistics.median(one.cpu_ms(kind) for one in same):.2f}" for kind in KINDS)
        lines.append(
            f"| {same[0].what} | {statistics.median(rates):,.1f} ({rates[0]:,.1f} to {rates[-1]:,.1f}) "
            f"| {middle[0]:.0f} ms | {middle[1]:.0f} ms | {middle[2]:.0f} ms ({worst:.0f} ms) | {cpu} "
            f"| {statistics.median(one.others_cores for one in same):.1f} "
            f"| {sum(one.unknown for one in same)} | {sum(len(one.errors) for one in same)} |"
        )
    return "\n".join(lines)


def _of_process(pid: str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def _kind(name: str) -> str:
    return "peers" if name.startswith("peer.") else "chaincode" if name.startswith("chaincode.") else "orderers"
