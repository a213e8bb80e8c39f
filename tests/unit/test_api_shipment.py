"""Custody lines, gaps, permitted actions, conditions at a handover, and the log's tile paths, as pure functions."""

from typing import Any

import pytest

from support.contract_world import (
    CARRY,
    GSIN,
    NORTH,
    SOUTH,
    World,
    excursion_argument,
    hand_over,
    offer,
    position,
    prepared_world,
)
from wayproof.api.attachments import equivocations, gaps, intervals_of
from wayproof.api.conditions import Known, condition, detachment
from wayproof.api.custody_line import custodian_at, custody_line
from wayproof.api.log import parse_tile
from wayproof.api.permitted import actions, role_of
from wayproof.api.problems import Refusal
from wayproof.log import Bundle, Tile
from wayproof.store.readings import BEYOND, Break, Contents, Interval, LatestReading, Stream
from wayproof.store.shipments import LatestAnchor, StoredEvent

N1 = ("n1", "conditions")
INTERVAL = Interval(2, "n1", "conditions", (1, 10), BEYOND)
ANCHOR = LatestAnchor("north", 1, 1, 5)


def recorded(world: World) -> list[StoredEvent]:
    items = world.do("get_shipment_history", {"gsin": GSIN})["items"]
    return [
        StoredEvent(
            version=it["version"],
            kind=it["kind"],
            organisation=it["organisation"],
            tx_id=it["tx_id"],
            tx_timestamp_ms=it["tx_timestamp_ms"],
            block_number=it["version"],
            event=it,
        )
        for it in items
    ]


def stream(sequence: int | None) -> Stream:
    digest = bytes.fromhex(position("n1", "conditions", sequence)["hash"]) if sequence else None
    return Stream("n1", "conditions", "logger", NORTH, 1 if sequence else None, sequence, digest, 0)


def missed(sequence: int, *, held: tuple[int, int], named: tuple[int, int], boot: int = 1) -> Break:
    return Break(2, boot, sequence, *held, *named, None, None)


def contents(boot: int, sequence: int) -> Contents:
    return Contents(2, 1, 0, 0, 0, 1, None, None, 0, boot, sequence, 1)


# --- custody ------------------------------------------------------------------------------------------------------


def test_the_custody_line_has_each_handover_with_both_remarks() -> None:
    world = prepared_world()
    hand_over(world, giver=NORTH, taker=CARRY, sequence=12)
    line = custody_line(recorded(world), handed_over_ms={4: 700}, observed_ms=(100, 900))
    assert [(it.custodian, it.observed_from_ms, it.observed_until_ms) for it in line] == [
        (NORTH, 100, 700),
        (CARRY, 700, 900),
    ]
    assert line[0].until_at_ms == line[1].since_at_ms
    assert (line[0].handover, line[1].until_at_ms) == (None, None)
    assert line[1].handover is not None
    assert len(line[1].handover.tx_ids) == 2


def test_an_excursion_is_whose_who_had_the_goods_by_the_devices_clock() -> None:
    world = prepared_world()
    hand_over(world, giver=NORTH, taker=CARRY, sequence=12)
    line = custody_line(recorded(world), handed_over_ms={4: 700}, observed_ms=(100, 900))
    assert [custodian_at(line, at_ms) for at_ms in (99, 100, 699, 700, 5000)] == [None, NORTH, NORTH, CARRY, CARRY]


def test_without_a_time_of_the_handover_nobody_is_blamed() -> None:
    world = prepared_world()
    hand_over(world, giver=NORTH, taker=CARRY, sequence=12)
    assert custodian_at(custody_line(recorded(world), handed_over_ms={}), 500) is None


# --- what is missing ----------------------------------------------------------------------------------------------


def test_gaps_lie_between_messages_across_boots_and_before_the_end() -> None:
    ended = Interval(2, "n1", "conditions", (1, 10), (2, 9))
    found = [
        missed(13, held=(1, 10), named=(1, 12)),
        missed(1, boot=2, held=(1, 13), named=(1, 15)),
        missed(5, boot=2, held=(2, 1), named=(2, 4)),
    ]
    assert gaps(ended, breaks=found, content=contents(2, 5)) == [(1, 11, 12), (1, 14, 15), (2, 2, 4), (2, 6, 9)]


def test_of_an_interval_of_which_nothing_is_held_everything_up_to_its_end_is_missing() -> None:
    assert gaps(Interval(2, "n1", "conditions", (1, 10), (1, 12)), breaks=[], content=None) == [(1, 11, 12)]
    assert gaps(INTERVAL, breaks=[], content=None) == []


def test_a_second_message_at_one_place_is_an_equivocation_and_no_gap() -> None:
    twice = [missed(11, held=(1, 11), named=(1, 10))]
    assert equivocations(twice) == [(1, 11)]
    assert gaps(INTERVAL, breaks=twice, content=contents(1, 11)) == []


def test_intervals_are_those_of_the_record() -> None:
    (interval,) = intervals_of(prepared_world().head())
    assert interval == Interval(2, "n1", "conditions", (1, 10), BEYOND, (1, 5))


# --- what may be done ---------------------------------------------------------------------------------------------


def test_each_party_may_do_what_the_contract_lets_it_do() -> None:
    world = prepared_world()
    assert actions(world.head(), organisation=NORTH) == ["attachments", "detachments", "offers", "amendments"]
    offer(world, giver=NORTH, taker=CARRY, sequence=11)
    assert "rejection" in actions(world.head(), organisation=NORTH)
    assert "offers" not in actions(world.head(), organisation=NORTH)
    assert {"acceptance", "rejection"} <= set(actions(world.head(), organisation=CARRY))
    assert {"acceptance", "rejection", "closure"}.isdisjoint(actions(world.head(), organisation=SOUTH))
    assert actions(world.head(), organisation="StrangerMSP") == []
    assert role_of(world.head(), CARRY) == "carrier"


def test_the_consignee_with_the_goods_may_close_and_afterwards_only_amend() -> None:
    world = prepared_world()
    world.do("record_excursion", excursion_argument("n1"))
    hand_over(world, giver=NORTH, taker=SOUTH, sequence=11)
    assert {"closure", "resolution"} <= set(actions(world.head(), organisation=SOUTH))
    stated = condition(world.head(), Known({N1: stream(12)}, [], [ANCHOR]), remark="received")
    world.do("close_shipment", {"gsin": GSIN, "condition": stated}, by=SOUTH)
    assert actions(world.head(), organisation=SOUTH) == ["amendments"]


# --- conditions ---------------------------------------------------------------------------------------------------


def test_a_condition_states_the_last_message_held_and_the_contract_takes_it() -> None:
    world = prepared_world()
    measured = [
        LatestReading("n1", "conditions", "temperature", 45, 1, "CEL", 5),
        LatestReading("n1", "conditions", "latitude", 4064, 2, "DD", 5),
    ]
    stated = condition(world.head(), Known({N1: stream(14)}, measured, [ANCHOR]), remark="fine")
    assert stated["positions"] == [position("n1", "conditions", 14)]
    assert [it["name"] for it in stated["latest"]] == ["temperature"], "where the goods are may be withheld"
    world.do("offer_custody", {"gsin": GSIN, "to": CARRY, "condition": stated})


def test_a_condition_never_falls_behind_what_the_record_has_reached() -> None:
    stated = condition(prepared_world().head(), Known({N1: stream(None)}, [], [ANCHOR]), remark="")
    assert stated["positions"] == [position("n1", "conditions", 10)]


def test_elsewhere_positions_are_needed_given_or_confirmed() -> None:
    head = prepared_world().head()
    with pytest.raises(Refusal, match="n1 conditions") as refused:
        condition(head, Known({}, [], [ANCHOR]), remark="")
    assert (refused.value.code, refused.value.status) == ("positions_needed", 409)
    given = [position("n1", "conditions", 13)]
    assert condition(head, Known({}, [], [ANCHOR], given=given), remark="")["positions"] == given
    offered = {"positions": [position("n1", "conditions", 12)], "latest": []}
    confirmed = condition(head, Known({}, [], [ANCHOR], offered=offered), remark="")
    assert confirmed["positions"] == offered["positions"]


def test_a_detachment_is_at_the_position_given_held_or_asked_for() -> None:
    world = prepared_world()
    head, held = world.head(), Known({N1: stream(14)}, [], [ANCHOR])
    assert detachment(head, held, name=N1) == position("n1", "conditions", 14)
    given = Known(held.held, [], [ANCHOR], given=[position("n1", "conditions", 12)])
    assert detachment(head, given, name=N1) == position("n1", "conditions", 12)
    with pytest.raises(Refusal, match="position"):
        detachment(head, Known({}, [], [ANCHOR]), name=N1)
    with pytest.raises(Refusal, match="not attached"):
        detachment(head, held, name=("n1", "location"))
    world.do("detach_device", {"gsin": GSIN, "position": position("n1", "conditions", 15), "anchor": _reference()})
    assert detachment(world.head(), Known({}, [], [ANCHOR]), name=N1) == position("n1", "conditions", 15)


def _reference() -> dict[str, Any]:
    return {"log_id": "north", "epoch": 1, "counter": 1}


# --- tiles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("0/000", Tile(0, 0)),
        ("1/x001/234.p/5", Tile(1, 1234, 5)),
        ("entries/x012/x345/678", Bundle(12_345_678)),
        ("0/000.p/256", None),
        ("0/000.p/0", None),
        ("00/000", None),
        ("0/x000/001", None),
        ("0/1", None),
        ("entries/000.p/05", None),
        ("entries", None),
        ("0/000/../../checkpoint", None),
    ],
)
def test_a_tile_has_one_path(path: str, tile: Tile | Bundle | None) -> None:
    assert parse_tile(path) == tile
