"""Answers as docs/reference/api.md has them, for a browser to show: plausible, difficult and hostile ones."""

import hashlib
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


def _check(name: str, status: str, problems: list[Record] | None = None) -> Record:
    says = f"what passing {name} says"
    return {"name": name, "says": says, "status": status, "problems": problems or [], "more": 0}
