"""A world state in memory with Fabric's semantics, and the read/write set of each transaction on it.

Reads see what was committed, never the transaction's own writes; a key read in another version than it has at commit
makes the transaction invalid; pages are for transactions that write nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wayproof_contract import canonical
from wayproof_contract.dispatch import OK, Answer, Transaction, invoke

Version = tuple[int, int]


class ConflictError(Exception):
    """What Fabric calls MVCC_READ_CONFLICT: a key that was read has changed since."""


@dataclass(slots=True)
class CommittedState:
    """Keys with their values and the version (block, transaction) that wrote each."""

    entries: dict[str, tuple[bytes, Version]] = field(default_factory=dict)
    height: int = 0

    def commit(self, simulation: "Simulation") -> None:
        """Validate a simulation and apply its writes, as a block of its own. Raises ConflictError."""
        for key, version in simulation.reads.items():
            if self.version(key) != version:
                raise ConflictError(key)
        self.height += 1
        for key, value in simulation.writes.items():
            self.entries[key] = (value, (self.height, 0))

    def version(self, key: str) -> Version | None:
        """Return the version of a key, None if it is absent."""
        return self.entries[key][1] if key in self.entries else None

    def values(self) -> dict[str, bytes]:
        """Return all keys and values."""
        return {key: value for key, (value, _) in self.entries.items()}


@dataclass(slots=True)
class Simulation:
    """A `WorldState` for one transaction: it records what was read and written."""

    committed: CommittedState
    reads: dict[str, Version | None] = field(default_factory=dict)
    writes: dict[str, bytes] = field(default_factory=dict)
    paged: bool = False

    def get(self, key: str) -> bytes | None:
        """Return the committed value."""
        _check_key(key)
        self.reads[key] = self.committed.version(key)
        return self.committed.entries[key][0] if key in self.committed.entries else None

    def put(self, key: str, value: bytes) -> None:
        """Note a write."""
        _check_key(key)
        if not value:
            raise ValueError("an empty value cannot be told from an absent one")
        if self.paged:
            raise ValueError("a transaction that read pages must not write")
        self.writes[key] = value

    def page(self, start: str, end: str, *, size: int, bookmark: str) -> tuple[Sequence[tuple[str, bytes]], str]:
        """Return a page; like Fabric, a bookmark is simply where reading begins."""
        if self.writes:
            raise ValueError("a transaction that writes must not read pages")
        self.paged = True
        keys = sorted(key for key in self.committed.entries if (bookmark or start) <= key < end)
        following = keys[size] if len(keys) > size else ""
        return [(key, self.committed.entries[key][0]) for key in keys[:size]], following


def simulate(committed: CommittedState, transaction: Transaction) -> tuple[Answer, Simulation]:
    """Run a transaction without committing it."""
    simulation = Simulation(committed)
    return invoke(transaction, state=simulation), simulation


def submit(committed: CommittedState, transaction: Transaction) -> Answer:
    """Run a transaction and commit it if the contract agreed; a refusal must not be endorsed, so it leaves nothing."""
    answer, simulation = simulate(committed, transaction)
    if answer.status == OK:
        committed.commit(simulation)
    return answer


def read_write_set(simulation: Simulation) -> bytes:
    """Return what endorsers compare, in one form: reads with versions, and writes, *in the order they were made*."""
    return canonical.encode(
        {
            "reads": [[key, *([] if version is None else version)] for key, version in simulation.reads.items()],
            "writes": [[key, value.decode()] for key, value in simulation.writes.items()],
        }
    )


def record(committed: CommittedState, key: str) -> Mapping[str, object] | None:
    """Return the record at a key."""
    return canonical.decode_object(committed.entries[key][0]) if key in committed.entries else None


def _check_key(key: str) -> None:
    if not key or key.startswith("\x00"):
        raise ValueError("a simple key is not empty and does not start with U+0000")
    key.encode()
