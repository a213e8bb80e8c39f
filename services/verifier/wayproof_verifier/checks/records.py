"""Records against each other: everything required is there, nothing else is, and events fold to their heads.

(`state.records` in part, `records.history`, and the part of `file.format` that says that nothing is left over.)
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wayproof_contract import device, log, shipment, state
from wayproof_contract.errors import ContractError
from wayproof_verifier.checks.book import Book
from wayproof_verifier.checks.state import Record
from wayproof_verifier.report import Problem

Fold = Callable[[Mapping[str, Any] | None, Mapping[str, Any]], dict[str, Any]]
MALFORMED = (ContractError, KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)
"""What the contract's folds raise on an event that the contract never wrote."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A head and its events: where they lie, and the contract's fold from the second to the first."""

    head: str
    prefix: str
    fold: Fold


def aggregates(book: Book, *, gsin: str) -> Iterator[Aggregate]:
    """Yield every aggregate that the evidence of a shipment rests on."""
    yield Aggregate(state.shipment_key(gsin), f"shipment_event/{gsin}/", shipment.apply)
    for device_id in sorted(book.devices):
        yield Aggregate(state.device_key(device_id), f"device_event/{device_id}/", device.apply)
    for log_id in sorted(book.logs):
        yield Aggregate(state.log_key(log_id), f"log_event/{log_id}/", log.apply)


def check_required(records: Mapping[str, Record], *, book: Book, gsin: str) -> Iterator[Problem]:
    """Heads of the shipment, of its devices, of their home logs, and of those logs' anchors are there."""
    heads = [aggregate.head for aggregate in aggregates(book, gsin=gsin)]
    for key in heads + [state.anchor_head_key(log_id) for log_id in sorted(book.logs)]:
        if key not in records:
            yield Problem(f"the state does not contain {key}", key)


def check_left_over(records: Mapping[str, Record], *, book: Book, gsin: str) -> Iterator[Problem]:
    """No record is of something else: another shipment, a device that was never attached, a log that is not home."""
    heads = {aggregate.head for aggregate in aggregates(book, gsin=gsin)}
    heads |= {state.anchor_head_key(log_id) for log_id in book.logs}
    prefixes = tuple(aggregate.prefix for aggregate in aggregates(book, gsin=gsin))
    prefixes += tuple(f"{kind}/{log_id}/" for log_id in book.logs for kind in ("anchor", "erasure"))
    for key in records:
        if key not in heads and not key.startswith(prefixes):
            yield Problem(f"the state contains {key}, which this evidence does not need", key)


def check_history(records: Mapping[str, Record], *, book: Book, gsin: str) -> Iterator[Problem]:
    """Every aggregate: versions 1…n in ledger order, folding to the head. Every anchor head: the newest anchor."""
    for aggregate in aggregates(book, gsin=gsin):
        try:
            yield from _check_aggregate(records, aggregate)
        except MALFORMED as error:
            yield Problem(f"the events do not fold as the contract folds them: {error!r}", aggregate.head)
    for log_id in sorted(book.logs):
        yield from _check_anchor_head(records, log_id=log_id)


def _check_aggregate(records: Mapping[str, Record], aggregate: Aggregate) -> Iterator[Problem]:
    head = records[aggregate.head]
    last = head.members["version"]
    keys = [f"{aggregate.prefix}{version:06d}" for version in range(1, min(last, len(records)) + 1)]
    present = {key for key in records if key.startswith(aggregate.prefix)}
    if last > len(records) or present != set(keys):
        yield Problem(f"the head is at version {last}; {len(present)} events are there", aggregate.head)
        return
    folded: dict[str, Any] | None = None
    previous = (-1, -1)
    for version, key in enumerate(keys, start=1):
        event = records[key]
        if event.members["version"] != version or event.version <= previous:
            yield Problem("its number or its place in the ledger is not the next one", key)
        previous = event.version
        folded = aggregate.fold(folded, event.members)
    if folded != head.members or previous != head.version:
        yield Problem("the head is not what its events fold to", aggregate.head)


def _check_anchor_head(records: Mapping[str, Record], *, log_id: str) -> Iterator[Problem]:
    key = state.anchor_head_key(log_id)
    try:
        members, head = records[key].members, records[state.log_key(log_id)].members
        if members["epoch"] != head["epoch"]:
            yield Problem("the newest anchor is of another epoch than the log", key)
        elif members["counter"] > 0:
            anchor = records.get(state.anchor_key(log_id, members["epoch"], members["counter"]))
            if anchor is None or anchor.members != members or anchor.version != records[key].version:
                yield Problem("the newest anchor is not in the file as an anchor of its own", key)
    except MALFORMED as error:
        yield Problem(f"no anchor head of the contract: {error!r}", key)
