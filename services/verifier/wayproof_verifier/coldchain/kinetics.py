"""Mean kinetic temperature (USP <1160>; Haynes 1971): the constant temperature with the same degradation.

A pharmacy convention, no product truth: it never absolves freezing, and says nothing where matter changes phase.
Computed in decimals, whose exp and ln are correctly rounded: the same digits on every machine.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Final, Literal

DELTA_H_J_MOL: Final = 83_144
"""Activation energy where there is no product's own."""

_GAS_CONSTANT: Final = Decimal("8.3144")  # J/(mol K), the convention's digits: with DELTA_H_J_MOL exactly 10,000 K
_ICE_POINT_K: Final = Decimal("273.15")
_BOILING_C: Final = 100
_EXACT: Final = Context(prec=34, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX)

NotApplicable = Literal["no_temperature", "no_time", "freezing", "boiling"]
"""Why there is no value: another measurement; nothing observed; a reading below 0 °C; one above 100 °C."""


@dataclass(frozen=True, slots=True)
class MeanKineticTemperature:
    """Thousandths of a degree Celsius, rounded half to even; or None, and the reason."""

    milli_celsius: int | None
    delta_h_j_mol: int
    not_applicable: NotApplicable | None = None


def mean_kinetic_temperature(
    held: Iterable[tuple[int, int]], *, scale: int, delta_h_j_mol: int = DELTA_H_J_MOL
) -> MeanKineticTemperature:
    """Return it for pairs (temperature, duration): °C · 10^scale as an integer, and a weight such as ms."""
    weights: Counter[int] = Counter()
    for temperature, duration in held:
        if duration:
            weights[temperature] += duration
    if not weights:
        return MeanKineticTemperature(None, delta_h_j_mol, "no_time")
    if min(weights) < 0:
        return MeanKineticTemperature(None, delta_h_j_mol, "freezing")
    if max(weights) > _BOILING_C * 10**scale:
        return MeanKineticTemperature(None, delta_h_j_mol, "boiling")
    with localcontext(_EXACT):
        ratio_k = delta_h_j_mol / _GAS_CONSTANT
        damage = Decimal(0)
        for temperature, weight in sorted(weights.items()):
            damage += weight * (-ratio_k / (Decimal(temperature).scaleb(-scale) + _ICE_POINT_K)).exp()
        kelvin = ratio_k / -(damage / weights.total()).ln()
        milli = int(((kelvin - _ICE_POINT_K) * 1000).to_integral_value())
    return MeanKineticTemperature(milli, delta_h_j_mol)
