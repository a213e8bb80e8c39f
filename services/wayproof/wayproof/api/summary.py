"""A shipment in the list: what the ledger says, the monitor's view where there is one, names of places. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wayproof.api.models import Lane, Latest, Location, Measurement, Range, Reason, RoutePoint, State, Summary
from wayproof.api.permitted import role_of
from wayproof.api.series import measurement_of
from wayproof.api.urgency import FINE, URGENCIES, Judged, excursion_counts, judge
from wayproof.store.locations import StoredLocation
from wayproof.store.readings import LatestReading
from wayproof.store.shipments import StoredShipment
from wayproof_verifier.coldchain import Limit
from wayproof_verifier.telemetry import Reading

Places = Mapping[str, StoredLocation]
COORDINATES = ("latitude", "longitude", "altitude")


def glns_of(heads: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return every place that shipments name."""
    return {
        gln
        for head in heads
        for gln in (
            head["lane"]["origin_gln"],
            head["lane"]["destination_gln"],
            *[party["party_gln"] for party in head["parties"]],
        )
    }


def location(gln: str, places: Places) -> Location:
    """Return a place with what it is called here."""
    it = places.get(gln)
    return Location(gln=gln, name=it.name, latitude=it.latitude, longitude=it.longitude) if it else Location(gln=gln)


def core(
    shipment: StoredShipment,
    *,
    organisation: str,
    places: Places,
    now_ms: int,
    measured: Sequence[LatestReading] = (),
) -> dict[str, Any]:
    """Return the members of a summary, without excursions.

    `measured` are the latest readings held here: they count where no monitor has judged the shipment.
    """
    head = shipment.head
    judged = _judged(shipment, organisation=organisation, now_ms=now_ms)
    lane = head["lane"]
    latest = Latest(**shipment.latest) if shipment.latest is not None else _latest(shipment, measured)
    return {
        "gsin": shipment.gsin,
        "status": head["status"],
        "role": role_of(head, organisation),
        "custodian": head["custodian"],
        "created_at_ms": shipment.created_at_ms,
        "due_at_ms": head["due_at_ms"],
        "lane": Lane(
            origin=location(lane["origin_gln"], places),
            destination=location(lane["destination_gln"], places),
            mode=lane["mode"],
        ),
        "content": content(head["units"]),
        "urgency": URGENCIES[judged.urgency],
        "reasons": judged.reasons,
        "latest": latest,
        "missing": shipment.missing or 0,
        "last_observed_at_ms": shipment.last_observed_at_ms or _last_observed_ms(latest),
        "last_received_at_ms": shipment.last_received_at_ms,
        "judged_at_ms": shipment.judged_at_ms,
    }


def summary(shipment: StoredShipment, *, organisation: str, places: Places, now_ms: int) -> Summary:
    """Return a shipment as it stands in the list."""
    members = core(shipment, organisation=organisation, places=places, now_ms=now_ms)
    return Summary(**members, excursions=excursion_counts(shipment.head["excursions"]))


def content(units: Sequence[Mapping[str, Any]]) -> str:
    """Return what is on the way, in a few words: trade items with their lots, and how many logistic units."""
    items = list(dict.fromkeys(f"GTIN {it['gtin']} lot {it['lot']}" for unit in units for it in unit["contents"]))
    goods = ", ".join(items[:2]) + (f" and {len(items) - 2} more" if len(items) > 2 else "")  # noqa: PLR2004 - two fit
    number = "1 logistic unit" if len(units) == 1 else f"{len(units)} logistic units"
    return f"{number}: {goods}" if goods else number


def state_of(reading: Reading, limits: Iterable[Limit]) -> State:
    """Return where a reading lies in the agreed limits."""
    for limit in limits:
        if limit.is_for(reading.name):
            return limit.side_of(reading) or "unlimited"
    return "unlimited"


def _judged(shipment: StoredShipment, *, organisation: str, now_ms: int) -> Judged:
    head = shipment.head
    if head["status"] != "open":
        return Judged(FINE, [])
    if shipment.urgency is not None:
        return Judged(shipment.urgency, [Reason(**it) for it in shipment.reasons or ()])
    return judge(
        due_at_ms=head["due_at_ms"],
        offer_to=head.get("offer", {}).get("to"),
        excursions=head["excursions"],
        organisation=organisation,
        now_ms=now_ms,
    )


def _latest(shipment: StoredShipment, measured: Sequence[LatestReading]) -> Latest:
    """Return the latest readings held here, or else those that the last handover recorded."""
    limits = [Limit.from_record(it) for it in shipment.head["limits"]]
    ledger = [
        LatestReading(**{name: it[name] for name in LatestReading.__match_args__})
        for it in shipment.ledger_latest or ()
    ]
    found = list(measured) or ledger
    return Latest(
        measurements=[_measurement(it, limits) for it in found if measurement_of(it.name) not in COORDINATES],
        position=_position(found),
    )


def _measurement(it: LatestReading, limits: Sequence[Limit]) -> Measurement:
    reading = Reading(it.name, it.value, it.scale, it.unit, it.observed_at_ms)
    return Measurement(
        device_id=it.device_id,
        name=it.name,
        value=it.value,
        scale=it.scale,
        unit=it.unit,
        observed_at_ms=it.observed_at_ms,
        state=state_of(reading, limits),
        limit=next((_range(limit) for limit in limits if limit.is_for(it.name) and limit.unit == it.unit), None),
    )


def _range(limit: Limit) -> Range:
    return Range(scale=limit.scale, low=limit.low, high=limit.high)


def _position(found: Iterable[LatestReading]) -> RoutePoint | None:
    degrees = {(measurement_of(it.name), it.observed_at_ms): it.value / 10**it.scale for it in found}
    instants = [at_ms for name, at_ms in degrees if name == "latitude" and ("longitude", at_ms) in degrees]
    if not instants:
        return None
    at_ms = max(instants)
    return RoutePoint(latitude=degrees["latitude", at_ms], longitude=degrees["longitude", at_ms], observed_at_ms=at_ms)


def _last_observed_ms(latest: Latest) -> int | None:
    return max((it.observed_at_ms for it in latest.measurements), default=None)
