"""What was agreed and how it is judged: a limit, exact across scales and units, and the rule's conventions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from wayproof_verifier.telemetry.decimals import Scaled
from wayproof_verifier.telemetry.senml import Reading

Direction = Literal["low", "high"]
Side = Literal["low", "inside", "high"]
DIRECTIONS: Final[tuple[Direction, ...]] = ("low", "high")

_ICE_POINT: Final = 27315  # 0 °C in hundredths of a kelvin, exact by definition (SI brochure, 9th ed., 2.3.1)
_TO_CELSIUS: Final = {"CEL": 0, "KEL": -_ICE_POINT}
"""Units of temperature, and what to add to get degrees Celsius, in hundredths."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The conventions behind a verdict; its name is recorded with it, so other values need another name."""

    name: str
    gap_limit_ms: int = 3_600_000
    """How long a reading speaks for the time after it; beyond, the device is silent and nothing is known."""
    is_limit_inside: bool = True
    """Whether a reading equal to a limit is inside (limits are exclusive, as in most loggers) or outside."""


LIMITS_1: Final = Rule("limits-1")
"""The rule in force."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The agreed range of one measurement: low and high are integers · 10^-scale; without a side, that one is open."""

    name: str
    unit: str
    scale: int
    low: int | None = None
    high: int | None = None

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read a limit of a shipment record (docs/reference/contract.md), which the contract has checked."""
        return cls(record["name"], record["unit"], record["scale"], record.get("low"), record.get("high"))

    def is_for(self, name: str) -> bool:
        """Whether a reading of this name is of this limit's measurement: the last part of the name."""
        return name.rpartition("/")[2] == self.name

    def side(self, value: int, *, scale: int, rule: Rule = LIMITS_1) -> Side:
        """Return where value · 10^-scale lies, a number in the limit's own unit."""
        reach = 0 if rule.is_limit_inside else 1  # at one scale, integers: "at or above" is "above one less"
        common = max(scale, self.scale)
        value *= 10 ** (common - scale)
        factor = 10 ** (common - self.scale)
        if self.low is not None and value < self.low * factor + reach:
            return "low"
        if self.high is not None and value > self.high * factor - reach:
            return "high"
        return "inside"

    def side_of(self, reading: Reading, *, rule: Rule = LIMITS_1) -> Side | None:
        """Return where a reading lies; None where its unit cannot be compared, and it is not judged."""
        converted = convert(reading.value, scale=reading.scale, unit=reading.unit, to=self.unit)
        return None if converted is None else self.side(converted[0], scale=converted[1], rule=rule)


def convert(value: int, *, scale: int, unit: str, to: str) -> Scaled | None:
    """Return the same quantity in another unit, exactly and not reduced; None where the units do not meet."""
    if unit == to:
        return value, scale
    if unit not in _TO_CELSIUS or to not in _TO_CELSIUS:
        return None
    common = max(scale, 2)
    return value * 10 ** (common - scale) + (_TO_CELSIUS[unit] - _TO_CELSIUS[to]) * 10 ** (common - 2), common
