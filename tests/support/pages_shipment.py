"""One shipment as docs/reference/api.md has it, with its trace and its single readings."""

import math
from typing import Any

from support.pages_records import (
    ATTACKED,
    CARRIER,
    CONSIGNEE,
    ELSEWHERE,
    HANDED,
    HOSTILE,
    HOUR_MS,
    LIMITS,
    LONG,
    LONG_NAMED,
    MINUTE_MS,
    QUIET,
    SHIPPER,
    WARM,
    Record,
    hexadecimal,
    summary,
)


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
        "flags": [],
        "flags_reduced": False,
        "dropped": [],
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
        "flags": [_flag(instants[number]) for number in (30, 31, 150)],
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
    flags = [
        {"code": "rate_of_change", "rule_version": 1, "detail": "moved by 14.5 within 60 s"},
        {"code": "a_later_rule", "rule_version": 1, "detail": "<b>whatever it says</b>"},
    ]
    return {"items": [reading(0, flags=flags), reading(1, leaf=leaf), reading(2, leaf=leaf, anchor=anchor)]}


def _flag(at_ms: int) -> Record:
    return {
        "code": "rate_of_change",
        "rule_version": 1,
        "detail": "moved by 14.5 within 10 min",
        "device_id": "reefer-7",
        "stream": "conditions",
        "name": "temperature",
        "observed_at_ms": at_ms,
    }


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
