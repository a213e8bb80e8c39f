"""What a shipment's evidence must carry, read from the ledger's history. Pure: no I/O.

The rules are those of docs/reference/evidence.md: every version of every record that the shipment rests on, the anchors
nearest to the moments that matter, and the bounds of every interval.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wayproof.evidence.history import LedgerHistory, Version, Written

Position = tuple[int, int]
"""`(boot, sequence)`."""

Bound = tuple[Position, bytes]
"""A position and the message hash there."""


@dataclass(frozen=True, slots=True)
class IntervalPlan:
    """One attachment: the messages of a stream after `start` up to `end` (None while it is open).

    `attached` is the version of the shipment event that attached the device.
    """

    device_id: str
    stream: str
    attached: int
    start: Bound
    end: Bound | None

    def contains(self, device_id: str, *, stream: str, position: Position) -> bool:
        """Tell whether a message belongs to the interval."""
        return (
            (device_id, stream) == (self.device_id, self.stream)
            and self.start[0] < position
            and (self.end is None or position <= self.end[0])
        )


@dataclass(frozen=True, slots=True)
class LogPlan:
    """One epoch of a log.

    Attributes:
        anchors: the carried ones as `(counter, size)`, ascending; the last one is over the tree.
        erased: indices of the intervals' messages of which the ledger says that they were erased.
    """

    log_id: str
    epoch: int
    anchors: tuple[tuple[int, int], ...]
    erased: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is needed, by name: state keys, ids of transactions in ledger order, logs, intervals."""

    gsin: str
    keys: tuple[str, ...]
    transactions: tuple[str, ...]
    logs: tuple[LogPlan, ...]
    intervals: tuple[IntervalPlan, ...]


def plan_evidence(history: LedgerHistory, *, gsin: str) -> Plan:
    """Return what the evidence of a shipment carries. Raises EvidenceError if the ledger does not know it."""
    head = history.latest(f"shipment/{gsin}")
    shipment = list(history.numbered(f"shipment_event/{gsin}/"))
    intervals = tuple(_intervals(event.record() for event in shipment))
    needed = [head, *shipment]
    moments = [event.version for event in shipment if event.record()["kind"] in _BOUNDING]
    homes: set[str] = set()
    for device_id in sorted({interval.device_id for interval in intervals}):
        events = list(history.numbered(f"device_event/{device_id}/"))
        moments += [event.version for event in events[1:]]  # after registration come the endings of keys
        homes.add(str(events[0].record()["home_log"]))
        needed += [history.latest(f"device/{device_id}"), *events]
    logs: list[LogPlan] = []
    for log_id in sorted(homes):
        needed += [history.latest(f"log/{log_id}"), *history.numbered(f"log_event/{log_id}/")]
        needed.append(history.latest(f"anchor_head/{log_id}"))
        erasures = list(_erasures(history, log_id=log_id, intervals=intervals))
        needed += erasures
        for epoch, anchors in _epochs(history, log_id=log_id):
            carried = _nearest(anchors, moments=moments)
            needed += carried
            heads = tuple(_head(anchor.record()) for anchor in carried)
            logs.append(LogPlan(log_id, epoch, heads, _erased(erasures, epoch=epoch)))
    return Plan(
        gsin=gsin,
        keys=tuple(sorted({written.key for written in needed})),
        transactions=tuple(dict.fromkeys(written.tx_id for written in sorted(needed, key=lambda item: item.version))),
        logs=tuple(logs),
        intervals=intervals,
    )


_BOUNDING = {"device_attached", "device_detached", "shipment_closed"}
"""Events at which it matters what was anchored."""


def _epochs(history: LedgerHistory, *, log_id: str) -> Iterator[tuple[int, list[Written]]]:
    """Yield the epochs of a log that have anchors, with them."""
    anchors = list(history.numbered(f"anchor/{log_id}/"))
    for epoch in sorted({_int(anchor.record()["epoch"]) for anchor in anchors}):
        yield epoch, [anchor for anchor in anchors if anchor.record()["epoch"] == epoch]


def _nearest(anchors: Sequence[Written], *, moments: Iterable[Version]) -> list[Written]:
    """Return, ascending, the anchors just before and just after each moment, and the last one."""
    versions = [anchor.version for anchor in anchors]
    places = {len(anchors) - 1}
    for moment in moments:
        after = bisect_left(versions, moment)
        places |= {after - 1, after} & set(range(len(anchors)))
    return [anchors[place] for place in sorted(places)]


def _head(anchor: dict[str, Any]) -> tuple[int, int]:
    return _int(anchor["counter"]), _int(anchor["size"])


def _erasures(history: LedgerHistory, *, log_id: str, intervals: Iterable[IntervalPlan]) -> Iterator[Written]:
    """Yield the erasure records of messages that belong to an interval."""
    for written in history.numbered(f"erasure/{log_id}/"):
        position = written.record()["position"]
        place = (position["boot"], position["sequence"])
        if any(it.contains(position["device_id"], stream=position["stream"], position=place) for it in intervals):
            yield written


def _erased(erasures: Iterable[Written], *, epoch: int) -> frozenset[int]:
    records = [erasure.record() for erasure in erasures]
    return frozenset(_int(record["index"]) for record in records if record["epoch"] == epoch)


def _intervals(events: Iterable[dict[str, Any]]) -> list[IntervalPlan]:
    """Return the intervals, in the order in which devices were attached; events that bound them move their ends."""
    intervals: list[IntervalPlan] = []
    open_at: dict[tuple[str, str], int] = {}
    for event in events:
        if event["kind"] == "device_attached":
            position = event["position"]
            open_at[_stream(position)] = len(intervals)
            intervals.append(
                IntervalPlan(*_stream(position), attached=event["version"], start=_bound(position), end=None)
            )
        for position in _ending_positions(event):
            place = open_at[_stream(position)]
            intervals[place] = replace(intervals[place], end=_bound(position))
    return intervals


def _ending_positions(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the positions at which an event ends intervals, or to which it extends ended ones."""
    match event["kind"]:
        case "device_detached":
            return [event["position"]]
        case "shipment_closed":
            return list(event["condition"]["positions"])
        case "shipment_amended":
            return list(event.get("late", []))
    return []


def _stream(position: dict[str, Any]) -> tuple[str, str]:
    return position["device_id"], position["stream"]


def _bound(position: dict[str, Any]) -> Bound:
    return (position["boot"], position["sequence"]), bytes.fromhex(position["hash"])


def _int(value: object) -> int:
    if type(value) is not int:
        raise TypeError("an integer of a record")
    return value
