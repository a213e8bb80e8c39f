"""The API over real HTTP, on a real ledger and database: one shipment's way from its creation to its close."""

from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from aiofabric.embedded import DevelopmentLedgerWarning
from support.api_world import ApiWorld, api_world
from support.contract_world import p256_key
from support.database import RunningCluster
from support.journey import CARRIER, CONSIGNEE, SHIPPER
from support.memory_story import LOST

pytestmark = pytest.mark.filterwarnings(f"ignore::{DevelopmentLedgerWarning.__module__}.DevelopmentLedgerWarning")

MEMBERS = (SHIPPER, CARRIER, CONSIGNEE)


@pytest.fixture
async def trade(tmp_path: Path, postgres: RunningCluster) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path, postgres=postgres, members=MEMBERS) as made:
        yield made


def answered(response: httpx.Response, status: int = 200) -> Any:  # noqa: ANN401 - whatever JSON holds
    assert response.status_code == status, response.text
    return response.json()


async def test_a_shipment_is_created_watched_handed_over_and_closed(  # noqa: PLR0915 - one journey, told in order
    trade: ApiWorld,
) -> None:
    story, gsin, device = trade.journey, trade.journey.gsin, trade.journey.device.device_id
    shipper, carrier, consignee = (trade[msp_id].client for msp_id in MEMBERS)
    at = f"/api/v1/shipments/{gsin}"

    # --- created, and its device attached where its streams are -------------------------------------------------
    created = answered(await shipper.post("/api/v1/shipments", json=story._shipment()), 201)
    assert (created["gsin"], created["role"], created["custodian"], created["status"], created["urgency"]) == (
        gsin, "consignor", SHIPPER, "open", "fine",
    )  # fmt: skip
    again = await shipper.post("/api/v1/shipments", json=story._shipment())
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")
    await trade.world.projected(CARRIER)
    refused = await carrier.post(f"{at}/attachments", json={"device_id": device, "stream": "conditions"})
    assert (refused.status_code, refused.json()["code"]) == (409, "positions_needed")
    for stream in ("conditions", "position"):
        shown = answered(await shipper.post(f"{at}/attachments", json={"device_id": device, "stream": stream}), 201)
    assert [it["start"]["sequence"] for it in shown["attachments"]] == [0, 0]

    # --- underway: one message lost, one late -------------------------------------------------------------------
    await story._travel(range(24))
    await trade.world.projected(SHIPPER)
    shown = answered(await shipper.get(at))
    conditions, position = shown["attachments"]
    assert (conditions["messages"], conditions["readings"], conditions["gaps"]) == (23, 46, [[1, LOST + 1, LOST + 1]])
    assert position["held_here"]
    assert shown["proof"] == {**shown["proof"], "messages": 46, "sealed": 46, "anchored": 46, "log_size": 46}
    assert {it["name"]: it["state"] for it in shown["latest"]["measurements"]} == {
        "temperature": "inside",
        "humidity": "unlimited",
    }

    trace = answered(await shipper.get(f"{at}/trace"))
    series = {it["name"]: it["points"] for it in trace["series"]}
    assert max(value for _, value in series["temperature"]) == 11.4
    assert len(series["humidity"]) == len(trace["route"]) == 23
    assert trace["route"][0][1:] == [40.64, -73.78]
    (gap, _) = trace["gaps"]
    assert (gap["missing"], gap["until_ms"] - gap["from_ms"]) == (1, 2 * 600_000)

    page = answered(await shipper.get(f"{at}/readings?name=temperature&limit=20"))
    following = answered(await shipper.get(f"{at}/readings?name=temperature&limit=20&after={page['next']}"))
    assert (len(page["items"]), len(following["items"]), "next" in following) == (20, 3, False)
    newest = page["items"][0]
    assert (newest["value"], newest["scale"], newest["unit"]) == (48, 1, "CEL")
    assert newest["leaf"]["index"] < newest["anchor"]["size"] == 46

    # --- handed over: the carrier confirms what the offer says --------------------------------------------------
    offered = answered(await shipper.post(f"{at}/offers", json={"to": CARRIER, "remark": "sealed"}), 201)
    assert [it["sequence"] for it in offered["offer"]["condition"]["positions"]] == [24, 24]
    assert {it["name"] for it in offered["offer"]["condition"]["latest"]} == {"temperature", "humidity"}
    version = offered["offer"]["version"]
    await trade.world.projected(CARRIER)
    (listed,) = answered(await carrier.get("/api/v1/shipments"))["items"]
    assert [it["code"] for it in listed["reasons"]] == ["offer_to_us"]
    accepted = answered(await carrier.post(f"{at}/offers/{version}/acceptance", json={"remark": "taken over"}), 201)
    assert (accepted["custodian"], "offer" in accepted) == (CARRIER, False)
    assert [it["held_here"] for it in accepted["attachments"]] == [False, False]
    assert answered(await carrier.get(f"{at}/trace"))["series"] == []
    _, taken = accepted["custody"]
    assert taken["handover"]["remarks"] == {"offer": "sealed", "acceptance": "taken over"}
    gone = await carrier.post(f"{at}/offers/{version}/acceptance", json={"remark": ""})
    assert (gone.status_code, gone.json()["code"]) == (409, "no_offer")

    needed = await carrier.post(f"{at}/offers", json={"to": CONSIGNEE, "remark": ""})
    assert (needed.status_code, needed.json()["code"]) == (409, "positions_needed")
    read = [story.device.position(stream) for stream in ("conditions", "position")]
    offered = answered(await carrier.post(f"{at}/offers", json={"to": CONSIGNEE, "remark": "", "positions": read}), 201)
    await trade.world.projected(CONSIGNEE)
    version = offered["offer"]["version"]
    answered(await consignee.post(f"{at}/offers/{version}/acceptance", json={"remark": "received"}), 201)

    # --- an excursion is judged, the shipment closed and proven -------------------------------------------------
    await record_excursion(trade)
    await trade.world.projected(CONSIGNEE)
    await trade.world.projected(SHIPPER)
    shown = answered(await shipper.get(at))
    assert [(it["standing"], it["custodian"]) for it in shown["excursions"]] == [(True, SHIPPER)]
    assert shown["urgency"] == "warning"
    verdict = {"resolution": "product_rejected", "remark": "too warm"}
    shown = answered(await consignee.post(f"{at}/excursions/warm.1/resolution", json=verdict), 201)
    assert shown["excursions"][0]["resolution"] == "product_rejected"
    assert "closure" in shown["actions"]
    closed = answered(await consignee.post(f"{at}/closure", json={"remark": "", "positions": read}), 201)
    assert (closed["status"], closed["actions"]) == ("closed", ["amendments"])
    amended = answered(await consignee.post(f"{at}/amendments", json={"remark": "seal photographed"}), 201)
    assert [it["remark"] for it in amended["amendments"]] == ["seal photographed"]
    await trade.world.projected(SHIPPER)
    assert answered(await shipper.get("/api/v1/shipments"))["items"] == []
    (listed,) = answered(await shipper.get("/api/v1/shipments?status=closed"))["items"]
    assert listed["gsin"] == gsin
    assert (await carrier.get(f"{at}/evidence")).json()["code"] == "messages_elsewhere"

    evidence = await shipper.get(f"{at}/evidence")
    assert evidence.headers["content-type"] == "application/vnd.wayproof.evidence"
    octets = {"content-type": "application/octet-stream"}
    checked = answered(await carrier.post("/api/v1/verifications", content=evidence.content, headers=octets))
    assert checked["report"]["verdict"] == "verified", checked["text"]
    tampered = evidence.content.replace(b'"temperature",114', b'"temperature",54')
    assert tampered != evidence.content
    checked = answered(await carrier.post("/api/v1/verifications", content=tampered, headers=octets))
    assert (checked["report"]["verdict"], "FAILED" in checked["text"]) == ("failed", True)
    made = answered(await shipper.get(f"{at}/verification"))
    assert made["report"]["shipment"]["is_closed"]


async def test_devices_are_seen_by_all_and_shipments_by_their_parties_only(trade: ApiWorld) -> None:
    shipper, carrier = trade[SHIPPER].client, trade[CARRIER].client
    shipment = trade.journey._shipment()
    shipment["parties"] = [it for it in shipment["parties"] if it["msp_id"] != CARRIER]
    answered(await shipper.post("/api/v1/shipments", json=shipment), 201)
    body = {"device_id": "reefer-9", "algorithm": "ES256", "public_key": p256_key("reefer-9"), "model": "logger"}
    registered = answered(await shipper.post("/api/v1/devices", json=body), 201)
    assert (registered["home_log"], registered["held_here"], registered["keys"][0]["current"]) == (
        trade.journey.log.log_id,
        True,
        True,
    )
    again = await shipper.post("/api/v1/devices", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")
    refused = await carrier.post("/api/v1/devices", json={**body, "device_id": "reefer-10"})
    assert (refused.status_code, refused.json()["code"]) == (409, "no_log")
    await trade.world.projected(CARRIER)
    others = await carrier.get(f"/api/v1/shipments/{shipment['gsin']}")
    assert (others.status_code, others.json()["code"]) == (404, "not_found")
    assert answered(await carrier.get("/api/v1/shipments?status=all"))["items"] == []
    first = answered(await carrier.get("/api/v1/devices?limit=1"))
    last = answered(await carrier.get(f"/api/v1/devices?limit=1&after={first['next']}"))
    assert [it["device_id"] for it in first["items"] + last["items"]] == ["logger-7", "reefer-9"]
    assert not last["items"][0]["held_here"]


async def test_the_organisation_is_ready_and_its_log_published_as_far_as_anchored(trade: ApiWorld) -> None:
    client, story = trade[SHIPPER].client, trade.journey
    assert answered(await client.get("/health/ready")) == {"status": "ready"}
    story.publish(300)
    anchored = await story.anchor()
    story.publish(10)
    await trade.world.projected(SHIPPER)
    told = answered(await client.get("/api/v1/organisation"))
    assert (told["log"]["size"], told["log"]["anchored_size"]) == (310, 300)
    assert told["counts"] == {
        "shipments_open": 0, "shipments_closed": 0, "messages": 310, "readings": 310, "rejections": 0,
    }  # fmt: skip
    assert told["ledger"] == {**told["ledger"], "kind": "embedded", "stand_in": True}

    note = await client.get("/log/1/checkpoint")
    origin, size, root = note.text.splitlines()[:3]
    assert (origin, size, b64decode(root).hex()) == ("shipper.example/wayproof/1", "300", anchored["root"])
    full, entries = await client.get("/log/1/tile/0/000"), await client.get("/log/1/tile/entries/001.p/44")
    assert (len(full.content), len(entries.content)) == (256 * 32, 44 * 34)
    assert "immutable" in full.headers["cache-control"]
    beyond = await client.get("/log/1/tile/0/001.p/54")
    assert (beyond.status_code, beyond.json()["code"]) == (404, "not_found")


async def record_excursion(trade: ApiWorld) -> None:
    """Record, as the monitor does, that it was warm while the shipper had the goods."""
    story = trade.journey
    await story.ledger(SHIPPER, "monitor").submit(
        "record_excursion",
        {
            "gsin": story.gsin,
            "excursion_id": "warm.1",
            "device_id": story.device.device_id,
            "stream": "conditions",
            "name": "temperature",
            "direction": "high",
            "started_at_ms": story._observed_at_s(12) * 1000,
            "ended_at_ms": story._observed_at_s(16) * 1000,
            "peak": {"value": 114, "scale": 1, "unit": "CEL"},
            "rule": "limits-1",
            "as_of_ms": story._observed_at_s(24) * 1000,
        },
    )
