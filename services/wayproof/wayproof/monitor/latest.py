"""The latest numbers of a shipment, each with where it lies, and its latest position. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from wayproof.monitor.facts import Facts, StreamFacts
from wayproof_verifier.coldchain import Limit
from wayproof_verifier.telemetry import Reading

State = Literal["inside", "low", "high", "unlimited"]

_COORDINATES = ("latitude", "longitude")


@dataclass(frozen=True, slots=True)
class Measurement:
    """A device's newest number of one name; `limit` is the one that it was compared with, if there is one."""

    device_id: str
    reading: Reading
    state: State
    limit: Limit | None
    is_attached: bool
    """Whether it comes from a stream that still speaks for the shipment."""

    def as_record(self) -> dict[str, Any]:
        """Return it as `watch` and the API carry it."""
        it = self.reading
        return {
            "device_id": self.device_id,
            "name": it.name,
            "value": it.value,
            "scale": it.scale,
            "unit": it.unit,
            "observed_at_ms": it.observed_at_ms,
            "state": self.state,
        }


def measurement_of(name: str) -> str:
    """Return what is measured: the last part of a reading's name."""
    return name.rpartition("/")[2]


def measurements(facts: Facts) -> tuple[Measurement, ...]:
    """Return the newest number of each device and name, without coordinates, in their order."""
    newest: dict[tuple[str, str], tuple[StreamFacts, Reading]] = {}
    for stream in facts.streams:
        for reading in stream.state.latest:
            key = (stream.interval.device_id, reading.name)
            if measurement_of(reading.name) in _COORDINATES:
                continue
            if key not in newest or newest[key][1].observed_at_ms <= reading.observed_at_ms:
                newest[key] = (stream, reading)
    limits = facts.limits
    return tuple(_measurement(*newest[key], limits) for key in sorted(newest))


def position(facts: Facts) -> dict[str, Any] | None:
    """Return the newest latitude and longitude that were observed together."""
    found = [it for stream in facts.streams for it in _positions(stream.state.latest)]
    return max(found, key=lambda it: int(it["observed_at_ms"]), default=None)


def _measurement(stream: StreamFacts, reading: Reading, limits: Iterable[Limit]) -> Measurement:
    state: State = "unlimited"
    compared: Limit | None = None
    for limit in limits:
        side = limit.side_of(reading) if limit.is_for(reading.name) else None
        if side is not None and state in {"unlimited", "inside"}:
            state, compared = side, limit
    return Measurement(stream.interval.device_id, reading, state, compared, stream.is_attached)


def _positions(latest: Iterable[Reading]) -> Iterator[dict[str, Any]]:
    by_name = {reading.name: reading for reading in latest}
    for name, latitude in by_name.items():
        prefix, _, what = name.rpartition("latitude")
        longitude = by_name.get(f"{prefix}longitude")
        is_place = not what and measurement_of(name) == "latitude" and longitude is not None
        if is_place and longitude is not None and longitude.observed_at_ms == latitude.observed_at_ms:
            yield {
                "latitude": _number(latitude),
                "longitude": _number(longitude),
                "observed_at_ms": latitude.observed_at_ms,
            }


def _number(reading: Reading) -> float:
    return float(Decimal(reading.value).scaleb(-reading.scale))
