"""Answers as docs/reference/api.md has them, for a browser to show: plausible, difficult and hostile ones."""

import hashlib
import math
from collections.abc import Callable
from typing import Any

Record = dict[str, Any]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
HOSTILE = "<script>document.title='taken over'</script><img src=x onerror=\"document.title='taken over'\">"
LONG = (
    "Rekombinante Impfstoffe gegen Frühsommer-Meningoenzephalitis, " * 3
    + "Donaudampfschifffahrtsgesellschaftskapitän" * 3
)

WARM, HANDED, ELSEWHERE, CLOSED, LONG_NAMED, ATTACKED, QUIET = (f"9506000000000000{n}" for n in range(7))
OPEN_SHIPMENTS = (WARM, ATTACKED, HANDED, ELSEWHERE, LONG_NAMED, QUIET)

SHIPPER, CARRIER, CONSIGNEE = "ShipperMSP", "CarrierMSP", "ConsigneeMSP"
NEW_YORK = {"gln": "9506000123450", "name": "New York JFK warehouse", "latitude": 40.70, "longitude": -73.95}
MIAMI = {"gln": "9506000678902", "name": "Miami warehouse", "latitude": 25.83, "longitude": -80.42}
DENVER = {"gln": "9506000444443", "name": "Denver warehouse", "latitude": 39.84, "longitude": -104.84}
HONOLULU = {"gln": "9506000555550", "name": "Honolulu warehouse", "latitude": 21.40, "longitude": -157.86}
NOWHERE = {"gln": "9506000999995"}
LIMITS = [{"name": "temperature", "unit": "CEL", "scale": 1, "low": 20, "high": 80}]


def hexadecimal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def organisation(*, stand_in: bool = True) -> Record:
    return {
        "organisation": SHIPPER,
        "name": "Alpine Pharma (shipper)",
        "ledger": {"kind": "embedded", "channel": "wayproof", "height": 1284, "stand_in": stand_in},
        "log": {"log_id": "shipper-log", "epoch": 1, "size": 18_204, "anchored_size": 18_190, "anchored_at_ms": 0},
        "counts": {
            "shipments_open": 6,
            "shipments_closed": 1,
            "messages": 18_204,
            "readings": 91_020,
            "rejections": 4,
        },
    }


def summary(gsin: str, now_ms: int) -> Record:
    made = {
        "gsin": gsin,
        "status": "open",
        "role": "consignor",
        "custodian": CARRIER,
        "created_at_ms": now_ms - 40 * HOUR_MS,
        "due_at_ms": now_ms + 5 * HOUR_MS,
        "lane": {"origin": NEW_YORK, "destination": MIAMI, "mode": "air"},
        "content": "GTIN 09506000134352, lot L-2231",
        "urgency": "fine",
        "reasons": [],
        "latest": {"measurements": [_measured(now_ms, 47, state="inside")], "position": _here(now_ms, 33.1, -78.0)},
        "excursions": {"open": 0, "unresolved": 0, "total": 0},
        "missing": 0,
        "last_observed_at_ms": now_ms - 4 * MINUTE_MS,
        "last_received_at_ms": now_ms - 3 * MINUTE_MS,
        "judged_at_ms": now_ms,
    }
    differences = _DIFFERENCES.get(gsin)
    return made | differences(now_ms) if differences else made


def _warm(now_ms: int) -> Record:
    return {
        "content": "Influenza vaccine, GTIN 09506000134352, lot L-2231",
        "urgency": "critical",
        "reasons": [
            {"code": "outside_limits", "text": "Temperature 9.4 °C is above 8.0 °C"},
            {"code": "excursion_unresolved", "text": "1 excursion is going on"},
            {"code": "gap", "text": "12 messages are missing"},
        ],
        "latest": {
            "measurements": [
                _measured(now_ms, 94, state="high"),
                _measured(now_ms, 612, name="humidity", unit="P1", state="unlimited"),
            ],
            "position": _here(now_ms, 30.4, -79.1),
        },
        "excursions": {"open": 1, "unresolved": 1, "total": 2},
        "missing": 12,
    }


def _handed(_: int) -> Record:
    return {
        "content": "Insulin, lot 77-B",
        "custodian": CARRIER,
        "urgency": "attention",
        "reasons": [{"code": "offer_to_us", "text": "CarrierMSP offers custody to us"}],
        "lane": {"origin": DENVER, "destination": NEW_YORK, "mode": "road"},
    }


def _elsewhere(now_ms: int) -> Record:
    return {
        "content": "Insulin, lot 78-A",
        "role": "consignee",
        "urgency": "warning",
        "reasons": [{"code": "overdue", "text": "Due 3 hours ago"}],
        "due_at_ms": now_ms - 3 * HOUR_MS,
        "lane": {"origin": NOWHERE, "destination": NOWHERE, "mode": "sea"},
        "latest": {"measurements": []},
        "last_observed_at_ms": None,
        "last_received_at_ms": None,
    }


def _closed(_: int) -> Record:
    return {"content": "Blood plasma, lot 9", "status": "closed", "custodian": CONSIGNEE, "reasons": []}


def _long_named(_: int) -> Record:
    place = {"gln": "9506000888886", "name": LONG, "latitude": 48.2, "longitude": 16.37}
    return {
        "content": LONG,
        "custodian": "A" * 64,
        "urgency": "warning",
        "reasons": [{"code": "silent", "text": LONG}],
        "lane": {"origin": place, "destination": HONOLULU, "mode": "multimodal transport by road, sea and air"},
    }


def _attacked(_: int) -> Record:
    place = {"gln": HOSTILE, "name": HOSTILE, "latitude": 52.0, "longitude": 13.0}
    return {
        "content": HOSTILE,
        "custodian": HOSTILE,
        "urgency": "critical",
        "reasons": [{"code": "equivocation", "text": HOSTILE}],
        "lane": {"origin": place, "destination": place, "mode": HOSTILE},
    }


_DIFFERENCES: dict[str, Callable[[int], Record]] = {
    WARM: _warm,
    HANDED: _handed,
    ELSEWHERE: _elsewhere,
    CLOSED: _closed,
    LONG_NAMED: _long_named,
    ATTACKED: _attacked,
}


def shipment(gsin: str, now_ms: int) -> Record:
    told = summary(gsin, now_ms)
    is_held = gsin != ELSEWHERE
    text = HOSTILE if gsin == ATTACKED else LONG if gsin == LONG_NAMED else "Seals unbroken, data logger on."
    created = told["created_at_ms"]
    taken, arrived = created + 6 * HOUR_MS, created + 38 * HOUR_MS
    custody = [
        _period(SHIPPER, created, until_at_ms=taken, observed=(created, taken)),
        _period(CARRIER, taken, until_at_ms=arrived, observed=(taken, arrived), handover=_handover(taken, 46, text)),
        _period(CONSIGNEE, arrived, observed=(arrived, now_ms), handover=_handover(arrived, 71, text)),
    ]
    if told["custodian"] != CONSIGNEE:
        custody = [custody[0], custody[1] | {"custodian": told["custodian"], "until_at_ms": None}]
    closed = told["status"] == "closed"
    if gsin == QUIET:
        custody = [_period(SHIPPER, created) | {"until_at_ms": None}]
    return told | {
        "parties": [
            {"role": "consignor", "msp_id": SHIPPER, "location": told["lane"]["origin"]},
            {"role": "carrier", "msp_id": CARRIER, "location": {"gln": "9506000222226"}},
            {"role": "consignee", "msp_id": CONSIGNEE, "location": told["lane"]["destination"]},
        ],
        "units": [
            {
                "sscc": "095060000000000018",
                "contents": [{"gtin": "09506000134352", "lot": "L-2231"}],
                "assets": ["0095060001111187"],
            }
        ],
        "limits": LIMITS,
        "offer": _offer(now_ms, text) if gsin == HANDED else None,
        "custody": custody,
        "excursions": _excursions(now_ms, text) if gsin in {WARM, ATTACKED} else [],
        "attachments": []
        if gsin == QUIET
        else [
            _attachment("reefer-7", "conditions", created, is_held=is_held, closed=closed),
            _attachment("reefer-7", "position", created, is_held=is_held, closed=closed),
        ],
        "proof": _proof(now_ms, is_held=is_held),
        "events": _events(created),
        "amendments": [
            {"version": 9, "organisation": SHIPPER, "at_ms": now_ms - HOUR_MS, "remark": text, "due_at_ms": now_ms}
        ]
        if closed
        else [],
        "actions": ["amendments"] if closed else _ACTIONS.get(gsin, ["attachments", "detachments", "amendments"]),
    }


_ACTIONS = {
    WARM: ["attachments", "detachments", "offers", "resolution", "amendments"],
    HANDED: ["acceptance", "rejection", "amendments"],
    ELSEWHERE: ["offers", "closure", "amendments"],
}


def trace(gsin: str, now_ms: int) -> Record:
    answer: Record = {
        "gsin": gsin,
        "as_of_ms": now_ms,
        "held_here": True,
        "series": [],
        "route": [],
        "gaps": [],
        "doors": [],
    }
    if gsin == ELSEWHERE:
        return answer | {"held_here": False}
    if gsin == QUIET:
        return answer
    created = now_ms - 40 * HOUR_MS
    gap = (created + 20 * HOUR_MS, created + 22 * HOUR_MS)
    instants = [at_ms for at_ms in range(created, now_ms, 10 * MINUTE_MS) if not gap[0] < at_ms < gap[1]]
    warm = gsin in {WARM, ATTACKED}
    lane = summary(gsin, now_ms)["lane"]
    one, two = lane["origin"], lane["destination"]
    share = [index / 40 for index in range(28)]
    return answer | {
        "series": [
            _series("temperature", "CEL", [[at, _temperature(at - created, warm=warm)] for at in instants]),
            _series("humidity", "P1", [[at, round(60 + 5 * math.sin(at / HOUR_MS), 1)] for at in instants]),
        ],
        "route": [
            [
                int(created + part * 40 * HOUR_MS),
                one["latitude"] + part * (two["latitude"] - one["latitude"]),
                one["longitude"] + part * (two["longitude"] - one["longitude"]) + 2 * math.sin(part * math.pi),
            ]
            for part in share
        ],
        "gaps": [
            {"device_id": "reefer-7", "stream": "conditions", "from_ms": gap[0], "until_ms": gap[1], "missing": 12}
        ],
        "doors": [[created + 6 * HOUR_MS, created + 6 * HOUR_MS + 25 * MINUTE_MS]],
    }


def single_readings(now_ms: int) -> Record:
    def reading(number: int, **more: Any) -> Record:  # noqa: ANN401 - whatever differs
        return {
            "device_id": "reefer-7",
            "stream": "conditions",
            "name": "temperature",
            "observed_at_ms": now_ms - number * MINUTE_MS,
            "value": -1850 - number,
            "scale": 2,
            "unit": "CEL",
            "message": {
                "boot": 1,
                "sequence": 240 - number,
                "hash": hexadecimal(f"{number}"),
                "received_at_ms": now_ms,
            },
        } | more

    leaf = {"log_id": "shipper-log", "epoch": 1, "index": 18_199}
    anchor = {"counter": 12, "size": 18_200, "at_ms": now_ms, "block_number": 1282, "tx_id": hexadecimal("anchor 12")}
    return {"items": [reading(0), reading(1, leaf=leaf), reading(2, leaf=leaf, anchor=anchor)]}


def devices(now_ms: int) -> Record:
    def device(device_id: str, **more: Any) -> Record:  # noqa: ANN401 - whatever differs
        return {
            "device_id": device_id,
            "organisation": SHIPPER,
            "model": "Cold box tracker 3",
            "home_log": "shipper-log",
            "status": "active",
            "revoked": False,
            "held_here": True,
            "registered_at_ms": now_ms - 90 * HOUR_MS,
            "keys": [{"key_id": hexadecimal(device_id), "algorithm": "ES256", "registered_at_ms": 0, "current": True}],
            "streams": [
                {
                    "stream": "conditions",
                    "boot": 2,
                    "sequence": 412,
                    "hash": hexadecimal("last"),
                    "last_received_at_ms": now_ms,
                }
            ],
            "attached": [{"gsin": WARM, "stream": "conditions"}],
            "last_received_at_ms": now_ms - MINUTE_MS,
        } | more

    return {
        "items": [
            device("reefer-7"),
            device("reefer-8", attached=[], revoked=True),
            device("box-1", keys=[], streams=[], attached=[], last_received_at_ms=None, organisation=CARRIER),
            device("x" * 64, model=HOSTILE),
        ]
    }


def rejections(now_ms: int) -> Record:
    def rejection(number: int, code: str, detail: str, **more: Any) -> Record:  # noqa: ANN401 - whatever differs
        return {
            "rejection_id": f"log:{number}",
            "code": code,
            "detail": detail,
            "topic": "wayproof/v1/reefer-7/conditions",
            "payload_hash": hexadecimal(code),
            "payload_size": 412,
            "first_received_at_ms": now_ms - 90 * MINUTE_MS,
            "last_received_at_ms": now_ms - 80 * MINUTE_MS,
            "times": 1,
            "logged": True,
        } | more

    return {
        "items": [
            rejection(4, "wrong_signature", "the signature is not by the key registered for reefer-7", times=3),
            rejection(3, "too_large", "the payload has 9,000,000 bytes, the limit is 262,144", payload_size=9_000_000),
            rejection(2, "malformed", HOSTILE, topic=HOSTILE, logged=False),
            rejection(1, "unknown_device", "no device has this id", topic="wayproof/v1/" + "y" * 180, logged=False),
        ]
    }


def verification(*, verdict: str = "verified", gsin: str = WARM) -> Record:
    failed = verdict == "failed"
    passed = ["file.format", "trust.root", "config.chain", "state.endorsements", "state.records", "log.inclusion"]
    checks = [_check(name, "passed") for name in passed]
    if failed:
        problem = {"reason": "the folded root is not the anchored one " + HOSTILE, "where": "shipper-log, epoch 1"}
        checks[-1] = _check("log.inclusion", "failed", [problem])
        unmet = {"reason": "log.inclusion did not pass", "where": ""}
        checks.append(_check("messages.signatures", "not_checkable", [unmet]))
    return {
        "report": {
            "v": 1,
            "verdict": verdict,
            "exit_status": int(failed),
            "ledger": "embedded",
            "channel": "wayproof",
            "as_of_block": 1283,
            "checks": checks,
            "findings": [
                {"kind": "gap", "text": "12 messages are missing", "where": "reefer-7/conditions, boot 1, 121 to 132"},
                {"kind": "open", "text": "the device is still attached", "where": "reefer-7/conditions"},
            ],
            "shipment": {"gsin": gsin, "is_closed": False},
        },
        "text": "VERIFIED, as of block 1283 of wayproof\n" if not failed else "FAILED: do not rely on this file\n",
        "trust_root": {"v": 1, "channel": "wayproof", "contract": "wayproof", "genesis": hexadecimal("genesis")},
    }


def _measured(now_ms: int, value: int, *, name: str = "temperature", unit: str = "CEL", state: str) -> Record:
    measured = {
        "device_id": "reefer-7",
        "name": name,
        "value": value,
        "scale": 1,
        "unit": unit,
        "observed_at_ms": now_ms - 4 * MINUTE_MS,
        "state": state,
    }
    return measured if state == "unlimited" else measured | {"limit": {"scale": 1, "low": 20, "high": 80}}


def _here(now_ms: int, latitude: float, longitude: float) -> Record:
    return {"latitude": latitude, "longitude": longitude, "observed_at_ms": now_ms - 5 * MINUTE_MS}


def _temperature(elapsed_ms: int, *, warm: bool) -> float:
    hours = elapsed_ms / HOUR_MS
    value = 4.8 + 0.7 * math.sin(hours / 2.5)
    if warm and 10 < hours < 12:
        value -= 3.6 * math.sin((hours - 10) / 2 * math.pi)
    if warm and hours > 36:
        value += (hours - 36) * 1.2
    return round(value, 1)


def _series(name: str, unit: str, points: list[list[float]]) -> Record:
    return {
        "device_id": "reefer-7",
        "stream": "conditions",
        "name": name,
        "unit": unit,
        "points": points,
        "reduced": False,
    }


def _latest(at_ms: int, value: int) -> list[Record]:
    one = {"device_id": "reefer-7", "stream": "conditions", "scale": 1, "observed_at_ms": at_ms}
    return [
        one | {"name": "temperature", "value": value, "unit": "CEL"},
        one | {"name": "humidity", "value": 598, "unit": "P1"},
    ]


def _period(
    custodian: str,
    since_at_ms: int,
    *,
    until_at_ms: int | None = None,
    observed: tuple[int, int] | None = None,
    handover: Record | None = None,
) -> Record:
    period: Record = {"custodian": custodian, "since_at_ms": since_at_ms, "until_at_ms": until_at_ms}
    if observed:
        period |= {"observed_from_ms": observed[0], "observed_until_ms": observed[1]}
    return period | ({"handover": handover} if handover else {})


def _handover(at_ms: int, value: int, text: str) -> Record:
    return {
        "offered_at_ms": at_ms - 8 * MINUTE_MS,
        "accepted_at_ms": at_ms,
        "latest": _latest(at_ms - 10 * MINUTE_MS, value),
        "remarks": {"offer": text, "acceptance": "Taken over in good order."},
        "tx_ids": [hexadecimal(f"offer {at_ms}"), hexadecimal(f"acceptance {at_ms}")],
    }


def _offer(now_ms: int, text: str) -> Record:
    position = {"device_id": "reefer-7", "stream": "conditions", "boot": 1, "sequence": 240, "hash": hexadecimal("p")}
    condition = {"positions": [position], "latest": _latest(now_ms - 20 * MINUTE_MS, 52), "remark": text}
    return {"version": 6, "to": SHIPPER, "by": CARRIER, "at_ms": now_ms - 15 * MINUTE_MS, "condition": condition}


def _excursions(now_ms: int, text: str) -> list[Record]:
    created = now_ms - 40 * HOUR_MS
    one = {
        "device_id": "reefer-7",
        "stream": "conditions",
        "name": "temperature",
        "rule": "limits/1",
        "custodian": CARRIER,
    }
    return [
        one
        | {
            "excursion_id": "exc-1",
            "direction": "low",
            "started_at_ms": created + 10 * HOUR_MS + 30 * MINUTE_MS,
            "ended_at_ms": created + 11 * HOUR_MS + 40 * MINUTE_MS,
            "peak": {"value": 12, "scale": 1, "unit": "CEL"},
            "as_of_ms": created + 12 * HOUR_MS,
            "standing": True,
            "resolution": "product_released",
            "remark": text,
            "tx_id": hexadecimal("exc-1"),
        },
        one
        | {
            "excursion_id": "exc-2",
            "direction": "high",
            "started_at_ms": created + 38 * HOUR_MS + 30 * MINUTE_MS,
            "peak": {"value": 89, "scale": 1, "unit": "CEL"},
            "as_of_ms": created + 39 * HOUR_MS,
            "standing": False,
            "tx_id": hexadecimal("exc-2"),
        },
        one
        | {
            "excursion_id": "exc-3",
            "direction": "high",
            "started_at_ms": created + 38 * HOUR_MS + 10 * MINUTE_MS,
            "peak": {"value": 94, "scale": 1, "unit": "CEL"},
            "as_of_ms": now_ms,
            "standing": True,
            "tx_id": hexadecimal("exc-3"),
        },
    ]


def _attachment(device_id: str, stream: str, created: int, *, is_held: bool, closed: bool) -> Record:
    position = {"device_id": device_id, "stream": stream, "boot": 1, "sequence": 4, "hash": hexadecimal("start")}
    attachment: Record = {
        "attached": 2 if stream == "conditions" else 3,
        "device_id": device_id,
        "stream": stream,
        "organisation": SHIPPER,
        "model": "Cold box tracker 3",
        "held_here": is_held,
        "start": position,
        "messages": 228 if is_held else 0,
        "readings": 456 if is_held else 0,
        "gaps": [[1, 121, 132]] if is_held and stream == "conditions" else [],
        "equivocations": [[1, 77]] if is_held and stream == "conditions" else [],
        "retrospective": 3 if is_held and stream == "position" else 0,
    }
    if is_held:
        attachment |= {"first_observed_at_ms": created, "last_observed_at_ms": created + 39 * HOUR_MS}
    return attachment | ({"end": position | {"sequence": 244}} if closed else {})


def _proof(now_ms: int, *, is_held: bool) -> Record:
    return {
        "messages": 456 if is_held else 0,
        "sealed": 456 if is_held else 0,
        "anchored": 451 if is_held else 0,
        "log_size": 18_204,
        "anchored_size": 18_190,
        "anchors": [
            {
                "log_id": "shipper-log",
                "epoch": 1,
                "counter": counter,
                "size": 17_000 + counter * 100,
                "root": hexadecimal(f"root {counter}"),
                "at_ms": now_ms - (14 - counter) * HOUR_MS,
                "block_number": 1270 + counter,
                "tx_id": hexadecimal(f"anchor {counter}"),
            }
            for counter in range(9, 13)
        ],
    }


def _events(created: int) -> list[Record]:
    kinds = ["shipment_created", "device_attached", "device_attached", "custody_offered", "custody_accepted"]
    return [
        {
            "version": version,
            "kind": kind,
            "organisation": CARRIER if kind == "custody_accepted" else SHIPPER,
            "at_ms": created + version * HOUR_MS,
            "tx_id": hexadecimal(f"event {version}"),
            "block_number": 1100 + version,
        }
        for version, kind in enumerate(kinds, start=1)
    ]


def _check(name: str, status: str, problems: list[Record] | None = None) -> Record:
    says = f"what passing {name} says"
    return {"name": name, "says": says, "status": status, "problems": problems or [], "more": 0}
