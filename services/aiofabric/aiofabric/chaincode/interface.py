"""The stub, with the names and the semantics of Fabric's own shims (fabric-chaincode-go, ``shim/interfaces.go``)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

OK = 200
ERROR_THRESHOLD = 400
ERROR = 500


@dataclass(frozen=True, slots=True)
class Response:
    """What a contract answers.

    A status of 400 or more is never endorsed: its writes and its event vanish, and the caller gets the message.
    """

    status: int = OK
    message: str = ""
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class KeyModification:
    """One committed change of a key, as history queries give it, newest first."""

    tx_id: str
    value: bytes
    timestamp_ms: int
    is_delete: bool


class ChaincodeStub(Protocol):
    """One transaction as its contract sees it.

    Reads see committed state only, *never the transaction's own writes*; the last write to a key wins. Keys are
    valid UTF-8, not empty, and simple keys do not start with U+0000. An empty value cannot be told from an absent one,
    so storing one is refused. An open range (empty ``start_key``) does not return composite keys.
    """

    @property
    def args(self) -> tuple[bytes, ...]:
        """Function name, then arguments."""

    @property
    def tx_id(self) -> str:
        """Lower-case hex SHA-256 of nonce and creator."""

    @property
    def channel_id(self) -> str:
        """Name of the channel."""

    @property
    def timestamp_ms(self) -> int:
        """The proposal's timestamp in epoch milliseconds: the client's claim, the same at every endorser."""

    @property
    def creator(self) -> bytes:
        """The serialized ``msp.SerializedIdentity`` of whoever signed the proposal."""

    @property
    def transient(self) -> Mapping[str, bytes]:
        """Transient data: never in the transaction, so it must not reach response, event or public state."""

    def get_state(self, key: str) -> bytes | None:
        """Return the committed value, or None."""

    def put_state(self, key: str, value: bytes) -> None:
        """Write a value when the transaction commits."""

    def del_state(self, key: str) -> None:
        """Delete a key when the transaction commits."""

    def get_state_by_range(self, start_key: str, end_key: str) -> Iterator[tuple[str, bytes]]:
        """Iterate over ``start_key <= key < end_key`` in key order; recorded for the phantom check."""

    def get_state_by_range_with_pagination(
        self, start_key: str, end_key: str, *, page_size: int, bookmark: str
    ) -> tuple[list[tuple[str, bytes]], str]:
        """Return one page and the bookmark of the next ("" at the end). Read-only transactions only."""

    def create_composite_key(self, object_type: str, attributes: list[str]) -> str:
        """Return the composite key of an object type and its attributes."""

    def get_state_by_partial_composite_key(
        self, object_type: str, attributes: list[str]
    ) -> Iterator[tuple[str, bytes]]:
        """Iterate over the composite keys that begin with these attributes."""

    def get_history_for_key(self, key: str) -> Iterator[KeyModification]:
        """Iterate over the committed changes of a key, newest first."""

    def set_event(self, name: str, payload: bytes) -> None:
        """Set the transaction's one chaincode event (the last call wins)."""


Chaincode = Callable[[ChaincodeStub], Response]
"""A contract: called once for each endorsement, with nothing kept from call to call."""
