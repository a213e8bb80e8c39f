"""Three organisations on one channel, a driver for the contract, and a story that uses every transaction."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.contract_state import VALID, MemoryLedger, Simulation
from wayproof_contract import Answer, Caller, ContractError, Transaction, canonical, invoke, merkle
from wayproof_contract.access import ROLES
from wayproof_contract.identifiers import check_digit

Record = dict[str, Any]

SHIPPER, CARRIER, CONSIGNEE, AUDITOR, STRANGER = "ShipperMSP", "CarrierMSP", "ConsigneeMSP", "AuditorMSP", "StrangerMSP"
ALL_ROLES = ",".join(ROLES)
BEGIN_MS = 1_767_225_600_000
NOTHING_YET = "0" * 64


@dataclass(frozen=True, slots=True)
class Committed:
    """One committed transaction, as a block would show it."""

    organisation: str
    function: str
    argument: Record
    answer: Record
    simulation: Simulation


@dataclass(slots=True)
class World:
    """A channel with the contract: submit and query with dictionaries."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    transactions: list[Committed] = field(default_factory=list)
    proposals: int = 0

    def propose(
        self, organisation: str, function: str, argument: Record | bytes, *, roles: str = ALL_ROLES
    ) -> tuple[Answer, Simulation]:
        """Run the contract without committing."""
        self.proposals += 1
        transaction = Transaction(
            function=function,
            argument=argument if isinstance(argument, bytes) else canonical.encode(argument),
            caller=Caller(organisation, digest(f"certificate of {organisation}"), roles),
            tx_id=digest(f"transaction {self.proposals}"),
            tx_timestamp_ms=BEGIN_MS + 1000 * self.proposals,
        )
        simulation = self.ledger.simulate()
        return invoke(transaction, state=simulation), simulation

    def submit(self, organisation: str, function: str, argument: Record, *, roles: str = ALL_ROLES) -> Record:
        """Run and commit a transaction; return its answer or raise the ContractError that it was refused with."""
        answer, simulation = self.propose(organisation, function, argument, roles=roles)
        payload = opened(answer)
        if self.ledger.commit(simulation) != [VALID]:
            raise RuntimeError("nothing ran in between, so nothing can conflict")
        self.transactions.append(Committed(organisation, function, argument, payload, simulation))
        return payload

    def query(self, organisation: str, function: str, argument: Record, *, roles: str = "") -> Record:
        """Run a query, which must not write; return its answer or raise ContractError."""
        answer, simulation = self.propose(organisation, function, argument, roles=roles)
        if simulation.writes:
            raise RuntimeError(f"{function} writes")
        return opened(answer)

    def refusal(
        self, organisation: str, function: str, argument: Record | bytes, *, roles: str = ALL_ROLES
    ) -> str | None:
        """Return the code that a transaction or query is refused with, None if it is not. Commits nothing."""
        answer, _ = self.propose(organisation, function, argument, roles=roles)
        try:
            opened(answer)
        except ContractError as error:
            return error.code
        return None

    def record(self, key: str) -> Record:
        """Return the committed record at a key."""
        value, _ = self.ledger.committed(key)
        if value is None:
            raise KeyError(key)
        return canonical.decode_object(value)

    def register_log(self, organisation: str, log_id: str) -> "GrowingLog":
        """Register a log and return the tree that grows behind it."""
        self.submit(organisation, "register_log", log_argument(log_id))
        return GrowingLog(organisation, log_id)

    def anchor(self, log: "GrowingLog", *, grow: int = 1) -> Record:
        """Let a log grow, anchor it, and return the reference to the anchor."""
        log.grow(grow)
        self.submit(log.organisation, "anchor_log", log.next_anchor())
        log.anchored()
        return log.reference()

    def attach(self, organisation: str, gsin: str, position: Record, anchor: Record) -> Record:
        """Attach a device to a shipment."""
        return self.submit(organisation, "attach_device", {"gsin": gsin, "position": position, "anchor": anchor})


def opened(answer: Answer) -> Record:
    """Return what an answer holds or raise the ContractError that it stands for."""
    if answer.status == 200:
        return canonical.decode_object(answer.payload)
    refusal = canonical.decode_object(answer.message.encode())
    error = ContractError(refusal["code"], refusal["message"])
    if error.status != answer.status or answer.payload:
        raise RuntimeError(f"status {answer.status} does not go with {error.code}")
    raise error


@dataclass(slots=True)
class GrowingLog:
    """The tree behind a log: its leaves, and what was anchored of it."""

    organisation: str
    log_id: str
    epoch: int = 1
    counter: int = 0
    size: int = 0
    leaves: list[bytes] = field(default_factory=list)

    def grow(self, count: int) -> None:
        """Append leaves."""
        first = len(self.leaves)
        self.leaves += [merkle.leaf_hash(f"{self.log_id} {self.epoch} {first + n}".encode()) for n in range(count)]

    def next_anchor(self) -> Record:
        """Return the argument of the next `anchor_log`."""
        return {
            "log_id": self.log_id,
            "epoch": self.epoch,
            "counter": self.counter + 1,
            "size": len(self.leaves),
            "root": merkle.root(self.leaves).hex(),
            "proof": [node.hex() for node in merkle.consistency_proof(self.leaves, first_size=self.size)],
        }

    def anchored(self) -> None:
        """Note that the next anchor was committed."""
        self.counter, self.size = self.counter + 1, len(self.leaves)

    def reopened(self) -> None:
        """Note that a new epoch began."""
        self.epoch, self.counter, self.size, self.leaves = self.epoch + 1, 0, 0, []

    def reference(self) -> Record:
        """Return the reference to the latest anchor."""
        return {"log_id": self.log_id, "epoch": self.epoch, "counter": self.counter}


# --- values -------------------------------------------------------------------------------------------------------


def digest(name: str) -> str:
    """Return a hash that belongs to a name."""
    return sha256(name.encode()).hexdigest()


@cache
def ed25519_key(name: str) -> str:
    """Return the Ed25519 public key (SPKI, base64) that belongs to a name."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(digest(name)))
    return _spki(key.public_key())


@cache
def p256_key(name: str) -> str:
    """Return the P-256 public key (SPKI, base64) that belongs to a name."""
    return _spki(ec.derive_private_key(int(digest(name), 16) >> 1, ec.SECP256R1()).public_key())


def _spki(key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey) -> str:
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def with_check_digit(digits: str) -> str:
    """Return a GS1 key from its digits but the last."""
    return f"{digits}{check_digit(digits)}"


def gsin(number: int) -> str:
    """Return a shipment number under the company prefix of GS1's examples."""
    return with_check_digit(f"0614141{number:09d}")


def gln(number: int) -> str:
    """Return a location number."""
    return with_check_digit(f"0614141{number:05d}")


def position(device_id: str, sequence: int, *, stream: str = "main") -> Record:
    """Return the position of a device's message; sequence 0 is before the first."""
    return {
        "device_id": device_id,
        "stream": stream,
        "boot": 1 if sequence else 0,
        "sequence": sequence,
        "hash": digest(f"{device_id} {stream} {sequence}") if sequence else NOTHING_YET,
    }


def condition(positions: list[Record] | None = None, anchors: list[Record] | None = None) -> Record:
    """Return a condition of the goods with a latest reading for each stream."""
    latest = [
        {
            "device_id": item["device_id"],
            "stream": item["stream"],
            "name": "temperature",
            "value": -185,
            "scale": 1,
            "unit": "CEL",
            "observed_at_ms": BEGIN_MS,
        }
        for item in positions or []
    ]
    return {"positions": positions or [], "anchors": anchors or [], "latest": latest, "remark": ""}


# --- arguments ----------------------------------------------------------------------------------------------------


def log_argument(log_id: str) -> Record:
    """Return the argument of `register_log`."""
    return {"log_id": log_id, "origin": f"log.example.org/{log_id}", **log_keys(log_id)}


def log_keys(name: str) -> Record:
    """Return a log's two keys."""
    return {"checkpoint_key": ed25519_key(f"{name} checkpoints"), "receipt_key": p256_key(f"{name} receipts")}


def device_argument(device_id: str, home_log: str, *, algorithm: str = "EdDSA") -> Record:
    """Return the argument of `register_device`."""
    described = {"device_id": device_id, "home_log": home_log, "model": "Model T", "algorithm": algorithm}
    keys = {"EdDSA": ed25519_key, "ES256": p256_key}
    return {**described, "public_key": keys[algorithm](device_id)} if algorithm in keys else described


def shipment_argument(number: str) -> Record:
    """Return the argument of `create_shipment`: frozen vaccine from the shipper by a carrier to the consignee."""
    roles = (("consignor", SHIPPER), ("carrier", CARRIER), ("consignee", CONSIGNEE), ("auditor", AUDITOR))
    return {
        "gsin": number,
        "parties": [
            {"role": role, "msp_id": msp_id, "party_gln": gln(place)} for place, (role, msp_id) in enumerate(roles)
        ],
        "lane": {"origin_gln": gln(10), "destination_gln": gln(11), "mode": "road"},
        "due_at_ms": BEGIN_MS + 86_400_000,
        "limits": [{"name": "temperature", "unit": "CEL", "scale": 1, "low": -250, "high": -150}],
        "units": [
            {
                "sscc": with_check_digit(f"0061414{number[-10:]}"),
                "contents": [{"gtin": "10614141000415", "lot": "ABC123"}],
                "assets": [with_check_digit("006141410000") + "7"],
            }
        ],
    }


def excursion_argument(number: str, excursion_id: str, device_id: str, *, stream: str = "main") -> Record:
    """Return the argument of `record_excursion`."""
    return {
        "gsin": number,
        "excursion_id": excursion_id,
        "device_id": device_id,
        "stream": stream,
        "name": "temperature",
        "direction": "high",
        "started_at_ms": BEGIN_MS + 1000,
        "ended_at_ms": BEGIN_MS + 5000,
        "peak": {"value": -121, "scale": 1, "unit": "CEL"},
        "rule": "limit/1",
        "as_of_ms": BEGIN_MS + 9000,
    }


def resolution_argument(number: str, excursion_id: str) -> Record:
    """Return the argument of `resolve_excursion`."""
    return {
        "gsin": number,
        "excursion_id": excursion_id,
        "ended_at_ms": BEGIN_MS + 5000,
        "resolution": "product_released",
        "remark": "stability data allow it",
    }


# --- the story ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fleet:
    """The logs and devices that shipments use: one of each for shipper and carrier."""

    shipper_log: GrowingLog
    carrier_log: GrowingLog
    tracker: str = "tracker-1"
    reefer: str = "reefer-1"

    def anchors(self) -> list[Record]:
        """Return the latest anchor of both logs, by log id."""
        return [self.carrier_log.reference(), self.shipper_log.reference()]


def register_fleet(world: World) -> Fleet:
    """Register logs and devices; every log has an anchor."""
    fleet = Fleet(world.register_log(SHIPPER, "log.shipper"), world.register_log(CARRIER, "log.carrier"))
    world.submit(SHIPPER, "register_device", device_argument(fleet.tracker, "log.shipper", algorithm="ES256"))
    world.submit(CARRIER, "register_device", device_argument(fleet.reefer, "log.carrier"))
    world.anchor(fleet.shipper_log, grow=3)
    world.anchor(fleet.carrier_log, grow=2)
    return fleet


def journey(world: World, fleet: Fleet, number: str) -> Iterator[Record]:
    """Carry a shipment from creation to its amendment, yielding its head after each step."""

    def submit(organisation: str, function: str, **argument: Any) -> Record:  # noqa: ANN401 - what JSON holds
        return world.submit(organisation, function, {"gsin": number, **argument})

    tracker, reefer, own = fleet.tracker, fleet.reefer, fleet.shipper_log
    yield world.submit(SHIPPER, "create_shipment", shipment_argument(number))
    yield submit(SHIPPER, "attach_device", position=position(tracker, 0), anchor=own.reference())
    seen = condition([position(tracker, 2)], [own.reference()])
    head = submit(SHIPPER, "offer_custody", to=CARRIER, condition=seen)
    yield head
    yield submit(CARRIER, "reject_custody", offer=head["version"], remark="the door was open")
    head = submit(SHIPPER, "offer_custody", to=CARRIER, condition=seen)
    yield head
    yield submit(CARRIER, "accept_custody", offer=head["version"], condition=seen)
    yield submit(CARRIER, "attach_device", position=position(reefer, 1), anchor=fleet.carrier_log.reference())
    yield world.submit(CARRIER, "record_excursion", excursion_argument(number, "e-1", reefer))
    yield world.submit(CONSIGNEE, "resolve_excursion", resolution_argument(number, "e-1"))
    yield submit(SHIPPER, "detach_device", position=position(tracker, 4), anchor=own.reference())
    asked = {"position": position(reefer, 5), "anchor": fleet.carrier_log.reference()}
    yield submit(CARRIER, "detach_device", **asked)
    yield submit(CONSIGNEE, "detach_device", **asked)
    yield submit(CARRIER, "attach_device", position=position(reefer, 6), anchor=fleet.carrier_log.reference())
    seen = condition([position(reefer, 7)], [fleet.carrier_log.reference()])
    head = submit(CARRIER, "offer_custody", to=CONSIGNEE, condition=seen)
    yield head
    yield submit(CONSIGNEE, "accept_custody", offer=head["version"], condition=seen)
    yield submit(CONSIGNEE, "amend_shipment", remark="unloading takes longer", due_at_ms=BEGIN_MS + 90_000_000)
    yield submit(CONSIGNEE, "close_shipment", condition=seen)
    yield submit(CARRIER, "amend_shipment", remark="sent after the dead zone", late=[position(reefer, 9)])


def wind_up(world: World, fleet: Fleet) -> None:
    """Rotate and revoke keys, erase a message, lose a log and begin another epoch, then end it."""
    carrier_log = fleet.carrier_log
    rotation = {
        "algorithm": "ES256",
        "public_key": p256_key("second key"),
        "last_positions": [position(fleet.reefer, 9)],
    }
    world.submit(CARRIER, "rotate_device_key", {"device_id": fleet.reefer, **rotation})
    ended = {"device_id": fleet.tracker, "reason": "stolen", "last_positions": [position(fleet.tracker, 4)]}
    world.submit(SHIPPER, "revoke_device", ended)
    world.submit(CARRIER, "record_erasure", erasure_argument(carrier_log.reference(), position(fleet.reefer, 1)))
    loss = {"log_id": carrier_log.log_id, "reason": "disk lost after index 1"}
    world.submit(CARRIER, "retire_log", {**loss, "epoch": 1, "next": log_keys("second epoch")})
    carrier_log.reopened()
    world.anchor(carrier_log, grow=5)
    world.submit(CARRIER, "retire_log", {**loss, "epoch": 2})


def erasure_argument(anchor: Record, erased: Record, *, index: int = 0) -> Record:
    """Return the argument of `record_erasure`."""
    return {
        **anchor,
        "index": index,
        "position": erased,
        "previous_hash": NOTHING_YET,
        "reason": "a person could be recognised",
        "authority": "data protection officer, case 7",
    }


def full_scenario() -> World:
    """Return a world in which every transaction was committed at least once."""
    world = World()
    fleet = register_fleet(world)
    for step, _ in enumerate(journey(world, fleet, gsin(1))):
        if step % 5 == 0:
            world.anchor(fleet.shipper_log, grow=step)
    wind_up(world, fleet)
    return world
