"""Flags stand wherever the reading stands: in the list, the shipment, its trace and its single readings."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from aiofabric.embedded import DevelopmentLedgerWarning
from support.api_world import ApiWorld, api_world
from support.database import RunningCluster
from support.journey import SHIPPER
from wayproof.flags.follow import Follower
from wayproof.plausibility.profile import rule_set

pytestmark = pytest.mark.filterwarnings(f"ignore::{DevelopmentLedgerWarning.__module__}.DevelopmentLedgerWarning")

WARM_AT_S = 1_760_000_000
WEEK_S = 7 * 86_400
FLAG = {"code": "out_of_range", "rule_version": 1, "detail": "104.5 is above 100"}


@pytest.fixture
async def trade(tmp_path: Path, postgres: RunningCluster) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path, postgres=postgres, members=(SHIPPER,)) as made:
        yield made


def answered(response: httpx.Response, status: int = 200) -> Any:  # noqa: ANN401 - whatever JSON holds
    assert response.status_code == status, response.text
    return response.json()


def judge(trade: ApiWorld) -> None:
    """Judge everything that the shipper's log has."""
    with trade.world.connect(SHIPPER) as connection:
        follower = Follower(connection, rule_set())
        while follower.follow(limit=100)[0]:
            pass


async def test_a_flag_is_seen_wherever_its_reading_is(trade: ApiWorld) -> None:
    story, shipper = trade.journey, trade[SHIPPER].client
    device, at = story.device, f"/api/v1/shipments/{story.gsin}"
    answered(await shipper.post("/api/v1/shipments", json=story._shipment()), 201)
    attachment = {"device_id": device.device_id, "stream": "conditions"}
    answered(await shipper.post(f"{at}/attachments", json=attachment), 201)
    for number, value in enumerate([4, 4.5, 104.5]):
        measured = [
            {"n": "temperature", "u": "Cel", "v": value},
            {"n": "humidity", "u": "%RH", "v": 60 + number},
        ]
        story.receive(device.publish("conditions", observed_at_s=WARM_AT_S + 6000 * number, measured=measured))
    story.log.seal()

    page = answered(await shipper.get(f"{at}/readings"))
    assert [it for it in page["items"] if "flags" in it] == []  # nothing is judged yet: nothing is said
    assert answered(await shipper.get(f"{at}/trace"))["flags"] == []
    judge(trade)

    page = answered(await shipper.get(f"{at}/readings"))
    (flagged,) = [it for it in page["items"] if "flags" in it]
    assert (flagged["name"], flagged["value"], flagged["flags"]) == ("temperature", 1045, [FLAG])

    trace = answered(await shipper.get(f"{at}/trace"))
    of = {"device_id": device.device_id, "stream": "conditions", "name": "temperature"}
    assert trace["flags"] == [{**FLAG, **of, "observed_at_ms": (WARM_AT_S + 12000) * 1000}]
    assert trace["flags_reduced"] is False

    shown = answered(await shipper.get(at))
    listed = answered(await shipper.get("/api/v1/shipments"))["items"][0]
    flags = {it["name"]: it.get("flags") for it in shown["latest"]["measurements"]}
    assert flags == {"temperature": [FLAG], "humidity": None}
    assert listed["latest"]["measurements"] == []  # no monitor has looked: the list has no readings


async def test_only_the_flags_of_the_interval_are_told(trade: ApiWorld) -> None:
    story, shipper = trade.journey, trade[SHIPPER].client
    device, at = story.device, f"/api/v1/shipments/{story.gsin}"
    warm = [{"n": "temperature", "u": "Cel", "v": 104.5}]
    story.receive(device.publish("conditions", observed_at_s=WARM_AT_S, measured=warm))
    story.log.seal()
    await story.anchor()
    await trade.world.projected(SHIPPER)
    answered(await shipper.post("/api/v1/shipments", json=story._shipment()), 201)
    attachment = {"device_id": device.device_id, "stream": "conditions"}
    answered(await shipper.post(f"{at}/attachments", json=attachment), 201)
    story.receive(device.publish("conditions", observed_at_s=WARM_AT_S + 60, measured=warm))
    story.log.seal()
    judge(trade)
    flags = answered(await shipper.get(f"{at}/trace"))["flags"]
    assert [it["observed_at_ms"] for it in flags] == [(WARM_AT_S + 60) * 1000]


async def test_a_trace_says_from_when_to_when_readings_were_let_go_of(trade: ApiWorld) -> None:
    story, shipper = trade.journey, trade[SHIPPER].client
    at = f"/api/v1/shipments/{story.gsin}"
    answered(await shipper.post("/api/v1/shipments", json=story._shipment()), 201)
    attachment = {"device_id": story.device.device_id, "stream": "conditions"}
    answered(await shipper.post(f"{at}/attachments", json=attachment), 201)
    for week in range(3):
        measured = [{"n": "temperature", "u": "Cel", "v": 4}]
        story.receive(story.device.publish("conditions", observed_at_s=WARM_AT_S + week * WEEK_S, measured=measured))
    story.log.seal()
    assert answered(await shipper.get(f"{at}/trace"))["dropped"] == []
    first = WARM_AT_S // WEEK_S
    with trade.world.connect(SHIPPER) as connection:
        for week in (first - 1, first, first + 1):
            connection.execute("INSERT INTO reading_week_dropped VALUES (%s, 0, 1)", [week])
        connection.execute("DELETE FROM reading WHERE observed_at_ms < %s", [(first + 2) * WEEK_S * 1000])
    trace = answered(await shipper.get(f"{at}/trace"))
    assert trace["dropped"] == [[WARM_AT_S * 1000, (first + 2) * WEEK_S * 1000 - 1]]
    assert [len(it["points"]) for it in trace["series"]] == [1]
