"""Where subtrees lie: covering spans, the cover of evidence, and the spans of proofs."""

from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof.log import LogError, Node, cover
from wayproof.log.nodes import consistency_spans, covering, inclusion_spans

# The tree of seven leaves of RFC 9162 §2.1.5, by its letters.
RFC = {"b": (1, 2), "c": (2, 3), "d": (3, 4), "f": (5, 6), "g": (0, 2), "h": (2, 4), "i": (4, 6), "j": (6, 7)}
RFC |= {"k": (0, 4), "l": (4, 7)}


@pytest.mark.parametrize(("index", "proof"), [(0, "bhl"), (3, "cgl"), (4, "fjk"), (6, "ik")])
def test_inclusion_spans_are_those_of_the_rfc(index: int, proof: str) -> None:
    assert inclusion_spans(index, size=7) == [RFC[letter] for letter in proof]


@pytest.mark.parametrize(("first_size", "proof"), [(0, ""), (3, "cdgl"), (4, "l"), (6, "ijk"), (7, "")])
def test_consistency_spans_are_those_of_the_rfc(first_size: int, proof: str) -> None:
    assert consistency_spans(first_size, size=7) == [RFC[letter] for letter in proof]


@given(st.integers(0, 2**40), st.integers(0, 2**20))
def test_covering_is_complete_and_as_large_as_alignment_allows(start: int, length: int) -> None:
    end = position = start + length
    for node in reversed(list(covering((start, end)))):
        first, last = node.span
        assert last == position
        twice = 2 << node.level
        assert first % twice or first + twice > end, "a subtree of twice the size fits here"
        position = first
    assert position == start


@given(st.sets(st.integers(0, 299)), st.integers(300, 400))
def test_cover_tells_shown_leaves_from_gaps(shown: set[int], size: int) -> None:
    items = list(cover(sorted(shown), size=size))
    spans = [(item, item + 1) if isinstance(item, int) else item.span for item in items]
    assert [first for first, _ in spans[1:]] == [last for _, last in spans[:-1]]
    assert (spans[0][0], spans[-1][1]) == (0, size)
    assert {item for item in items if isinstance(item, int)} == shown


def test_cover_example() -> None:
    assert list(cover([0, 5, 6], size=9)) == [0, Node(0, 1), Node(1, 1), Node(0, 4), 5, 6, Node(0, 7), Node(0, 8)]
    assert list(cover([], size=6)) == [Node(2, 0), Node(1, 2)]
    assert list(cover([], size=0)) == []


def test_cover_reads_a_stream() -> None:
    assert list(islice(cover(count(), size=2**40), 3)) == [0, 1, 2]


@pytest.mark.parametrize("shown", [[3, 2], [3, 3], [10], [-1]])
def test_cover_refuses_disorder(shown: list[int]) -> None:
    with pytest.raises(LogError, match="cannot be shown"):
        list(cover(shown, size=10))
