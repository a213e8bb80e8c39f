"""The table of transactions and queries, its page in the reference, and what malformed input gets."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wayproof_contract
from support.contract_scenario import steps
from support.contract_state import CommittedState, simulate
from support.contract_world import GSIN, NORTH, World, log_argument, prepared_world
from wayproof_contract import canonical
from wayproof_contract.access import ROLES
from wayproof_contract.arguments import ARGUMENTS
from wayproof_contract.contract import QUERIES, TRANSACTIONS
from wayproof_contract.dispatch import MAX_MESSAGE
from wayproof_contract.errors import STATUS_OF

REFERENCE = (Path(__file__).parents[2] / "docs/reference/contract.md").read_text("utf-8")
FUNCTIONS = [*TRANSACTIONS, *QUERIES]

# What clients, evidence and other organisations' peers rely on: a change here is a migration of the ledger.
PINNED = {
    "register_device": "registrar",
    "rotate_device_key": "registrar",
    "revoke_device": "registrar",
    "register_log": "anchor",
    "retire_log": "anchor",
    "anchor_log": "anchor",
    "record_erasure": "privacy",
    "create_shipment": "operator",
    "attach_device": "operator",
    "detach_device": "operator",
    "offer_custody": "operator",
    "accept_custody": "operator",
    "reject_custody": "operator",
    "record_excursion": "monitor",
    "resolve_excursion": "operator",
    "close_shipment": "operator",
    "amend_shipment": "operator",
}


def test_public_names_are_pinned() -> None:
    assert sorted(wayproof_contract.__all__) == [
        "Answer",
        "Caller",
        "ContractError",
        "QUERIES",
        "STATUS_OF",
        "TRANSACTIONS",
        "Transaction",
        "WorldState",
        "invoke",
    ]
    assert all(hasattr(wayproof_contract, name) for name in wayproof_contract.__all__)


def test_transactions_and_roles_are_pinned() -> None:
    assert {name: entry.role for name, entry in TRANSACTIONS.items()} == PINNED
    assert {entry.role for entry in QUERIES.values()} == {None}
    assert set(PINNED.values()) == set(ROLES)


def test_every_function_is_named_as_it_is_called_and_has_one_shape() -> None:
    entries = {**TRANSACTIONS, **QUERIES}
    assert {name: entry.run.__name__ for name, entry in entries.items()} == {name: name for name in entries}
    assert sorted(ARGUMENTS) == sorted(FUNCTIONS)


def test_the_reference_lists_every_transaction_with_its_role() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \[(\w+)", REFERENCE, re.MULTILINE))
    assert listed == PINNED


def test_the_reference_lists_every_query() -> None:
    section = REFERENCE.partition("Queries: ")[2].partition("## Errors")[0]
    assert set(re.findall(r"`((?:get|list|read)_\w+)", section)) == set(QUERIES)


def test_the_reference_lists_every_error() -> None:
    section = REFERENCE.partition("## Errors")[2]
    listed = {code: int(status) for code, status in re.findall(r"^\| `(\w+)` \| (\d+) \|", section, re.MULTILINE)}
    assert listed == dict(STATUS_OF)
    assert set(STATUS_OF.values()) == {400, 403, 404, 409}


def test_every_error_can_happen() -> None:
    package = Path(wayproof_contract.__file__).parent
    sources = "".join(path.read_text("utf-8") for path in package.glob("*.py") if path.name != "errors.py")
    assert [code for code in STATUS_OF if f'"{code}"' not in sources] == []
    assert set(re.findall(r'ContractError\(\s*"(\w+)"', sources)) <= set(STATUS_OF)


def test_a_transaction_without_its_role_is_refused() -> None:
    world = World()
    assert world.refusal("register_log", log_argument("north"), roles="operator, registrar") == "missing_role"
    assert world.refusal("register_log", log_argument("north"), roles="") == "missing_role"
    assert world.refusal("register_log", log_argument("north"), roles="anchors") == "missing_role"
    assert world.ask("register_log", log_argument("north"), roles="operator, anchor").status == 200


def test_an_unknown_name_is_refused() -> None:
    assert World().refusal("drop_everything", {}) == "unknown_transaction"
    assert World().refusal("", {}) == "unknown_transaction"


@pytest.mark.parametrize("timestamp", [-1, 2**53])
def test_a_timestamp_that_no_record_can_hold_is_refused(timestamp: int) -> None:
    transaction = World().transaction("register_log", log_argument("north"), by=NORTH)
    moved = type(transaction)(
        transaction.function, transaction.argument, transaction.caller, transaction.tx_id, timestamp
    )
    answer, simulation = simulate(CommittedState(), moved)
    assert (answer.status, simulation.writes) == (400, {})


def test_a_record_of_another_version_is_not_read() -> None:
    world = prepared_world()
    head = {**world.head(), "v": 2}
    world.committed.entries[f"shipment/{GSIN}"] = (canonical.encode(head), (99, 0))
    assert world.refusal("get_shipment", {"gsin": GSIN}) == "unsupported_version"


def test_a_refusal_never_repeats_a_long_argument() -> None:
    answer = World().ask("get_shipment", {"gsin": "0" * 20_000, "x" * 20_000: 1})
    assert len(canonical.decode_object(answer.message.encode())["message"]) <= MAX_MESSAGE


GARBAGE = st.recursive(
    st.one_of(st.text(max_size=8), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcdefgn_i", max_size=5), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(FUNCTIONS), st.binary(max_size=60))
def test_any_bytes_get_an_answer(function: str, argument: bytes) -> None:
    _answers(prepared_world(), function, argument)


@given(st.sampled_from(FUNCTIONS), GARBAGE)
def test_any_value_gets_an_answer(function: str, argument: object) -> None:
    try:
        data = canonical.encode(argument)
    except canonical.CanonicalError:
        return
    _answers(prepared_world(), function, data)


@settings(max_examples=300)
@given(st.data())
def test_any_change_of_a_good_argument_gets_an_answer(data: st.DataObject) -> None:
    _, function, argument = data.draw(st.sampled_from(list(steps())))
    changed = _changed(argument, data.draw(GARBAGE), data)
    try:
        encoded = canonical.encode(changed)
    except canonical.CanonicalError:
        return
    _answers(prepared_world(), function, encoded)


def _changed(value: Any, garbage: object, data: st.DataObject) -> object:  # noqa: ANN401
    """Replace some part of a value."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(value)))
        return {**value, name: _changed(value[name], garbage, data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        return [_changed(value[0], garbage, data), *value[1:]]
    return garbage


def _answers(world: World, function: str, argument: bytes) -> None:
    answer, simulation = simulate(world.committed, world.transaction(function, argument, by=NORTH))
    if answer.status == 200:
        canonical.decode_object(answer.payload)
        return
    refusal = canonical.decode_object(answer.message.encode())
    assert answer.status == STATUS_OF[refusal["code"]]
    assert (answer.payload, simulation.writes) == (b"", {})
