"""What an organisation states at a handover: the position of every attached stream, readings, anchors. Pure.

Positions are known where the log is. Elsewhere a person reads them from the device, or confirms what the offer says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wayproof.api.problems import Refusal
from wayproof.api.series import measurement_of
from wayproof.api.summary import COORDINATES
from wayproof.store.readings import LatestReading, Stream
from wayproof.store.shipments import LatestAnchor
from wayproof_contract.shipment import current_attachments, order_of, stream_of

Record = Mapping[str, Any]
StreamName = tuple[str, str]

NOTHING_YET = "0" * 64
LARGEST = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Known:
    """What may be stated: from our store, from the request, from the offer that is accepted."""

    held: Mapping[StreamName, Stream]
    measured: Sequence[LatestReading]
    anchors: Sequence[LatestAnchor]
    given: Sequence[Record] = ()
    given_latest: Sequence[Record] = ()
    offered: Record | None = None


def condition(head: Record, known: Known, *, remark: str) -> dict[str, Any]:
    """Return the condition of a shipment now. Raises Refusal (`positions_needed`)."""
    attached = current_attachments(head)
    sources = {stream_of(it["start"]): _position(it, known) for it in attached}
    unknown = [f"{device_id} {stream}" for (device_id, stream), source in sources.items() if source is None]
    if unknown:
        raise Refusal(
            f"give `positions`, as read from the device, of {', '.join(unknown)}: another organisation keeps them",
            code="positions_needed",
            status=409,
        )
    return {
        "positions": [dict(source) for source in sources.values() if source is not None],
        "latest": _latest(sources.keys(), known),
        "anchors": [anchor_reference(it) for it in known.anchors],
        "remark": remark,
    }


def anchor_reference(anchor: LatestAnchor) -> dict[str, Any]:
    """Return a reference to an anchor, as the contract takes it."""
    return {"log_id": anchor.log_id, "epoch": anchor.epoch, "counter": anchor.counter}


def last_held(stream: Stream) -> dict[str, Any]:
    """Return the position of the last message held of a stream; before the first message where there is none."""
    if stream.boot is None or stream.sequence is None or stream.message_hash is None:
        place = {"boot": 0, "sequence": 0, "hash": NOTHING_YET}
    else:
        place = {"boot": stream.boot, "sequence": stream.sequence, "hash": stream.message_hash.hex()}
    return {"device_id": stream.device_id, "stream": stream.stream, **place}


def detachment(head: Record, known: Known, *, name: StreamName) -> dict[str, Any]:
    """Return the position at which a stream is detached: given, held, or asked for by the other side.

    Raises Refusal: `not_attached`, `positions_needed`.
    """
    for it in current_attachments(head):
        if stream_of(it["start"]) == name:
            asked = [request["position"] for request in it.get("detach_requests", [])]
            position = next(iter(known.given), None) or _position(it, known) or next(iter(asked), None)
            if position is None:
                raise Refusal(
                    "give `position`, as read from the device: another organisation keeps its messages",
                    code="positions_needed",
                    status=409,
                )
            return dict(position)
    raise Refusal(f"{name[0]} {name[1]} is not attached to this shipment", code="not_attached", status=409)


def _position(attachment: Record, known: Known) -> Record | None:
    """Return where a stream is: as held, never behind what the record reached; as given; as offered."""
    name = stream_of(attachment["start"])
    stream = known.held.get(name)
    if stream is not None:
        reached: Record = attachment.get("handed_over", attachment["start"])
        return max(last_held(stream), reached, key=order_of)
    stated = (*known.given, *(known.offered["positions"] if known.offered else ()))
    return next((it for it in stated if stream_of(it) == name), None)


def _latest(names: Sequence[StreamName] | Any, known: Known) -> list[dict[str, Any]]:  # noqa: ANN401 - keys of a dict
    """Return the latest readings of the streams: held ones; for others those given, or else those of the offer.

    Positions on the map stay out: a stream of its own lets them be withheld.
    """
    held = [
        {field: getattr(it, field) for field in LatestReading.__match_args__}
        for it in known.measured
        if (it.device_id, it.stream) in known.held
        and measurement_of(it.name) not in COORDINATES
        and abs(it.value) <= LARGEST
    ]
    stated = known.given_latest or (known.offered["latest"] if known.offered else ())
    others = [
        dict(it) for it in stated if (name := (it["device_id"], it["stream"])) in names and name not in known.held
    ]
    return [*held, *others]
