"""Roots and proofs from stored subtrees against the plain functions of `wayproof_contract.merkle`."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.log_export import leaves
from wayproof.log import LogError, LogTree, MemorySubtrees, Node, cover, grow
from wayproof_contract import merkle

LEAVES = leaves(1100)
SOURCE = MemorySubtrees(LEAVES)


class CountingSource:
    """A source that remembers how many hashes each call asked for."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def subtrees(self, nodes: Sequence[Node]) -> list[bytes]:
        self.calls.append(len(nodes))
        return SOURCE.subtrees(nodes)


@given(st.data())
def test_proofs_are_those_of_the_plain_functions(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    index = data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(0, size))
    tree = LogTree(SOURCE, size)
    assert tree.root() == merkle.root(LEAVES[:size])
    assert tree.inclusion_proof(index) == merkle.inclusion_proof(LEAVES[:size], index=index)
    assert tree.consistency_proof(first) == merkle.consistency_proof(LEAVES[:size], first_size=first)


def test_every_proof_of_small_trees_is_that_of_the_plain_functions() -> None:
    for size in range(34):
        tree, prefix = LogTree(SOURCE, size), LEAVES[:size]
        assert tree.root() == merkle.root(prefix)
        for index in range(size):
            assert tree.inclusion_proof(index) == merkle.inclusion_proof(prefix, index=index)
        for first in range(size + 1):
            assert tree.consistency_proof(first) == merkle.consistency_proof(prefix, first_size=first)


@given(st.data())
def test_proofs_verify(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(LEAVES)))
    index = data.draw(st.integers(0, size - 1))
    first = LogTree(SOURCE, data.draw(st.integers(0, size)))
    tree = LogTree(SOURCE, size)
    root, leaf = tree.root(), LEAVES[index]
    proof = tree.inclusion_proof(index)
    assert merkle.verify_inclusion(leaf, index=index, size=size, proof=proof, tree_root=root)
    assert merkle.verify_consistency(
        first.size,
        first_root=first.root(),
        second_size=size,
        second_root=root,
        proof=tree.consistency_proof(first.size),
    )


@given(st.integers(0, len(LEAVES)), st.data())
def test_cover_folds_to_the_root(size: int, data: st.DataObject) -> None:
    shown = sorted(data.draw(st.sets(st.integers(0, size - 1)))) if size else []
    compact = merkle.CompactRange()
    for item in cover(shown, size=size):
        if isinstance(item, int):
            compact.append_leaf(LEAVES[item])
        else:
            [node] = SOURCE.subtrees([item])
            compact.append_node(item.level, node)
    assert compact.size == size
    assert compact.root() == LogTree(SOURCE, size).root()


@given(st.lists(st.integers(0, 40), max_size=6))
def test_growing_in_steps_stores_the_same_subtrees(steps: list[int]) -> None:
    stepwise = MemorySubtrees()
    for step in steps:
        stepwise.append(LEAVES[stepwise.size : stepwise.size + step])
    at_once = dict(grow(MemorySubtrees(), size=0, leaves=LEAVES[: sum(steps)]))
    assert stepwise.size == sum(steps)
    assert stepwise.subtrees(list(at_once)) == list(at_once.values())
    assert stepwise.tree().root() == merkle.root(LEAVES[: sum(steps)])


def test_growing_names_each_whole_subtree_once() -> None:
    first = dict(grow(SOURCE, size=0, leaves=LEAVES[:5]))
    second = dict(grow(SOURCE, size=5, leaves=LEAVES[5:8]))
    assert list(second) == [Node(0, 5), Node(1, 2), Node(0, 6), Node(0, 7), Node(1, 3), Node(2, 1), Node(3, 0)]
    assert not first.keys() & second.keys()


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 1023, 1024, 1100])
def test_a_question_is_one_call_for_few_hashes(size: int) -> None:
    source = CountingSource()
    tree = LogTree(source, size)
    tree.root()
    tree.inclusion_proof(size // 3)
    tree.consistency_proof(size // 2 + 1)
    assert len(source.calls) == 3
    assert max(source.calls) <= 2 * size.bit_length()


def test_questions_beyond_the_tree_are_refused() -> None:
    tree = LogTree(SOURCE, 5)
    for index in (-1, 5):
        with pytest.raises(LogError, match="no leaf"):
            tree.inclusion_proof(index)
    for first in (-1, 6):
        with pytest.raises(LogError, match="no prefix"):
            tree.consistency_proof(first)
    with pytest.raises(LogError, match="every subtree"):
        LogTree(MemorySubtrees(LEAVES[:3]), 4).root()
