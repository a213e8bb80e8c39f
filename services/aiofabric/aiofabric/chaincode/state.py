"""What a contract can do with the public state of its namespace."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KeyModification:
    """One committed change of a key, as history queries give it, newest first."""

    tx_id: str
    value: bytes
    timestamp_ms: int
    is_delete: bool


class PublicState(Protocol):
    """The committed state, and the transaction's writes.

    Reads see committed state only, *never the transaction's own writes*; the last write to a key wins. Keys are
    valid UTF-8, not empty, and simple keys do not start with U+0000. An empty value cannot be told from an absent one,
    so storing one is refused. An open range (empty ``start_key``) does not return composite keys. Paginated queries
    are for read-only transactions. Rich queries need a peer with CouchDB.
    """

    def get_state(self, key: str) -> bytes | None:
        """Return the committed value, or None."""

    def get_multiple_states(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the committed values of several keys in their order: one request where the peer offers it."""

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

    def split_composite_key(self, key: str) -> tuple[str, list[str]]:
        """Return the object type and the attributes of a composite key."""

    def get_state_by_partial_composite_key(
        self, object_type: str, attributes: list[str]
    ) -> Iterator[tuple[str, bytes]]:
        """Iterate over the composite keys that begin with these attributes."""

    def get_state_by_partial_composite_key_with_pagination(
        self, object_type: str, attributes: list[str], *, page_size: int, bookmark: str
    ) -> tuple[list[tuple[str, bytes]], str]:
        """Return one page of them and the bookmark of the next ("" at the end). Read-only transactions only."""

    def get_query_result(self, query: str) -> Iterator[tuple[str, bytes]]:
        """Iterate over the answers to a rich query (CouchDB selector, JSON). Not re-checked at commit."""

    def get_query_result_with_pagination(
        self, query: str, *, page_size: int, bookmark: str
    ) -> tuple[list[tuple[str, bytes]], str]:
        """Return one page of them and the bookmark of the next. Read-only transactions only."""

    def get_history_for_key(self, key: str) -> Iterator[KeyModification]:
        """Iterate over the committed changes of a key, newest first."""

    def set_state_validation_parameter(self, key: str, policy: bytes) -> None:
        """Give a key its own endorsement policy (see `key_policy`, `policy_expression`); empty bytes take it away.

        A gateway cannot plan endorsements for a key whose policy was taken away (Fabric 3.1.5, 2.5.16): clients have to
        name the organisations from then on. Another policy in its place needs no such care.
        """

    def get_state_validation_parameter(self, key: str) -> bytes | None:
        """Return a key's own endorsement policy, or None."""
