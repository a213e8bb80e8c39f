"""The world state as the contract needs it, and where each record lies in it.

Keys are laid out so that independent shipments never conflict and one log's anchors conflict only with themselves:
every aggregate has a head and one key for each event, and whatever refers to an anchor names an immutable one.
"""

from collections.abc import Sequence
from typing import Protocol

MAX_PAGE = 200


class WorldState(Protocol):
    """Committed state under one transaction, with Fabric's semantics.

    Reads see what was committed before the transaction, *never its own writes*; every read is checked again at commit,
    and a key that changed in between makes the transaction invalid. A value is never empty. `page` is allowed in
    queries only. Nothing here blocks for ever or fails half-way: an error ends the whole transaction.
    """

    def get(self, key: str) -> bytes | None:
        """Return the committed value, None if there is none."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Write a value when the transaction commits; the last one for a key counts."""
        ...

    def page(self, start: str, end: str, *, size: int, bookmark: str) -> tuple[Sequence[tuple[str, bytes]], str]:
        """Return up to `size` pairs with start <= key < end, and the bookmark of the next page ("" at the end)."""
        ...


def shipment_key(gsin: str) -> str:
    """Head of a shipment."""
    return f"shipment/{gsin}"


def shipment_event_key(gsin: str, version: int) -> str:
    """One event of a shipment."""
    return f"shipment_event/{gsin}/{version:06d}"


def device_key(device_id: str) -> str:
    """Head of a device."""
    return f"device/{device_id}"


def device_event_key(device_id: str, version: int) -> str:
    """One event of a device."""
    return f"device_event/{device_id}/{version:06d}"


def device_public_key(key_id: str) -> str:
    """The device that a public key belongs to, for ever."""
    return f"device_key/{key_id}"


def log_key(log_id: str) -> str:
    """Head of a log."""
    return f"log/{log_id}"


def log_event_key(log_id: str, version: int) -> str:
    """One event of a log."""
    return f"log_event/{log_id}/{version:06d}"


def anchor_head_key(log_id: str) -> str:
    """Latest anchor of a log: the one key that moves with every anchor."""
    return f"anchor_head/{log_id}"


def anchor_key(log_id: str, epoch: int, counter: int) -> str:
    """One anchor, immutable."""
    return f"anchor/{log_id}/{epoch:06d}/{counter:012d}"


def erasure_key(log_id: str, epoch: int, index: int) -> str:
    """The erasure of one message."""
    return f"erasure/{log_id}/{epoch:06d}/{index:012d}"


def party_key(msp_id: str, gsin: str) -> str:
    """Index: a shipment that an organisation is a party to."""
    return f"party/{msp_id}/{gsin}"


def children(prefix: str) -> tuple[str, str]:
    """Return the range of all keys that begin with `prefix` and a slash ("0" is the character after it)."""
    return f"{prefix}/", f"{prefix}0"
