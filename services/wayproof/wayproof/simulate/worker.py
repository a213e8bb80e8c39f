"""What `wayproof simulate` does: open devices, let them measure, and end when everything is receipted."""

import argparse
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from wayproof.errors import WayproofError
from wayproof.simulate.client import DeviceClient
from wayproof.simulate.device import Device
from wayproof.simulate.enrolling import renew_if_due
from wayproof.simulate.errors import SPOOL_FULL, DeviceError
from wayproof.simulate.pack import by_stream
from wayproof.simulate.replay import Row, read_file
from wayproof.simulate.spool import Tally
from wayproof.simulate.walk import walk

SAY_EVERY_S, LOOK_EVERY_S = 1.0, 0.1
RENEW_EVERY_S = 3600.0
"""How often it is looked whether a certificate is to be renewed."""

logger = logging.getLogger(__name__)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Simulated:
    """An open device, what sends its messages, and what it will measure."""

    device: Device
    client: DeviceClient
    rows: Iterator[Row]

    def measure(self) -> bool:
        """Record what is measured next; tell whether there was anything. With a full disk it is lost, and said so."""
        row = next(self.rows, None)
        if row is None:
            return False
        observed_at_ms, values = row
        try:
            for stream, measured in by_stream(values).items():
                self.device.record(stream, measured=measured, observed_at_ms=observed_at_ms)
        except DeviceError as error:
            if error.code != SPOOL_FULL:
                raise
            facts = {"device_id": self.device.identity.device_id, "code": error.code, "reason": str(error)}
            logger.warning("a measurement is lost", extra=facts)
        return True


@dataclass(slots=True)
class Progress:
    """Says how far the devices are, at most once in `SAY_EVERY_S`."""

    devices: Sequence[Device]
    say: Say
    said_at_s: float = 0.0

    def tally(self) -> Tally:
        """Return the devices' tallies, added up."""
        tallies = [device.spool.tally() for device in self.devices]
        return Tally(*(sum(getattr(tally, name) for tally in tallies) for name in ("recorded", "waiting", "refused")))

    def show(self, *, now_s: float) -> None:
        """Say it, unless that was just done."""
        if now_s - self.said_at_s >= SAY_EVERY_S:
            self.said_at_s = now_s
            self.say(describe(self.tally()))


@dataclass(slots=True)
class Renewal:
    """Renews the devices' certificates in time, at an API; where there is none, nobody does."""

    devices: Sequence[Device]
    api: str | None
    looked_at_s: float | None = None

    def look(self, *, now_s: float) -> None:
        """Renew what is due, unless that was just looked for. What fails is tried again the next time."""
        if self.api is None or (self.looked_at_s is not None and now_s - self.looked_at_s < RENEW_EVERY_S):
            return
        self.looked_at_s = now_s
        for device in self.devices:
            try:
                if renew_if_due(device.directory, api=self.api, now=datetime.now(UTC)):
                    logger.info("certificate renewed", extra={"device_id": device.identity.device_id})
            except WayproofError as error:
                facts = {"device_id": device.identity.device_id, "reason": error.diagnostics()}
                logger.warning("the certificate is not renewed", extra=facts)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("devices", nargs="+", type=Path, metavar="DEVICE_FOLDER", help="folder of a provisioned device")
    parser.add_argument("--interval-s", type=float, default=1.0, help="seconds between two measurements (default 1)")
    parser.add_argument(
        "--count",
        type=_count,
        help="measurements of each device (default: no end); 0 only delivers what the spool holds",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="replay a file: time,temperature[,humidity,...]")
    parser.add_argument(
        "--api", metavar="URL", help="where certificates are renewed when a third of their time is left"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the measured values, where no file is replayed")


def run(options: argparse.Namespace, *, stop: threading.Event, say: Say) -> int:
    """Simulate until all is measured and receipted, or `stop`. Return 0 if every message is receipted, else 1.

    A stopped simulation has lost nothing: what waits is in the spools, and `--count 0` delivers it. Raises DeviceError.
    """
    replayed = None if options.csv is None else read_file(options.csv)
    with ExitStack() as stack:
        simulated = []
        for directory in options.devices:
            device = stack.enter_context(Device.open(directory))
            client = stack.enter_context(DeviceClient(device))
            rows = _walked(f"{options.seed}/{device.identity.device_id}") if replayed is None else iter(replayed)
            simulated.append(Simulated(device, client, itertools.islice(rows, options.count)))
        devices = [each.device for each in simulated]
        progress, renewal = Progress(devices, say), Renewal(devices, options.api)
        while not stop.is_set():
            if not sum(each.measure() for each in simulated):
                break
            progress.show(now_s=time.monotonic())
            renewal.look(now_s=time.monotonic())
            stop.wait(options.interval_s)
        while any(each.client.pending() for each in simulated) and not stop.wait(LOOK_EVERY_S):
            progress.show(now_s=time.monotonic())
        tally = progress.tally()
    say(describe(tally))
    if tally.waiting:
        say("what waits is in the spools: deliver it with --count 0")
    return 1 if tally.waiting or tally.refused else 0


def describe(tally: Tally) -> str:
    """Return a tally as a line for people."""
    refused = f", {tally.refused} refused" if tally.refused else ""
    return f"{tally.recorded} messages: {tally.receipted} receipted, {tally.waiting} waiting{refused}"


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError("a count is 0 or more")
    return count


def _walked(seed: str) -> Iterator[Row]:
    return ((time.time_ns() // 1_000_000, values) for values in walk(seed))
