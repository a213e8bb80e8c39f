"""Organisations, keys, identifiers and arguments for tests of the contract, and a world to use them in."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.contract_state import CommittedState, Simulation, simulate, submit
from wayproof_contract import canonical, merkle
from wayproof_contract.access import ROLES, Caller
from wayproof_contract.dispatch import OK, Answer, Transaction
from wayproof_contract.identifiers import check_digit
from wayproof_contract.shapes import ED25519_PREFIX

NORTH, CARRY, SOUTH, AUDIT, OTHER = ORGANISATIONS = ("NorthMSP", "CarryMSP", "SouthMSP", "AuditMSP", "OtherMSP")
ALL_ROLES = ",".join(ROLES)
START_AT_MS = 1_750_000_000_000
NO_HASH = "0" * 64

Argument = dict[str, Any]


@cache
def p256_key(name: str) -> str:
    """Return a P-256 public key, the same for a name each time."""
    private = ec.derive_private_key(int.from_bytes(sha256(name.encode()).digest()) >> 1, ec.SECP256R1())
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def ed25519_key(name: str) -> str:
    """Return something with the form of an Ed25519 key: the contract checks no more."""
    return base64.b64encode(ED25519_PREFIX + sha256(name.encode()).digest()).decode()


def gs1_key(number: int, *, length: int) -> str:
    """Return a GS1 key of so many digits, check digit included."""
    digits = f"{number:0{length - 1}d}"
    return f"{digits}{check_digit(digits)}"


GSIN = gs1_key(614141_000000001, length=17)
SECOND_GSIN = gs1_key(614141_000000002, length=17)


def position(device_id: str, stream: str, sequence: int, *, boot: int = 1, fork: str = "") -> Argument:
    """Return the position of a message; sequence 0 is before the first ever. A `fork` is another message there."""
    if sequence == 0:
        return {"device_id": device_id, "stream": stream, "boot": 0, "sequence": 0, "hash": NO_HASH}
    digest = sha256(f"{device_id}/{stream}/{boot}/{sequence}{fork}".encode()).hexdigest()
    return {"device_id": device_id, "stream": stream, "boot": boot, "sequence": sequence, "hash": digest}


def anchor(log_id: str, counter: int, *, epoch: int = 1) -> Argument:
    """Return a reference to an anchor."""
    return {"log_id": log_id, "epoch": epoch, "counter": counter}


def condition(positions: Sequence[Argument] = (), anchors: Sequence[Argument] = ()) -> Argument:
    """Return a condition at handover."""
    return {"positions": list(positions), "anchors": list(anchors), "latest": [], "remark": ""}


def leaves(count: int, *, name: str = "log") -> list[bytes]:
    """Return the leaf hashes of a log."""
    return [merkle.leaf_hash(f"{name}/{index}".encode()) for index in range(count)]


def head_argument(log_id: str, *, counter: int, tree: Sequence[bytes], first_size: int, epoch: int = 1) -> Argument:
    """Return the argument that anchors a tree, proven from its first `first_size` leaves."""
    proof = merkle.consistency_proof(tree, first_size=first_size) if first_size <= len(tree) else []
    return {
        **anchor(log_id, counter, epoch=epoch),
        "size": len(tree),
        "root": merkle.root(tree).hex(),
        "proof": [node.hex() for node in proof],
    }


def log_argument(log_id: str) -> Argument:
    """Return the argument that registers a log."""
    keys = {"checkpoint_key": ed25519_key(f"{log_id} checkpoints"), "receipt_key": p256_key(f"{log_id} receipts")}
    return {"log_id": log_id, "origin": f"logs.example/{log_id}", **keys}


def device_argument(device_id: str, *, home_log: str) -> Argument:
    """Return the argument that registers a device."""
    key = {"algorithm": "ES256", "public_key": p256_key(device_id)}
    return {"device_id": device_id, "home_log": home_log, "model": "logger", **key}


def shipment_argument(gsin: str = GSIN) -> Argument:
    """Return the argument by which NORTH sends to SOUTH through CARRY, while AUDIT looks on."""
    roles = {NORTH: "consignor", CARRY: "carrier", SOUTH: "consignee", AUDIT: "auditor"}
    gln = gs1_key(614141_00001, length=13)
    return {
        "gsin": gsin,
        "parties": [{"role": role, "msp_id": msp_id, "party_gln": gln} for msp_id, role in roles.items()],
        "lane": {"origin_gln": gln, "destination_gln": gln, "mode": "road"},
        "due_at_ms": START_AT_MS + 86_400_000,
        "limits": [{"name": "temperature", "unit": "CEL", "scale": 1, "low": 20, "high": 80}],
        "units": [
            {
                "sscc": gs1_key(614141_1234567, length=18),
                "contents": [{"gtin": "4006381333931", "lot": "L-1"}],
                "assets": ["00614141123452400"],
            }
        ],
    }


def excursion_argument(device_id: str, *, excursion_id: str = "e1", gsin: str = GSIN) -> Argument:
    """Return the argument that records an excursion of a device's conditions."""
    return {
        "gsin": gsin,
        "excursion_id": excursion_id,
        "device_id": device_id,
        "stream": "conditions",
        "name": "temperature",
        "direction": "high",
        "started_at_ms": START_AT_MS,
        "peak": {"value": 91, "scale": 1, "unit": "CEL"},
        "rule": "limits/1",
        "as_of_ms": START_AT_MS + 60_000,
    }


def resolution_argument(*, excursion_id: str = "e1", gsin: str = GSIN) -> Argument:
    """Return the argument that resolves an excursion."""
    outcome = {"ended_at_ms": START_AT_MS + 1, "resolution": "product_released", "remark": "brief"}
    return {"gsin": gsin, "excursion_id": excursion_id, **outcome}


@dataclass(slots=True)
class World:
    """A committed state, and transactions with ids and instants of their own."""

    committed: CommittedState = field(default_factory=CommittedState)
    count: int = 0

    def transaction(self, function: str, argument: object, *, by: str, roles: str = ALL_ROLES) -> Transaction:
        """Return a transaction of an organisation; bytes are taken as they are."""
        self.count += 1
        data = argument if isinstance(argument, bytes) else canonical.encode(argument)
        caller = Caller(by, sha256(by.encode()).hexdigest(), roles)
        tx_id = sha256(f"transaction {self.count}".encode()).hexdigest()
        return Transaction(function, data, caller, tx_id, START_AT_MS + self.count)

    def ask(self, function: str, argument: object, *, by: str = NORTH, roles: str = ALL_ROLES) -> Answer:
        """Run and commit a transaction (or a query); return the contract's answer."""
        return submit(self.committed, self.transaction(function, argument, by=by, roles=roles))

    def do(self, function: str, argument: object, *, by: str = NORTH) -> Argument:
        """Run what must succeed; return what it answers."""
        answer = self.ask(function, argument, by=by)
        assert answer.status == OK, answer.message
        return canonical.decode_object(answer.payload)

    def refusal(self, function: str, argument: object, *, by: str = NORTH, roles: str = ALL_ROLES) -> str:
        """Run what must be refused, leaving nothing; return the code."""
        before = self.committed.values()
        answer = self.ask(function, argument, by=by, roles=roles)
        assert answer.status >= 400, f"{function} was not refused"
        assert self.committed.values() == before
        return str(canonical.decode_object(answer.message.encode())["code"])

    def simulate(self, function: str, argument: object, *, by: str = NORTH) -> Simulation:
        """Run what must succeed, without committing it."""
        answer, simulation = simulate(self.committed, self.transaction(function, argument, by=by))
        assert answer.status == OK, answer.message
        return simulation

    def head(self, gsin: str = GSIN) -> Mapping[str, Any]:
        """Return a shipment's head."""
        return self.do("get_shipment", {"gsin": gsin})


def prepared_world(*, attach: bool = True) -> World:
    """Return a world with NORTH's log `north` (5 leaves anchored), its device `n1`, and a shipment, `n1` attached."""
    world = World()
    world.do("register_log", log_argument("north"))
    world.do("register_device", device_argument("n1", home_log="north"))
    world.do("anchor_log", head_argument("north", counter=1, tree=leaves(5), first_size=0))
    world.do("create_shipment", shipment_argument())
    if attach:
        world.do("attach_device", attach_argument("n1", 10))
    return world


def attach_argument(device_id: str, sequence: int, *, stream: str = "conditions", fork: str = "") -> Argument:
    """Return the argument that attaches (or detaches) a device of the log `north`."""
    place = position(device_id, stream, sequence, fork=fork)
    return {"gsin": GSIN, "position": place, "anchor": anchor("north", 1)}


def handover(sequence: int) -> Argument:
    """Return a condition for the prepared world: where `n1` is."""
    return condition([position("n1", "conditions", sequence)], [anchor("north", 1)])


def offer(world: World, *, giver: str, taker: str, sequence: int) -> int:
    """Offer custody in the prepared world; return the offer's version."""
    head = world.do("offer_custody", {"gsin": GSIN, "to": taker, "condition": handover(sequence)}, by=giver)
    return int(head["offer"]["version"])


def hand_over(world: World, *, giver: str, taker: str, sequence: int) -> None:
    """Hand custody over in the prepared world."""
    version = offer(world, giver=giver, taker=taker, sequence=sequence)
    world.do("accept_custody", {"gsin": GSIN, "offer": version, "condition": handover(sequence)}, by=taker)
