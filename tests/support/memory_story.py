"""The story, step by step: each step is what its organisation's process will do, with its own key."""

import base64
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiofabric.gateway import Network
from support.ledger_follower import CHANNEL, LedgerFollower
from support.memory_device import Device
from support.memory_log import EPOCH, OrganisationLog, spki
from wayproof.errors import ContractRefusal, WayproofError
from wayproof.evidence.assemble import assemble
from wayproof.evidence.collect import collect_evidence
from wayproof.ledger import CONTRACT, Ledger
from wayproof.settings import LedgerSettings
from wayproof_contract import canonical
from wayproof_contract.identifiers import check_digit
from wayproof_contract.merkle import EMPTY_ROOT
from wayproof_verifier.trust import TrustRoot

SHIPPER, CARRIER, CONSIGNEE = "ShipperMSP", "CarrierMSP", "ConsigneeMSP"
ORGANISATIONS = (SHIPPER, CARRIER, CONSIGNEE)
GLNS = {SHIPPER: "9506000134352", CARRIER: "9506000149301", CONSIGNEE: "9506000140445"}
STREAMS = ("conditions", "position")
INTERVAL_S = 600
MESSAGES = 36
LOST, LATE = 20, 9
"""Positions in the sending order: a message that never arrives, and one that arrives last."""

WARM = range(12, 16)
"""When the loading door stands open."""

Say = Callable[..., None]
NetworkOf = Callable[[str, str], Network]
"""Organisation and user to the channel as they see it."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What the story leaves: evidence, the device's receipts, and the trust root (obtained elsewhere, in real life)."""

    evidence: Path
    receipts: Path
    trust_root: Path


def _gsin() -> str:
    digits = "950600011111" + f"{secrets.randbelow(10**4):04d}"
    return f"{digits}{check_digit(digits)}"


@dataclass(slots=True)
class Story:
    """One shipment, from its device's registration to its evidence."""

    directory: Path
    network_of: NetworkOf
    say: Say
    gsin: str = field(default_factory=_gsin)
    device: Device = field(default_factory=lambda: Device(SHIPPER, "logger-7"))
    log: OrganisationLog = field(default_factory=lambda: OrganisationLog("shipper-log"))
    start_s: int = field(default_factory=lambda: int(time.time()) - (MESSAGES + 4) * INTERVAL_S)
    channel: LedgerSettings = CHANNEL

    def _ledger(self, organisation: str, user: str = "operator") -> Ledger:
        return Ledger(self.network_of(organisation, user).contract(CONTRACT))

    async def register(self) -> None:
        """The shipper registers its log and its device."""
        await self._ledger(SHIPPER, "anchor").submit(
            "register_log",
            {
                "log_id": self.log.log_id,
                "origin": "shipper.example/wayproof",
                "checkpoint_key": _text(spki(self.log.checkpoint_key)),
                "receipt_key": _text(spki(self.log.receipt_key)),
            },
        )
        await self._ledger(SHIPPER, "registrar").submit(
            "register_device",
            {
                "device_id": self.device.device_id,
                "algorithm": "ES256",
                "public_key": _text(self.device.public_key),
                "home_log": self.log.log_id,
                "model": "demo logger",
            },
        )
        self.say(f"  {SHIPPER} registers its log and device {self.device.device_id} (P-256 key)")

    async def ship(self) -> None:
        """The shipper creates the shipment, attaches the device, and its log takes in what the device says."""
        ledger = self._ledger(SHIPPER)
        await ledger.submit("create_shipment", self._shipment())
        self.say(f"  {SHIPPER} creates shipment {self.gsin}: vaccines, 2.0 to 8.0 degrees, and has custody")
        for stream in STREAMS:
            await ledger.submit(
                "attach_device",
                {"gsin": self.gsin, "position": self.device.position(stream), "anchor": self.log.reference()},
            )
        self.say(f"  {SHIPPER} attaches {self.device.device_id}: streams {' and '.join(STREAMS)}")
        await self._travel(range(MESSAGES // 3))

    async def hand_over(self) -> None:
        """Custody goes to the carrier, and on to the consignee; the goods get warm on the way."""
        await self._transfer(SHIPPER, CARRIER)
        await self._get_warm()
        await self._transfer(CARRIER, CONSIGNEE)

    async def _get_warm(self) -> None:
        """The carrier's part: the door stands open, the excursion is recorded, the log is not rewritten."""
        await self._travel(range(MESSAGES // 3, MESSAGES))
        await self._ledger(SHIPPER, "monitor").submit(
            "record_excursion",
            {
                "gsin": self.gsin,
                "excursion_id": "excursion-1",
                "device_id": self.device.device_id,
                "stream": "conditions",
                "name": "temperature",
                "direction": "high",
                "started_at_ms": self._observed_at_s(WARM.start) * 1000,
                "ended_at_ms": self._observed_at_s(WARM.stop) * 1000,
                "peak": {"value": 114, "scale": 1, "unit": "CEL"},
                "rule": "limits-1",
                "as_of_ms": self._observed_at_s(MESSAGES) * 1000,
            },
        )
        self.say("  an excursion is found and recorded: 11.4 degrees, in the carrier's custody")
        await self._forge_anchor()

    async def close(self) -> None:
        """The consignee judges the excursion and closes the shipment; a heartbeat follows."""
        ledger = self._ledger(CONSIGNEE)
        await ledger.submit(
            "resolve_excursion",
            {
                "gsin": self.gsin,
                "excursion_id": "excursion-1",
                "ended_at_ms": self._observed_at_s(WARM.stop) * 1000,
                "resolution": "product_rejected",
                "remark": "above 8.0 degrees for 40 minutes",
            },
        )
        await ledger.submit("close_shipment", {"gsin": self.gsin, "condition": self._condition("received")})
        await self.log.anchor(self._ledger(SHIPPER, "anchor"))
        self.say(f"  {CONSIGNEE} rejects the product and closes the shipment; the log's heartbeat is anchored")

    async def export(self) -> Exported:
        """The shipper exports the evidence; the device's receipts and the trust root are written beside it."""
        follower = LedgerFollower(self.network_of(SHIPPER, "operator"), SHIPPER, {(self.log.log_id, EPOCH): self.log})
        materials = await collect_evidence(self._ledger(SHIPPER), source=follower, gsin=self.gsin, channel=self.channel)
        lines = assemble(materials)
        exported = Exported(
            evidence=self.directory / f"shipment-{self.gsin}.evidence",
            receipts=self.directory / f"{self.device.device_id}.receipts",
            trust_root=self.directory / "trust-root.json",
        )
        exported.evidence.write_bytes(b"".join(lines))
        receipt = self.log.receipt(self.device.device_id, issued_at_ms=int(time.time() * 1000))
        exported.receipts.write_bytes(canonical.encode({"receipt": _text(receipt)}) + b"\n")
        trust_root = TrustRoot(
            channel=follower.network.name,
            genesis=follower.genesis_hash,
            contract=CONTRACT,
            organisations=ORGANISATIONS,
        )
        exported.trust_root.write_bytes(trust_root.encode())
        size_kb, block = exported.evidence.stat().st_size // 1000, len(follower.signed_parts) - 1
        self.say(f"  {SHIPPER} exports the evidence: {exported.evidence.name}, {size_kb} kB, as of block {block}")
        return exported

    # --- the device and the log ---------------------------------------------------------------------------------

    async def _travel(self, steps: range) -> None:
        """The device measures and publishes; the log receives, seals and anchors."""
        late: list[bytes] = []
        for step in steps:
            for payload in self._publish(step):
                if step == LATE:
                    late.append(payload)
                elif step != LOST:
                    self._receive(payload, step)
        for payload in late:
            self._receive(payload, steps.stop)
        size = self.log.seal()
        anchor = await self.log.anchor(self._ledger(SHIPPER, "anchor"))
        self.say(
            f"  {self.device.device_id} publishes, the log seals: {size} messages; anchor {anchor['counter']} on the "
            f"ledger, root {str(anchor['root'])[:16]}…"
        )

    def _publish(self, step: int) -> list[bytes]:
        temperature = 11.4 if step == WARM.start + 1 else 9.0 if step in WARM else 4.5 + (step % 5) / 10
        at = self._observed_at_s(step)
        conditions = [
            {"n": "temperature", "u": "Cel", "v": temperature},
            {"n": "humidity", "u": "%RH", "v": 55 + step % 7},
        ]
        position = [
            {"n": "latitude", "u": "lat", "v": round(40.64 + step / 100, 2)},
            {"n": "longitude", "u": "lon", "v": round(-73.78 - step / 50, 2)},
        ]
        return [
            self.device.publish("conditions", observed_at_s=at, measured=conditions),
            self.device.publish("position", observed_at_s=at, measured=position),
        ]

    def _receive(self, payload: bytes, step: int) -> None:
        self.log.receive(payload, topic=self.device.topic, received_at_ms=self._observed_at_s(step) * 1000 + 800)

    def _observed_at_s(self, step: int) -> int:
        return self.start_s + step * INTERVAL_S

    async def _forge_anchor(self) -> None:
        """The shipper tries to rewrite its log: every endorser checks the consistency proof, and refuses."""
        try:
            await self._ledger(SHIPPER, "anchor").submit(
                "anchor_log",
                {
                    **self.log.reference(),
                    "counter": self.log.anchored[0] + 1,
                    "size": self.log.subtrees.size + 1,
                    "root": EMPTY_ROOT.hex(),
                    "proof": [],
                },
            )
        except ContractRefusal as refusal:
            self.say(f"  {SHIPPER} tries to anchor a rewritten log: refused, {refusal.code}")
            return
        raise WayproofError("the contract accepted a rewritten log")

    # --- custody --------------------------------------------------------------------------------------------------

    async def _transfer(self, custodian: str, taker: str, *, users: tuple[str, str] = ("operator", "operator")) -> None:
        offered: dict[str, Any] = await self._ledger(custodian, users[0]).submit(
            "offer_custody", {"gsin": self.gsin, "to": taker, "condition": self._condition("handed over")}
        )
        await self._ledger(taker, users[1]).submit(
            "accept_custody",
            {"gsin": self.gsin, "offer": offered["offer"]["version"], "condition": self._condition("taken over")},
        )
        self.say(f"  custody: {custodian} offers, {taker} accepts, each signed with its own key")

    def _condition(self, remark: str) -> dict[str, Any]:
        return {
            "positions": [self.device.position(stream) for stream in STREAMS],
            "anchors": [self.log.reference()],
            "latest": [],
            "remark": remark,
        }

    def _shipment(self) -> dict[str, Any]:
        roles = ("consignor", "carrier", "consignee")
        return {
            "gsin": self.gsin,
            "parties": [
                {"role": role, "msp_id": msp_id, "party_gln": GLNS[msp_id]}
                for role, msp_id in zip(roles, ORGANISATIONS, strict=True)
            ],
            "lane": {"origin_gln": GLNS[SHIPPER], "destination_gln": GLNS[CONSIGNEE], "mode": "road"},
            "due_at_ms": self._observed_at_s(MESSAGES + 12) * 1000,
            "limits": [{"name": "temperature", "unit": "CEL", "scale": 1, "low": 20, "high": 80}],
            "units": [
                {
                    "sscc": "095060001111111119",
                    "contents": [{"gtin": "09506000134352", "lot": "A-17"}],
                    "assets": [],
                }
            ],
        }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
