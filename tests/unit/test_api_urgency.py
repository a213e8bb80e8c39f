"""Urgency without a monitor, the order of the list, and its pages."""

from typing import Any

import pytest

from wayproof.api.listing import closed_place, open_place, place_of
from wayproof.api.problems import Refusal
from wayproof.api.urgency import ATTENTION, CRITICAL, FINE, WARNING, Judged, excursion_counts, judge
from wayproof.store.shipments import OpenPlace, UnwatchedShipment

US, OTHER = "CarrierMSP", "ShipperMSP"
NOW_MS = 1_750_000_000_000
DAY_MS = 86_400_000


def excursion(number: int, **changes: object) -> dict[str, Any]:
    record = {
        "excursion_id": f"high-0.{number}",
        "device_id": "reefer-7",
        "stream": "conditions",
        "name": "temperature",
        "direction": "high",
        "started_at_ms": NOW_MS - 1000,
        "as_of_ms": NOW_MS + number,
        "peak": {"value": 91, "scale": 1, "unit": "CEL"},
        "rule": "limits-1",
    }
    return {**record, **changes}


def judged(**facts: Any) -> Judged:  # noqa: ANN401 - facts of many kinds
    plain = {"due_at_ms": NOW_MS + DAY_MS, "offer_to": None, "excursions": None}
    return judge(**{**plain, **facts}, organisation=US, now_ms=NOW_MS)


@pytest.mark.parametrize(
    ("facts", "urgency", "codes"),
    [
        ({}, FINE, []),
        ({"due_at_ms": NOW_MS}, FINE, []),
        ({"due_at_ms": NOW_MS - 2 * DAY_MS}, WARNING, ["overdue"]),
        ({"offer_to": US}, ATTENTION, ["offer_to_us"]),
        ({"offer_to": OTHER}, ATTENTION, ["offer_pending"]),
        ({"excursions": [excursion(1)]}, CRITICAL, ["excursion_unresolved"]),
        ({"excursions": [excursion(1, ended_at_ms=NOW_MS)]}, WARNING, ["excursion_unresolved"]),
        ({"excursions": [excursion(1, ended_at_ms=NOW_MS, resolution="false_alarm")]}, FINE, []),
        (
            {"excursions": [excursion(1)], "due_at_ms": 0, "offer_to": US},
            CRITICAL,
            ["excursion_unresolved", "overdue", "offer_to_us"],
        ),
    ],
)
def test_the_ledger_alone_tells_what_is_urgent(facts: dict[str, Any], urgency: int, codes: list[str]) -> None:
    found = judged(**facts)
    assert (found.urgency, [reason.code for reason in found.reasons]) == (urgency, codes)


def test_a_verdict_that_another_one_took_the_place_of_is_not_counted() -> None:
    recorded = [excursion(1), excursion(2, ended_at_ms=NOW_MS, resolution="product_released")]
    counts = excursion_counts(recorded)
    assert (counts.open, counts.unresolved, counts.total) == (0, 0, 1)
    assert judged(excursions=recorded).urgency == FINE


def test_overdue_says_for_how_long() -> None:
    (reason,) = judged(due_at_ms=NOW_MS - 2 * DAY_MS - 1).reasons
    assert reason.text == "due 2 days ago"
    (reason,) = judged(due_at_ms=NOW_MS - 61_000).reasons
    assert reason.text == "due 1 minute ago"


def test_a_place_is_urgency_then_due_time() -> None:
    overdue = UnwatchedShipment("1", 0, None, None)
    assert place_of(overdue, organisation=US, now_ms=NOW_MS) == OpenPlace(WARNING, 0, "1")
    assert open_place("open:1:0:1") == OpenPlace(WARNING, 0, "1")


@pytest.mark.parametrize("cursor", ["", "open", "open:1:2", "open:x:2:3", "open:1:²:3", "closed:1:2", "a:b:c:d"])
def test_a_place_that_no_page_named_is_refused(cursor: str) -> None:
    with pytest.raises(Refusal, match="next"):
        open_place(cursor)


@pytest.mark.parametrize("cursor", ["", "closed:x:1", f"closed:{2**70}:1", "open:1:2:3"])
def test_a_place_among_closed_ones_that_no_page_named_is_refused(cursor: str) -> None:
    with pytest.raises(Refusal, match="next"):
        closed_place(cursor)
