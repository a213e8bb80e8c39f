"""Custody and close: who may do which step, and with which condition."""

import pytest

from support.contract_world import (
    AUDIT,
    CARRY,
    GSIN,
    NORTH,
    OTHER,
    SOUTH,
    START_AT_MS,
    Argument,
    World,
    anchor,
    attach_argument,
    condition,
    device_argument,
    excursion_argument,
    hand_over,
    handover,
    head_argument,
    leaves,
    offer,
    position,
    prepared_world,
    resolution_argument,
)


def _offer(to: str, at: Argument | None = None) -> Argument:
    return {"gsin": GSIN, "to": to, "condition": at or handover(20)}


def _accept(version: int, at: Argument | None = None) -> Argument:
    return {"gsin": GSIN, "offer": version, "condition": at or handover(20)}


def _reject(version: int) -> Argument:
    return {"gsin": GSIN, "offer": version, "remark": "no"}


def test_custody_goes_from_hand_to_hand() -> None:
    world = prepared_world()
    assert world.head()["custodian"] == NORTH
    hand_over(world, giver=NORTH, taker=CARRY, sequence=20)
    assert world.head()["custodian"] == CARRY
    hand_over(world, giver=CARRY, taker=SOUTH, sequence=30)
    closed = world.do("close_shipment", {"gsin": GSIN, "condition": handover(40)}, by=SOUTH)
    assert (closed["status"], closed["custodian"]) == ("closed", SOUTH)
    assert closed["attachments"][0]["end"] == position("n1", "conditions", 40)


def test_an_offer_alone_moves_nothing() -> None:
    world = prepared_world()
    version = offer(world, giver=NORTH, taker=CARRY, sequence=20)
    assert world.head()["custodian"] == NORTH
    assert world.head()["offer"] == {"version": version, "to": CARRY}


def test_only_the_custodian_offers() -> None:
    world = prepared_world()
    for organisation in (CARRY, SOUTH, AUDIT):
        assert world.refusal("offer_custody", _offer(SOUTH), by=organisation) == "not_custodian"
    assert world.refusal("offer_custody", _offer(SOUTH), by=OTHER) == "not_a_party"


@pytest.mark.parametrize("taker", [AUDIT, OTHER, NORTH])
def test_custody_is_offered_to_another_party_that_is_no_auditor(taker: str) -> None:
    assert prepared_world().refusal("offer_custody", _offer(taker)) == "not_a_party"


def test_one_offer_is_pending_at_a_time() -> None:
    world = prepared_world()
    offer(world, giver=NORTH, taker=CARRY, sequence=20)
    assert world.refusal("offer_custody", _offer(SOUTH)) == "offer_pending"


def test_only_the_addressee_accepts_and_only_this_offer() -> None:
    world = prepared_world()
    version = offer(world, giver=NORTH, taker=CARRY, sequence=20)
    for organisation in (NORTH, SOUTH, AUDIT):
        assert world.refusal("accept_custody", _accept(version), by=organisation) == "not_addressee"
    assert world.refusal("accept_custody", _accept(version), by=OTHER) == "not_a_party"
    assert world.refusal("accept_custody", _accept(version - 1), by=CARRY) == "no_offer"


def test_an_offer_is_refused_or_withdrawn() -> None:
    for organisation in (NORTH, CARRY):
        world = prepared_world()
        version = offer(world, giver=NORTH, taker=CARRY, sequence=20)
        assert world.refusal("reject_custody", _reject(version), by=SOUTH) == "not_addressee"
        head = world.do("reject_custody", _reject(version), by=organisation)
        assert ("offer" in head, head["custodian"]) == (False, NORTH)
        assert world.refusal("accept_custody", _accept(version), by=CARRY) == "no_offer"
        assert world.refusal("reject_custody", _reject(version), by=CARRY) == "no_offer"


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (condition([], [anchor("north", 1)]), "wrong_position"),
        (condition([position("n1", "location", 20)], [anchor("north", 1)]), "wrong_position"),
        (condition([position("n1", "conditions", 20)] * 2, [anchor("north", 1)]), "wrong_position"),
        (condition([position("n1", "conditions", 9)], [anchor("north", 1)]), "wrong_position"),
        (condition([position("n1", "conditions", 10, fork="x")], [anchor("north", 1)]), "wrong_position"),
        (condition([position("n1", "conditions", 20)], []), "wrong_anchor"),
        (condition([position("n1", "conditions", 20)], [anchor("north", 2)]), "wrong_anchor"),
        (condition([position("n1", "conditions", 20)], [anchor("south", 1)]), "wrong_anchor"),
        (condition([position("n1", "conditions", 20)], [anchor("north", 0, epoch=2)]), "wrong_anchor"),
        (condition([position("n1", "conditions", 20)], [anchor("north", 1)] * 2), "wrong_anchor"),
    ],
)
def test_a_condition_says_where_each_stream_is(at: Argument, code: str) -> None:
    world = prepared_world()
    assert world.refusal("offer_custody", _offer(CARRY, at)) == code
    version = offer(world, giver=NORTH, taker=CARRY, sequence=20)
    assert world.refusal("accept_custody", _accept(version, at), by=CARRY) == code


def test_a_condition_names_streams_in_their_order_and_anchors_with_their_size() -> None:
    world = prepared_world()
    world.do("register_device", device_argument("a2", home_log="north"))
    world.do("attach_device", attach_argument("a2", 0))
    places = [position("a2", "conditions", 3), position("n1", "conditions", 20)]
    assert world.refusal("offer_custody", _offer(CARRY, condition(places[::-1], [anchor("north", 1)]))) == (
        "wrong_position"
    )
    world.do("offer_custody", _offer(CARRY, condition(places, [anchor("north", 1)])))
    event = world.do("get_shipment_history", {"gsin": GSIN})["items"][-1]
    assert event["condition"]["anchors"] == [{**anchor("north", 1), "size": 5}]


def test_the_empty_log_needs_no_anchor() -> None:
    world = prepared_world()
    at = condition([position("n1", "conditions", 20)], [anchor("north", 0)])
    world.do("offer_custody", _offer(CARRY, at))
    event = world.do("get_shipment_history", {"gsin": GSIN})["items"][-1]
    assert event["condition"]["anchors"] == [{**anchor("north", 0), "size": 0}]


def test_an_older_anchor_is_as_good_as_the_newest() -> None:
    """What is referred to never moves, so a log that is anchored meanwhile is in nobody's way."""
    world = prepared_world()
    world.do("anchor_log", head_argument("north", counter=2, tree=leaves(9), first_size=5))
    world.do("offer_custody", _offer(CARRY))


def test_what_was_handed_over_is_not_taken_back() -> None:
    world = prepared_world()
    hand_over(world, giver=NORTH, taker=CARRY, sequence=20)
    for place in (position("n1", "conditions", 19), position("n1", "conditions", 20, fork="x")):
        behind = condition([place], [anchor("north", 1)])
        assert world.refusal("offer_custody", _offer(SOUTH, behind), by=CARRY) == "wrong_position"
        detach = {**attach_argument("n1", 0), "position": place}
        assert world.refusal("detach_device", detach) == "wrong_position"


def test_the_consignee_closes_once_it_has_the_goods() -> None:
    world = prepared_world()
    close = {"gsin": GSIN, "condition": handover(40)}
    assert world.refusal("close_shipment", close) == "not_custodian"
    assert world.refusal("close_shipment", close, by=SOUTH) == "not_custodian"
    hand_over(world, giver=NORTH, taker=SOUTH, sequence=20)
    version = offer(world, giver=SOUTH, taker=CARRY, sequence=30)
    assert world.refusal("close_shipment", close, by=SOUTH) == "offer_pending"
    world.do("reject_custody", _reject(version), by=SOUTH)
    assert world.refusal("close_shipment", {"gsin": GSIN, "condition": handover(19)}, by=SOUTH) == "wrong_position"
    assert world.do("close_shipment", close, by=SOUTH)["status"] == "closed"


def _closed_world() -> World:
    world = prepared_world()
    world.do("record_excursion", excursion_argument("n1"))
    hand_over(world, giver=NORTH, taker=SOUTH, sequence=20)
    world.do("close_shipment", {"gsin": GSIN, "condition": handover(40)}, by=SOUTH)
    return world


@pytest.mark.parametrize(
    ("by", "function", "argument"),
    [
        (NORTH, "attach_device", attach_argument("n1", 50)),
        (NORTH, "detach_device", attach_argument("n1", 50)),
        (SOUTH, "offer_custody", {"gsin": GSIN, "to": CARRY, "condition": condition()}),
        (SOUTH, "accept_custody", {"gsin": GSIN, "offer": 1, "condition": condition()}),
        (SOUTH, "reject_custody", {"gsin": GSIN, "offer": 1, "remark": ""}),
        (SOUTH, "close_shipment", {"gsin": GSIN, "condition": condition()}),
        (SOUTH, "record_excursion", excursion_argument("n1", excursion_id="e2")),
        (SOUTH, "resolve_excursion", resolution_argument()),
        (SOUTH, "amend_shipment", {"gsin": GSIN, "remark": "later", "due_at_ms": START_AT_MS}),
    ],
)
def test_after_close_nothing_but_amendments(by: str, function: str, argument: Argument) -> None:
    assert _closed_world().refusal(function, argument, by=by) == "shipment_closed"


def test_an_amendment_adds_late_messages_and_remarks() -> None:
    world = _closed_world()
    late = {"gsin": GSIN, "remark": "two more", "late": [position("n1", "conditions", 42)]}
    head = world.do("amend_shipment", late, by=NORTH)
    assert head["attachments"][0]["end"] == position("n1", "conditions", 42)
    assert world.refusal("amend_shipment", late) == "wrong_position"
    world.do("amend_shipment", {"gsin": GSIN, "remark": "seen"}, by=AUDIT)
    assert world.refusal("amend_shipment", {"gsin": GSIN, "remark": "me too"}, by=OTHER) == "not_a_party"
    assert [item["remark"] for item in world.head()["amendments"]] == ["two more", "seen"]


def test_late_messages_are_of_an_interval_that_ended() -> None:
    world = prepared_world()
    late: Argument = {"gsin": GSIN, "remark": "late", "late": [position("n1", "conditions", 42)]}
    assert world.refusal("amend_shipment", late) == "shipment_open"
    world = _closed_world()
    assert world.refusal("amend_shipment", {**late, "late": [position("n1", "location", 1)]}) == "not_attached"
    assert world.refusal("amend_shipment", {**late, "late": late["late"] * 2}) == "malformed_argument"


def test_a_due_time_moves_before_close() -> None:
    world = prepared_world()
    head = world.do("amend_shipment", {"gsin": GSIN, "remark": "later", "due_at_ms": START_AT_MS}, by=CARRY)
    assert head["due_at_ms"] == START_AT_MS
