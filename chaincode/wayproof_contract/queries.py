"""Queries: heads, histories and pages, and endorsed state. They write nothing."""

from collections.abc import Callable

from wayproof_contract.errors import ContractError
from wayproof_contract.session import Record, Session, decode_record
from wayproof_contract.state import (
    MAX_PAGE,
    anchor_head_key,
    anchor_key,
    children,
    device_event_key,
    device_key,
    erasure_key,
    log_event_key,
    log_key,
    shipment_event_key,
    shipment_key,
)
from wayproof_contract.transit import require_party

_OPEN_PREFIXES = (
    "device/",
    "device_event/",
    "device_key/",
    "log/",
    "log_event/",
    "anchor_head/",
    "anchor/",
    "erasure/",
)
"""What every organisation of the channel may read; shipments are for their parties."""


def get_shipment(session: Session, argument: Record) -> Record:
    """Return a shipment's head."""
    return _own_shipment(session, argument["gsin"])


def get_shipment_history(session: Session, argument: Record) -> Record:
    """Return a page of a shipment's events."""
    head = _own_shipment(session, argument["gsin"])
    return _history(session, argument, last=head["version"], key=lambda n: shipment_event_key(argument["gsin"], n))


def list_shipments(session: Session, argument: Record) -> Record:
    """Return a page of the shipments that the caller's organisation is a party to."""
    page = _page(session, argument, prefix=f"party/{session.caller.msp_id}")
    return {**page, "items": [session.read(shipment_key(item["gsin"])) for item in page["items"]]}


def get_device(session: Session, argument: Record) -> Record:
    """Return a device's head."""
    return session.read(device_key(argument["device_id"]))


def get_device_history(session: Session, argument: Record) -> Record:
    """Return a page of a device's events."""
    head = get_device(session, argument)
    return _history(session, argument, last=head["version"], key=lambda n: device_event_key(argument["device_id"], n))


def list_devices(session: Session, argument: Record) -> Record:
    """Return a page of all devices."""
    return _page(session, argument, prefix="device")


def get_log(session: Session, argument: Record) -> Record:
    """Return a log's head."""
    return session.read(log_key(argument["log_id"]))


def get_log_history(session: Session, argument: Record) -> Record:
    """Return a page of a log's events."""
    head = get_log(session, argument)
    return _history(session, argument, last=head["version"], key=lambda n: log_event_key(argument["log_id"], n))


def get_anchor(session: Session, argument: Record) -> Record:
    """Return one anchor."""
    return session.read(anchor_key(argument["log_id"], argument["epoch"], argument["counter"]))


def get_anchor_head(session: Session, argument: Record) -> Record:
    """Return a log's latest anchor: what to ask when the outcome of an anchor is unknown."""
    return session.read(anchor_head_key(argument["log_id"]))


def list_anchors(session: Session, argument: Record) -> Record:
    """Return a page of an epoch's anchors."""
    log_id, epoch = argument["log_id"], argument["epoch"]
    start = anchor_key(log_id, epoch, argument.get("start", 1))
    _, end = children(f"anchor/{log_id}/{epoch:06d}")
    pairs, more = session.state.page(start, end, size=argument.get("limit", MAX_PAGE), bookmark="")
    records = [decode_record(value) for _, value in pairs]
    return _items(records, bookmark=str(records[-1]["counter"] + 1) if more else "")


def get_erasure(session: Session, argument: Record) -> Record:
    """Return the record of an erased message."""
    return session.read(erasure_key(argument["log_id"], argument["epoch"], argument["index"]))


def read_records(session: Session, argument: Record) -> Record:
    """Return the records at some keys, in the order asked: endorsed, this is endorsed state."""
    keys = argument["keys"]
    if len(dict.fromkeys(keys)) != len(keys):
        raise ContractError("malformed_argument", "a key is there twice")
    for gsin in dict.fromkeys(_shipment_of(key) for key in keys):
        if gsin is not None:
            _own_shipment(session, gsin)
    records = [(key, session.find(key)) for key in keys]
    return {
        "v": 1,
        "records": [{"key": key} if record is None else {"key": key, "value": record} for key, record in records],
    }


def _shipment_of(key: str) -> str | None:
    """Return the shipment that a key speaks of, None for what everybody may read. Raises for other keys."""
    if key.startswith(_OPEN_PREFIXES):
        return None
    kind, gsin, *_ = key.split("/")
    if kind not in ("shipment", "shipment_event"):
        raise ContractError("malformed_argument", f"{key} is not a record")
    return gsin


def _own_shipment(session: Session, gsin: str) -> Record:
    head = session.read(shipment_key(gsin))
    require_party(session, head)
    return head


def _history(session: Session, argument: Record, *, last: int, key: Callable[[int], str]) -> Record:
    start = max(argument.get("start", 1), 1)
    end = min(last, start + argument.get("limit", MAX_PAGE) - 1)
    records = [session.read(key(version)) for version in range(start, end + 1)]
    return _items(records, bookmark=str(end + 1) if end < last else "")


def _page(session: Session, argument: Record, *, prefix: str) -> Record:
    start, end = children(prefix)
    size, bookmark = argument.get("limit", MAX_PAGE), argument.get("bookmark", "")
    # A bookmark is where the ledger goes on reading: one from elsewhere would show what lies there.
    if bookmark and not start <= bookmark < end:
        raise ContractError("malformed_argument", "bookmark: go on with the one that the page before gave")
    pairs, more = session.state.page(start, end, size=size, bookmark=bookmark)
    return _items([decode_record(value) for _, value in pairs], bookmark=more)


def _items(records: list[Record], *, bookmark: str) -> Record:
    return {"v": 1, "items": records, **({"bookmark": bookmark} if bookmark else {})}
