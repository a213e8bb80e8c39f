"""RFC 9162 trees: known answers, and proofs that stand up to every change."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof_contract.merkle import (
    EMPTY_ROOT,
    CompactRange,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

VECTORS = json.loads((Path(__file__).parents[1] / "fixtures" / "merkle" / "certificate_transparency.json").read_text())
KNOWN = [leaf_hash(bytes.fromhex(entry)) for entry in VECTORS["entries"]]
LEAVES = [leaf_hash(b"%d" % number) for number in range(70)]
SIZES = st.integers(0, len(LEAVES))


def _plain_root(leaves: list[bytes]) -> bytes:
    """MTH, word for word (§2.1.1)."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(_plain_root(leaves[:split]), _plain_root(leaves[split:]))


def _consistent(first: int, second: int, proof: list[bytes], *, of: list[bytes] = LEAVES) -> bool:
    return verify_consistency(
        first, first_root=root(of[:first]), second_size=second, second_root=root(of[:second]), proof=proof
    )


def test_known_roots() -> None:
    assert [root(KNOWN[:size]).hex() for size in range(9)] == VECTORS["roots"]


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=lambda vector: f"{vector['first']}-{vector['second']}")
def test_known_consistency_proofs(vector: dict[str, int | list[str]]) -> None:
    first, second = int(str(vector["first"])), int(str(vector["second"]))
    proof = consistency_proof(KNOWN[:second], first_size=first)
    assert [node.hex() for node in proof] == vector["proof"]
    assert _consistent(first, second, proof, of=KNOWN)


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=lambda vector: f"{vector['index']}-{vector['size']}")
def test_known_inclusion_proofs(vector: dict[str, int | list[str]]) -> None:
    index, size = int(str(vector["index"])), int(str(vector["size"]))
    proof = inclusion_proof(KNOWN[:size], index=index)
    assert [node.hex() for node in proof] == vector["proof"]
    assert verify_inclusion(KNOWN[index], index=index, size=size, proof=proof, tree_root=root(KNOWN[:size]))


@pytest.mark.parametrize("size", range(len(LEAVES) + 1))
def test_the_root_is_the_one_that_the_rfc_defines(size: int) -> None:
    assert root(LEAVES[:size]) == _plain_root(LEAVES[:size])


def test_every_inclusion_proof_of_small_trees_verifies() -> None:
    for size in range(1, 20):
        for index in range(size):
            proof = inclusion_proof(LEAVES[:size], index=index)
            assert verify_inclusion(LEAVES[index], index=index, size=size, proof=proof, tree_root=root(LEAVES[:size]))


def test_every_consistency_proof_of_small_trees_verifies() -> None:
    for second in range(20):
        for first in range(second + 1):
            assert _consistent(first, second, consistency_proof(LEAVES[:second], first_size=first))


@given(st.data())
def test_a_changed_inclusion_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(LEAVES)))
    index = data.draw(st.integers(0, size - 1))
    tree_root = root(LEAVES[:size])
    proof = inclusion_proof(LEAVES[:size], index=index)
    changed = data.draw(st.sampled_from(list(_changes(proof))))
    assert not verify_inclusion(LEAVES[index], index=index, size=size, proof=changed, tree_root=tree_root)
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index) if size > 1 else st.just(1))
    assert not verify_inclusion(LEAVES[index], index=other, size=size, proof=proof, tree_root=tree_root)
    assert not verify_inclusion(LEAVES[other], index=index, size=size, proof=proof, tree_root=tree_root)


@given(st.data())
def test_a_changed_consistency_proof_is_refused(data: st.DataObject) -> None:
    second = data.draw(SIZES)
    first = data.draw(st.integers(0, second))
    proof = consistency_proof(LEAVES[:second], first_size=first)
    changed = data.draw(st.sampled_from(list(_changes(proof))))
    assert not _consistent(first, second, changed)


@given(st.lists(SIZES, min_size=3, max_size=3).map(sorted).filter(lambda numbers: numbers[0] < numbers[1]))
def test_a_rewritten_log_is_refused(numbers: list[int]) -> None:
    """Whoever changes a leaf that was anchored cannot prove anything, with whatever proof of either tree."""
    place, first, second = numbers
    forked = [*LEAVES[:place], leaf_hash(b"forged"), *LEAVES[place + 1 :]]
    for tree in (LEAVES, forked):
        proof = consistency_proof(tree[:second], first_size=first)
        assert not verify_consistency(
            first,
            first_root=root(LEAVES[:first]),
            second_size=second,
            second_root=root(forked[:second]),
            proof=proof,
        )


def _changes(proof: list[bytes]) -> list[list[bytes]]:
    """Return a proof with one more hash, one less, one changed, one too short, two swapped."""
    changed = [[*proof, LEAVES[0]], [LEAVES[0], *proof], [*proof, b""]]
    for place, node in enumerate(proof):
        changed.append(proof[:place] + proof[place + 1 :])
        changed.append([*proof[:place], bytes([node[0] ^ 1]) + node[1:], *proof[place + 1 :]])
        changed.append([*proof[:place], node[:-1], *proof[place + 1 :]])
    if len(proof) > 1:
        changed.append([proof[1], proof[0], *proof[2:]])
    return changed


def test_sizes_out_of_range_are_refused() -> None:
    assert not verify_inclusion(LEAVES[0], index=0, size=0, proof=[], tree_root=EMPTY_ROOT)
    assert not verify_inclusion(LEAVES[0], index=-1, size=1, proof=[], tree_root=LEAVES[0])
    assert not verify_consistency(2, first_root=root(LEAVES[:2]), second_size=1, second_root=LEAVES[0], proof=[])
    assert not verify_consistency(-1, first_root=EMPTY_ROOT, second_size=1, second_root=LEAVES[0], proof=[])
    with pytest.raises(IndexError):
        inclusion_proof(LEAVES[:3], index=3)
    with pytest.raises(IndexError):
        consistency_proof(LEAVES[:3], first_size=4)


def test_from_the_empty_tree_only_the_empty_proof_and_root_are_accepted() -> None:
    assert verify_consistency(0, first_root=EMPTY_ROOT, second_size=1, second_root=LEAVES[0], proof=[])
    assert not verify_consistency(0, first_root=LEAVES[1], second_size=1, second_root=LEAVES[0], proof=[])
    assert not verify_consistency(0, first_root=EMPTY_ROOT, second_size=1, second_root=LEAVES[0], proof=[LEAVES[0]])
    assert not verify_consistency(0, first_root=EMPTY_ROOT, second_size=0, second_root=LEAVES[0], proof=[])


@given(st.integers(0, 6), st.integers(0, 64))
def test_a_compact_range_takes_whole_subtrees(level: int, before: int) -> None:
    tree = CompactRange()
    for leaf in LEAVES[:before]:
        tree.append_leaf(leaf)
    leaves = LEAVES[: 1 << level]
    if before % len(leaves):
        with pytest.raises(ValueError, match="no subtree"):
            tree.append_node(level, root(leaves))
        return
    tree.append_node(level, root(leaves))
    assert tree.size == before + len(leaves)
    assert tree.root() == root([*LEAVES[:before], *leaves])
