"""Who had the goods, from a shipment's events: by the ledger's claimed times and by the devices' clock. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from wayproof.api.models import CustodyPeriod, Handover, HandoverReading, Remarks
from wayproof.store.shipments import StoredEvent

STARTS = ("shipment_created", "custody_accepted")


def custody_line(
    events: Sequence[StoredEvent],
    *,
    handed_over_ms: Mapping[int, int],
    observed_ms: tuple[int | None, int | None] = (None, None),
) -> list[CustodyPeriod]:
    """Return the periods of custody, the first one first.

    `handed_over_ms` has, for versions of acceptances, the device time up to which the custodian before is answerable;
    `observed_ms` is when anything was first and last observed.
    """
    starts = [event for event in events if event.kind in STARTS]
    offers = {event.version: event for event in events if event.kind == "custody_offered"}
    first_ms, last_ms = observed_ms
    bounds = [first_ms, *[handed_over_ms.get(event.version) for event in starts[1:]], last_ms]
    return [
        CustodyPeriod(
            custodian=start.organisation,
            since_at_ms=start.tx_timestamp_ms,
            until_at_ms=following.tx_timestamp_ms if following else None,
            observed_from_ms=bounds[place],
            observed_until_ms=bounds[place + 1],
            handover=_handover(start, offers),
        )
        for place, (start, following) in enumerate(zip(starts, [*starts[1:], None], strict=True))
    ]


def custodian_at(line: Sequence[CustodyPeriod], observed_at_ms: int) -> str | None:
    """Return who had the goods at an instant of the devices' clock; None where the record does not tell."""
    for period in reversed(line):
        if period.observed_from_ms is not None and observed_at_ms >= period.observed_from_ms:
            return period.custodian
    return line[0].custodian if len(line) == 1 else None


def latest_observed_ms(condition: Mapping[str, Any]) -> int | None:
    """Return when the last reading that a condition names was observed."""
    return max((it["observed_at_ms"] for it in condition["latest"]), default=None)


def _handover(acceptance: StoredEvent, offers: Mapping[int, StoredEvent]) -> Handover | None:
    if acceptance.kind != "custody_accepted":
        return None
    offer = offers[acceptance.event["offer"]]
    accepted, offered = acceptance.event["condition"], offer.event["condition"]
    return Handover(
        offered_at_ms=offer.tx_timestamp_ms,
        accepted_at_ms=acceptance.tx_timestamp_ms,
        latest=[HandoverReading(**it) for it in accepted["latest"] or offered["latest"]],
        remarks=Remarks(offer=offered["remark"], acceptance=accepted["remark"]),
        tx_ids=[offer.tx_id, acceptance.tx_id],
    )
