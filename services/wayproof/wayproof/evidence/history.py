"""What the contract wrote, in the ledger's order: the records that a shipment's evidence is chosen from. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from wayproof.errors import EvidenceError
from wayproof_contract import canonical

Record = dict[str, Any]
Version = tuple[int, int]
"""`(block number, index in the block)`: where a transaction stands in the ledger's order."""


@dataclass(frozen=True, slots=True)
class Written:
    """The last valid write of a key."""

    key: str
    version: Version
    tx_id: str
    value: bytes

    def record(self) -> Record:
        """Return the value decoded: every value of the contract is a canonical object."""
        return canonical.decode_object(self.value)


class LedgerHistory:
    """The records that one shipment may rest on, as they stood after one block.

    At least: the shipment's head and events; head and events of each device that it had; of each of their home logs
    head, events, anchor head, erasures, the last anchor of each epoch, and the anchors nearest to each of those events.
    """

    __slots__ = ("_written",)

    def __init__(self, written: Iterable[Written]) -> None:
        self._written = {each.key: each for each in sorted(written, key=lambda each: each.key)}

    def latest(self, key: str) -> Written:
        """Return the last write of a key. Raises EvidenceError if there is none."""
        if key not in self._written:
            raise EvidenceError(f"the ledger has no record {key}", code="record_not_found")
        return self._written[key]

    def numbered(self, prefix: str) -> Iterator[Written]:
        """Yield the writes of `prefix` with numbers appended, in key order: events, or the anchors of an epoch."""
        return (written for key, written in self._written.items() if key.startswith(prefix))
