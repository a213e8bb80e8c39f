"""SenML packs (RFC 8428) to readings: base fields resolved, numbers exact (docs/reference/telemetry.md, Readings)."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wayproof_verifier.telemetry import decimals
from wayproof_verifier.telemetry.decimals import Scaled
from wayproof_verifier.telemetry.rejection import RefusedError, RejectionCode

MAX_RECORDS = 1000
"""Most records in one pack."""

MAX_TIME_MS = 2**53 - 1
"""Latest time: what canonical JSON can hold."""

_MIN_TIME_MS = 2**28 * 1000  # below, a time is relative to now (RFC 8428 §4.5.3)
_VERSION = 10  # of SenML, RFC 8428 §4.4
_ZERO: Scaled = (0, 0)
_NO_UNIT = ""

UNITS: Mapping[str, str] = {
    "Cel": "CEL",
    "K": "KEL",
    "%RH": "P1",
    "%EL": "P1",
    "%": "P1",
    "V": "VLT",
    "lx": "LUX",
    "m/s2": "MSK",
    "m/s": "MTS",
    "m": "MTR",
    "lat": "DD",
    "lon": "DD",
    "Pa": "PAL",
    "count": "C62",
    "/": "C62",
    _NO_UNIT: "C62",
}
"""SenML units and what they are in UN/ECE Recommendation 20; no unit counts as a plain number."""

_TYPES: Mapping[str, type] = {
    "bn": str,
    "bt": tuple,
    "bu": str,
    "bv": tuple,
    "bver": tuple,
    "n": str,
    "u": str,
    "v": tuple,
    "vs": str,
    "vb": bool,
    "vd": str,
    "t": tuple,
    "ut": tuple,
}
"""Every supported field and how a reader of JSON or CBOR hands it over: numbers as `Scaled`, data as base64url text."""

_FIELDS = _TYPES.keys()
_BASE_FIELDS = frozenset({"bn", "bt", "bu", "bv", "bver"})
_VALUES = frozenset({"v", "vs", "vb", "vd"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:./_-]{0,127}")


@dataclass(frozen=True, slots=True)
class Reading:
    """One number, measured at one instant of the device's clock: value · 10^-scale in a Recommendation 20 unit."""

    name: str
    value: int
    scale: int
    unit: str
    observed_at_ms: int

    def as_list(self) -> list[str | int]:
        """Return the members in order, as evidence carries them."""
        return [self.name, self.value, self.scale, self.unit, self.observed_at_ms]


@dataclass(frozen=True, slots=True)
class TextReading:
    """What is no number: `kind` is `vb` (text `true` or `false`), `vs` (any text) or `vd` (base64url of data)."""

    name: str
    kind: str
    text: str
    observed_at_ms: int

    def as_list(self) -> list[str | int]:
        """Return the members in order, as evidence carries them."""
        return [self.name, self.kind, self.text, self.observed_at_ms]


def data_text(data: bytes) -> str:
    """Write data (`vd`) as base64url without padding (RFC 8428 §5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def resolve(pack: object) -> tuple[Reading | TextReading, ...]:
    """Resolve the records of a pack (RFC 8428 §4.6), given as a list of dicts with text labels. Raises RefusedError."""
    if not isinstance(pack, list) or not 1 <= len(pack) <= MAX_RECORDS:
        raise RefusedError(RejectionCode.INVALID_PACK, f"a pack is an array of 1 to {MAX_RECORDS} records")
    base = _Base()
    return tuple([base.resolve(record) for record in pack])


class _Base:
    """The base fields in force: each holds from its record on, until another replaces it."""

    __slots__ = ("name", "time", "time_ms", "unit", "value", "version")

    def __init__(self) -> None:
        self.name = ""
        self.unit = _NO_UNIT
        self.value = self.time = _ZERO
        self.time_ms = 0
        self.version: Scaled | None = None

    def resolve(self, record: object) -> Reading | TextReading:
        """Resolve the next record. Raises RefusedError."""
        fields = _checked_fields(record)
        if not _BASE_FIELDS.isdisjoint(fields):
            self._rebase(fields)
        name = self.name + fields.get("n", "")
        if _NAME.fullmatch(name) is None:
            raise RefusedError(RejectionCode.INVALID_NAME, f"not a name: {name!r:.80}")
        observed_at_ms = _time_ms(decimals.add(self.time, fields["t"])) if "t" in fields else self.time_ms
        if not _MIN_TIME_MS <= observed_at_ms <= MAX_TIME_MS:
            raise RefusedError(RejectionCode.INVALID_TIME, "times are absolute: seconds since 1970, from 2^28 on")
        unit = UNITS.get(fields.get("u", self.unit))
        if unit is None:
            raise RefusedError(
                RejectionCode.UNSUPPORTED_UNIT, f"not in the table of units: {fields.get('u', self.unit)!r:.40}"
            )
        if len(_VALUES & fields.keys()) != 1:
            raise RefusedError(RejectionCode.INVALID_VALUE, "a record has exactly one of v, vs, vb, vd")
        if "v" not in fields:
            return _text_reading(fields, name, observed_at_ms)
        value, scale = fields["v"] if self.value is _ZERO else decimals.add(self.value, fields["v"])
        return Reading(name, value, scale, unit, observed_at_ms)

    def _rebase(self, fields: dict[str, Any]) -> None:
        self.name = fields.get("bn", self.name)
        self.unit = fields.get("bu", self.unit)
        self.value = fields.get("bv", self.value)
        if "bt" in fields:
            self.time = fields["bt"]
            self.time_ms = _time_ms(self.time)
        if "bver" in fields:
            version = fields["bver"]
            if self.version not in (None, version) or version[1] or not 1 <= version[0] <= _VERSION:
                raise RefusedError(RejectionCode.UNSUPPORTED_VERSION, f"bver is one whole number up to {_VERSION}")
            self.version = version


def _checked_fields(record: object) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise RefusedError(RejectionCode.INVALID_PACK, "a record is a map")
    for label, value in record.items():
        expected = _TYPES.get(label)
        if expected is None:
            raise RefusedError(RejectionCode.UNSUPPORTED_FIELD, f"not supported: {label!r:.40}")
        if type(value) is not expected:
            raise RefusedError(RejectionCode.INVALID_FIELD, f"the field {label} has the wrong type")
    return record


def _text_reading(fields: dict[str, Any], name: str, observed_at_ms: int) -> TextReading:
    if "vs" in fields:
        return TextReading(name, "vs", fields["vs"], observed_at_ms)
    if "vb" in fields:
        return TextReading(name, "vb", "true" if fields["vb"] else "false", observed_at_ms)
    return TextReading(name, "vd", fields["vd"], observed_at_ms)


def _time_ms(time_s: Scaled) -> int:
    """Return whole milliseconds, dropping finer digits downwards."""
    seconds, scale = time_s
    return int(seconds * 1000 // 10**scale)
