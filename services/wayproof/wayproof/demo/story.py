"""The story: shipments under way, driven by real records; what goes wrong on the way; what is found in the end."""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wayproof.demo.cargo import deal
from wayproof.demo.journey import Sample, journey, shifted
from wayproof.demo.lanes import lane
from wayproof.demo.logger_trace import read_trace
from wayproof.demo.office import Office
from wayproof.demo.records import trips
from wayproof.demo.voyage import Voyage
from wayproof.log.keys import read_receipt_key, spki
from wayproof.simulate import misbehaviour
from wayproof.simulate.client import DeviceClient
from wayproof.simulate.device import Device
from wayproof.simulate.pack import CONDITIONS, records
from wayproof.store.audit import Sent
from wayproof.up.provision import Deployment

Say = Callable[[str], None]

SHIPMENTS = 24
COMPLETED = 16
"""Shipments that arrive and are closed; the others are under way when the demo ends."""

DIRECT = 7
"""Every so-manieth shipment goes without a carrier: the carrier never sees it."""

INTERVAL_S = 600
DEVICE_MODEL = "simulated logger driven by public records"
SILENT_STEPS = (10, 40)
"""Steps between which one device is offline."""

QUIET_WITHIN_S = 120.0
REPLAYED, MOST_REPLAYED = timedelta(days=2), 200
"""How much of a real logger's trace is replayed, and in how many readings at most."""

OFFLINE, DUPLICATE, EQUIVOCATION, FORGERY, ELSEWHERE, GARBAGE = 2, 3, 4, 5, 6, 8
"""Which voyages meet with what (numbers from 0)."""


@dataclass(slots=True)
class Story:
    """All voyages of a demo, between registration and evidence."""

    deployment: Deployment
    offices: Mapping[str, Office]
    say: Say
    trace: Path | None = None
    shipments: int = SHIPMENTS
    voyages: list[Voyage] = field(default_factory=list)

    def prepare(self) -> None:
        """Choose trips, compute what devices will measure, and make the devices."""
        now = datetime.now(UTC)
        chosen = trips(self.shipments)
        receipt_key = spki(read_receipt_key(self.deployment.settings("ShipperMSP").with_name("receipt.pem")))
        for number, (trip, cargo) in enumerate(zip(chosen, deal(self.shipments), strict=True)):
            # Most trips with something wrong stay under way, so that the pages have something to show.
            completed = number >= self.shipments - COMPLETED
            samples: Sequence[Sample] = journey(trip, cargo=cargo, interval_s=INTERVAL_S)
            if number == 0 and self.trace is not None:
                samples = replayed(self.trace, place=samples[0])
                self.say(f"  logger-01 replays {self.trace.name}: {len(samples)} readings of a real logger")
            elif not completed:
                samples = samples[: _share(len(samples), number)]
            device = Device.provision(
                self.deployment.directory / "devices" / f"logger-{number + 1:02d}",
                organisation="ShipperMSP",
                device_id=f"logger-{number + 1:02d}",
                broker_host="127.0.0.1",
                broker_port=self.deployment.broker_port,
                log_id="shipper-log",
                receipt_keys=[receipt_key],
                model=DEVICE_MODEL,
            )
            client = DeviceClient(device, resend_after_s=5.0)
            self.voyages.append(
                Voyage(
                    number=number + 1,
                    trip=trip,
                    cargo=cargo,
                    route=lane(trip),
                    samples=_ending(samples, now=now, number=number),
                    device=device,
                    client=client,
                    shipper=self.offices["ShipperMSP"],
                    carrier=None if number % DIRECT == DIRECT - 1 else self.offices["CarrierMSP"],
                    consignee=self.offices["ConsigneeMSP"],
                    completed=completed,
                )
            )

    def close(self) -> None:
        """End the devices."""
        for voyage in self.voyages:
            voyage.client.close()
            voyage.device.close()

    async def register(self) -> None:
        """Write the places' names, register the devices, create the shipments, and let the devices connect."""
        places = {place.gln: place for voyage in self.voyages for place in voyage.places}
        for place, office in itertools.product(places.values(), self.offices.values()):
            body = {"name": place.name, "latitude": place.latitude, "longitude": place.longitude}
            await office.put(f"locations/{place.gln}", body)
        await asyncio.gather(*[voyage.register() for voyage in self.voyages])
        await asyncio.gather(*[voyage.create() for voyage in self.voyages])
        for voyage in self.voyages:
            voyage.client.connect()

    async def travel(self) -> None:
        """Let every device measure and publish step by step, hand custody over, and let things go wrong."""
        longest = max(len(voyage.samples) for voyage in self.voyages)
        for step in range(longest):
            moving = [voyage for voyage in self.voyages if step < len(voyage.samples)]
            await asyncio.to_thread(_measure, moving)
            for voyage, custodian in zip(
                moving, await asyncio.gather(*[voyage.hand_over_if_due() for voyage in moving]), strict=True
            ):
                if custodian and voyage.number in (1, 9):
                    self.say(f"  {voyage.gsin}: custody accepted by {custodian}, signed with its own key")
            await self._go_wrong(step)
            if step % 20 == 0 or step == longest - 1:
                self.say(f"  step {step + 1} of {longest}: {self.progress()}")

    def progress(self) -> str:
        """Return what the devices know: sent, and what receipts name."""
        tallies = [voyage.device.spool.tally() for voyage in self.voyages]
        return f"{sum(it.recorded for it in tallies)} messages signed, {sum(it.receipted for it in tallies)} receipted"

    async def settle(self) -> None:
        """Wait until every message is receipted."""
        deadline = asyncio.get_running_loop().time() + QUIET_WITHIN_S
        while any(voyage.client.pending() for voyage in self.voyages):
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(0.2)

    async def finish(self) -> Sequence[Voyage]:
        """Close what has arrived; leave two offers of custody pending. Return the closed voyages."""
        arrived = [voyage for voyage in self.voyages if voyage.completed]
        await asyncio.gather(*[voyage.close() for voyage in arrived])
        under_way = [voyage for voyage in self.voyages if not voyage.completed]
        await asyncio.gather(*[voyage.offer() for voyage in under_way[-2:]])
        return arrived

    def send_logs(self) -> list[Sent]:
        """Return the devices' own send logs."""
        return [
            Sent(
                voyage.device.identity.device_id,
                line.stream,
                line.boot,
                line.sequence,
                line.message_hash,
                line.receipted_at_ms is not None,
                line.refusal is not None,
            )
            for voyage in self.voyages
            for line in voyage.device.spool.send_log()
        ]

    def write_receipts(self, voyage: Voyage, path: Path) -> None:
        """Write the receipts that a device keeps, as `wayproof-verify --receipts` reads them."""
        path.write_bytes(voyage.device.receipts_file())

    async def _go_wrong(self, step: int) -> None:
        """Let one thing after another happen, each to a device of its own."""
        offline = self.voyages[OFFLINE]
        if step == SILENT_STEPS[0]:
            await asyncio.to_thread(offline.client.close)
            self.say(f"  {offline.device.identity.device_id} goes offline, and goes on measuring")
        if step == SILENT_STEPS[1]:
            offline.client = DeviceClient(offline.device, resend_after_s=5.0)
            offline.client.connect()
            waiting = offline.device.spool.tally().waiting
            self.say(f"  {offline.device.identity.device_id} is back and delivers {waiting} messages late")
        happening = {
            15: self._duplicate,
            20: self._equivocation,
            24: self._forgery,
            27: self._elsewhere,
            30: self._garbage,
        }
        if step in happening:
            await asyncio.to_thread(happening[step])

    def _duplicate(self) -> None:
        voyage = self.voyages[DUPLICATE]
        self._publish(voyage, voyage.sent[-1].payload)
        self.say(f"  {voyage.device.identity.device_id}: a message arrives a second time (a duplicate)")

    def _equivocation(self) -> None:
        voyage = self.voyages[EQUIVOCATION]
        message = next(it for it in reversed(voyage.sent) if it.stream == CONDITIONS)
        payload = misbehaviour.equivocation(
            voyage.device, message, measured=records({"temperature": 4.0}), observed_at_ms=_now_ms(voyage)
        )
        self._publish(voyage, payload)
        self.say(f"  {voyage.device.identity.device_id}: signs two messages in one place (an equivocation)")

    def _forgery(self) -> None:
        voyage = self.voyages[FORGERY]
        payload = misbehaviour.forgery(
            voyage.device, voyage.sent[-1], measured=records({"temperature": 4.0}), observed_at_ms=_now_ms(voyage)
        )
        self._publish(voyage, payload)
        self.say(f"  {voyage.device.identity.device_id}: somebody else signs in its name (a forgery)")

    def _elsewhere(self) -> None:
        voyage, other = self.voyages[ELSEWHERE], self.voyages[ELSEWHERE + 1]
        self._publish(voyage, other.sent[-1].payload)
        self.say(f"  {voyage.device.identity.device_id}: another device's message on its topic")

    def _garbage(self) -> None:
        voyage = self.voyages[GARBAGE]
        for payload in (b'[{"n":"temperature","u":"Cel","v":NaN}]', b"[" * 10_000, json.dumps({"temp": 4}).encode()):
            self._publish(voyage, payload)
        self.say(f"  {voyage.device.identity.device_id}: NaN, brackets ten thousand deep, something that is no pack")

    def _publish(self, voyage: Voyage, payload: bytes) -> None:
        identity = voyage.device.identity
        misbehaviour.publish(
            payload, topic=identity.messages_topic, broker_host=identity.broker_host, broker_port=identity.broker_port
        )


def _measure(voyages: Sequence[Voyage]) -> None:
    for voyage in voyages:
        voyage.measure()


def replayed(trace: Path, *, place: Sample) -> list[Sample]:
    """Return a real logger's readings as samples of a device that stands still, thinned to what a demo has time for."""
    points = read_trace(trace, limit=REPLAYED)
    every = -(-len(points) // MOST_REPLAYED)
    return [
        replace(
            place,
            at=point.at,
            temperature_c=point.temperature_c,
            humidity_percent=place.humidity_percent if point.humidity_percent is None else point.humidity_percent,
        )
        for point in points[::every]
    ]


def _share(length: int, number: int) -> int:
    """Return how many samples of a voyage there are so far: between 55 and 95 percent, differing by number."""
    return max(length * (55 + 40 * (number % 5) // 4) // 100, 1)


def _ending(samples: Sequence[Sample], *, now: datetime, number: int) -> Sequence[Sample]:
    """Return the samples as if the last one were measured about now; the devices' real times are those of 2013."""
    return shifted(samples, end_at=now.replace(microsecond=0) - timedelta(minutes=number % 7))


def _now_ms(voyage: Voyage) -> int:
    return round(voyage.samples[voyage.step - 1].at.timestamp() * 1000)
