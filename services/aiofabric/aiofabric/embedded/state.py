"""The world state: public keys of every chaincode, and the hashes of its private keys, with versions and policies."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from aiofabric.chaincode import KeyModification

Version = tuple[int, int]
"""Block number and index of the transaction in it."""


class Space(NamedTuple):
    """Where a key lives: a chaincode's public state, or one of its private data collections.

    What is public of a collection is hashes: there, a key is the hex of its SHA-256 and a value is a SHA-256.
    """

    chaincode: str
    collection: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's value, the transaction that last changed value or policy, and its own endorsement policy if it has one.

    An empty policy is one that was taken away again: it binds nobody.
    """

    value: bytes
    version: Version
    policy: bytes | None = None


@dataclass(slots=True)
class Namespace:
    """The keys of one space, in memory."""

    entries: dict[str, Entry] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)  # sorted; code point order is UTF-8 byte order
    history: dict[str, list[KeyModification]] = field(default_factory=dict)

    def version(self, key: str) -> Version | None:
        """Return the version of a key, or None if it is absent."""
        entry = self.entries.get(key)
        return None if entry is None else entry.version

    def scan(self, start_key: str, end_key: str) -> Iterator[tuple[str, bytes, Version]]:
        """Iterate over ``start_key <= key < end_key`` in order; an empty end is open."""
        for position in range(bisect_left(self.keys, start_key), len(self.keys)):
            key = self.keys[position]
            if end_key and key >= end_key:
                return
            entry = self.entries[key]
            yield key, entry.value, entry.version

    def set(self, key: str, entry: Entry | None) -> None:
        """Give a key its new entry, or remove it."""
        if entry is None:
            if self.entries.pop(key, None) is not None:
                del self.keys[bisect_left(self.keys, key)]
            return
        if key not in self.entries:
            insort(self.keys, key)
        self.entries[key] = entry

    def record(self, key: str, change: KeyModification) -> None:
        """Add a change to a key's history."""
        self.history.setdefault(key, []).append(change)


class WorldState:
    """All spaces. Its owner holds a lock while it simulates or applies, so a simulation sees one moment."""

    def __init__(self) -> None:
        self._namespaces: dict[Space, Namespace] = {}

    def namespace(self, space: Space) -> Namespace:
        """Return a space, empty if nothing was written to it yet."""
        found = self._namespaces.get(space)
        if found is None:
            found = self._namespaces[space] = Namespace()
        return found
