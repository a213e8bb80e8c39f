"""The shipment as the report shows it, from its events."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wayproof_verifier.checks.book import Book, Event
from wayproof_verifier.checks.custody import custody_line
from wayproof_verifier.errors import EncodingError
from wayproof_verifier.report import ExcursionSummary, IntervalSummary, Party, Shipment

MAX_SCALE = 15


def shipment_summary(book: Book, *, gsin: str, intervals: Sequence[IntervalSummary] = ()) -> Shipment:
    """Return the shipment as its events tell it. Raises EncodingError where one has not the contract's form."""
    try:
        created = book.shipment[0].members
        due_at_ms = [event.members["due_at_ms"] for event in book.shipment if "due_at_ms" in event.members][-1]
        return Shipment(
            gsin=gsin,
            is_closed=any(event.kind == "shipment_closed" for event in book.shipment),
            due_at_ms=int(due_at_ms),
            parties=tuple(Party(item["role"], item["msp_id"], item["party_gln"]) for item in created["parties"]),
            custody=custody_line(book.shipment),
            excursions=tuple(_excursions(book.shipment)),
            intervals=tuple(intervals),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise EncodingError(f"a shipment event has another form than the contract gives it: {error!r}") from error


def _excursions(shipment: Sequence[Event]) -> Iterator[ExcursionSummary]:
    resolved = {
        event.members["excursion_id"]: event.members for event in shipment if event.kind == "excursion_resolved"
    }
    for event in shipment:
        if event.kind == "excursion_recorded":
            members = event.members
            resolution = resolved.get(members["excursion_id"], {})
            ended_at_ms = resolution.get("ended_at_ms", members.get("ended_at_ms"))
            yield ExcursionSummary(
                excursion_id=members["excursion_id"],
                device_id=members["device_id"],
                stream=members["stream"],
                name=members["name"],
                direction=members["direction"],
                peak=_quantity(members["peak"]),
                started_at_ms=int(members["started_at_ms"]),
                ended_at_ms=None if ended_at_ms is None else int(ended_at_ms),
                resolution=resolution.get("resolution", ""),
            )


def _quantity(peak: Mapping[str, Any]) -> str:
    value, scale = int(peak["value"]), int(peak["scale"])
    if not 0 <= scale <= MAX_SCALE:
        raise ValueError("a scale is from 0 to 15")
    digits = str(abs(value)).rjust(scale + 1, "0")
    number = f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
    return f"{'-' if value < 0 else ''}{number} {peak['unit']}"
