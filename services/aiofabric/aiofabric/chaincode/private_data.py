"""What a contract can do with private data: values that only a collection's members hold, and hashes for everybody."""

from collections.abc import Iterator, Sequence
from typing import Protocol


class PrivateData(Protocol):
    """Private state of the chaincode's collections. Its queries are for read-only transactions."""

    def get_private_data(self, collection: str, key: str) -> bytes | None:
        """Return the committed value, or None. Fails at a peer whose organisation is no member."""

    def get_multiple_private_data(self, collection: str, keys: Sequence[str]) -> list[bytes | None]:
        """Return the committed values of several keys in their order."""

    def get_private_data_hash(self, collection: str, key: str) -> bytes | None:
        """Return SHA-256 of the committed value, or None: every peer of the channel has it."""

    def put_private_data(self, collection: str, key: str, value: bytes) -> None:
        """Write a value to the collection when the transaction commits; its hash is in the transaction."""

    def del_private_data(self, collection: str, key: str) -> None:
        """Delete a key from the collection's state; the value stays in the peers' history."""

    def purge_private_data(self, collection: str, key: str) -> None:
        """Delete a key and every earlier value of it from the members' peers (Fabric 2.5 and later)."""

    def get_private_data_by_range(self, collection: str, start_key: str, end_key: str) -> Iterator[tuple[str, bytes]]:
        """Iterate over ``start_key <= key < end_key`` in key order."""

    def get_private_data_by_partial_composite_key(
        self, collection: str, object_type: str, attributes: list[str]
    ) -> Iterator[tuple[str, bytes]]:
        """Iterate over the composite keys that begin with these attributes."""

    def get_private_data_query_result(self, collection: str, query: str) -> Iterator[tuple[str, bytes]]:
        """Iterate over the answers to a rich query (CouchDB selector, JSON)."""

    def set_private_data_validation_parameter(self, collection: str, key: str, policy: bytes) -> None:
        """Give a private key its own endorsement policy; empty bytes remove it."""

    def get_private_data_validation_parameter(self, collection: str, key: str) -> bytes | None:
        """Return a private key's own endorsement policy, or None."""
