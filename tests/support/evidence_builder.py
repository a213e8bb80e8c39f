"""Complete evidence files without a ledger server: a second implementation of docs/reference/evidence.md.

Records come from the contract's own `invoke` on a world state in memory; all else (Fabric's messages, signatures,
trees, lines) is made by hand. Lines are plain dictionaries until `write`, so that a test can forge any of them.
"""

import base64
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519

from support.evidence_device import EPOCH_S, Device, Sent, consistency, cose_sign1, cover, entry, leaf, root, spki
from support.evidence_fabric import (
    CHANNEL,
    CONTRACT,
    Invocation,
    Member,
    Organisation,
    block,
    envelope_of,
    genesis_block,
    header_hash,
    payload_of,
    raw,
)
from wayproof_contract import Caller, Transaction, invoke
from wayproof_verifier.trust import TrustRoot

Json = dict[str, Any]
ROLES = "operator,registrar,anchor,monitor,privacy"
LOG = "maker-log"


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def write(lines: Iterable[Json]) -> bytes:
    """Return the file's bytes."""
    return b"".join(canonical(line) + b"\n" for line in lines)


def gsin() -> str:
    """Return a GSIN with its check digit (weights 3 and 1 from the right)."""
    digits = "0614141123456789"
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def gln(digits: str) -> str:
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)


@dataclass
class Leaf:
    """One log row."""

    salt: bytes
    topic: str
    payload: bytes
    received_at_ms: int
    sent: Sent | None

    @property
    def entry(self) -> bytes:
        return entry(self.salt, self.topic, self.payload, self.received_at_ms)


@dataclass
class Simulation:
    """One transaction's view of the committed state, with its read and write set."""

    values: dict[str, tuple[bytes, tuple[int, int]]]
    reads: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    writes: dict[str, bytes] = field(default_factory=dict)

    def get(self, key: str) -> bytes | None:
        value, self.reads[key] = self.values.get(key, (None, None))
        return value

    def put(self, key: str, value: bytes) -> None:
        self.writes[key] = value

    def page(self, start: str, end: str, *, size: int, bookmark: str) -> tuple[list[tuple[str, bytes]], str]:
        raise NotImplementedError("evidence reads keys by name")


@dataclass
class Network:
    """A channel of some organisations, its blocks, and the committed state."""

    organisations: list[Organisation]
    orderer: Organisation
    values: dict[str, tuple[bytes, tuple[int, int]]] = field(default_factory=dict)
    clock_ms: int = EPOCH_S * 1000
    envelopes: dict[str, tuple[tuple[int, int], bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.blocks = [genesis_block(self.organisations, orderer=self.orderer)]
        self.members = {
            organisation.msp_id: organisation.member("operator", roles=ROLES) for organisation in self.organisations
        }

    @property
    def endorsers(self) -> list[Member]:
        return [organisation.peer for organisation in self.organisations]

    @property
    def genesis(self) -> bytes:
        return header_hash(self.blocks[0].header)

    def submit(self, msp_id: str, function: str, argument: Json, *, endorsers: Sequence[Member] | None = None) -> Json:
        """Run, endorse, order and commit one transaction in a block of its own; return the contract's answer."""
        self.clock_ms += 60_000
        creator, args = self.members[msp_id], (function.encode(), canonical(argument))
        nonce = secrets.token_bytes(24)
        draft = Invocation(creator, nonce, args, self.clock_ms, {}, {})
        simulation = Simulation(self.values)
        caller = Caller(msp_id, creator.fingerprint, ROLES)
        answer = invoke(Transaction(function, args[1], caller, draft.tx_id, self.clock_ms), state=simulation)
        assert answer.status == 200, answer.message
        done = Invocation(creator, nonce, args, self.clock_ms, simulation.reads, simulation.writes, answer.payload)
        envelope = envelope_of(done, self.endorsers if endorsers is None else endorsers)
        version = (len(self.blocks), 0)
        self.values.update({key: (value, version) for key, value in simulation.writes.items()})
        previous = header_hash(self.blocks[-1].header)
        self.blocks.append(block(len(self.blocks), previous, [envelope], signer=self.orderer.orderer))
        self.envelopes[done.tx_id] = (version, envelope)
        record: Json = json.loads(answer.payload)
        return record

    def endorsed(self, keys: Sequence[str], *, endorsers: Sequence[Member] | None = None) -> bytes:
        """Return endorsed state: the payload of a query that was never submitted."""
        records = [{"key": key, "value": json.loads(self.values[key][0])} for key in keys]
        query = Invocation(
            self.organisations[0].peer,
            secrets.token_bytes(24),
            (b"read_records", canonical({"keys": list(keys)})),
            self.clock_ms,
            {key: self.values[key][1] for key in keys},
            {},
            canonical({"v": 1, "records": records}),
        )
        return payload_of(query, self.endorsers if endorsers is None else endorsers)


@dataclass
class Journey:
    """A shipment from a maker to a shop with one device and one log; every step is a method."""

    network: Network
    device: Device
    gsin: str = field(default_factory=gsin)
    leaves: list[Leaf] = field(default_factory=list)
    erased: set[int] = field(default_factory=set)
    hidden: set[int] = field(default_factory=set)
    counter: int = 0
    epoch: int = 1
    anchors: dict[tuple[int, int], int] = field(default_factory=dict)
    gaps: list[list[int]] = field(default_factory=list)
    receipt_key: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)
    checkpoint_key: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)

    def prepare(self, *, algorithm: str | None = None) -> None:
        """Register log and device, create the shipment."""
        maker, shop = self.network.organisations[0].msp_id, self.network.organisations[1].msp_id
        keys = {"checkpoint_key": text(spki(self.checkpoint_key)), "receipt_key": text(spki(self.receipt_key))}
        self.submit("register_log", {"log_id": LOG, "origin": "log.example/maker", **keys})
        key = {"public_key": text(spki(self.device.key))} if algorithm != "none" else {}
        self.submit(
            "register_device",
            {
                "device_id": self.device.device_id,
                "algorithm": algorithm or self.device.algorithm,
                **key,
                "home_log": LOG,
                "model": "logger",
            },
        )
        parties = [
            {"role": "consignor", "msp_id": maker, "party_gln": gln("061414100000")},
            {"role": "consignee", "msp_id": shop, "party_gln": gln("061414100001")},
        ]
        lane = {"origin_gln": gln("061414100000"), "destination_gln": gln("061414100001"), "mode": "road"}
        units = [{"sscc": gln("00614141123456789"), "contents": [], "assets": []}]
        limits = [{"name": "temperature", "unit": "CEL", "scale": 0, "low": 2, "high": 8}]
        due_at_ms = (EPOCH_S + 86_400) * 1000
        self.submit(
            "create_shipment",
            {
                "gsin": self.gsin,
                "parties": parties,
                "lane": lane,
                "due_at_ms": due_at_ms,
                "limits": limits,
                "units": units,
            },
        )

    def submit(self, function: str, argument: Json, *, by: int = 0, endorsers: Sequence[Member] | None = None) -> Json:
        return self.network.submit(self.network.organisations[by].msp_id, function, argument, endorsers=endorsers)

    def log(self, *sent: Sent, hidden: bool = False) -> None:
        """Put messages into the log, in this order."""
        for item in sent:
            self.hidden |= {len(self.leaves)} if hidden else set()
            topic = f"wayproof/v1/{self.network.organisations[0].msp_id}/{self.device.device_id}/messages"
            received_at_ms = EPOCH_S * 1000 + len(self.leaves)
            self.leaves.append(Leaf(secrets.token_bytes(16), topic, item.payload, received_at_ms, item))

    def send(self, count: int = 1, *, hidden: bool = False) -> list[Sent]:
        """Let the device send messages, and log them."""
        sent = [self.device.send(f"{4 + number % 4}.5") for number in range(count)]
        self.log(*sent, hidden=hidden)
        return sent

    def hashes(self, size: int | None = None) -> list[bytes]:
        return [leaf(item.entry) for item in self.leaves[:size]]

    def anchor(self) -> None:
        """Anchor the log as it is (a heartbeat if nothing is new)."""
        size = self.anchors.get((self.epoch, self.counter), 0)
        self.counter += 1
        proof = [node.hex() for node in consistency(self.hashes(), size)]
        self.anchors[self.epoch, self.counter] = len(self.leaves)
        self.submit(
            "anchor_log",
            {
                "log_id": LOG,
                "epoch": self.epoch,
                "counter": self.counter,
                "size": len(self.leaves),
                "root": root(self.hashes()).hex(),
                "proof": proof,
            },
        )

    @property
    def anchor_reference(self) -> Json:
        return {"log_id": LOG, "epoch": self.epoch, "counter": self.counter}

    def attach(self) -> None:
        self.submit(
            "attach_device",
            {"gsin": self.gsin, "position": self.device.position(), "anchor": self.anchor_reference},
        )

    def condition(self) -> Json:
        return {
            "positions": [self.device.position()],
            "latest": [],
            "anchors": [self.anchor_reference],
            "remark": "",
        }

    def hand_over(self) -> None:
        """The maker offers, the shop accepts."""
        shop = self.network.organisations[1].msp_id
        head = self.submit("offer_custody", {"gsin": self.gsin, "to": shop, "condition": self.condition()})
        self.submit(
            "accept_custody", {"gsin": self.gsin, "offer": head["version"], "condition": self.condition()}, by=1
        )

    def close(self) -> None:
        self.submit("close_shipment", {"gsin": self.gsin, "condition": self.condition()}, by=1)

    def receipt(
        self, sent: Sequence[Sent], *, key: ed25519.Ed25519PrivateKey | None = None, **changed: object
    ) -> bytes:
        """Return a receipt for messages of one boot, as a line of a receipts file."""
        held = {
            "stream": "conditions",
            "boot": sent[0].boot,
            "first": sent[0].sequence,
            "last": sent[-1].sequence,
            "last_hash": sent[-1].hash.hex(),
        }
        members = {
            "v": 1,
            "log_id": LOG,
            "epoch": self.epoch,
            "device_id": self.device.device_id,
            "issued_at_ms": EPOCH_S * 1000,
            "anchored_by_ms": EPOCH_S * 1000 + 1,
            "held": [held],
            "refused": [],
        }
        data, _ = cose_sign1({3: 50}, canonical({**members, **changed}), key=key or self.receipt_key)
        return canonical({"receipt": text(data)}) + b"\n"

    @property
    def trust(self) -> TrustRoot:
        return TrustRoot(
            channel=CHANNEL,
            genesis=self.network.genesis,
            contract=CONTRACT,
            organisations=tuple(organisation.msp_id for organisation in self.network.organisations),
        )

    # --- the file -----------------------------------------------------------------------------------------------------

    def state_keys(self) -> list[str]:
        """Return the state keys that the evidence rests on."""
        prefixes: tuple[str, ...] = (
            f"shipment_event/{self.gsin}/",
            f"device_event/{self.device.device_id}/",
            f"log_event/{LOG}/",
        )
        heads = {f"shipment/{self.gsin}", f"device/{self.device.device_id}", f"log/{LOG}", f"anchor_head/{LOG}"}
        prefixes += (f"anchor/{LOG}/", f"erasure/{LOG}/")
        return sorted(key for key in self.network.values if key in heads or key.startswith(prefixes))

    def lines(
        self, *, with_blocks: bool = False, states: int = 1, endorsers: Sequence[Member] | None = None
    ) -> list[Json]:
        """Return the evidence, line by line."""
        keys = self.state_keys()
        size = -(-len(keys) // states)
        pages = [keys[start : start + size] for start in range(0, len(keys), size)]
        used = {json.loads(self.network.values[key][0])["tx_id"] for key in keys}
        lines: list[Json] = [
            {
                "type": "header",
                "v": 1,
                "format": "wayproof-evidence",
                "channel": CHANNEL,
                "contract": CONTRACT,
                "genesis": self.network.genesis.hex(),
                "gsin": self.gsin,
                "ledger": "embedded",
            },
            {"type": "config", "block": text(raw(self.network.blocks[0]))},
        ]
        lines += [
            {"type": "state", "payload": text(self.network.endorsed(page, endorsers=endorsers))} for page in pages
        ]
        ordered = sorted(item for tx_id, item in self.network.envelopes.items() if tx_id in used)
        lines += [{"type": "transaction", "envelope": text(envelope)} for _, envelope in ordered]
        if with_blocks:
            lines += [{"type": "block", "block": text(raw(item))} for item in self.network.blocks]
        if self.anchors:
            lines += self.log_lines()
        lines += self.interval_lines()
        return finished(lines)

    def log_lines(self) -> list[Json]:
        """Return the log of the present epoch with what is shown of it."""
        size = self.anchors[self.epoch, self.counter]
        sizes = [(number, self.anchors[self.epoch, number]) for number in range(1, self.counter + 1)]
        proofs = [
            [old, new, [node.hex() for node in consistency(self.hashes(last), first)]]
            for (old, first), (new, last) in pairwise(sizes)
        ]
        lines: list[Json] = [
            {
                "type": "log",
                "log_id": LOG,
                "epoch": self.epoch,
                "counter": self.counter,
                "size": size,
                "consistency": proofs,
            }
        ]
        start = 0
        hashes = self.hashes(size)
        for index in range(size + 1):
            if index < size and index in self.hidden:
                continue
            lines += [
                {"type": "node", "level": level, "hash": root(hashes[first : first + (1 << level)]).hex()}
                for first, level in cover(start, index)
            ]
            if index < size:
                lines.append(self.leaf_line(index))
            start = index + 1
        return lines

    def leaf_line(self, index: int) -> Json:
        item = self.leaves[index]
        if index in self.erased:
            return {"type": "erased", "index": index, "entry": item.entry.hex()}
        return {
            "type": "message",
            "index": index,
            "salt": text(item.salt),
            "topic": item.topic,
            "payload": text(item.payload),
            "received_at_ms": item.received_at_ms,
            "readings": item.sent.readings if item.sent else [],
        }

    def interval_lines(self) -> list[Json]:
        head = json.loads(self.network.values[f"shipment/{self.gsin}"][0])
        shown = len(self.leaves) - len(self.hidden) - len(self.erased)
        return [
            {
                "type": "interval",
                "device_id": item["start"]["device_id"],
                "stream": item["start"]["stream"],
                "attached": item["attached"],
                "messages": shown,
                "gaps": self.gaps,
            }
            for item in head["attachments"]
        ]


def finished(lines: Sequence[Json]) -> list[Json]:
    """Return lines with the right end line."""
    kept = [line for line in lines if line["type"] != "end"]
    return [*kept, {"type": "end", "lines": len(kept)}]


def network() -> Network:
    """Return a channel of a maker and a shop."""
    return Network([Organisation("MakerMSP"), Organisation("ShopMSP")], Organisation("OrdererMSP"))


def whole_journey(*, before: int = 3, within: int = 6) -> Journey:
    """Return a closed shipment: some messages before (hidden), some within, a handover in between, a heartbeat."""
    journey = Journey(network(), Device("logger-1"))
    journey.prepare()
    journey.send(before, hidden=True)
    journey.anchor()
    journey.attach()
    journey.send(within // 2)
    journey.anchor()
    journey.hand_over()
    journey.send(within - within // 2)
    journey.anchor()
    journey.close()
    journey.anchor()
    return journey


def small_journey() -> Journey:
    """Return the smallest evidence that has everything: an open shipment, one device, two messages."""
    journey = Journey(network(), Device("logger-1"))
    journey.prepare()
    journey.attach()
    journey.send(2)
    journey.anchor()
    return journey
