"""Shipments in transit: creation, attached devices, excursions."""

from typing import Any

import pytest

from support.contract_world import (
    AUDIT,
    CARRY,
    GSIN,
    NORTH,
    OTHER,
    SECOND_GSIN,
    SOUTH,
    START_AT_MS,
    Argument,
    World,
    anchor,
    attach_argument,
    device_argument,
    excursion_argument,
    hand_over,
    log_argument,
    offer,
    position,
    prepared_world,
    resolution_argument,
    shipment_argument,
)

PARTIES: list[dict[str, str]] = shipment_argument()["parties"]
UNIT: dict[str, Any] = shipment_argument()["units"][0]


def _with_role(place: int, role: str) -> list[dict[str, str]]:
    return [*PARTIES[:place], {**PARTIES[place], "role": role}, *PARTIES[place + 1 :]]


def test_a_shipment_begins_with_its_consignor() -> None:
    head = World().do("create_shipment", shipment_argument())
    assert (head["custodian"], head["status"], head["version"]) == (NORTH, "open", 1)
    assert head["units"][0]["contents"] == [{"gtin": "04006381333931", "lot": "L-1"}]


def test_a_gsin_is_used_once() -> None:
    assert prepared_world().refusal("create_shipment", shipment_argument()) == "already_exists"


@pytest.mark.parametrize("organisation", [CARRY, SOUTH, AUDIT, OTHER])
def test_only_the_consignor_creates(organisation: str) -> None:
    assert World().refusal("create_shipment", shipment_argument(), by=organisation) == "other_organisation"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("parties", PARTIES[:2]),
        ("parties", [*PARTIES, {**PARTIES[1]}]),
        ("parties", [*PARTIES, {**PARTIES[0], "msp_id": OTHER}]),
        ("parties", _with_role(1, "consignee")),
        ("parties", _with_role(1, "broker")),
        ("units", []),
        ("units", [UNIT, UNIT]),
        ("limits", [{"name": "temperature", "unit": "CEL", "scale": 1}]),
        ("limits", [{"name": "temperature", "unit": "CEL", "scale": 1, "low": 5, "high": 4}]),
        ("limits", [{"name": "temperature", "unit": "CEL", "scale": 1, "low": 5}] * 2),
        ("limits", [{"name": "temperature", "unit": "CEL", "scale": 16, "low": 5}]),
        ("due_at_ms", -1),
        ("due_at_ms", True),
        ("lane", {**shipment_argument()["lane"], "mode": "teleport"}),
    ],
)
def test_a_shipment_that_contradicts_itself_is_refused(member: str, value: object) -> None:
    assert World().refusal("create_shipment", {**shipment_argument(), member: value}) == "malformed_argument"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("gsin", "06141411234567891"),
        ("lane", {**shipment_argument()["lane"], "origin_gln": "0614141123453"}),
        ("units", [{**UNIT, "sscc": "106141412345678909"}]),
        ("units", [{**UNIT, "contents": [{"gtin": "4006381333932", "lot": "1"}]}]),
        ("units", [{**UNIT, "contents": [{"gtin": "4006381333931", "lot": ""}]}]),
        ("units", [{**UNIT, "assets": ["00614141123453"]}]),
    ],
)
def test_a_wrong_gs1_key_is_refused(member: str, value: object) -> None:
    assert World().refusal("create_shipment", {**shipment_argument(), member: value}) == "invalid_gs1_key"


def test_what_nobody_reads_is_refused() -> None:
    assert World().refusal("create_shipment", {**shipment_argument(), "colour": "red"}) == "malformed_argument"


# --- devices on a shipment ----------------------------------------------------------------------------------------


def test_a_device_is_attached_by_its_own_organisation() -> None:
    world = prepared_world(attach=False)
    assert world.refusal("attach_device", attach_argument("n1", 10), by=CARRY) == "other_organisation"
    assert world.refusal("attach_device", attach_argument("n1", 10), by=OTHER) == "not_a_party"
    head = world.do("attach_device", attach_argument("n1", 10))
    assert head["attachments"][0]["anchor"] == {**anchor("north", 1), "size": 5}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"anchor": anchor("south", 1)}, "wrong_anchor"),
        ({"anchor": anchor("north", 2)}, "wrong_anchor"),
        ({"anchor": anchor("north", 1, epoch=2)}, "wrong_anchor"),
        ({"anchor": anchor("north", 0, epoch=2)}, "wrong_anchor"),
        ({"position": position("n9", "conditions", 1)}, "not_found"),
        ({"gsin": SECOND_GSIN}, "not_found"),
        ({"position": {**position("n1", "conditions", 1), "hash": "0" * 64}}, "malformed_argument"),
        ({"position": {**position("n1", "conditions", 1), "boot": 0}}, "malformed_argument"),
        ({"position": {**position("n1", "conditions", 1), "sequence": 0}}, "malformed_argument"),
        ({"position": {**position("n1", "conditions", 0), "hash": "1" * 64}}, "malformed_argument"),
        ({"position": {**position("n1", "conditions", 1), "stream": "Conditions"}}, "malformed_argument"),
    ],
)
def test_an_attachment_names_a_message_and_a_committed_anchor(change: Argument, code: str) -> None:
    world = prepared_world(attach=False)
    assert world.refusal("attach_device", {**attach_argument("n1", 10), **change}) == code


def test_a_stream_is_attached_once_at_a_time() -> None:
    world = prepared_world()
    assert world.refusal("attach_device", attach_argument("n1", 11)) == "already_attached"
    world.do("attach_device", attach_argument("n1", 0, stream="location"))


def test_a_revoked_device_and_one_that_does_not_sign_are_not_attached() -> None:
    world = prepared_world(attach=False)
    unsigned = {"device_id": "n2", "home_log": "north", "model": "logger", "algorithm": "none"}
    world.do("register_device", unsigned)
    assert world.refusal("attach_device", attach_argument("n2", 0)) == "unsigned_device"
    world.do("revoke_device", {"device_id": "n1", "reason": "lost", "last_positions": []})
    assert world.refusal("attach_device", attach_argument("n1", 10)) == "device_revoked"


def test_before_the_goods_were_taken_over_detaching_needs_the_counterparty() -> None:
    world = prepared_world()
    world.do("detach_device", attach_argument("n1", 12))
    assert "end" not in world.head()["attachments"][0]
    assert world.refusal("detach_device", attach_argument("n1", 12)) == "detach_needs_counterparty"
    world.do("detach_device", attach_argument("n1", 12), by=CARRY)  # no counterparty: it only asks as well
    assert "end" not in world.head()["attachments"][0]
    head = world.do("detach_device", attach_argument("n1", 12), by=SOUTH)
    assert head["attachments"][0]["end"] == position("n1", "conditions", 12)


def test_the_counterparty_agrees_to_the_same_position_only() -> None:
    world = prepared_world()
    world.do("detach_device", attach_argument("n1", 12))
    head = world.do("detach_device", attach_argument("n1", 13), by=SOUTH)
    assert "end" not in head["attachments"][0]
    head = world.do("detach_device", attach_argument("n1", 13), by=NORTH)  # the consignor, asked by the consignee
    assert head["attachments"][0]["end"] == position("n1", "conditions", 13)


def test_two_others_do_not_end_what_a_device_measures() -> None:
    world = prepared_world()
    world.do("detach_device", attach_argument("n1", 12), by=CARRY)
    assert "end" not in world.do("detach_device", attach_argument("n1", 12), by=SOUTH)["attachments"][0]


def test_whoever_is_offered_the_goods_is_the_counterparty() -> None:
    world = prepared_world()
    offer(world, giver=NORTH, taker=CARRY, sequence=12)
    world.do("detach_device", attach_argument("n1", 12))
    assert "end" not in world.do("detach_device", attach_argument("n1", 12), by=SOUTH)["attachments"][0]
    assert "end" in world.do("detach_device", attach_argument("n1", 12), by=CARRY)["attachments"][0]


def test_once_another_has_taken_over_the_owner_detaches_alone() -> None:
    world = prepared_world()
    hand_over(world, giver=NORTH, taker=CARRY, sequence=20)
    assert "end" not in world.do("detach_device", attach_argument("n1", 25), by=CARRY)["attachments"][0]
    assert world.do("detach_device", attach_argument("n1", 25))["attachments"][0]["end"] == (
        position("n1", "conditions", 25)
    )


def test_goods_that_came_back_are_not_taken_over() -> None:
    world = prepared_world()
    hand_over(world, giver=NORTH, taker=CARRY, sequence=20)
    hand_over(world, giver=CARRY, taker=NORTH, sequence=30)
    assert "end" not in world.do("detach_device", attach_argument("n1", 35))["attachments"][0]


def test_a_takeover_before_the_attachment_does_not_count() -> None:
    world = prepared_world()
    hand_over(world, giver=NORTH, taker=CARRY, sequence=20)
    world.do("attach_device", attach_argument("n1", 3, stream="location"))
    head = world.do("detach_device", attach_argument("n1", 5, stream="location"))
    assert "end" not in head["attachments"][1]


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        (attach_argument("n1", 9), "wrong_position"),
        (attach_argument("n1", 10, fork="x"), "wrong_position"),
        (attach_argument("n1", 12, stream="location"), "not_attached"),
        ({**attach_argument("n1", 12), "anchor": anchor("south", 1)}, "wrong_anchor"),
    ],
)
def test_a_detachment_ends_what_is_attached(argument: Argument, code: str) -> None:
    assert prepared_world().refusal("detach_device", argument) == code


def test_a_stream_comes_back_after_its_end() -> None:
    world = prepared_world()
    for organisation in (NORTH, SOUTH):
        world.do("detach_device", attach_argument("n1", 12), by=organisation)
    assert world.refusal("detach_device", attach_argument("n1", 13)) == "not_attached"
    assert world.refusal("attach_device", attach_argument("n1", 11)) == "wrong_position"
    assert world.refusal("attach_device", attach_argument("n1", 12, fork="x")) == "wrong_position"
    head = world.do("attach_device", attach_argument("n1", 12))
    assert ["end" in attachment for attachment in head["attachments"]] == [True, False]


def test_one_device_travels_with_several_shipments() -> None:
    world = prepared_world()
    world.do("create_shipment", shipment_argument(SECOND_GSIN))
    world.do("attach_device", {**attach_argument("n1", 10), "gsin": SECOND_GSIN})


def test_a_carrier_attaches_its_own_device() -> None:
    world = prepared_world()
    world.do("register_log", log_argument("carry"), by=CARRY)
    world.do("register_device", device_argument("c1", home_log="carry"), by=CARRY)
    attach = {"gsin": GSIN, "position": position("c1", "conditions", 0), "anchor": anchor("carry", 0)}
    assert world.do("attach_device", attach, by=CARRY)["attachments"][1]["organisation"] == CARRY


# --- excursions ---------------------------------------------------------------------------------------------------


def test_an_excursion_is_recorded_and_resolved_once() -> None:
    world = prepared_world()
    world.do("record_excursion", excursion_argument("n1"), by=CARRY)
    assert world.refusal("record_excursion", excursion_argument("n1")) == "already_exists"
    head = world.do("resolve_excursion", resolution_argument(), by=SOUTH)
    assert head["excursions"][0]["resolution"] == "product_released"
    assert world.refusal("resolve_excursion", resolution_argument()) == "excursion_resolved"
    assert world.refusal("resolve_excursion", resolution_argument(excursion_id="e2")) == "not_found"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"device_id": "n2"}, "not_attached"),
        ({"stream": "location"}, "not_attached"),
        ({"ended_at_ms": START_AT_MS - 1}, "malformed_argument"),
        ({"direction": "sideways"}, "malformed_argument"),
        ({"peak": {"value": 910, "scale": 2, "unit": "CEL"}}, "malformed_argument"),
    ],
)
def test_an_excursion_is_of_a_stream_that_was_attached(change: Argument, code: str) -> None:
    assert prepared_world().refusal("record_excursion", {**excursion_argument("n1"), **change}) == code


def test_excursions_are_for_parties() -> None:
    world = prepared_world()
    assert world.refusal("record_excursion", excursion_argument("n1"), by=OTHER) == "not_a_party"
    world.do("record_excursion", excursion_argument("n1"))
    assert world.refusal("resolve_excursion", resolution_argument(), by=OTHER) == "not_a_party"
    early = {**resolution_argument(), "ended_at_ms": START_AT_MS - 1}
    assert world.refusal("resolve_excursion", early) == "malformed_argument"
