"""What is known of an open shipment when it is judged: its record on the ledger, and what is held of its streams."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wayproof.store.watch import Interval, IntervalState, StreamKey
from wayproof_verifier.coldchain import Limit

CLOCK_TOLERANCE_MS = 600_000
"""How far ahead of the last arrival a device's clock is believed."""


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """One interval of a stream; `attached_at_ms` is what the attaching transaction claims."""

    interval: Interval
    attached_at_ms: int
    state: IntervalState

    @property
    def key(self) -> StreamKey:
        """Device id and name of the stream."""
        return self.interval.device_id, self.interval.stream

    @property
    def is_attached(self) -> bool:
        """Whether the stream still speaks for the shipment."""
        return self.interval.end is None

    @property
    def last_observed_at_ms(self) -> int | None:
        """The newest time that the device gave to a number."""
        return max((reading.observed_at_ms for reading in self.state.latest), default=None)


@dataclass(frozen=True, slots=True)
class Facts:
    """A shipment's record (docs/reference/contract.md) and its intervals, in the order they were attached."""

    head: dict[str, Any]
    streams: tuple[StreamFacts, ...]

    @property
    def gsin(self) -> str:
        """The shipment's number."""
        gsin: str = self.head["gsin"]
        return gsin

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What was agreed for the goods."""
        return tuple(Limit.from_record(record) for record in self.head["limits"])

    @property
    def gaps(self) -> int:
        """Number of gaps."""
        return sum(len(it.state.gaps) for it in self.streams)

    @property
    def missing(self) -> int:
        """Number of messages in gaps."""
        return sum(gap.last - gap.first + 1 for it in self.streams for gap in it.state.gaps)


def intervals(head: dict[str, Any]) -> Iterator[tuple[int, Interval]]:
    """Yield the intervals of a shipment's record, each with the version of the event that attached it."""
    for attachment in head["attachments"]:
        start, end = attachment["start"], attachment.get("end")
        yield (
            attachment["attached"],
            Interval(
                device_id=start["device_id"],
                stream=start["stream"],
                start=(start["boot"], start["sequence"]),
                end=(end["boot"], end["sequence"]) if end else None,
            ),
        )


def as_of_ms(streams: list[StreamFacts]) -> int | None:
    """Return up to when a stream can be judged, by the device's clock: the time of its newest reading.

    A clock that runs ahead of the platform's is followed up to `CLOCK_TOLERANCE_MS`: with one reading dated years ahead
    the device would else seem silent ever since. None while nothing is held.
    """
    observed = [it.last_observed_at_ms for it in streams if it.last_observed_at_ms is not None]
    received = [it.state.last_received_at_ms for it in streams if it.state.last_received_at_ms is not None]
    return min(max(observed), max(received) + CLOCK_TOLERANCE_MS) if observed and received else None
