"""A range query as a peer reads it ahead and records it, to be repeated at commit.

Source: Fabric's ``core/ledger/kvledger/txmgmt`` (``query_executor.go``, ``rwsetutil/query_results_helper.go``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2

from aiofabric.embedded.state import Namespace, Version

RANGE_BATCH = 100
"""A peer reads ahead by this many results, and what it read is in the read set."""


def version_message(version: Version) -> kv_rwset_pb2.Version:
    """Return a version as a read/write set holds it."""
    return kv_rwset_pb2.Version(block_num=version[0], tx_num=version[1])


def read_message(key: str, version: Version | None) -> kv_rwset_pb2.KVRead:
    """Return a read as a read/write set holds it; an absent key has no version."""
    if version is None:
        return kv_rwset_pb2.KVRead(key=key)
    return kv_rwset_pb2.KVRead(key=key, version=version_message(version))


@dataclass(slots=True)
class RangeRead:
    """One range query as far as it was read."""

    start_key: str
    requested_end: str
    results: list[tuple[str, bytes, Version]] = field(default_factory=list)
    exhausted: bool = False

    def message(self) -> kv_rwset_pb2.RangeQueryInfo:
        """Return it as it is recorded: the end is the last key read, unless the range was read to its end."""
        info = kv_rwset_pb2.RangeQueryInfo(start_key=self.start_key, itr_exhausted=self.exhausted)
        info.end_key = self.requested_end if self.exhausted else self.results[-1][0]
        info.raw_reads.SetInParent()
        info.raw_reads.kv_reads.extend(read_message(key, version) for key, _, version in self.results)
        return info

    def iterate(self, namespace: Namespace) -> Iterator[tuple[str, bytes]]:
        """Read the first batch at once and the others as they are asked for."""
        results = namespace.scan(self.start_key, self.requested_end)
        self._read_on(results, count=RANGE_BATCH + 1)  # it reads one more, to know whether there is more
        return self._deliver(results)

    def page(self, namespace: Namespace, *, size: int) -> tuple[list[tuple[str, bytes]], str]:
        """Read one page; return it and the key that the next one starts with, "" at the end."""
        results = namespace.scan(self.start_key, self.requested_end)
        self._read_on(results, count=size)
        following = None if self.exhausted else next(results, None)
        return [(key, value) for key, value, _ in self.results], following[0] if following else ""

    def _deliver(self, results: Iterator[tuple[str, bytes, Version]]) -> Iterator[tuple[str, bytes]]:
        position = 0
        while position < len(self.results):
            key, value, _ = self.results[position]
            yield key, value
            position += 1
            if position == len(self.results) - 1 and not self.exhausted:
                self._read_on(results, count=RANGE_BATCH)

    def _read_on(self, results: Iterator[tuple[str, bytes, Version]], *, count: int) -> None:
        for _ in range(count):
            result = next(results, None)
            if result is None:
                self.exhausted = True
                return
            self.results.append(result)
