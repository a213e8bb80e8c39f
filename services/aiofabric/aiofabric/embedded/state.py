"""The world state: for every namespace (chaincode) its keys, values, versions and history."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiofabric.chaincode import KeyModification

Version = tuple[int, int]
"""Block number and index of the transaction in it."""


@dataclass(frozen=True, slots=True)
class Write:
    """A key's new value, or its deletion (value None)."""

    key: str
    value: bytes | None


@dataclass(slots=True)
class Namespace:
    """The state of one chaincode, in memory."""

    values: dict[str, tuple[bytes, Version]] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)  # sorted; code point order is UTF-8 byte order
    history: dict[str, list[KeyModification]] = field(default_factory=dict)

    def version(self, key: str) -> Version | None:
        """Return the version of a key, or None if it is absent."""
        entry = self.values.get(key)
        return None if entry is None else entry[1]

    def scan(self, start_key: str, end_key: str) -> Iterator[tuple[str, bytes, Version]]:
        """Iterate over ``start_key <= key < end_key`` in order; an empty end is open."""
        for position in range(bisect_left(self.keys, start_key), len(self.keys)):
            key = self.keys[position]
            if end_key and key >= end_key:
                return
            value, version = self.values[key]
            yield key, value, version

    def apply(self, write: Write, *, version: Version, tx_id: str, timestamp_ms: int) -> None:
        """Apply one write of a valid transaction."""
        if write.value is None:
            if self.values.pop(write.key, None) is not None:
                del self.keys[bisect_left(self.keys, write.key)]
        else:
            if write.key not in self.values:
                insort(self.keys, write.key)
            self.values[write.key] = (write.value, version)
        change = KeyModification(tx_id, write.value or b"", timestamp_ms, is_delete=write.value is None)
        self.history.setdefault(write.key, []).append(change)


class WorldState:
    """All namespaces. Its owner holds a lock while it simulates or applies, so a simulation sees one moment."""

    def __init__(self) -> None:
        self._namespaces: dict[str, Namespace] = {}

    def namespace(self, name: str) -> Namespace:
        """Return a chaincode's state, empty if it has written nothing yet."""
        return self._namespaces.setdefault(name, Namespace())
