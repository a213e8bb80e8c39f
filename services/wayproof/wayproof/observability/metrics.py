"""What a process counts: counters, gauges and histograms, each defined once, in the module that counts.

    STORED = counter("wayproof_ingest_messages_stored_total", "Messages that are in the store now.")
    REJECTED = counter("wayproof_ingest_rejected_total", "Payloads refused, by code.", labels=("code",))
    STORED.add(12)
    REJECTED.add(1, "bad_signature")

Names and units follow Prometheus: base units, `_total` for what only grows. All of them: docs/reference/metrics.md.
Values are of this life of the process; they may be changed from any thread.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeVar

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of a histogram's buckets: from a quick answer to one that somebody noticed."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What a histogram has seen under one set of labels: how many up to each bound, beyond all, and their sum."""

    counts: tuple[int, ...]
    total: float


class Metric:
    """Something that is counted, by its labels' values."""

    kind: Kind

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self.name, self.text, self.labels = name, text, tuple(labels)
        self._lock = threading.Lock()

    def _of(self, values: Labels) -> Labels:
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {len(values)} of them")
        return values


class Numbers(Metric):
    """A metric with one number for each set of labels."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        super().__init__(name, text, labels)
        self._values: dict[Labels, float] = {} if labels else {(): 0.0}

    def values(self) -> Mapping[Labels, float]:
        """Return the numbers by their labels' values."""
        with self._lock:
            return dict(self._values)


class Counter(Numbers):
    """A number that only grows while the process lives."""

    kind: Kind = "counter"

    def add(self, amount: float = 1, *values: str) -> None:
        """Add to the number under these labels."""
        key = self._of(values)
        with self._lock:
            self._values[key] = self._values.get(key, 0.0) + amount


class Gauge(Numbers):
    """A number that says how something is now."""

    kind: Kind = "gauge"

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        super().__init__(name, text, labels)
        self._read: Callable[[], float] | None = None

    def put(self, value: float, *values: str) -> None:
        """Replace the number under these labels."""
        key = self._of(values)
        with self._lock:
            self._values[key] = value

    def follow(self, read: Callable[[], float]) -> None:
        """Ask `read` whenever somebody looks: for a gauge without labels. It must be quick, from any thread."""
        self._read = read

    def values(self) -> Mapping[Labels, float]:
        """Return the numbers by their labels' values."""
        return super().values() if self._read is None else {(): self._read()}


class Histogram(Metric):
    """How often something took how many seconds."""

    kind: Kind = "histogram"

    def __init__(self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        super().__init__(name, text, labels)
        self.bounds = tuple(bounds)
        self._seen: dict[Labels, tuple[list[int], float]] = {}

    def observe(self, seconds: float, *values: str) -> None:
        """Note one more."""
        key = self._of(values)
        with self._lock:
            counts, total = self._seen.get(key) or ([0] * (len(self.bounds) + 1), 0.0)
            counts[bisect_left(self.bounds, seconds)] += 1
            self._seen[key] = counts, total + seconds

    def spreads(self) -> Mapping[Labels, Spread]:
        """Return what was seen by the labels' values."""
        with self._lock:
            return {key: Spread(tuple(counts), total) for key, (counts, total) in self._seen.items()}


Defined = TypeVar("Defined", bound=Metric)

_defined: dict[str, Metric] = {}


def defined() -> Mapping[str, Metric]:
    """Return every metric of the modules that are loaded, by name."""
    return MappingProxyType(_defined)


def counter(name: str, text: str, *, labels: Sequence[str] = ()) -> Counter:
    """Define a counter. Raises ValueError if the name is taken."""
    return _define(Counter(name, text, labels))


def gauge(name: str, text: str, *, labels: Sequence[str] = ()) -> Gauge:
    """Define a gauge. Raises ValueError if the name is taken."""
    return _define(Gauge(name, text, labels))


def histogram(name: str, text: str, *, labels: Sequence[str] = (), bounds: Sequence[float] = SECONDS) -> Histogram:
    """Define a histogram of seconds. Raises ValueError if the name is taken."""
    return _define(Histogram(name, text, labels, bounds))


def _define(metric: Defined) -> Defined:
    if metric.name in _defined:
        raise ValueError(f"{metric.name} is defined twice")
    _defined[metric.name] = metric
    return metric
