"""The log's tree (RFC 9162 §2.1) over stored subtree hashes: roots and proofs at any size, in O(log n) hashes each.

Nothing here computes a tree anew: `grow` says which hashes a store must keep when leaves are appended, and `LogTree`
answers every question from those. A store is anything that is a `SubtreeSource`; tiles are one
(`wayproof.log.tiles`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from wayproof.log.errors import LogError
from wayproof.log.nodes import Node, Span, consistency_spans, covering, inclusion_spans
from wayproof_contract.merkle import EMPTY_ROOT, node_hash


class SubtreeSource(Protocol):
    """Where the hashes of whole subtrees come from.

    A hash that was once returned for a node stays the same for ever. One question of a tree is one call, so that a
    store can answer it with one query.
    """

    def subtrees(self, nodes: Sequence[Node]) -> Sequence[bytes]:
        """Return the hash of each node, in the order asked. Raises LogError if one is not there."""
        ...


@dataclass(frozen=True, slots=True)
class LogTree:
    """The tree over the first `size` leaves of a source. A log's earlier tree is `LogTree(source, size=earlier)`."""

    source: SubtreeSource
    size: int

    def root(self) -> bytes:
        """Return the root, 32 bytes."""
        return self._hashes([(0, self.size)])[0] if self.size else EMPTY_ROOT

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Return the proof that the leaf `index` is under this root (§2.1.3). Raises LogError."""
        if not 0 <= index < self.size:
            raise LogError(f"a tree of {self.size} leaves has no leaf {index}")
        return self._hashes(inclusion_spans(index, size=self.size))

    def consistency_proof(self, first_size: int) -> list[bytes]:
        """Return the proof that the tree of `first_size` leaves is a prefix of this one (§2.1.4). Raises LogError."""
        if not 0 <= first_size <= self.size:
            raise LogError(f"a tree of {self.size} leaves has no prefix of {first_size}")
        return self._hashes(consistency_spans(first_size, size=self.size))

    def _hashes(self, spans: Sequence[Span]) -> list[bytes]:
        """Return the hash of each span: all stored hashes in one call, then folded span by span."""
        nodes = [list(covering(span)) for span in spans]
        stored = iter(self.source.subtrees([node for group in nodes for node in group]))
        return [fold(list(islice(stored, len(group)))) for group in nodes]


def fold(peaks: Sequence[bytes]) -> bytes:
    """Return the hash over subtrees of falling size, left to right (at least one): the RFC splits at the largest."""
    *others, result = peaks
    for peak in reversed(others):
        result = node_hash(peak, result)
    return result


def grow(source: SubtreeSource, *, size: int, leaves: Iterable[bytes]) -> Iterator[tuple[Node, bytes]]:
    """Yield every subtree that becomes whole when leaf hashes are appended to a tree of `size`, leaves included.

    These are what a store keeps. Each leaf costs two hashes on average, whatever the size of the tree.
    """
    peaks = list(source.subtrees(list(covering((0, size)))))
    for index, leaf in enumerate(leaves, start=size):
        node, result = Node(0, index), leaf
        yield node, result
        while node.index & 1:
            node, result = Node(node.level + 1, node.index >> 1), node_hash(peaks.pop(), result)
            yield node, result
        peaks.append(result)


class MemorySubtrees:
    """A source that keeps every subtree hash in memory: 64 bytes and a little for each leaf."""

    __slots__ = ("_levels",)

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        self.append(leaves)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def append(self, leaves: Iterable[bytes]) -> None:
        """Append leaf hashes."""
        for node, result in grow(self, size=self.size, leaves=leaves):
            if node.level == len(self._levels):
                self._levels.append([])
            self._levels[node.level].append(result)

    def tree(self) -> LogTree:
        """Return the tree over all leaves that are here now."""
        return LogTree(self, self.size)

    def subtrees(self, nodes: Sequence[Node]) -> list[bytes]:
        """Return the hash of each node (`SubtreeSource`)."""
        try:
            return [self._levels[node.level][node.index] for node in nodes]
        except IndexError as error:
            raise LogError(f"a log of {self.size} leaves does not have every subtree asked for") from error
