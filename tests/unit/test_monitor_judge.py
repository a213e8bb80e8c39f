"""How urgent a shipment is, and why: every reason by itself, and their order."""

from typing import Any

import pytest

from wayproof.monitor.facts import CLOCK_TOLERANCE_MS, Facts, StreamFacts, as_of_ms
from wayproof.monitor.judge import SILENT_AT_LEAST_MS, judge, silent_after_ms
from wayproof.monitor.wording import duration, quantity
from wayproof.store.watch import Gap, Interval, IntervalState, Watch
from wayproof_verifier.telemetry import Reading

NOW_MS = 1_750_000_000_000
MINUTE_MS = 60_000
US, THEM = "ShipperMSP", "CarrierMSP"
EXCURSION = {
    "excursion_id": "high-1.1",
    "device_id": "logger-7",
    "stream": "conditions",
    "name": "temperature",
    "direction": "high",
    "started_at_ms": NOW_MS - 90 * MINUTE_MS,
    "ended_at_ms": NOW_MS - 60 * MINUTE_MS,
    "peak": {"value": 94, "scale": 1, "unit": "CEL"},
    "rule": "limits-1",
    "as_of_ms": NOW_MS - 60 * MINUTE_MS,
}


def reading(name: str, value: int, *, scale: int = 1, unit: str = "CEL", ago_ms: int = MINUTE_MS) -> Reading:
    return Reading(name, value, scale, unit, NOW_MS - ago_ms)


def state(*latest: Reading, **changes: Any) -> IntervalState:  # noqa: ANN401 - members of different types
    usual: dict[str, Any] = {"messages": 10, "last_received_at_ms": NOW_MS - MINUTE_MS, "median_step_ms": MINUTE_MS}
    return IntervalState(**{**usual, "latest": latest or (reading("temperature", 45),), **changes})


def stream(held: IntervalState, *, end: tuple[int, int] | None = None, name: str = "conditions") -> StreamFacts:
    return StreamFacts(Interval("logger-7", name, (0, 0), end), NOW_MS - 120 * MINUTE_MS, held)


def judged(*streams: StreamFacts, organisation: str = US, **head: Any) -> Watch:  # noqa: ANN401 - members of a record
    record: dict[str, Any] = {
        "gsin": "95060001111199990",
        "custodian": THEM,
        "due_at_ms": NOW_MS + MINUTE_MS,
        "limits": [{"name": "temperature", "unit": "CEL", "scale": 1, "low": 20, "high": 80}],
        "excursions": [],
    }
    return judge(Facts({**record, **head}, streams or (stream(state()),)), organisation=organisation, now_ms=NOW_MS)


def reasons(watch: Watch) -> list[tuple[str, str]]:
    return [(it["code"], it["text"]) for it in watch.reasons]


def test_a_shipment_that_is_well_is_fine() -> None:
    watch = judged()
    assert (watch.urgency, watch.reasons, watch.missing) == (3, [], 0)
    (measured,) = watch.latest["measurements"]
    assert (measured["device_id"], measured["name"], measured["state"]) == ("logger-7", "temperature", "inside")
    assert watch.last_received_at_ms == watch.last_observed_at_ms == NOW_MS - MINUTE_MS


@pytest.mark.parametrize(
    ("held", "text", "side"),
    [
        (reading("temperature", 94), "temperature 9.4 °C, above 8.0 °C (logger-7)", "high"),
        (reading("box/temperature", 199, scale=2), "temperature 1.99 °C, below 2.0 °C (logger-7)", "low"),
        (reading("temperature", 28255, scale=2, unit="KEL"), "temperature 282.55 K, above 8.0 °C (logger-7)", "high"),
    ],
)
def test_the_newest_number_outside_a_limit_is_critical(held: Reading, text: str, side: str) -> None:
    watch = judged(stream(state(held)))
    assert (watch.urgency, reasons(watch)) == (0, [("outside_limits", text)])
    assert [it["state"] for it in watch.latest["measurements"]] == [side]


def test_on_the_limit_is_inside_and_without_a_comparable_limit_nothing_is_outside() -> None:
    watch = judged(stream(state(reading("temperature", 80), reading("humidity", 999, unit="P1"))))
    assert [(it["name"], it["state"]) for it in watch.latest["measurements"]] == [
        ("humidity", "unlimited"),
        ("temperature", "inside"),
    ]
    assert (
        judged(stream(state(reading("temperature", 99, unit="P1")))).latest["measurements"][0]["state"] == "unlimited"
    )


def test_what_a_detached_stream_said_last_is_shown_and_alarms_nobody() -> None:
    watch = judged(stream(state(reading("temperature", 94), last_received_at_ms=1), end=(1, 10)))
    assert (watch.urgency, watch.reasons) == (3, [])
    assert watch.latest["measurements"][0]["state"] == "high"


def test_a_standing_excursion_without_a_decision_is_a_warning() -> None:
    watch = judged(excursions=[EXCURSION])
    assert (watch.urgency, reasons(watch)) == (
        1,
        [("excursion_unresolved", "1 excursion to be decided: temperature up to 9.4 °C")],
    )
    later = {**EXCURSION, "excursion_id": "high-1.2", "peak": {"value": 99, "scale": 1, "unit": "CEL"}}
    assert "1 excursion to be decided: temperature up to 9.9 °C" in str(judged(excursions=[EXCURSION, later]).reasons)
    assert judged(excursions=[{**EXCURSION, "resolution": "false_alarm", "remark": ""}]).reasons == []


def test_two_messages_at_one_place_are_a_warning() -> None:
    assert reasons(judged(stream(state(equivocations=2)))) == [
        ("equivocation", "logger-7 signed two different messages at 2 places")
    ]


def test_a_shipment_that_should_have_arrived_is_overdue() -> None:
    assert reasons(judged(due_at_ms=NOW_MS - 200 * MINUTE_MS)) == [("overdue", "due 3 h 20 min ago")]
    assert judged(due_at_ms=NOW_MS).reasons == []


def test_a_stream_is_silent_after_ten_steps_and_half_an_hour() -> None:
    def quiet(received_ago_ms: int, step_ms: int | None) -> list[tuple[str, str]]:
        held = state(last_received_at_ms=NOW_MS - received_ago_ms, median_step_ms=step_ms)
        return reasons(judged(stream(held)))

    assert silent_after_ms(None) == silent_after_ms(MINUTE_MS) == SILENT_AT_LEAST_MS
    assert quiet(30 * MINUTE_MS, MINUTE_MS) == []
    assert quiet(31 * MINUTE_MS, MINUTE_MS) == [("silent", "nothing from logger-7 (conditions) for 31 min")]
    assert quiet(100 * MINUTE_MS, 10 * MINUTE_MS) == []
    assert quiet(101 * MINUTE_MS, 10 * MINUTE_MS) != []


def test_a_stream_that_never_spoke_is_silent_since_it_was_attached() -> None:
    assert reasons(judged(stream(IntervalState()))) == [
        ("silent", "nothing from logger-7 (conditions) since it was attached, for 2 h 0 min")
    ]


def test_an_offer_is_for_whom_it_is_made_to_something_to_do_and_for_others_to_know() -> None:
    offer = {"version": 5, "to": US}
    assert reasons(judged(offer=offer)) == [("offer_to_us", "CarrierMSP offers us custody")]
    assert reasons(judged(offer=offer, organisation=THEM)) == [
        ("offer_pending", "custody offered to ShipperMSP, not accepted yet")
    ]
    assert judged(offer=offer).urgency == judged(offer=offer, organisation=THEM).urgency == 2


def test_messages_in_gaps_are_counted_over_all_streams() -> None:
    watch = judged(
        stream(state(gaps=(Gap(1, 3, 5), Gap(2, 1, 1)))), stream(state(gaps=(Gap(1, 9, 9),)), name="position")
    )
    assert (watch.missing, watch.urgency, reasons(watch)) == (5, 2, [("gap", "5 messages of logger-7 missing")])


def test_a_low_battery_is_told_in_percent_only() -> None:
    assert reasons(judged(stream(state(reading("battery", 20, scale=0, unit="P1"))))) == [
        ("low_battery", "battery 20 % (logger-7)")
    ]
    assert judged(stream(state(reading("battery", 201, unit="P1")))).reasons == []
    assert judged(stream(state(reading("battery", 3, scale=0, unit="VLT")))).reasons == []


def test_reasons_come_most_urgent_first() -> None:
    low = reading("battery", 5, scale=0, unit="P1")
    held = state(
        reading("temperature", 94), low, gaps=(Gap(1, 2, 2),), equivocations=1, last_received_at_ms=NOW_MS - 10**8
    )
    watch = judged(stream(held), excursions=[EXCURSION], due_at_ms=NOW_MS - 1, offer={"version": 5, "to": US})
    assert [code for code, _ in reasons(watch)] == [
        "outside_limits",
        "excursion_unresolved",
        "equivocation",
        "overdue",
        "silent",
        "offer_to_us",
        "gap",
        "low_battery",
    ]
    assert watch.urgency == 0


def test_a_position_is_a_latitude_and_a_longitude_of_one_instant() -> None:
    here = (reading("latitude", 4064, scale=2, unit="DD"), reading("longitude", -7378, scale=2, unit="DD"))
    watch = judged(stream(state(*here)))
    assert watch.latest == {
        "measurements": [],
        "position": {"latitude": 40.64, "longitude": -73.78, "observed_at_ms": NOW_MS - MINUTE_MS},
    }
    apart = (here[0], reading("longitude", 1, unit="DD", ago_ms=5))
    assert "position" not in judged(stream(state(*apart))).latest


def test_a_clock_far_ahead_moves_the_as_of_time_no_further_than_the_last_arrival_allows() -> None:
    ahead = state(reading("temperature", 45, ago_ms=-(10**10)))
    assert as_of_ms([stream(ahead)]) == NOW_MS - MINUTE_MS + CLOCK_TOLERANCE_MS
    assert as_of_ms([stream(state())]) == NOW_MS - MINUTE_MS
    assert as_of_ms([stream(IntervalState())]) is None


def test_numbers_and_times_are_written_for_people() -> None:
    assert quantity(-185, scale=1, unit="CEL") == "-18.5 °C"
    assert quantity(3, scale=0, unit="C62") == "3"
    assert [duration(it * MINUTE_MS) for it in (59, 60, 52 * 60)] == ["59 min", "1 h 0 min", "2 d 4 h"]
