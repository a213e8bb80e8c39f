"""From one record of the contract to the rows of the typed tables: what each column means stands in `schema.sql`.

PostgreSQL has no place for U+0000 in a text, and the contract allows it in free texts: derived rows show U+FFFD
instead. The record itself is kept byte for byte in `ledger_record`.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from wayproof.store.ledger_view import Moment
from wayproof_contract.state import device_event_key, shipment_event_key

Record = dict[str, Any]
Rows = Iterator[tuple[str, Record]]

Moments = Callable[[str], Moment]
"""State key of an event to when it was written. Asked only for events in blocks before the one that is folded: no two
valid transactions of one block change the same aggregate, since each reads its head."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where a record was written: block, index of the transaction, and the moments of earlier events."""

    block_number: int
    tx_index: int
    moments: Moments


def _shipment(head: Record, context: Context) -> Rows:
    gsin = head["gsin"]
    yield (
        "shipment",
        {
            "gsin": gsin,
            "status": head["status"],
            "custodian": head["custodian"],
            "due_at_ms": head["due_at_ms"],
            "created_at_ms": context.moments(shipment_event_key(gsin, 1)).tx_timestamp_ms,
            "changed_block": context.block_number,
            "head": _storable(head),
        },
    )
    for attachment in head["attachments"]:
        yield "attachment", _attachment(gsin, attachment)
    for excursion in head["excursions"]:
        yield "excursion", _excursion(gsin, excursion)


def _attachment(gsin: str, attachment: Record) -> Record:
    start, end = attachment["start"], attachment.get("end")
    return {
        "gsin": gsin,
        "attached": attachment["attached"],
        "device_id": start["device_id"],
        "stream": start["stream"],
        "organisation": attachment["organisation"],
        "start_boot": start["boot"],
        "start_sequence": start["sequence"],
        "start_hash": bytes.fromhex(start["hash"]),
        "end_boot": end["boot"] if end else None,
        "end_sequence": end["sequence"] if end else None,
        "end_hash": bytes.fromhex(end["hash"]) if end else None,
    }


def _excursion(gsin: str, excursion: Record) -> Record:
    copied = ("excursion_id", "device_id", "stream", "name", "direction", "started_at_ms")
    return {
        "gsin": gsin,
        **{name: _storable(excursion[name]) for name in copied},
        "ended_at_ms": excursion.get("ended_at_ms"),
        "resolution": excursion.get("resolution"),
        "record": _storable(excursion),
    }


def _shipment_event(event: Record, context: Context) -> Rows:
    copied = ("gsin", "version", "kind", "organisation", "tx_id", "tx_timestamp_ms")
    yield (
        "shipment_event",
        {
            **{name: event[name] for name in copied},
            "block_number": context.block_number,
            "event": _storable(event),
        },
    )


def _device(head: Record, context: Context) -> Rows:
    device_id = head["device_id"]
    copied = ("device_id", "organisation", "home_log", "model", "status")
    yield "device", {**{name: _storable(head[name]) for name in copied}, "head": _storable(head)}
    for ordinal, key in enumerate(head["keys"]):
        registered = context.moments(device_event_key(device_id, key["since"]))
        ended = context.moments(device_event_key(device_id, key["until"])) if "until" in key else None
        yield (
            "device_key",
            {
                "device_id": device_id,
                "ordinal": ordinal,
                "key_id": bytes.fromhex(key["key_id"]) if "key_id" in key else None,
                "algorithm": key["algorithm"],
                "public_key": base64.b64decode(key["public_key"]) if "public_key" in key else None,
                "registered_at_ms": registered.tx_timestamp_ms,
                "ended_block": ended.block_number if ended else None,
            },
        )


def _device_event(event: Record, _context: Context) -> Rows:
    if "last_positions" in event:
        copied = ("device_id", "version", "last_positions")
        yield "device_key_end", {name: _storable(event[name]) for name in copied}


def _log(head: Record, _context: Context) -> Rows:
    yield "log_record", {"log_id": head["log_id"], "organisation": head["organisation"], "head": _storable(head)}


def _anchor(anchor: Record, context: Context) -> Rows:
    copied = ("log_id", "epoch", "counter", "size", "tx_id", "tx_timestamp_ms")
    yield (
        "anchor",
        {
            **{name: anchor[name] for name in copied},
            "root": bytes.fromhex(anchor["root"]),
            "block_number": context.block_number,
            "tx_index": context.tx_index,
        },
    )


def _nothing(_record: Record, _context: Context) -> Rows:
    """Have no table of its own: the record is all there is to know."""
    yield from ()


ROWS: Mapping[str, Callable[[Record, Context], Rows]] = MappingProxyType(
    {
        "shipment": _shipment,
        "shipment_event": _shipment_event,
        "party": _nothing,
        "device": _device,
        "device_event": _device_event,
        "device_key": _nothing,
        "log": _log,
        "log_event": _nothing,
        "anchor": _anchor,
        "anchor_head": _nothing,
        "erasure": _nothing,
    }
)
"""What each kind of record of the contract brings, by the first part of its key."""


def _storable(value: Any) -> Any:  # noqa: ANN401 - whatever canonical JSON holds
    """Return a value without U+0000."""
    if isinstance(value, str):
        return value.replace("\x00", "�")
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {name: _storable(item) for name, item in value.items()}
    return value
