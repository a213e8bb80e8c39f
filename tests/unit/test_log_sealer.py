"""Sealing: deterministic, idempotent, and the same roots whatever crashes."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.log_export import entries
from wayproof.log import LogError, LogRow, MemorySubtrees, entries_in_order, seal
from wayproof_contract.merkle import leaf_hash, root

ENTRIES = entries(60)


def row(ingest_id: int, received_at_ms: int) -> LogRow:
    return LogRow(ingest_id, received_at_ms, ENTRIES[ingest_id])


ROWS = st.lists(st.integers(0, 5), max_size=40).map(lambda times: [row(i, time) for i, time in enumerate(times)])


def test_order_is_received_then_ingest() -> None:
    sealed = seal([row(3, 20), row(1, 30), row(2, 10), row(0, 20)], size=7)
    assert [(each.ingest_id, each.index) for each in sealed] == [(2, 7), (0, 8), (3, 9), (1, 10)]


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_reading_changes_nothing(rows: list[LogRow], random: Random) -> None:
    shuffled = random.sample(rows, len(rows))
    assert seal(shuffled, size=0) == seal(rows, size=0)


@given(ROWS)
def test_sealing_again_changes_nothing(rows: list[LogRow]) -> None:
    sealed = seal(rows, size=0)
    assert seal(sealed, size=len(sealed)) == ()


class Store:
    """What survives a crash: committed rows, and the indices stored with them. The tree is computed from these."""

    def __init__(self) -> None:
        self.rows: dict[int, LogRow] = {}

    @property
    def sealed(self) -> list[LogRow]:
        return [row for row in self.rows.values() if row.index is not None]

    def tree(self) -> MemorySubtrees:
        return MemorySubtrees(leaf_hash(entry) for entry in entries_in_order(self.sealed))


@given(ROWS, st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["whole", "before", "after"]))), st.randoms())
def test_crashes_between_steps_leave_the_same_roots(
    rows: list[LogRow], steps: list[tuple[int, str]], random: Random
) -> None:
    store, tree, published = Store(), MemorySubtrees(), list[bytes]()
    arriving = random.sample(rows, len(rows))
    for count, crash in [*steps, (len(rows) or 1, "whole")]:
        committed, arriving = arriving[:count], arriving[count:]
        store.rows |= {each.ingest_id: each for each in committed}
        step = seal(random.sample(list(store.rows.values()), len(store.rows)), size=len(store.sealed))
        if crash != "before":  # the assignment is stored in one transaction, or not at all
            store.rows |= {each.ingest_id: each for each in step}
        if crash == "whole":
            tree.append(leaf_hash(entry) for entry in entries_in_order(step, start=len(store.sealed) - len(step)))
        else:  # the process is gone, and the next one computes the tree from what is stored
            tree = store.tree()
        published.append(tree.tree().root())
        assert published[-1] == store.tree().tree().root()
    frozen = [leaf_hash(entry) for entry in entries_in_order(store.sealed)]
    prefixes = {root(frozen[:size]) for size in range(len(frozen) + 1)}
    assert set(published) <= prefixes
    assert len(frozen) == len(rows)


def test_contradictions_are_refused() -> None:
    with pytest.raises(LogError, match="twice"):
        seal([row(1, 5), row(1, 5)], size=0)
    with pytest.raises(LogError, match="beyond size 3"):
        seal([row(1, 5)._replace(index=3)], size=3)
    with pytest.raises(LogError, match="index 1"):
        entries_in_order([row(1, 5)._replace(index=0), row(2, 5)._replace(index=2)])
    with pytest.raises(LogError, match="index 0"):
        entries_in_order([row(1, 5)])
