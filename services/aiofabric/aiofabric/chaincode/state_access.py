"""What the stubs need of whoever holds a state: a peer at the other end of a stream, or the embedded ledger.

Keys and ranges are checked by then. Public state is the collection "".
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from aiofabric.chaincode.state import KeyModification

Entry = tuple[str, bytes]
"""A key and its value."""


class StateAccess(Protocol):
    """Reads, queries and writes of one transaction in one namespace. Raises PeerError where a peer refuses."""

    def get(self, collection: str, key: str) -> bytes | None:
        """Return the committed value."""

    def get_hash(self, collection: str, key: str) -> bytes | None:
        """Return the hash of a private value."""

    def get_multiple(self, collection: str, keys: Sequence[str]) -> list[bytes | None]:
        """Return several values."""

    def write(self, collection: str, key: str, *, kind: int, value: bytes = b"") -> None:
        """Write, delete, purge, or set the key's policy (``kind`` of ``WriteRecord``)."""

    def require_read_only(self) -> None:
        """Prepare for a query that is for read-only transactions."""

    def policy(self, collection: str, key: str) -> bytes | None:
        """Return the key's own endorsement policy."""

    def scan(self, collection: str, start: str, end: str) -> Iterator[Entry]:
        """Query a range."""

    def scan_page(self, start: str, end: str, *, page_size: int, bookmark: str) -> tuple[list[Entry], str]:
        """Return one page of a range and the next one's bookmark."""

    def search(self, collection: str, query: str) -> Iterator[Entry]:
        """Make a rich query."""

    def search_page(self, query: str, *, page_size: int, bookmark: str) -> tuple[list[Entry], str]:
        """Return one page of a rich query and the next one's bookmark."""

    def history(self, key: str) -> Iterator[KeyModification]:
        """Query a key's history."""
