"""The folds that turn events into heads refuse what cannot follow, and know every kind that the reference names."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.contract_scenario import steps
from support.contract_world import World
from wayproof_contract import canonical, device, log, shipment
from wayproof_contract.errors import ContractError

Fold = Callable[[Mapping[str, Any] | None, Mapping[str, Any]], dict[str, Any]]

FOLDS: dict[str, Fold] = {"shipment": shipment.apply, "device": device.apply, "log": log.apply}
FIRST = {"shipment": "shipment_created", "device": "device_registered", "log": "log_registered"}


@pytest.fixture(scope="module")
def histories() -> dict[tuple[str, str], list[dict[str, Any]]]:
    world = World()
    for by, function, argument in steps():
        world.do(function, argument, by=by)
    histories: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for key, value in sorted(world.committed.values().items()):
        kind, name, *_ = key.split("/")
        if kind.endswith("_event"):
            histories.setdefault((kind.removesuffix("_event"), name), []).append(canonical.decode_object(value))
    return histories


@pytest.mark.parametrize("aggregate", FOLDS)
def test_no_other_event_comes_first_and_the_first_comes_once(
    aggregate: str, histories: dict[tuple[str, str], list[dict[str, Any]]]
) -> None:
    fold = FOLDS[aggregate]
    events = next(history for (kind, _), history in histories.items() if kind == aggregate)
    head = fold(None, events[0])
    for later in events[1:]:
        with pytest.raises(ContractError) as refused:
            fold(None, later)
        assert refused.value.code == "wrong_event"
    for kind in (FIRST[aggregate], "unheard_of"):
        with pytest.raises(ContractError) as refused:
            fold(head, {**events[0], "kind": kind})
        assert refused.value.code == "wrong_event"


@pytest.mark.parametrize("aggregate", FOLDS)
def test_the_scenario_has_every_kind_of_event_that_the_reference_names(
    aggregate: str, histories: dict[tuple[str, str], list[dict[str, Any]]]
) -> None:
    reference = (Path(__file__).parents[2] / "docs/reference/contract.md").read_text("utf-8")
    (row,) = re.findall(rf"^\| {aggregate} \| (.*) \|$", reference, re.MULTILINE)
    emitted = {event["kind"] for (kind, _), history in histories.items() if kind == aggregate for event in history}
    assert emitted == set(re.findall(r"`(\w+)`", row))
