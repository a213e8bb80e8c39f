"""Packs: what is measured at one instant, as SenML JSON (RFC 8428). Pure."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from wayproof.simulate.errors import DeviceError

Value = float | int | bool
Measured = Mapping[str, object]
"""A SenML record without its base time: name `n`, unit `u`, value `v` or `vb`; `t`, if any, counts from the instant."""

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "temperature": "Cel",
        "humidity": "%RH",
        "battery": "%EL",
        "shock": "m/s2",
        "light": "lx",
        "pressure": "Pa",
        "latitude": "lat",
        "longitude": "lon",
        "altitude": "m",
    }
)
"""SenML units of the usual measurements; others are counts or booleans and get none."""

CONDITIONS, POSITION = "conditions", "position"
"""The streams of a device: position has one of its own, so that it can be withheld without breaking the other."""

_POSITION_NAMES = frozenset({"latitude", "longitude", "altitude"})


def records(values: Mapping[str, Value]) -> list[Measured]:
    """Return SenML records of measured values by name, in their usual units."""
    return [_record(name, value) for name, value in values.items()]


def by_stream(values: Mapping[str, Value]) -> dict[str, list[Measured]]:
    """Return SenML records by the stream that they belong to; a stream without a value is not there."""
    position = {name: value for name, value in values.items() if name in _POSITION_NAMES}
    conditions = {name: value for name, value in values.items() if name not in _POSITION_NAMES}
    return {stream: records(part) for stream, part in ((CONDITIONS, conditions), (POSITION, position)) if part}


def encode_pack(measured: Sequence[Measured], *, observed_at_ms: int) -> bytes:
    """Return the pack as JSON text. Raises DeviceError for no record at all, and for what JSON cannot say."""
    if not measured:
        raise DeviceError("a message carries at least one reading", code="device_reading")
    seconds, rest_ms = divmod(observed_at_ms, 1000)
    base_time = observed_at_ms / 1000 if rest_ms else seconds  # the shortest decimal of the quotient has 3 places
    pack = [{"bt": base_time, **measured[0]}, *map(dict, measured[1:])]
    try:
        return json.dumps(pack, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise DeviceError(f"a reading is no SenML record: {error}", code="device_reading") from error


def _record(name: str, value: Value) -> Measured:
    if isinstance(value, bool):
        return {"n": name, "vb": value}
    return {"n": name, "u": UNITS[name], "v": value} if name in UNITS else {"n": name, "v": value}
