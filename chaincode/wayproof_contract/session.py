"""One transaction at work: who calls, when, and records read from and written to the world state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wayproof_contract import canonical
from wayproof_contract.access import Caller
from wayproof_contract.errors import ContractError
from wayproof_contract.state import WorldState

Record = dict[str, Any]
Fold = Callable[[Mapping[str, Any] | None, Mapping[str, Any]], Record]

RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class Session:
    """State and circumstances of one transaction.

    Attributes:
        state: the committed world state.
        caller: whoever signed the proposal.
        tx_id: the transaction's id.
        tx_timestamp_ms: the proposal's timestamp: the client's claim. Blocks give the order, not this.
    """

    state: WorldState
    caller: Caller
    tx_id: str
    tx_timestamp_ms: int

    def find(self, key: str) -> Record | None:
        """Return the record at a key, None if there is none."""
        value = self.state.get(key)
        return None if value is None else decode_record(value)

    def read(self, key: str) -> Record:
        """Return the record at a key. Raises `not_found`."""
        record = self.find(key)
        if record is None:
            raise ContractError("not_found", f"there is no {key}")
        return record

    def refuse_existing(self, key: str) -> None:
        """Raise `already_exists` if there is a record at a key."""
        if self.state.get(key) is not None:
            raise ContractError("already_exists", f"{key} is there already; choose another name")

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Write a record."""
        self.state.put(key, canonical.encode({**record, "v": RECORD_VERSION}))

    def signed(self, members: Mapping[str, Any]) -> Record:
        """Return a record of these members that also says who made it, and in which transaction."""
        return {
            **members,
            "v": RECORD_VERSION,
            "organisation": self.caller.msp_id,
            "submitter": self.caller.submitter,
            "tx_id": self.tx_id,
            "tx_timestamp_ms": self.tx_timestamp_ms,
        }

    def append(
        self,
        kind: str,
        members: Mapping[str, Any],
        *,
        head: Mapping[str, Any] | None,
        fold: Fold,
        head_key: str,
        event_key: Callable[[int], str],
    ) -> Record:
        """Append an event to an aggregate: the event under a key of its own, and the head that it leads to."""
        version = 1 if head is None else head["version"] + 1
        event = self.signed({**members, "kind": kind, "version": version})
        changed = fold(head, event)
        self.write(event_key(version), event)
        self.write(head_key, changed)
        return changed


def decode_record(value: bytes) -> Record:
    """Return the record that a committed value holds. Raises `unsupported_version`."""
    record = canonical.decode_object(value)
    if record.get("v") != RECORD_VERSION:
        raise ContractError("unsupported_version", "a newer contract wrote this record; this peer needs that version")
    return record


def stamped(head: Mapping[str, Any], event: Mapping[str, Any]) -> Record:
    """Return a head with the version and the transaction of the event that led to it."""
    return {**head, "v": RECORD_VERSION, "version": event["version"], "tx_id": event["tx_id"]}
