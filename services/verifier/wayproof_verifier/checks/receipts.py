"""Receipts that a device kept (`receipts`): what the platform promised to hold is there.

A receipt counts once it is due: once a head that the file proves was anchored at or after the time the receipt names.
What it promises beyond an interval is another shipment's matter, and is only mentioned.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from wayproof_contract import canonical
from wayproof_verifier.checks.book import Book, Place
from wayproof_verifier.checks.intervals import Track
from wayproof_verifier.errors import EncodingError
from wayproof_verifier.report import Finding, Problem
from wayproof_verifier.telemetry import Held, PublicKey, Receipt, Rejection, decode_receipt, verify_receipt
from wayproof_verifier.telemetry.stream import Position, Walk

MAX_LINE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Promise:
    """One range of one receipt, or why the receipt is refused."""

    where: str
    receipt: Receipt | None
    held: Held | None
    refusal: str = ""

    @property
    def place(self) -> Place | None:
        """The last message of the range, which the receipt names by hash."""
        if self.receipt is None or self.held is None:
            return None
        held = self.held
        return Place(self.receipt.device_id, held.stream, (held.boot, held.last), held.last_hash)


def read_receipts(stream: BinaryIO, *, book: Book) -> list[Promise]:
    """Read and verify every receipt of a file: JSON Lines of `{"receipt": base64}`. A bad one is a refused promise."""
    promises: list[Promise] = []
    number = 0
    while data := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        where = f"receipt {number}"
        try:
            receipt = _receipt(data, book=book)
        except EncodingError as error:
            promises.append(Promise(where, None, None, str(error)))
            continue
        promises.extend(Promise(where, receipt, held) for held in receipt.held)
    return promises


def _receipt(data: bytes, *, book: Book) -> Receipt:
    if len(data) > MAX_LINE_BYTES:
        raise EncodingError(f"longer than {MAX_LINE_BYTES} bytes")
    try:
        members = canonical.decode_object(data.removesuffix(b"\n"))
        if members.keys() != {"receipt"} or not isinstance(members["receipt"], str):
            raise EncodingError('a line is {"receipt": base64}')
        receipt = decode_receipt(base64.b64decode(members["receipt"], validate=True))
    except ValueError as error:
        raise EncodingError(f"not a line of receipts: {error}") from error
    if isinstance(receipt, Rejection):
        raise EncodingError(f"{receipt.code}: {receipt.detail}")
    _verify(receipt, book=book)
    return receipt


def _verify(receipt: Receipt, *, book: Book) -> None:
    device = book.devices.get(receipt.device_id)
    if device is None:
        raise EncodingError(f"it is for {receipt.device_id}, which was never attached to this shipment")
    if receipt.log_id != device.home_log:
        raise EncodingError(f"it is of the log {receipt.log_id}; the device's home log is {device.home_log}")
    epoch = book.logs[device.home_log].get(receipt.epoch)
    if epoch is None:
        raise EncodingError(f"the log {receipt.log_id} has no epoch {receipt.epoch}")
    try:
        key = PublicKey.from_spki(epoch.receipt_key)
    except ValueError as error:
        raise EncodingError(f"the log's receipt key is no key: {error}") from error
    rejection = verify_receipt(receipt, key=key)
    if rejection is not None:
        raise EncodingError(f"{rejection.code}: {rejection.detail}")


def check_receipts(
    promises: Iterable[Promise], *, tracks: Sequence[Track], walks: Sequence[Walk], proven_at_ms: Mapping[str, int]
) -> Iterator[Problem | Finding]:
    """Everything that is promised within an interval, and due, is there. `proven_at_ms`: newest head, by log."""
    for promise in promises:
        if promise.receipt is None or promise.held is None:
            yield Problem(promise.refusal, promise.where)
            continue
        is_due = promise.receipt.anchored_by_ms <= proven_at_ms.get(promise.receipt.log_id, -1)
        found = False
        for track, walk in zip(tracks, walks, strict=True):
            if track.attachment.stream == (promise.receipt.device_id, promise.held.stream):
                reason = _missing(promise.held, track=track, walk=walk)
                found = found or reason is not None
                if reason and is_due:
                    yield Problem(reason, promise.where)
                elif reason:
                    yield Finding("receipt_not_due", f"{reason}; it was not due yet", promise.where)
        if not found:
            yield Finding("receipt_elsewhere", "what it promises lies in no interval of this shipment", promise.where)


def _missing(held: Held, *, track: Track, walk: Walk) -> str | None:
    """Return what of a range is missing in an interval: nothing ("" if it lies inside, None if it lies outside)."""
    first: Position = (held.boot, held.first)
    last: Position = (held.boot, held.last)
    start = track.attachment.start.position
    end = track.attachment.end
    if last <= start or (end is not None and first > end.place.position):
        return None
    low = held.first if first > start else start[1] + 1
    high = held.last
    if end is not None and last > end.place.position:
        high = end.place.position[1]
    elif track.chain.hashes(last).isdisjoint({held.last_hash}):
        return f"the message at boot {held.boot} sequence {held.last} is not there as it was receipted"
    for boot, gap_first, gap_last in walk.gaps:
        if boot == held.boot and gap_first <= high and gap_last >= low:
            return f"receipted, and missing: boot {boot} sequence {max(gap_first, low)} to {min(gap_last, high)}"
    return ""
