"""Cargo: what is carried, in what, and a MODEL of how warm it gets. Nothing here is a record.

Lumped capacity (Newton's law of cooling): dT/dt = (surroundings - T) / tau, solved exactly over a step. One number
per packaging, tau, stands for insulation, coolant and product together. The model is kind: no sun on the apron is
added to the air temperature that was measured in the shade.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wayproof_contract.identifiers import check_digit

PRODUCT_CORE_TAU_H = 5.1
"""Measured: robust fit of product core against air in a real chamber (BrewPi trace), 5.0 to 5.2 h."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product with its limits (degrees Celsius, inclusive; None: none) and what its cold stores are set to."""

    name: str
    gtin: str
    low_c: float | None
    high_c: float | None
    setpoint_c: float


@dataclass(frozen=True, slots=True)
class Packaging:
    """A packaging: tau against its surroundings in hours, and whether a unit holds the set-point while closed."""

    name: str
    tau_h: float
    regulated: bool
    source: str


@dataclass(frozen=True, slots=True)
class Cargo:
    """A product in its packaging."""

    product: Product
    packaging: Packaging


def _gtin(number: int) -> str:
    """Return a GTIN-14 of GS1's demonstration prefix, item reference 0 to 999,999."""
    digits = f"0950600{number:06d}"
    return f"{digits}{check_digit(digits)}"


VACCINE = Product("Vaccine, 2 to 8 °C", _gtin(20), low_c=2.0, high_c=8.0, setpoint_c=5.0)
FROZEN = Product("Frozen seafood, at most -15 °C", _gtin(21), low_c=None, high_c=-15.0, setpoint_c=-20.0)
PRODUCE = Product("Fresh berries, 0 to 5 °C", _gtin(22), low_c=0.0, high_c=5.0, setpoint_c=2.5)
BANANA = Product("Bananas, 13 to 15 °C", _gtin(23), low_c=13.0, high_c=15.0, setpoint_c=14.0)

PASSIVE_BOX = Packaging(
    "passive insulated box", tau_h=48.0, regulated=False, source="assumption: a box with gel packs, sold for two days"
)
FROZEN_BOX = Packaging(
    "insulated box with dry ice", tau_h=72.0, regulated=False, source="assumption: sublimation as a longer tau"
)
REEFER = Packaging(
    "active container",
    tau_h=PRODUCT_CORE_TAU_H,
    regulated=True,
    source="product core of the BrewPi trace, 5.0 to 5.2 h; the unit runs on its battery but while the door is open",
)
PALLET_COVER = Packaging(
    "pallet under a thermal cover",
    tau_h=4 * PRODUCT_CORE_TAU_H,
    regulated=False,
    source="assumption: cover and pallet mass count four times the product core of the BrewPi trace",
)

CARGOES = (
    Cargo(VACCINE, PASSIVE_BOX),
    Cargo(PRODUCE, PALLET_COVER),
    Cargo(VACCINE, REEFER),
    Cargo(BANANA, PALLET_COVER),
    Cargo(FROZEN, FROZEN_BOX),
    Cargo(VACCINE, PASSIVE_BOX),
    Cargo(PRODUCE, REEFER),
    Cargo(BANANA, PASSIVE_BOX),
)
"""Dealt to trips in turn."""


def deal(count: int) -> list[Cargo]:
    """Return the cargo of each of `count` trips."""
    return [CARGOES[index % len(CARGOES)] for index in range(count)]


def warmed(temperature_c: float, *, surroundings_c: float, tau_h: float, step_s: float) -> float:
    """Return the temperature one step later, with the surroundings constant during the step."""
    return surroundings_c + (temperature_c - surroundings_c) * math.exp(-step_s / 3600 / tau_h)


def outside(temperatures_c: Sequence[float], *, product: Product) -> tuple[int, int]:
    """Return how many of the temperatures are below and above the product's limits."""
    low_c, high_c = product.low_c, product.high_c
    below = 0 if low_c is None else sum(value < low_c for value in temperatures_c)
    above = 0 if high_c is None else sum(value > high_c for value in temperatures_c)
    return below, above
