"""What judging a message costs: `wayproof plausibility`'s own step, on a real database, in processor time.

    PYTHONPATH=tests python tests/benchmarks/plausibility.py [--messages 20000] [--devices 50]

Each message has a temperature and a humidity that wander. Said are messages a second of processor time of the process
(the database's own comes on top), what it remembers of a stream, and how many readings it flagged.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from support.database import NOT_DURABLE, running_cluster
from support.plausibility_world import PlausibilityWorld, pack
from wayproof.flags.follow import Follower
from wayproof.plausibility.profile import rule_set
from wayproof.store.messages import NewMessage

GROUP = 500
HELD = 5_000


def wander(messages: int, devices: int) -> Iterator[NewMessage]:
    """Yield messages of devices in turn, numbers as sensors tell them."""
    numbers = random.Random(7)  # noqa: S311 - a walk, no secret
    values = {number: [Decimal("4.00"), Decimal("60.0")] for number in range(devices)}
    for count in range(messages):
        device = count % devices
        temperature, humidity = values[device]
        temperature += Decimal(numbers.randint(-20, 20)) / 100
        humidity = min(Decimal("95.0"), max(Decimal("30.0"), humidity + Decimal(numbers.randint(-5, 5)) / 10))
        values[device] = [temperature, humidity]
        measured = {"temperature": f"{temperature:.2f}", "humidity": f"{humidity:.1f}"}
        yield pack(1 + count // devices, measured, device_id=f"logger-{device}")


def main() -> None:
    """Fill a database, judge it, say what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--devices", type=int, default=50)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with running_cluster(Path(folder) / "database", arguments=NOT_DURABLE) as postgres:
            world = PlausibilityWorld(postgres)
            held: list[NewMessage] = []
            for message in wander(asked.messages, asked.devices):
                held.append(message)
                if len(held) == HELD:
                    world.hold(*held)
                    held.clear()
            world.hold(*held)
            follower = Follower(world.connection, rule_set())
            began_s, began_cpu_s = time.monotonic(), time.process_time()
            judged = flags = 0
            while (step := follower.follow(limit=GROUP))[0]:
                judged, flags = judged + step[0], flags + step[1]
            took_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
            (size,) = world.connection.execute(
                "SELECT avg(length(memory::text))::integer AS bytes FROM plausibility_memory"
            ).fetchall()
            world.close()
    print(f"{judged:,} messages of two readings, {flags} flags")
    print(f"{judged / cpu_s:,.0f} messages/s of processor time ({1e6 * cpu_s / judged:.0f} µs a message)")
    print(f"{judged / took_s:,.0f} messages/s by the clock, with the database on the same machine")
    print(f"{size['bytes']:,} bytes remembered of a stream")


if __name__ == "__main__":
    main()
