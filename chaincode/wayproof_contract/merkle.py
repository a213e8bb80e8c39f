"""Merkle trees of RFC 9162 §2.1: hashes, proofs, and their verification.

Hashes are 32 bytes. A tree is given by its leaf hashes, left to right. It is split, as in the RFC, at the largest
power of two smaller than the number of its leaves.
"""

from collections.abc import Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree without leaves (§2.1.1)."""

HASH_SIZE = 32


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf (§2.1.1); the prefix keeps leaves and nodes apart."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two subtrees (§2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return MTH, the root over all leaves (§2.1.1)."""
    return _subtree(leaf_hashes, start=0, end=len(leaf_hashes))


def inclusion_proof(leaf_hashes: Sequence[bytes], *, index: int) -> list[bytes]:
    """Return PATH (§2.1.3.1): the siblings on the way from leaf `index` up to the root. Raises IndexError."""
    start, end = 0, len(leaf_hashes)
    if not start <= index < end:
        raise IndexError(f"a tree of {end} leaves has no leaf {index}")
    path: list[bytes] = []
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            path.append(_subtree(leaf_hashes, start=split, end=end))
            end = split
        else:
            path.append(_subtree(leaf_hashes, start=start, end=split))
            start = split
    return path[::-1]


def consistency_proof(leaf_hashes: Sequence[bytes], *, first_size: int) -> list[bytes]:
    """Return PROOF (§2.1.4.1) that the first `first_size` leaves are a prefix. Empty from size 0. Raises IndexError."""
    start, end = 0, len(leaf_hashes)
    if not 0 <= first_size <= end:
        raise IndexError(f"a tree of {end} leaves has no prefix of {first_size}")
    if first_size == 0:
        return []
    path: list[bytes] = []
    while first_size != end:
        split = start + _split(end - start)
        if first_size <= split:
            path.append(_subtree(leaf_hashes, start=split, end=end))
            end = split
        else:
            path.append(_subtree(leaf_hashes, start=start, end=split))
            start = split
    # A subtree from 0 is the first tree itself: whoever verifies has its root already (b = true in the RFC).
    if start > 0:
        path.append(_subtree(leaf_hashes, start=start, end=end))
    return path[::-1]


def verify_inclusion(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], tree_root: bytes) -> bool:
    """Tell whether `proof` shows the leaf hash `leaf` at `index` of the tree (size, tree_root) (§2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes(leaf, tree_root, *proof):
        return False
    node, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and result == tree_root


def verify_consistency(
    first_size: int, *, first_root: bytes, second_size: int, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether `proof` shows that the first tree is a prefix of the second (§2.1.4.2).

    Equal sizes, and the empty first tree, take the empty proof; the RFC leaves the latter out.
    """
    if not 0 <= first_size <= second_size or not _are_hashes(first_root, second_root, *proof):
        return False
    if first_size == 0:
        return not proof and first_root == EMPTY_ROOT and (second_size > 0 or second_root == EMPTY_ROOT)
    if first_size == second_size:
        return not proof and first_root == second_root
    return _climb(first_size, second_size, proof=proof, first_root=first_root) == (first_root, second_root)


def _climb(
    first_size: int, second_size: int, *, proof: Sequence[bytes], first_root: bytes
) -> tuple[bytes, bytes] | None:
    """Compute both roots from a consistency proof; None if its length does not fit (§2.1.4.2, steps 2 to 7)."""
    # A complete first tree is its own first node, so its root is not in the proof.
    path = [first_root, *proof] if first_size & (first_size - 1) == 0 else list(proof)
    if not path:
        return None
    node, last = first_size - 1, second_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not node & 1 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return (first, second) if last == 0 else None


class CompactRange:
    """A tree folded from left to right: it keeps one hash for each complete subtree, so memory grows with log(size)."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []  # of falling height; heights are the bits set in size

    def append_leaf(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        self.append_node(0, leaf)

    def append_node(self, level: int, node: bytes) -> None:
        """Append the hash of a complete subtree of 2^level leaves. Raises ValueError where no such subtree begins."""
        leaves = 1 << level
        if self.size & (leaves - 1):
            raise ValueError(f"no subtree of {leaves} leaves begins at leaf {self.size}")
        above = self.size >> level
        while above & 1:
            node = node_hash(self._peaks.pop(), node)
            above >>= 1
        self._peaks.append(node)
        self.size += leaves

    def root(self) -> bytes:
        """Return the root over everything appended (§2.1.1)."""
        if not self._peaks:
            return EMPTY_ROOT
        result = self._peaks[-1]
        for peak in self._peaks[-2::-1]:
            result = node_hash(peak, result)
        return result


def _subtree(leaf_hashes: Sequence[bytes], *, start: int, end: int) -> bytes:
    """Return MTH of the leaves from `start` to before `end`."""
    tree = CompactRange()
    for index in range(start, end):
        tree.append_leaf(leaf_hashes[index])
    return tree.root()


def _split(size: int) -> int:
    """Return k: the largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_SIZE for value in values)
