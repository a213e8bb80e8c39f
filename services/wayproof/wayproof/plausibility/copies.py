"""Copied series: the same run of changes a second time, elsewhere or later. Noise never repeats itself; people do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from struct import error, pack
from typing import ClassVar

from wayproof.plausibility.state import Sample, State


@dataclass(frozen=True, slots=True)
class Holder:
    """Where a run of numbers was seen: the device, the stream, and the time of its last number."""

    device_id: str
    stream_id: int
    observed_at_ms: int


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a run was seen first, and its number: how many runs were entered before it."""

    holder: Holder
    number: int


Claimed = tuple[int, Holder]
"""A run's fingerprint, and where it was seen now."""


@dataclass
class Runs:
    """Where runs were seen first, by fingerprint; the newest `most` of them are known, those before are forgotten.

    `entered` is how many there were in all. What is known depends on what was claimed in which order, on nothing else:
    not on groups of claims, nor on when what is forgotten is thrown away.
    """

    known: dict[int, Seen] = field(default_factory=dict)
    entered: int = 0

    def claim(self, claims: Iterable[Claimed], *, most: int) -> Sequence[Holder]:
        """Enter runs, in this order, unless they are known; return where each was seen first."""
        first = []
        for fingerprint, holder in claims:
            seen = self.known.get(fingerprint)
            if seen is None or seen.number < self.entered - most:
                seen = Seen(holder, self.entered)
                self.known.pop(fingerprint, None)  # entered anew it stands last: the order is that of the numbers
                self.known[fingerprint] = seen
                self.entered += 1
            first.append(seen.holder)
        return first

    def forget(self, *, most: int) -> None:
        """Throw away what is forgotten."""
        while self.known and self.known[oldest := next(iter(self.known))].number < self.entered - most:
            del self.known[oldest]


@dataclass(frozen=True, slots=True)
class CopiedSeries:
    """A run of `readings` changes from number to number that is known from before, from any stream of the log.

    A copy may be moved in time, and up or down: only changes count. Runs that could meet by chance are left out: at
    least `changing` of the changes must not be zero, and at least `different` of them differ. Of all runs, those
    whose SHA-256 begins with three zero bits are remembered, for every reader the same ones (winnowing: Schleimer,
    Wilkerson, Aiken 2003), so a copy of twice the length is found for all practical purposes.
    Remembers the newest time and value, then the last changes.
    """

    code: ClassVar[str] = "copied_series"
    version: ClassVar[int] = 2

    readings: int = 24
    changing: int = 16
    different: int = 8

    ONE_OF: ClassVar[int] = 8

    def prints(self, state: State, now: Sample) -> tuple[State, int | None]:
        """Return what to remember, and the fingerprint of the run that ends here where it is one of those kept."""
        if not state:
            return (now.at_ms, now.value), None
        if now.at_ms <= state[0]:
            return state, None
        changes = (*state[2:], now.value - state[1])[-self.readings :]
        return (now.at_ms, now.value, *changes), self._print(changes)

    def _print(self, changes: State) -> int | None:
        if len(changes) < self.readings or changes[-1] == 0 or changes[0] == 0:
            return None
        if len(changes) - changes.count(0) < self.changing or len(set(changes)) < self.different:
            return None
        digest = sha256(_packed(changes)).digest()
        if digest[0] % self.ONE_OF:
            return None
        return int.from_bytes(digest[1:9], "big", signed=True)

    def reason(self, here: Holder, first: Holder) -> str:
        """Return why a run at `here` is flagged when it was seen first at `first`: empty where it is the same run.

        Two streams of one device may tell the same sensor's numbers of the same time.
        """
        is_same = here.device_id == first.device_id and here.observed_at_ms == first.observed_at_ms
        if is_same:
            return ""
        return f"the run of {first.device_id} that ends at {first.observed_at_ms} again"


def _packed(changes: State) -> bytes:
    form = f">{len(changes)}q"
    try:
        return pack(form, *changes)
    except error:  # a number that no sensor measures
        return pack(form, *map(_bounded, changes))


def _bounded(change: int) -> int:
    return max(-(2**63), min(change, 2**63 - 1))
