"""What a fault is: its number and name, what it does, what passes; and what came of it.

FAULT = Fault("F3", "broker restarted with nothing", "lost 0 with receipts", run)

`run` takes a `Trial`, makes the fault, and notes figures and failures in the `Findings` that it returns. Most faults
happen to the whole platform: `async with trial.world() as world` (support.fault_world).
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from support.fault_world import LONG_MEASUREMENTS, MEASUREMENTS, World
from support.findings import Findings

Worlds = Callable[[], AbstractAsyncContextManager[World]]


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of one fault: where it may write, what its chance follows from, and in which form.

    Attributes:
        directory: a folder of its own; with `resume`, that of the run before.
        seed: all chance follows from it.
        is_long: the form of `make faults`; otherwise that of the tests, a few seconds.
        resume: go on where an earlier run of this folder was stopped.
        kills: how many kills F1 and F2 do each, where the form's own number shall not do.
        outage_s: how long F5 goes without the ledger, where the form's own time shall not do.
        world: opens the platform under load; in the short form the faults share one.
        say: a line of progress.
    """

    directory: Path
    seed: int
    is_long: bool
    world: Worlds
    say: Callable[[str], None]
    resume: bool = False
    kills: int | None = None
    outage_s: float | None = None

    @property
    def measurements(self) -> int:
        """How many each device makes at most: enough for all of the form's time."""
        return LONG_MEASUREMENTS if self.is_long else MEASUREMENTS


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the list in docs/reference/faults.md."""

    number: str
    name: str
    passes: str
    run: Callable[[Trial], Awaitable[Findings]]
