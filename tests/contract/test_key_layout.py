"""Which transactions can conflict: none of independent shipments, and a log's anchors only with each other.

Fabric refuses a transaction that read a key which another one, committed in between, has written. So two of them can
conflict exactly when one writes what the other reads or writes.
"""

from collections.abc import Iterator

import pytest

from support.contract_scenario import steps
from support.contract_state import ConflictError, Simulation
from support.contract_world import (
    CARRY,
    GSIN,
    NORTH,
    SECOND_GSIN,
    SOUTH,
    Argument,
    World,
    attach_argument,
    hand_over,
    handover,
    head_argument,
    leaves,
    prepared_world,
    shipment_argument,
)

ON_SHIPMENTS = [(by, function, argument) for by, function, argument in steps() if "gsin" in argument]


def _conflict(first: Simulation, second: Simulation) -> set[str]:
    return first.writes.keys() & (second.reads.keys() | second.writes.keys())


def _kinds(keys: Iterator[str]) -> set[str]:
    return {key.split("/")[0] for key in keys}


def _moved(argument: Argument) -> Argument:
    return {**argument, "gsin": SECOND_GSIN}


def _simulations() -> Iterator[tuple[str, Simulation, Simulation]]:
    """Yield each step on a shipment beside the same step on another one, on the same state, same device, same log."""
    world = World()
    for by, function, argument in steps():
        if "gsin" not in argument:
            world.do(function, argument, by=by)
            continue
        pair = [world.simulate(function, item, by=by) for item in (argument, _moved(argument))]
        yield function, pair[0], pair[1]
        for simulation in pair:
            world.committed.commit(simulation)  # the second would raise ConflictError


def test_independent_shipments_never_conflict() -> None:
    seen = set()
    for function, first, second in _simulations():
        assert _conflict(first, second) == set(), function
        assert _conflict(second, first) == set(), function
        seen.add(function)
    assert seen == {function for _, function, _ in ON_SHIPMENTS}


def test_a_transaction_on_a_shipment_reads_and_writes_its_own_keys_and_reads_what_never_moves() -> None:
    for function, simulation, _ in _simulations():
        assert _kinds(key for key in simulation.writes) <= {"shipment", "shipment_event", "party"}, function
        assert all(GSIN in key for key in simulation.writes), function
        others = {key for key in simulation.reads if GSIN not in key}
        assert _kinds(key for key in others) <= {"device", "anchor", "log_event"}, function


def test_an_anchor_is_in_nobody_elses_way() -> None:
    world = prepared_world()
    world.do("create_shipment", shipment_argument(SECOND_GSIN))
    anchor = world.simulate("anchor_log", head_argument("north", counter=2, tree=leaves(9), first_size=5))
    for by, function, argument in (
        (NORTH, "attach_device", attach_argument("n1", 0, stream="location")),
        (NORTH, "attach_device", _moved(attach_argument("n1", 10))),
        (NORTH, "detach_device", attach_argument("n1", 12)),
        (NORTH, "offer_custody", {"gsin": GSIN, "to": CARRY, "condition": handover(20)}),
    ):
        other = world.simulate(function, argument, by=by)
        assert _conflict(anchor, other) == _conflict(other, anchor) == set(), function
    assert sorted(anchor.writes) == ["anchor/north/000001/000000000002", "anchor_head/north"]


def test_an_acceptance_and_a_close_do_not_wait_for_a_log() -> None:
    world = prepared_world()
    hand_over(world, giver=NORTH, taker=SOUTH, sequence=20)
    close = world.simulate("close_shipment", {"gsin": GSIN, "condition": handover(40)}, by=SOUTH)
    world.do("anchor_log", head_argument("north", counter=2, tree=leaves(9), first_size=5))
    world.committed.commit(close)
    assert world.head()["status"] == "closed"


def test_two_anchors_of_one_log_conflict() -> None:
    world = prepared_world()
    first = world.simulate("anchor_log", head_argument("north", counter=2, tree=leaves(9), first_size=5))
    second = world.simulate("anchor_log", head_argument("north", counter=2, tree=leaves(8), first_size=5))
    world.committed.commit(first)
    with pytest.raises(ConflictError, match="anchor_head/north"):
        world.committed.commit(second)


def test_two_answers_to_one_offer_conflict() -> None:
    world = prepared_world()
    head = world.do("offer_custody", {"gsin": GSIN, "to": CARRY, "condition": handover(20)})
    answer = {"gsin": GSIN, "offer": head["offer"]["version"]}
    accept = world.simulate("accept_custody", {**answer, "condition": handover(20)}, by=CARRY)
    withdraw = world.simulate("reject_custody", {**answer, "remark": "no"})
    world.committed.commit(accept)
    with pytest.raises(ConflictError):
        world.committed.commit(withdraw)


def test_no_transaction_reads_a_range() -> None:
    """A range would conflict with every record that is new in it."""
    world = World()
    for by, function, argument in steps():
        assert not world.simulate(function, argument, by=by).paged
        world.do(function, argument, by=by)
