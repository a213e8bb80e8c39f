"""Ids as runs: exactly those, whatever holes other writers leave."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wayproof.store.messages import runs


@given(st.sets(st.integers(1, 60), min_size=1))
def test_runs_are_the_ids_and_do_not_touch(ids: set[int]) -> None:
    found = runs(sorted(ids))
    spans = list(zip(found["first"], found["last"], strict=True))
    assert [it for first, last in spans for it in range(first, last + 1)] == sorted(ids)
    assert all(first > last + 1 for (_, last), (first, _) in pairwise(spans))
