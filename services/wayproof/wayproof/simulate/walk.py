"""A plausible walk of a device's measurements, from a seed: the same seed gives the same values. Pure."""

import random
from collections.abc import Iterator

from wayproof.simulate.pack import Value

TEMPERATURE_C, HUMIDITY_PERCENT = 4.5, 60.0
"""What the walk is drawn back to."""

_DOOR_OPENS, _DOOR_CLOSES = 0.01, 0.3
_SHOCK = 0.02


def walk(seed: str) -> Iterator[dict[str, Value]]:
    """Yield what is measured at one instant after another, by name, for ever."""
    draw = random.Random(seed)  # noqa: S311 - a simulation: to be repeated, not to be secret
    temperature, humidity, battery, is_open = TEMPERATURE_C, HUMIDITY_PERCENT, 100.0, False
    latitude, longitude = draw.uniform(40.0, 52.0), draw.uniform(-5.0, 20.0)
    while True:
        is_open = draw.random() > _DOOR_CLOSES if is_open else draw.random() < _DOOR_OPENS
        drift = 0.4 if is_open else 0.1 * (TEMPERATURE_C - temperature)
        temperature += drift + draw.gauss(0, 0.05)
        humidity += 0.1 * (HUMIDITY_PERCENT - humidity) + draw.gauss(0, 0.4)
        battery = max(1.0, battery - draw.uniform(0, 0.01))
        latitude += draw.gauss(0.001, 0.001)
        longitude += draw.gauss(0.001, 0.001)
        yield {
            "temperature": round(temperature, 2),
            "humidity": round(min(max(humidity, 0.0), 100.0), 1),
            "battery": round(battery, 1),
            "shock": round(draw.uniform(5, 40) if draw.random() < _SHOCK else draw.uniform(0, 1), 1),
            "light": round(draw.uniform(200, 800)) if is_open else 0,
            "door": is_open,
            "latitude": round(latitude, 5),
            "longitude": round(longitude, 5),
        }
