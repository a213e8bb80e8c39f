"""One shipment's voyage: its trip and cargo, the device that travels with it, and what each organisation does."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from wayproof.demo.cargo import Cargo
from wayproof.demo.journey import Phase, Sample
from wayproof.demo.lanes import Lane, Place
from wayproof.demo.office import Office
from wayproof.demo.trip import Trip
from wayproof.simulate.client import DeviceClient
from wayproof.simulate.device import Device
from wayproof.simulate.pack import CONDITIONS, POSITION, records
from wayproof.simulate.spool import SpooledMessage
from wayproof_contract.identifiers import check_digit

STREAMS = (CONDITIONS, POSITION)
POSITION_EVERY = 3
"""Samples between two messages of the position stream."""

LIMIT_SCALE = 1
GLNS = {"ShipperMSP": "9506000134352", "CarrierMSP": "9506000149301", "ConsigneeMSP": "9506000140445"}
"""GS1's demonstration numbers for the three organisations."""


@dataclass(slots=True)
class Voyage:
    """A shipment under way: `samples` are what its device measures, one after the other, up to where the demo ends."""

    number: int
    trip: Trip
    cargo: Cargo
    route: Lane
    samples: Sequence[Sample]
    device: Device
    client: DeviceClient
    shipper: Office
    carrier: Office | None
    consignee: Office
    completed: bool
    sent: list[SpooledMessage] = field(default_factory=list)
    step: int = 0
    custodian: str = "ShipperMSP"

    @property
    def gsin(self) -> str:
        """The shipment's GSIN, of GS1's demonstration prefix."""
        digits = f"95060000{self.number:08d}"
        return f"{digits}{check_digit(digits)}"

    # --- what the shipper does before ---------------------------------------------------------------------------

    async def register(self) -> None:
        """Register the device at its organisation."""
        identity = self.device.identity
        await self.shipper.post(
            "devices",
            {
                "device_id": identity.device_id,
                "algorithm": identity.algorithm,
                "public_key": base64.b64encode(self.device.public_key).decode(),
                "model": identity.model,
            },
        )

    async def create(self) -> None:
        """Create the shipment and attach both streams of the device."""
        await self.shipper.post("shipments", self._shipment())
        for stream in STREAMS:
            body = {"device_id": self.device.identity.device_id, "stream": stream}
            await self.shipper.post(f"shipments/{self.gsin}/attachments", body)

    # --- what the device does -----------------------------------------------------------------------------------

    def measure(self) -> None:
        """Record the next sample: conditions in one message, position in another. Blocks for the disk."""
        sample = self.samples[self.step]
        at_ms = _ms(sample.at)
        self.sent.append(self.device.record(CONDITIONS, measured=self.conditions(sample), observed_at_ms=at_ms))
        if self.step % POSITION_EVERY == 0 or self.step == len(self.samples) - 1:
            where = records({"latitude": float(sample.latitude), "longitude": float(sample.longitude)})
            self.sent.append(self.device.record(POSITION, measured=where, observed_at_ms=at_ms))
        self.step += 1

    @staticmethod
    def conditions(sample: Sample) -> list[Mapping[str, object]]:
        """Return what the conditions stream says of a sample."""
        return records(
            {
                "temperature": float(sample.temperature_c),
                "humidity": float(sample.humidity_percent),
                "battery": float(sample.battery_percent),
                "shock": float(sample.shock_m_s2),
                "light": float(sample.light_lx),
                "door": sample.door_open,
            }
        )

    # --- custody ------------------------------------------------------------------------------------------------

    async def hand_over_if_due(self) -> str | None:
        """Transfer custody where the journey's next phase asks for it; tell to whom."""
        if self.step >= len(self.samples) or self.step == 0:
            return None
        before, now = self.samples[self.step - 1].phase, self.samples[self.step].phase
        if before == now:
            return None
        if now is Phase.ROAD_TO_AIRPORT and self.carrier:
            await self._transfer(self.shipper, self.carrier, "loaded, doors sealed", "taken over at the dock")
            return self.custodian
        if now is Phase.DESTINATION_STORE:
            await self._transfer(self.carrier or self.shipper, self.consignee, "delivered", "received into the store")
            return self.custodian
        return None

    async def offer(self) -> None:
        """Offer custody to the consignee and leave it pending."""
        giver = self.carrier if self.carrier and self.custodian == self.carrier.organisation else self.shipper
        body = {"to": self.consignee.organisation, **self._condition("ready at the gate")}
        await giver.post(f"shipments/{self.gsin}/offers", body)

    async def _transfer(self, giver: Office, taker: Office, offered: str, accepted: str) -> None:
        body = {"to": taker.organisation, **self._condition(offered)}
        shipment = await giver.post(f"shipments/{self.gsin}/offers", body)
        version = shipment["offer"]["version"]
        for attempt in range(50):  # the taker's own projection may be a block behind the giver's
            seen = await _offer_at(taker, self.gsin)
            if seen == version:
                break
            await asyncio.sleep(0.1 * (attempt > 0))
        await taker.post(f"shipments/{self.gsin}/offers/{version}/acceptance", self._condition(accepted))
        self.custodian = taker.organisation

    async def close(self) -> None:
        """Let the consignee judge every excursion that stands, and close the shipment."""
        shipment = await self.consignee.get(f"shipments/{self.gsin}")
        for excursion in shipment["excursions"]:
            if excursion["standing"] and "resolution" not in excursion:
                await self.consignee.post(
                    f"shipments/{self.gsin}/excursions/{excursion['excursion_id']}/resolution",
                    {
                        "ended_at_ms": excursion.get("ended_at_ms", _ms(self.samples[-1].at)),
                        "resolution": "product_rejected" if excursion["direction"] == "high" else "product_released",
                        "remark": "judged at goods-in by the demo's consignee",
                    },
                )
        await self.consignee.post(f"shipments/{self.gsin}/closure", self._condition("complete, seals unbroken"))

    def _condition(self, remark: str) -> dict[str, Any]:
        """Return what a scanner at the gate reads off the device: positions and the latest values."""
        sample = self.samples[max(self.step - 1, 0)]
        value, scale = _scaled(sample.temperature_c)
        latest = {
            "device_id": self.device.identity.device_id,
            "stream": CONDITIONS,
            "name": "temperature",
            "value": value,
            "scale": scale,
            "unit": "CEL",
            "observed_at_ms": _ms(sample.at),
        }
        positions = [self.device.position(stream) for stream in STREAMS]
        return {"remark": remark, "positions": positions, "latest": [latest]}

    def _shipment(self) -> dict[str, Any]:
        offices = [("consignor", self.shipper), ("carrier", self.carrier), ("consignee", self.consignee)]
        product = self.cargo.product
        limit = {"name": "temperature", "unit": "CEL", "scale": LIMIT_SCALE}
        if product.low_c is not None:
            limit["low"] = round(product.low_c * 10**LIMIT_SCALE)
        if product.high_c is not None:
            limit["high"] = round(product.high_c * 10**LIMIT_SCALE)
        sscc = f"0950600{self.number:010d}"
        return {
            "gsin": self.gsin,
            "parties": [
                {"role": role, "msp_id": office.organisation, "party_gln": GLNS[office.organisation]}
                for role, office in offices
                if office
            ],
            "lane": {
                "origin_gln": self.route.origin.gln,
                "destination_gln": self.route.destination.gln,
                "mode": "air",
            },
            "due_at_ms": self.due_at_ms,
            "limits": [limit],
            "units": [
                {
                    "sscc": f"{sscc}{check_digit(sscc)}",
                    "contents": [{"gtin": product.gtin, "lot": self.trip.flight}],
                    "assets": [],
                }
            ],
        }

    @property
    def due_at_ms(self) -> int:
        """When the goods should be there: as if the flight had been on time, moved like the samples."""
        arrived = self.samples[-1].at if self.completed else datetime.now(UTC)
        late_ms = max(self.trip.arrival_delay_min, 0) * 60_000
        return _ms(arrived) + (0 if self.completed else 3 * 3_600_000) - late_ms + 3_600_000

    @property
    def places(self) -> Sequence[Place]:
        """The places that the shipment passes."""
        return (self.route.origin, self.route.departure, self.route.arrival, self.route.destination)


async def _offer_at(office: Office, gsin: str) -> int | None:
    shipment = await office.get(f"shipments/{gsin}")
    offer = shipment.get("offer")
    return offer["version"] if offer else None


def _scaled(value: Decimal) -> tuple[int, int]:
    """Return integer and scale, the scale as small as it can be."""
    exact = value.normalize()
    scale = max(-int(exact.as_tuple().exponent), 0)
    return int(exact.scaleb(scale)), scale


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
