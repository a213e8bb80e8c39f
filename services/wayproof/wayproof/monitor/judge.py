"""How urgent a shipment is, and why: a pure function of what is known and of now (docs/reference/api.md, Summary).

| urgency | reasons |
|---|---|
| 0 critical | `outside_limits`: the newest number of a stream that is attached lies outside |
| 1 warning | `excursion_unresolved` `equivocation` `overdue` `silent` |
| 2 attention | `offer_to_us` `gap` `offer_pending` `low_battery` |
| 3 fine | none |
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from wayproof.monitor import latest
from wayproof.monitor.facts import Facts, StreamFacts
from wayproof.monitor.latest import Measurement, measurement_of
from wayproof.monitor.wording import count, duration, quantity
from wayproof.store.watch import Watch
from wayproof_verifier.coldchain import standing

CRITICAL, WARNING, ATTENTION, FINE = range(4)

SILENT_STEPS = 10
SILENT_AT_LEAST_MS = 30 * 60_000
"""A stream is silent when nothing was received for ten of its usual steps, and for half an hour."""

LOW_BATTERY_PERCENT = 20


@dataclass(frozen=True, slots=True)
class _Case:
    facts: Facts
    measured: tuple[Measurement, ...]
    organisation: str
    now_ms: int

    @property
    def attached(self) -> list[Measurement]:
        return [it for it in self.measured if it.is_attached]


def judge(facts: Facts, *, organisation: str, now_ms: int) -> Watch:
    """Return what people see of an open shipment, from the view of an organisation (its MSP id)."""
    case = _Case(facts, latest.measurements(facts), organisation, now_ms)
    found = [(code, urgency, text) for code, urgency, texts in _REASONS for text in texts(case)]
    place = latest.position(facts)
    received = [it.state.last_received_at_ms for it in facts.streams if it.state.last_received_at_ms is not None]
    observed = [it.last_observed_at_ms for it in facts.streams if it.last_observed_at_ms is not None]
    return Watch(
        gsin=facts.gsin,
        urgency=min((urgency for _, urgency, _ in found), default=FINE),
        reasons=[{"code": code, "text": text} for code, _, text in found],
        latest={"measurements": [it.as_record() for it in case.measured], **({"position": place} if place else {})},
        missing=facts.missing,
        last_observed_at_ms=max(observed, default=None),
        last_received_at_ms=max(received, default=None),
        judged_at_ms=now_ms,
    )


def silent_after_ms(median_step_ms: int | None) -> int:
    """Return how long nothing may be received of a stream before it counts as silent."""
    return max(SILENT_STEPS * (median_step_ms or 0), SILENT_AT_LEAST_MS)


def _outside_limits(case: _Case) -> Iterator[str]:
    for it in case.attached:
        if it.limit is None or it.state not in {"low", "high"}:
            continue
        bound = (it.limit.high if it.state == "high" else it.limit.low) or 0
        measured = quantity(it.reading.value, scale=it.reading.scale, unit=it.reading.unit)
        allowed = quantity(bound, scale=it.limit.scale, unit=it.limit.unit)
        relation = "above" if it.state == "high" else "below"
        yield f"{measurement_of(it.reading.name)} {measured}, {relation} {allowed} ({it.device_id})"


def _excursion_unresolved(case: _Case) -> Iterator[str]:
    undecided = [it for it in standing(case.facts.head["excursions"]) if "resolution" not in it]
    if undecided:
        last = max(undecided, key=lambda it: (it["started_at_ms"], it["excursion_id"]))
        peak = quantity(last["peak"]["value"], scale=last["peak"]["scale"], unit=last["peak"]["unit"])
        direction = "up" if last["direction"] == "high" else "down"
        what = f"{measurement_of(last['name'])} {direction} to {peak}"
        yield f"{count(len(undecided), 'excursion')} to be decided: {what}"


def _equivocation(case: _Case) -> Iterator[str]:
    for device_id, places in _by_device(case, lambda it: it.state.equivocations).items():
        yield f"{device_id} signed two different messages at {count(places, 'place')}"


def _overdue(case: _Case) -> Iterator[str]:
    late_ms = case.now_ms - case.facts.head["due_at_ms"]
    if late_ms > 0:
        yield f"due {duration(late_ms)} ago"


def _silent(case: _Case) -> Iterator[str]:
    for it in case.facts.streams:
        heard_at_ms = it.state.last_received_at_ms or it.attached_at_ms
        quiet_ms = case.now_ms - heard_at_ms
        if it.is_attached and quiet_ms > silent_after_ms(it.state.median_step_ms):
            since = "since it was attached, " if it.state.last_received_at_ms is None else ""
            device_id, stream = it.key
            yield f"nothing from {device_id} ({stream}) {since}for {duration(quiet_ms)}"


def _offer_to_us(case: _Case) -> Iterator[str]:
    if case.facts.head.get("offer", {}).get("to") == case.organisation:
        yield f"{case.facts.head['custodian']} offers us custody"


def _gap(case: _Case) -> Iterator[str]:
    for device_id, missing in _by_device(
        case, lambda it: sum(gap.last - gap.first + 1 for gap in it.state.gaps)
    ).items():
        yield f"{count(missing, 'message')} of {device_id} missing"


def _offer_pending(case: _Case) -> Iterator[str]:
    to = case.facts.head.get("offer", {}).get("to")
    if to is not None and to != case.organisation:
        yield f"custody offered to {to}, not accepted yet"


def _low_battery(case: _Case) -> Iterator[str]:
    for it in case.attached:
        reading = it.reading
        is_percentage = measurement_of(reading.name) == "battery" and reading.unit == "P1"
        if is_percentage and reading.value <= LOW_BATTERY_PERCENT * 10**reading.scale:
            yield f"battery {quantity(reading.value, scale=reading.scale, unit=reading.unit)} ({it.device_id})"


def _by_device(case: _Case, number: Callable[[StreamFacts], int]) -> dict[str, int]:
    """Return a number of each device's streams together, without the devices where it is zero."""
    totals: dict[str, int] = {}
    for it in case.facts.streams:
        device_id = it.interval.device_id
        totals[device_id] = totals.get(device_id, 0) + number(it)
    return {device_id: total for device_id, total in sorted(totals.items()) if total}


_REASONS: Final = (
    ("outside_limits", CRITICAL, _outside_limits),
    ("excursion_unresolved", WARNING, _excursion_unresolved),
    ("equivocation", WARNING, _equivocation),
    ("overdue", WARNING, _overdue),
    ("silent", WARNING, _silent),
    ("offer_to_us", ATTENTION, _offer_to_us),
    ("gap", ATTENTION, _gap),
    ("offer_pending", ATTENTION, _offer_pending),
    ("low_battery", ATTENTION, _low_battery),
)
"""Code, urgency, and what finds it: the most urgent first."""
