"""Queries: who may read what, histories, pages, endorsed state."""

import pytest

from support.contract_scenario import steps
from support.contract_world import (
    CARRY,
    GSIN,
    NORTH,
    OTHER,
    SECOND_GSIN,
    SOUTH,
    Argument,
    World,
    device_argument,
    head_argument,
    leaves,
    prepared_world,
    shipment_argument,
)
from wayproof_contract import canonical


def _whole_world() -> World:
    world = World()
    for by, function, argument in steps():
        world.do(function, argument, by=by)
    return world


def _pages(world: World, function: str, argument: Argument, *, by: str = NORTH) -> list[Argument]:
    """Follow the bookmarks; `start` and `bookmark` are the two ways to go on."""
    name = "bookmark" if function in ("list_shipments", "list_devices") else "start"
    found: list[Argument] = []
    page = world.do(function, argument, by=by)
    while True:
        found += page["items"]
        if "bookmark" not in page:
            return found
        following = page["bookmark"] if name == "bookmark" else int(page["bookmark"])
        page = world.do(function, {**argument, name: following}, by=by)


@pytest.mark.parametrize("limit", [1, 2, 5, 200])
@pytest.mark.parametrize(
    ("function", "argument", "key"),
    [
        ("get_shipment_history", {"gsin": GSIN}, f"shipment/{GSIN}"),
        ("get_device_history", {"device_id": "n1"}, "device/n1"),
        ("get_log_history", {"log_id": "north"}, "log/north"),
    ],
)
def test_a_history_has_every_version(function: str, argument: Argument, key: str, limit: int) -> None:
    world = _whole_world()
    head = world.do("read_records", {"keys": [key]})["records"][0]["value"]
    events = _pages(world, function, {**argument, "limit": limit})
    assert [event["version"] for event in events] == list(range(1, head["version"] + 1))
    assert events[-1]["tx_id"] == head["tx_id"]


def test_a_history_that_is_over_is_empty() -> None:
    page = prepared_world().do("get_shipment_history", {"gsin": GSIN, "start": 3})
    assert page == {"v": 1, "items": []}


@pytest.mark.parametrize("limit", [1, 2, 3, 200])
def test_anchors_are_listed_by_epoch(limit: int) -> None:
    world = prepared_world()
    for counter in (2, 3):
        world.do("anchor_log", head_argument("north", counter=counter, tree=leaves(5), first_size=5))
    anchors = _pages(world, "list_anchors", {"log_id": "north", "epoch": 1, "limit": limit})
    assert [anchor["counter"] for anchor in anchors] == [1, 2, 3]
    assert world.do("list_anchors", {"log_id": "north", "epoch": 2})["items"] == []


@pytest.mark.parametrize("limit", [1, 2, 200])
def test_devices_are_listed_for_everyone(limit: int) -> None:
    world = prepared_world()
    world.do("register_device", device_argument("n2", home_log="north"))
    world.do("register_device", device_argument("n1-b", home_log="north"))
    devices = _pages(world, "list_devices", {"limit": limit}, by=OTHER)
    assert [device["device_id"] for device in devices] == ["n1", "n1-b", "n2"]


def _world_with_a_stranger() -> World:
    """NORTH and others share one shipment; a second one is between OTHER and SOUTH."""
    world = prepared_world()
    shipment = shipment_argument(SECOND_GSIN)
    consignor, _, consignee, _ = shipment["parties"]
    world.do("create_shipment", {**shipment, "parties": [{**consignor, "msp_id": OTHER}, consignee]}, by=OTHER)
    return world


def test_an_organisation_lists_its_own_shipments() -> None:
    world = _world_with_a_stranger()
    listed = {
        by: [item["gsin"] for item in _pages(world, "list_shipments", {"limit": 1}, by=by)]
        for by in (NORTH, CARRY, SOUTH, OTHER, "NorthMS")
    }
    assert listed == {NORTH: [GSIN], CARRY: [GSIN], SOUTH: [GSIN, SECOND_GSIN], OTHER: [SECOND_GSIN], "NorthMS": []}


@pytest.mark.parametrize("bookmark", ["party/NorthMSP/", "party/", "a", "shipment/", "party/OtherMSP0", "z"])
def test_a_bookmark_does_not_open_others_shipments(bookmark: str) -> None:
    world = _world_with_a_stranger()
    code = world.refusal("list_shipments", {"bookmark": bookmark}, by=OTHER)
    assert code == "malformed_argument"
    assert world.refusal("list_devices", {"bookmark": f"party/{NORTH}/{GSIN}"}, by=OTHER) == "malformed_argument"


def test_a_shipment_is_read_by_its_parties() -> None:
    world = _world_with_a_stranger()
    keys = {"keys": ["device/n1", f"shipment_event/{GSIN}/000001"]}
    for function, argument in (("get_shipment", {"gsin": GSIN}), ("get_shipment_history", {"gsin": GSIN})):
        world.do(function, argument, by=CARRY)
        assert world.refusal(function, argument, by=OTHER) == "not_a_party"
    world.do("read_records", keys, by=CARRY)
    assert world.refusal("read_records", keys, by=OTHER) == "not_a_party"


def test_a_query_needs_no_role() -> None:
    assert prepared_world().ask("get_shipment", {"gsin": GSIN}, roles="").status == 200


def test_endorsed_state_is_the_records_in_the_order_asked() -> None:
    world = _whole_world()
    keys = [key for key in world.committed.entries if not key.startswith("party/")][::-1]
    answer = world.do("read_records", {"keys": [*keys, "device/absent"]})
    assert answer["records"] == [
        *({"key": key, "value": canonical.decode_object(world.committed.entries[key][0])} for key in keys),
        {"key": "device/absent"},
    ]


def test_endorsed_state_reads_exactly_the_keys_asked_and_the_heads_that_open_them() -> None:
    world = prepared_world()
    simulation = world.simulate("read_records", {"keys": [f"shipment_event/{GSIN}/000001", "log/north"]})
    assert sorted(simulation.reads) == ["log/north", f"shipment/{GSIN}", f"shipment_event/{GSIN}/000001"]


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ([], "malformed_argument"),
        (["device/n1", "device/n1"], "malformed_argument"),
        ([f"party/{NORTH}/{GSIN}"], "malformed_argument"),
        (["device"], "malformed_argument"),
        (["\u0000device/n1"], "malformed_argument"),
        (["device/n1/"], "malformed_argument"),
        ([f"device/{number}" for number in range(1001)], "malformed_argument"),
        ([f"shipment/{SECOND_GSIN}"], "not_found"),
    ],
)
def test_endorsed_state_is_of_records(keys: list[str], code: str) -> None:
    assert prepared_world().refusal("read_records", {"keys": keys}) == code


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        ("get_device", {"device_id": "absent"}),
        ("get_device_history", {"device_id": "absent"}),
        ("get_log", {"log_id": "absent"}),
        ("get_log_history", {"log_id": "absent"}),
        ("get_anchor", {"log_id": "north", "epoch": 1, "counter": 7}),
        ("get_anchor_head", {"log_id": "absent"}),
        ("get_erasure", {"log_id": "north", "epoch": 1, "index": 0}),
        ("get_shipment", {"gsin": SECOND_GSIN}),
    ],
)
def test_what_is_not_there_is_not_found(function: str, argument: Argument) -> None:
    assert prepared_world().refusal(function, argument) == "not_found"


@pytest.mark.parametrize("limit", [0, 201, -1, "5"])
def test_a_page_has_a_limit(limit: object) -> None:
    assert prepared_world().refusal("list_devices", {"limit": limit}) == "malformed_argument"
