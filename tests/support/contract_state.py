"""A world state in memory with Fabric's rules: reads see committed state only, versions are checked at commit."""

from bisect import bisect_left
from dataclasses import dataclass, field

from wayproof_contract import canonical
from wayproof_contract.access import Caller
from wayproof_contract.dispatch import Answer, Transaction, invoke


@dataclass(slots=True)
class Simulation:
    """One transaction's view of the state: a `WorldState` that records what is read and written.

    `reads` holds the version of every key read (None: absent), `writes` what would be committed.
    """

    committed: dict[str, tuple[bytes, int]]
    reads: dict[str, int | None] = field(default_factory=dict)
    writes: dict[str, bytes] = field(default_factory=dict)
    paged: bool = False

    def get(self, key: str) -> bytes | None:
        value, version = self.committed.get(key, (None, None))
        self.reads[key] = version
        return value

    def put(self, key: str, value: bytes) -> None:
        assert value, "Fabric cannot tell an empty value from an absent one"
        assert key, "a key is not empty"
        assert key.isascii(), "keys of the contract are ASCII"
        assert not self.paged, "a transaction that asks for pages writes nothing"
        self.writes[key] = value

    def page(self, start: str, end: str, *, size: int, bookmark: str) -> tuple[list[tuple[str, bytes]], str]:
        assert not self.writes, "a transaction that writes asks for no pages"
        self.paged = True
        keys = sorted(self.committed)
        first, last = bisect_left(keys, max(bookmark, start)), bisect_left(keys, end)
        found = keys[first : min(first + size, last)]
        more = keys[first + size] if first + size < last else ""
        return [(key, self.committed[key][0]) for key in found], more


@dataclass(slots=True)
class MemoryLedger:
    """Committed state, changed by one transaction after the other; `height` numbers the commits."""

    committed: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    height: int = 0

    def simulate(
        self, function: str, argument: object, *, caller: Caller, tx_timestamp_ms: int | None = None
    ) -> tuple[Answer, Simulation]:
        """Run a transaction or query without committing it. An argument that is not bytes is encoded."""
        simulation = Simulation(self.committed)
        transaction = Transaction(
            function=function,
            argument=argument if isinstance(argument, bytes) else canonical.encode(argument),
            caller=caller,
            tx_id=f"{self.height + 1:064x}",
            tx_timestamp_ms=1_700_000_000_000 + self.height if tx_timestamp_ms is None else tx_timestamp_ms,
        )
        return invoke(transaction, state=simulation), simulation

    def commit(self, simulation: Simulation) -> bool:
        """Write what was simulated if every key read still has its version (MVCC); tell whether it was valid."""
        for key, version in simulation.reads.items():
            if self.committed.get(key, (None, None))[1] != version:
                return False
        self.height += 1
        for key, value in simulation.writes.items():
            self.committed[key] = (value, self.height)
        return True

    def submit(self, function: str, argument: object, *, caller: Caller) -> Answer:
        """Simulate and, if the contract agrees, commit."""
        answer, simulation = self.simulate(function, argument, caller=caller)
        if answer.status < 400:
            assert self.commit(simulation)
        else:
            assert not answer.payload
        return answer

    def query(self, function: str, argument: object, *, caller: Caller) -> Answer:
        """Evaluate a query, which must write nothing."""
        answer, simulation = self.simulate(function, argument, caller=caller)
        assert not simulation.writes
        return answer

    def record(self, key: str) -> dict[str, object]:
        """Return the committed record at a key."""
        return canonical.decode_object(self.committed[key][0])
