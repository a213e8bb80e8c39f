"""An organisation's log in memory: messages arrive, are sealed, anchored, and receipted."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wayproof.evidence.assemble import StoredMessage
from wayproof.ledger import Ledger
from wayproof.log import LogRow, MemorySubtrees, seal
from wayproof_contract.merkle import leaf_hash
from wayproof_verifier.entry import SALT_BYTES, entry_hash
from wayproof_verifier.telemetry import Held, Message, Receipt, decode, encode_receipt, key_id

EPOCH = 1
ANCHORED_WITHIN_MS = 60_000


def spki(key: ed25519.Ed25519PrivateKey) -> bytes:
    """Return the SubjectPublicKeyInfo DER of a key."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class _Arrived:
    salt: bytes
    topic: str
    payload: bytes
    received_at_ms: int


@dataclass(slots=True)
class OrganisationLog:
    """One epoch of one log; it serves as `wayproof.evidence.assemble.LogContent`."""

    log_id: str
    checkpoint_key: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)
    receipt_key: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)
    subtrees: MemorySubtrees = field(default_factory=MemorySubtrees)
    anchored: tuple[int, int] = (0, 0)
    _arrived: list[_Arrived] = field(default_factory=list)
    _rows: list[LogRow] = field(default_factory=list)
    _sealed: list[LogRow] = field(default_factory=list)

    def receive(self, payload: bytes, *, topic: str, received_at_ms: int) -> None:
        """Take in a message as ingest will: salted, its entry computed, waiting to be sealed."""
        arrived = _Arrived(secrets.token_bytes(SALT_BYTES), topic, payload, received_at_ms)
        entry = entry_hash(arrived.salt, topic=topic, payload=payload, received_at_ms=received_at_ms)
        self._rows.append(LogRow(ingest_id=len(self._arrived), received_at_ms=received_at_ms, entry=entry))
        self._arrived.append(arrived)

    def seal(self) -> int:
        """Give the waiting messages their index, and return the log's size."""
        sealed = seal(self._rows, size=self.subtrees.size)
        self.subtrees.append(leaf_hash(row.entry) for row in sealed)
        self._sealed += sealed
        self._rows.clear()
        return self.subtrees.size

    async def anchor(self, ledger: Ledger) -> dict[str, Any]:
        """Record the log's present head on the ledger, with the proof that it only grew."""
        counter, size = self.anchored
        tree = self.subtrees.tree()
        anchor = await ledger.submit(
            "anchor_log",
            {
                "log_id": self.log_id,
                "epoch": EPOCH,
                "counter": counter + 1,
                "size": tree.size,
                "root": tree.root().hex(),
                "proof": [node.hex() for node in tree.consistency_proof(size)],
            },
        )
        self.anchored = (counter + 1, tree.size)
        return anchor

    def reference(self) -> dict[str, Any]:
        """Return the reference to the latest anchor, as the contract takes it."""
        return {"log_id": self.log_id, "epoch": EPOCH, "counter": self.anchored[0]}

    def leaves(self, size: int) -> Iterator[StoredMessage]:
        """Yield the first `size` messages in the order of their indices."""
        for index, row in enumerate(self._sealed[:size]):
            arrived = self._arrived[row.ingest_id]
            yield StoredMessage(index, arrived.salt, arrived.topic, arrived.payload, arrived.received_at_ms)

    def receipt(self, device_id: str, *, issued_at_ms: int) -> bytes:
        """Return the signed receipt for everything of a device that is held, as ranges."""
        held: dict[tuple[str, int], list[Held]] = {}
        for message in sorted(self._messages(device_id), key=lambda item: (item.stream, item.boot, item.sequence)):
            ranges = held.setdefault((message.stream, message.boot), [])
            first = message.sequence
            if ranges and ranges[-1].last + 1 == message.sequence:
                first = ranges.pop().first
            ranges.append(Held(message.stream, message.boot, first, message.sequence, message.message_hash))
        receipt = Receipt(
            log_id=self.log_id,
            epoch=EPOCH,
            device_id=device_id,
            issued_at_ms=issued_at_ms,
            anchored_by_ms=issued_at_ms + ANCHORED_WITHIN_MS,
            held=tuple(item for ranges in held.values() for item in ranges),
        )
        return encode_receipt(
            receipt, algorithm="EdDSA", key_id=key_id(spki(self.receipt_key)), sign=self.receipt_key.sign
        )

    def _messages(self, device_id: str) -> Iterator[Message]:
        for arrived in self._arrived:
            message = decode(arrived.payload, topic=arrived.topic)
            if isinstance(message, Message) and message.device_id == device_id:
                yield message
