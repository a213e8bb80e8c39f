"""The argument of every transaction and query, as data (docs/reference/contract.md)."""

from types import MappingProxyType
from typing import Any

from wayproof_contract import identifiers
from wayproof_contract.errors import ContractError
from wayproof_contract.shapes import (
    ED25519_PREFIX,
    MAX_NAME,
    MAX_SCALE,
    P256_PREFIX,
    Shape,
    choice,
    gs1,
    integer,
    items,
    members,
    pattern,
    public_key,
    text,
)
from wayproof_contract.state import MAX_PAGE

MAX_KEYS = 1000

IDENTIFIER = pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name="an identifier")
MSP_ID = pattern(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}", name="an MSP id")
STREAM = pattern(r"[a-z][a-z0-9-]{0,31}", name="a stream name")
HASH = pattern(r"[0-9a-f]{64}", name="a SHA-256 in hex")
ORIGIN = pattern(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,126}[A-Za-z0-9]", name="a URL without scheme")
STATE_KEY = pattern(r"[a-z_]+(/[A-Za-z0-9._-]+)+", name="a state key")
MEASUREMENT = pattern(r"[A-Za-z0-9][A-Za-z0-9:./_-]{0,127}", name="a measurement name")
UNIT = pattern(r"[A-Z0-9]{2,3}", name="a UN/ECE Rec 20 unit")
NAME = text(least=1, most=MAX_NAME)
REASON = text(least=1)
REMARK = text()
GSIN, GLN = gs1(identifiers.gsin), gs1(identifiers.gln)
EPOCH = integer(least=1, most=999_999)
COUNTER = integer(most=999_999_999_999)
SCALE = integer(most=MAX_SCALE)
INSTANT = integer()
QUANTITY = integer(least=-(2**53) + 1)

NOTHING_YET = "0" * 64


def _position(value: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON holds
    checked: dict[str, Any] = _POSITION(value)
    before_all = (checked["boot"], checked["sequence"]) == (0, 0)
    if before_all != (checked["hash"] == NOTHING_YET) or (checked["boot"] == 0) != (checked["sequence"] == 0):
        raise ContractError(
            "malformed_argument", "before the first message: boot 0, sequence 0, hash of zeros; else none"
        )
    return checked


def _message_position(value: Any) -> dict[str, Any]:  # noqa: ANN401
    checked = _position(value)
    if checked["boot"] == 0:
        raise ContractError("malformed_argument", "expected the position of a message")
    return checked


_POSITION = members({"device_id": IDENTIFIER, "stream": STREAM, "boot": integer(), "sequence": integer(), "hash": HASH})
POSITION: Shape = _position
ANCHOR = members({"log_id": IDENTIFIER, "epoch": EPOCH, "counter": COUNTER})


def _measured(shape: Shape) -> Shape:
    """Return a shape whose value has the smallest scale: a measured value has one form."""

    def check(value: Any) -> Any:  # noqa: ANN401
        checked = shape(value)
        if checked["scale"] and checked["value"] % 10 == 0:
            raise ContractError("malformed_argument", "a measured value has the smallest scale that holds it")
        return checked

    return check


LATEST = _measured(
    members(
        {
            "device_id": IDENTIFIER,
            "stream": STREAM,
            "name": MEASUREMENT,
            "value": QUANTITY,
            "scale": SCALE,
            "unit": UNIT,
            "observed_at_ms": INSTANT,
        }
    )
)
CONDITION = members({"positions": items(POSITION), "anchors": items(ANCHOR), "latest": items(LATEST), "remark": REMARK})


def _limit(value: Any) -> dict[str, Any]:  # noqa: ANN401
    checked: dict[str, Any] = _LIMIT(value)
    if "low" not in checked and "high" not in checked:
        raise ContractError("malformed_argument", "a limit has a low or a high side")
    if "low" in checked and "high" in checked and checked["low"] > checked["high"]:
        raise ContractError("malformed_argument", "low is above high")
    return checked


_LIMIT = members({"name": MEASUREMENT, "unit": UNIT, "scale": SCALE}, {"low": QUANTITY, "high": QUANTITY})

PARTY = members({"role": choice("consignor", "carrier", "consignee", "auditor"), "msp_id": MSP_ID, "party_gln": GLN})
LANE = members(
    {
        "origin_gln": GLN,
        "destination_gln": GLN,
        "mode": choice("road", "rail", "sea", "air", "inland_waterway", "multimodal"),
    }
)
CONTENT = members({"gtin": gs1(identifiers.gtin), "lot": gs1(identifiers.lot)})
UNIT_LOAD = members({"sscc": gs1(identifiers.sscc), "contents": items(CONTENT), "assets": items(gs1(identifiers.grai))})
PEAK = _measured(members({"value": QUANTITY, "scale": SCALE, "unit": UNIT}))
CHECKPOINT_KEY = public_key(ED25519_PREFIX)
RECEIPT_KEY = public_key(ED25519_PREFIX, P256_PREFIX)
DEVICE_KEYS = MappingProxyType({"ES256": public_key(P256_PREFIX), "EdDSA": public_key(ED25519_PREFIX)})


def _with_device_key(*, signed: bool = False, **others: Shape) -> Shape:
    """Return the shape of an argument with a device key; unless `signed`, algorithm `none` has none."""
    shapes = {
        algorithm: members({**others, "algorithm": choice(algorithm), "public_key": key})
        for algorithm, key in DEVICE_KEYS.items()
    }
    if not signed:
        shapes["none"] = members({**others, "algorithm": choice("none")})

    def shape(value: Any) -> Any:  # noqa: ANN401
        algorithm = value.get("algorithm") if isinstance(value, dict) else None
        if not isinstance(algorithm, str) or algorithm not in shapes:
            raise ContractError("malformed_argument", f"algorithm: expected one of {', '.join(sorted(shapes))}")
        return shapes[algorithm](value)

    return shape


LOG_KEYS = members({"checkpoint_key": CHECKPOINT_KEY, "receipt_key": RECEIPT_KEY})
PAGE = MappingProxyType({"limit": integer(least=1, most=MAX_PAGE), "bookmark": text(most=256)})
FROM = MappingProxyType({"limit": integer(least=1, most=MAX_PAGE), "start": COUNTER})
_ANCHOR_NAME = MappingProxyType({"log_id": IDENTIFIER, "epoch": EPOCH})
_EXCURSION = MappingProxyType({"gsin": GSIN, "excursion_id": IDENTIFIER})

ARGUMENTS: MappingProxyType[str, Shape] = MappingProxyType(
    {
        "register_device": _with_device_key(device_id=IDENTIFIER, home_log=IDENTIFIER, model=NAME),
        "rotate_device_key": _with_device_key(signed=True, device_id=IDENTIFIER, last_positions=items(POSITION)),
        "revoke_device": members({"device_id": IDENTIFIER, "reason": REASON, "last_positions": items(POSITION)}),
        "register_log": members(
            {"log_id": IDENTIFIER, "origin": ORIGIN, "checkpoint_key": CHECKPOINT_KEY, "receipt_key": RECEIPT_KEY}
        ),
        "retire_log": members({"log_id": IDENTIFIER, "epoch": EPOCH, "reason": REASON}, {"next": LOG_KEYS}),
        "anchor_log": members(
            {**_ANCHOR_NAME, "counter": COUNTER, "size": integer(), "root": HASH, "proof": items(HASH, most=64)}
        ),
        "create_shipment": members(
            {
                "gsin": GSIN,
                "parties": items(PARTY, least=2, most=100),
                "lane": LANE,
                "due_at_ms": INSTANT,
                "limits": items(_limit, most=100),
                "units": items(UNIT_LOAD, least=1),
            }
        ),
        "attach_device": members({"gsin": GSIN, "position": POSITION, "anchor": ANCHOR}),
        "detach_device": members({"gsin": GSIN, "position": POSITION, "anchor": ANCHOR}),
        "offer_custody": members({"gsin": GSIN, "to": MSP_ID, "condition": CONDITION}),
        "accept_custody": members({"gsin": GSIN, "offer": integer(least=1), "condition": CONDITION}),
        "reject_custody": members({"gsin": GSIN, "offer": integer(least=1), "remark": REMARK}),
        "record_excursion": members(
            {
                **_EXCURSION,
                "device_id": IDENTIFIER,
                "stream": STREAM,
                "name": MEASUREMENT,
                "direction": choice("high", "low"),
                "started_at_ms": INSTANT,
                "peak": PEAK,
                "rule": NAME,
                "as_of_ms": INSTANT,
            },
            {"ended_at_ms": INSTANT},
        ),
        "resolve_excursion": members(
            {
                **_EXCURSION,
                "ended_at_ms": INSTANT,
                "resolution": choice("product_released", "product_rejected", "false_alarm"),
                "remark": REMARK,
            }
        ),
        "record_erasure": members(
            {
                **_ANCHOR_NAME,
                "counter": COUNTER,
                "index": COUNTER,
                "position": _message_position,
                "previous_hash": HASH,
                "reason": REASON,
                "authority": REASON,
            }
        ),
        "close_shipment": members({"gsin": GSIN, "condition": CONDITION}),
        "amend_shipment": members(
            {"gsin": GSIN, "remark": REASON}, {"due_at_ms": INSTANT, "late": items(POSITION, least=1)}
        ),
        "get_shipment": members({"gsin": GSIN}),
        "get_shipment_history": members({"gsin": GSIN}, FROM),
        "list_shipments": members({}, PAGE),
        "get_device": members({"device_id": IDENTIFIER}),
        "get_device_history": members({"device_id": IDENTIFIER}, FROM),
        "list_devices": members({}, PAGE),
        "get_log": members({"log_id": IDENTIFIER}),
        "get_log_history": members({"log_id": IDENTIFIER}, FROM),
        "get_anchor": ANCHOR,
        "get_anchor_head": members({"log_id": IDENTIFIER}),
        "list_anchors": members(_ANCHOR_NAME, FROM),
        "get_erasure": members({**_ANCHOR_NAME, "index": COUNTER}),
        "read_records": members({"keys": items(STATE_KEY, least=1, most=MAX_KEYS)}),
    }
)
"""Transaction or query name to the shape of its argument."""
