"""A world state in memory that behaves as Fabric's: versions, read and write sets, checks at commit."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

Version = tuple[int, int]
"""Block number and place in the block of the transaction that wrote a key last."""

VALID, MVCC_READ_CONFLICT = "VALID", "MVCC_READ_CONFLICT"


@dataclass(frozen=True, slots=True)
class Simulation:
    """One transaction's view: reads see committed values only, writes are kept for the commit."""

    ledger: "MemoryLedger"
    reads: dict[str, Version | None] = field(default_factory=dict)
    writes: dict[str, bytes] = field(default_factory=dict)
    pages: list[tuple[str, str]] = field(default_factory=list)

    def get(self, key: str) -> bytes | None:
        """Return the committed value and note its version."""
        _require_key(key)
        value, version = self.ledger.committed(key)
        self.reads[key] = version
        return value

    def put(self, key: str, value: bytes) -> None:
        """Keep a write; the last one for a key counts."""
        _require_key(key)
        if not value:
            raise ValueError(f"{key}: an empty value cannot be told from none")
        if self.pages:
            raise RuntimeError("a transaction that pages may not write")
        self.writes[key] = value

    def page(self, start: str, end: str, *, size: int, bookmark: str) -> tuple[Sequence[tuple[str, bytes]], str]:
        """Return a page; as in Fabric a bookmark simply replaces the start, wherever it points."""
        if self.writes:
            raise RuntimeError("a transaction that writes may not page")
        self.pages.append((start, end))
        keys = self.ledger.keys(bookmark or start, end)
        pairs = [(key, self.ledger.values[key][0]) for key in keys[:size]]
        return pairs, keys[size] if len(keys) > size else ""


@dataclass(slots=True)
class MemoryLedger:
    """Committed state, one block after the other."""

    values: dict[str, tuple[bytes, Version]] = field(default_factory=dict)
    height: int = 0

    def committed(self, key: str) -> tuple[bytes | None, Version | None]:
        """Return value and version of a key."""
        return self.values.get(key, (None, None))

    def keys(self, start: str, end: str) -> list[str]:
        """Return the keys with start <= key < end, in order."""
        ordered = sorted(self.values)
        return ordered[bisect_left(ordered, start) : bisect_left(ordered, end)]

    def simulate(self) -> Simulation:
        """Begin a transaction."""
        return Simulation(self)

    def commit(self, *block: Simulation) -> list[str]:
        """Commit a block: each transaction is valid if nothing it read has changed. Returns the validation codes."""
        self.height += 1
        codes: list[str] = []
        for place, simulation in enumerate(block):
            valid = all(self.committed(key)[1] == version for key, version in simulation.reads.items())
            codes.append(VALID if valid else MVCC_READ_CONFLICT)
            if valid:
                version = (self.height, place)
                self.values.update({key: (value, version) for key, value in simulation.writes.items()})
        return codes


def _require_key(key: str) -> None:
    if not key or key.startswith("\x00"):
        raise ValueError(f"{key!r} is no simple key")
