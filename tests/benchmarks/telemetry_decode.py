"""What a message costs: microseconds to decode and to verify, as a Markdown table.

PYTHONPATH=tests python tests/benchmarks/telemetry_decode.py --help
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial

from support.telemetry_cbor import write
from support.telemetry_device import Device
from wayproof_verifier.telemetry import SENML_CBOR, SENML_JSON, Message, decode, verify
from wayproof_verifier.telemetry.cbor import DecimalFraction

NAMES = ("temperature", "humidity", "battery", "light", "pressure", "shock", "altitude", "latitude", "longitude", "x")
UNITS = ("Cel", "%RH", "%EL", "lx", "Pa", "m/s2", "m", "lat", "lon", "")
T = 1_750_000_000


def json_pack(readings: int) -> bytes:
    """Return a pack of different measurements in JSON."""
    rows = list(zip(NAMES, UNITS, strict=True))[:readings]
    records = [f'{{"n":"{name}","u":"{unit}","t":{T}.25,"v":-18.{at}}}' for at, (name, unit) in enumerate(rows)]
    return f"[{','.join(records)}]".encode()


def cbor_pack(readings: int) -> bytes:
    """Return the same pack in CBOR."""
    rows = list(zip(NAMES, UNITS, strict=True))[:readings]
    time_s = DecimalFraction(-2, T * 100 + 25)
    return write(
        [{0: name, 1: unit, 6: time_s, 2: DecimalFraction(-1, -180 - at)} for at, (name, unit) in enumerate(rows)]
    )


def microseconds(call: Callable[[], object], *, calls: int, repeats: int) -> float:
    """Return the median over `repeats` of the mean time of a call."""
    means = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        means.append((time.perf_counter() - start) / calls)
    return statistics.median(means) * 1e6


def rows(*, calls: int, repeats: int) -> list[tuple[str, int, float]]:
    """Return (what, bytes, microseconds) for every measurement."""
    measured = []
    for readings in (1, 10):
        for name, pack, content_type in (("JSON", json_pack, SENML_JSON), ("CBOR", cbor_pack, SENML_CBOR)):
            device = Device(f"benchmark-{name}-{readings}")
            payload = device.next(pack(readings), content_type=content_type)
            spent = microseconds(partial(decode, payload, topic=device.topic), calls=calls, repeats=repeats)
            measured.append((f"decode, {name}, {readings} reading{'s' * (readings > 1)}", len(payload), spent))
    for algorithm in ("ES256", "EdDSA"):
        device = Device(f"benchmark-{algorithm}", algorithm=algorithm)
        payload = device.next(json_pack(1))
        message = decode(payload, topic=device.topic)
        assert isinstance(message, Message)
        assert verify(message, key=device.key) is None
        spent = microseconds(partial(verify, message, key=device.key), calls=calls, repeats=repeats)
        measured.append((f"verify, {algorithm}", len(payload), spent))
    return measured


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Measure decoding and verifying messages; prints a Markdown table.")
    parser.add_argument("--calls", type=int, default=2000, help="calls per repeat (default: %(default)s)")
    parser.add_argument(
        "--repeats", type=int, default=7, help="repeats, of which the median counts (default: %(default)s)"
    )
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()};", end=" ")
    print(f"median of {arguments.repeats} repeats of {arguments.calls} calls.\n")
    print("| what | message bytes | µs per message |\n|---|--:|--:|")
    for what, size, spent in rows(calls=arguments.calls, repeats=arguments.repeats):
        print(f"| {what} | {size} | {spent:.1f} |")


if __name__ == "__main__":
    main()
