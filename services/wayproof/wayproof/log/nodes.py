"""The places in a tree, as arithmetic: no hashes here.

A *node* is a whole subtree: `Node(level, index)` stands above the 2^level leaves from index · 2^level on. Its hash
never changes once its leaves are there, so these are the hashes that a log stores. Every other hash of RFC 9162 is
the hash of a *span* of leaves [start, end) and is folded from the nodes that cover it: `covering`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wayproof.log.errors import LogError

Span = tuple[int, int]
"""The leaves from the first number to before the second."""


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """A whole subtree of 2^level leaves, the one after `index` others of its size."""

    level: int
    index: int

    @property
    def span(self) -> Span:
        """The leaves below this node."""
        return self.index << self.level, (self.index + 1) << self.level


def covering(span: Span) -> Iterator[Node]:
    """Yield the nodes that cover a span from left to right, each as large as alignment allows."""
    start, end = span
    while start < end:
        largest = (end - start).bit_length() - 1
        aligned = (start & -start).bit_length() - 1 if start else largest
        level = min(largest, aligned)
        yield Node(level, start >> level)
        start += 1 << level


def cover(shown: Iterable[int], *, size: int) -> Iterator[int | Node]:
    """Yield what covers the leaves [0, size) from left to right: the shown leaves' indices, and nodes in the gaps.

    `shown` is in ascending order, none twice; it is read as a stream. Raises LogError where it is not.
    """
    position = 0
    for index in shown:
        if not position <= index < size:
            raise LogError(f"leaf {index} cannot be shown after leaf {position - 1} of {size}: sort, drop duplicates")
        yield from covering((position, index))
        yield index
        position = index + 1
    yield from covering((position, size))


def inclusion_spans(index: int, *, size: int) -> list[Span]:
    """Return the spans whose hashes are the inclusion proof (PATH, RFC 9162 §2.1.3.1), in the proof's order."""
    return _siblings((index, index + 1), size=size)


def consistency_spans(first_size: int, *, size: int) -> list[Span]:
    """Return the spans whose hashes are the consistency proof from `first_size` (PROOF, RFC 9162 §2.1.4.1).

    From size 0 and from the size itself the proof is empty.
    """
    if first_size in (0, size):
        return []
    # The proof starts at the last whole subtree of the first tree; where that is the whole first tree, whoever
    # verifies has its root already (b = true in the RFC).
    *_, last = (node.span for node in covering((0, first_size)))
    return [*([last] if last[0] else []), *_siblings(last, size=size)]


def _siblings(span: Span, *, size: int) -> list[Span]:
    """Return the siblings on the way from a subtree up to the root of the tree of `size` leaves."""
    siblings: list[Span] = []
    start, end = 0, size
    while (start, end) != span:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if span[0] < split:
            siblings.append((split, end))
            end = split
        else:
            siblings.append((start, split))
            start = split
    return siblings[::-1]
