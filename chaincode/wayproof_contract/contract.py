"""The contract: what every organisation of a channel agrees on. First the rules, then the table of transactions.

**Who acts**

1. An organisation acts through certificates that it issued, within the roles that they carry (`access`). Nobody acts
   for another organisation.

**Devices and logs** (`device`, `log`)

2. A device belongs to the organisation that registered it and writes into one home log of that organisation. A public
   key belongs to one device for ever.
3. A key that was rotated or revoked counts for what was anchored before, and up to the positions that its ending names.
4. A log only grows: a new head (size, root) is recorded with a consistency proof from the last one, which is verified
   here, by every endorser. Counters have no holes; an anchor with nothing new is a heartbeat; the same head again
   changes nothing.
5. A log that cannot go on is retired, naming the loss, and may begin a new epoch; its anchors remain.
6. A message is erased only by its log's organisation, with a reason, an authority, and its place in the chain.

**Shipments** (`transit`)

7. The consignor creates a shipment, naming parties, lane, limits and units, and is its first custodian.
8. A party attaches its own devices: the interval begins after the message named. One stream is attached at most once at
   a time, and never again before an earlier end.
9. Detaching takes effect at once only for whoever attached the device, and only while another organisation has taken
   over. Else the counterparty must name the same position; whoever attached it is always one of the two. No interval
   ends before a position at which custody was accepted.
10. Every reference to an anchor is checked against the committed, immutable one, and kept with its size.

**Custody** (`custody`)

11. At any time exactly one organisation has custody.
12. The custodian offers to one other party that is no auditor, one offer at a time; that party accepts or rejects; the
    custodian may withdraw. Offer and acceptance each record the condition: one position for each attached stream, one
    anchor for each of their logs.
13. The consignee closes the shipment once it has custody and no offer is pending; every interval ends there.
14. After close there are only amendments. They add remarks and late messages; nothing is ever rewritten.

**Excursions**

15. A monitor of a party records excursions of streams that were attached; an operator of a party resolves each once.

**Reading**

16. Shipments are read by their parties; devices, logs, anchors and erasures by every organisation of the channel.

Every record has a version under a key of its own (`state`), every refusal a stable code (`errors`), and every argument
one shape (`arguments`). Nothing here knows time, chance, floats, files or networks: the same transaction on the same
state writes the same bytes everywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from wayproof_contract import custody, device, log, queries, transit
from wayproof_contract.session import Record, Session


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction or query: what it does, and the role that its caller needs (None: any member)."""

    run: Callable[[Session, Record], Record]
    role: str | None = None


TRANSACTIONS = MappingProxyType(
    {
        "register_device": Entry(device.register_device, "registrar"),
        "rotate_device_key": Entry(device.rotate_device_key, "registrar"),
        "revoke_device": Entry(device.revoke_device, "registrar"),
        "register_log": Entry(log.register_log, "anchor"),
        "retire_log": Entry(log.retire_log, "anchor"),
        "anchor_log": Entry(log.anchor_log, "anchor"),
        "record_erasure": Entry(log.record_erasure, "privacy"),
        "create_shipment": Entry(transit.create_shipment, "operator"),
        "attach_device": Entry(transit.attach_device, "operator"),
        "detach_device": Entry(transit.detach_device, "operator"),
        "offer_custody": Entry(custody.offer_custody, "operator"),
        "accept_custody": Entry(custody.accept_custody, "operator"),
        "reject_custody": Entry(custody.reject_custody, "operator"),
        "record_excursion": Entry(transit.record_excursion, "monitor"),
        "resolve_excursion": Entry(transit.resolve_excursion, "operator"),
        "close_shipment": Entry(transit.close_shipment, "operator"),
        "amend_shipment": Entry(transit.amend_shipment, "operator"),
    }
)

QUERIES = MappingProxyType(
    {
        "get_shipment": Entry(queries.get_shipment),
        "get_shipment_history": Entry(queries.get_shipment_history),
        "list_shipments": Entry(queries.list_shipments),
        "get_device": Entry(queries.get_device),
        "get_device_history": Entry(queries.get_device_history),
        "list_devices": Entry(queries.list_devices),
        "get_log": Entry(queries.get_log),
        "get_log_history": Entry(queries.get_log_history),
        "get_anchor": Entry(queries.get_anchor),
        "get_anchor_head": Entry(queries.get_anchor_head),
        "list_anchors": Entry(queries.list_anchors),
        "get_erasure": Entry(queries.get_erasure),
        "read_records": Entry(queries.read_records),
    }
)
