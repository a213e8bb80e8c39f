"""Random histories of all transactions, by all organisations, against a plain model; and what always holds.

`WAYPROOF_HISTORIES` says how many (10,000 is the long form).
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.contract_histories import BEGINNING, attempts
from support.contract_model import Attempt, Model, Shipment
from support.contract_state import ConflictError, read_write_set, simulate
from support.contract_world import ORGANISATIONS, World
from wayproof_contract import canonical, device, log, merkle, shipment, state
from wayproof_contract.contract import TRANSACTIONS

HISTORIES = int(os.environ.get("WAYPROOF_HISTORIES", "400"))
MOVING = ("shipment/", "device/", "log/", "anchor_head/")
FOLDS: Mapping[str, Callable[[Any, Any], dict[str, Any]]] = {
    "shipment": shipment.apply,
    "device": device.apply,
    "log": log.apply,
}


@pytest.mark.timeout(3600)
def test_every_history_keeps_the_rules() -> None:
    outcomes: Counter[tuple[str, bool]] = Counter()

    @settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.booleans(), st.binary(min_size=100, max_size=240))
    def run(prepared: bool, history: bytes) -> None:  # noqa: FBT001 - hypothesis passes it so
        outcomes.update(_play(BEGINNING + history if prepared else history))

    run()
    assert {name for name, accepted in outcomes if accepted} == set(TRANSACTIONS)
    assert {name for name, accepted in outcomes if not accepted} == set(TRANSACTIONS)


def _play(history: bytes) -> list[tuple[str, bool]]:
    world, model = World(), Model()
    done: dict[str, Attempt] = {}
    outcomes: list[tuple[str, bool]] = []
    for attempt in attempts(history, model=model):
        expected = model.accepts(attempt)
        accepted = _run(world, attempt, done)
        assert accepted == expected, attempt
        outcomes.append((attempt.function, accepted))
    _check_events(world, done)
    _check_against_model(world, model)
    _check_custody(world)
    _check_logs(world, model)
    return outcomes


def _run(world: World, attempt: Attempt, done: dict[str, Attempt]) -> bool:
    transaction = world.transaction(attempt.function, attempt.argument, by=attempt.by)
    answer, simulation = simulate(world.committed, transaction)
    if answer.status != 200:
        assert simulation.writes == {}, "a refusal wrote something"
        return False
    for key in simulation.writes:
        assert key.startswith(MOVING) or key not in world.committed.entries, f"{key} was written again"
    again, twin = simulate(world.committed, transaction)
    assert (again, read_write_set(twin)) == (answer, read_write_set(simulation))
    world.committed.commit(simulation)
    if twin.writes:
        with pytest.raises(ConflictError):  # the same transaction twice in one block
            world.committed.commit(twin)
    done[transaction.tx_id] = attempt
    return True


def _records(world: World, prefix: str) -> dict[str, dict[str, Any]]:
    entries = sorted(world.committed.entries.items())
    return {key: canonical.decode_object(value) for key, (value, _) in entries if key.startswith(prefix)}


def _check_events(world: World, done: Mapping[str, Attempt]) -> None:
    """Versions have no holes, events fold to heads, and each came from whom it names."""
    for kind, fold in FOLDS.items():
        for key, head in _records(world, f"{kind}/").items():
            events = _records(world, key.replace(kind, f"{kind}_event", 1) + "/")
            assert [int(name.rsplit("/", 1)[1]) for name in events] == list(range(1, head["version"] + 1))
            folded = None
            for version, event in enumerate(events.values(), start=1):
                assert event["version"] == version
                assert event["organisation"] == done[event["tx_id"]].by
                folded = fold(folded, event)
            assert folded == head
            if kind != "shipment":
                assert {event["organisation"] for event in events.values()} == {head["organisation"]}


def _check_against_model(world: World, model: Model) -> None:
    heads = _records(world, "shipment/")
    assert {state.shipment_key(gsin) for gsin in model.shipments} == set(heads)
    for gsin, expected in model.shipments.items():
        _check_shipment(heads[state.shipment_key(gsin)], expected)
    devices = _records(world, "device/").values()
    assert {item["device_id"]: item["status"] == "revoked" for item in devices} == {
        name: item.revoked for name, item in model.devices.items()
    }
    assert len(_records(world, "device_key/")) == len(model.keys)
    assert len(_records(world, "erasure/")) == len(model.erased)


def _check_shipment(head: Mapping[str, Any], expected: Shipment) -> None:
    offer = (head["offer"]["version"], head["offer"]["to"]) if "offer" in head else None
    assert (head["version"], head["custodian"], offer) == (expected.version, expected.custodian, expected.offered)
    assert (head["status"] == "closed") == expected.closed
    assert {item["excursion_id"]: "resolution" in item for item in head["excursions"]} == expected.excursions
    intervals = [(item["organisation"], item["attached"], item.get("end")) for item in head["attachments"]]
    assert intervals == [(item.owner, item.since, item.end) for item in expected.intervals]


def _check_custody(world: World) -> None:
    """One custodian at any time, who got it from the one before; after close only amendments."""
    for key, head in _records(world, "shipment/").items():
        events = list(_records(world, key.replace("shipment", "shipment_event", 1) + "/").values())
        custodian, closed, offered = events[0]["organisation"], False, None
        parties = {party["msp_id"]: party["role"] for party in head["parties"]}
        for event in events:
            by, kind = event["organisation"], event["kind"]
            assert by in parties
            assert not closed or kind == "shipment_amended"
            if kind == "custody_offered":
                assert (by, offered) == (custodian, None)
                offered = event["to"]
            elif kind == "custody_accepted":
                assert by == offered
                custodian, offered = by, None
            elif kind == "custody_rejected":
                assert by in (custodian, offered)
                offered = None
            elif kind == "shipment_closed":
                assert (by, parties[by], offered) == (custodian, "consignee", None)
                closed = True
            assert parties[custodian] != "auditor"
        assert (head["custodian"], head["status"] == "closed") == (custodian, closed)


def _check_logs(world: World, model: Model) -> None:
    """No anchor was ever contradicted: each is a prefix of the next, counters have no holes."""
    for log_id, known in model.logs.items():
        anchors = _records(world, f"anchor/{log_id}/")
        expected = {place: tree for place, tree in known.trees.items() if place[1] > 0}
        assert {(item["epoch"], item["counter"]) for item in anchors.values()} == set(expected)
        previous: tuple[bytes, ...] = ()
        for item in anchors.values():
            tree = expected[item["epoch"], item["counter"]]
            assert item["root"] == merkle.root(tree).hex()
            if item["counter"] > 1:
                assert tree[: len(previous)] == previous
            previous = tree


def test_a_beginning_is_accepted_whole() -> None:
    assert [accepted for _, accepted in _play(BEGINNING)] == [True] * (len(BEGINNING) // 4)


def test_nobody_acts_without_a_certificate_of_the_organisation() -> None:
    """Whoever the caller is, the event names it: no argument has a member that says who acts."""
    world, model, done = World(), Model(), dict[str, Attempt]()
    for attempt in attempts(BEGINNING, model=model):
        model.accepts(attempt)
        argument = {**attempt.argument, "organisation": ORGANISATIONS[1]}
        assert world.refusal(attempt.function, argument, by=attempt.by) == "malformed_argument"
        _run(world, attempt, done)
