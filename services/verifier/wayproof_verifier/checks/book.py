"""What the endorsed records say, as plain facts: the shipment's attachments, devices' keys, logs, anchors, erasures.

Everything is read from events and immutable records, never from heads: heads are compared with their events by
`records.history`, so nothing can hide in them. A record that lacks a member makes `read_book` raise `EncodingError`.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from wayproof_verifier.checks.state import Record
from wayproof_verifier.errors import EncodingError
from wayproof_verifier.report import LedgerVersion
from wayproof_verifier.telemetry.stream import Position

Members = Mapping[str, Any]
UNSIGNED = "none"
"""The algorithm of a device that cannot sign."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position that the ledger names, with the hash of its message."""

    device_id: str
    stream: str
    position: Position
    hash: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an aggregate, in ledger order."""

    kind: str
    version: int
    at: LedgerVersion
    at_ms: int
    organisation: str
    members: Members


@dataclass(frozen=True, slots=True)
class End:
    """Where an interval ends, and the event that ended it (an amendment moves the place only)."""

    place: Place
    event: Event


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment of a stream. `anchor` is `(epoch, counter, size)` of the home log, as the event names it."""

    event: Event
    start: Place
    anchor: tuple[int, int, int]
    end: End | None

    @property
    def stream(self) -> tuple[str, str]:
        """Device id and stream name."""
        return self.start.device_id, self.start.stream


@dataclass(frozen=True, slots=True)
class Ending:
    """Why and when a key ended, and the positions up to which it still counts, by stream."""

    event: Event
    last: Mapping[str, Place]


@dataclass(frozen=True, slots=True)
class Key:
    """A device's key: SubjectPublicKeyInfo DER (empty for an unsigned device), and its ending if it has one."""

    device_id: str
    algorithm: str
    public_key: bytes
    ending: Ending | None


@dataclass(frozen=True, slots=True)
class Device:
    """A device of this shipment: its organisation, home log and keys, oldest first."""

    device_id: str
    organisation: str
    home_log: str
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Epoch:
    """One life of a log: the key that signs its receipts, the event that opened it, its last anchor once it is over."""

    receipt_key: bytes
    opened: Event
    last_counter: int | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """A tree head on the ledger."""

    log_id: str
    epoch: int
    counter: int
    size: int
    root: bytes
    at: LedgerVersion
    at_ms: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """Who erased a message, why, and its place in its stream."""

    place: Place
    previous: bytes
    organisation: str
    reason: str
    authority: str


@dataclass(frozen=True, slots=True)
class Book:
    """All facts of one evidence file. `named` holds the positions that handovers and ended keys name by hash."""

    shipment: tuple[Event, ...]
    attachments: tuple[Attachment, ...]
    devices: Mapping[str, Device]
    logs: Mapping[str, Mapping[int, Epoch]]
    anchors: Mapping[tuple[str, int], tuple[Anchor, ...]]
    erasures: Mapping[tuple[str, int, int], Erasure]
    named: tuple[Place, ...]


def read_book(records: Mapping[str, Record], *, gsin: str) -> Book:
    """Read all facts. Raises EncodingError where a record has another form than the contract gives it."""
    try:
        shipment = tuple(events(records, prefix=f"shipment_event/{gsin}/"))
        attachments = tuple(_attachments(shipment))
        devices = {device_id: _device(records, device_id) for device_id in {item.stream[0] for item in attachments}}
        logs = {device.home_log: _epochs(records, device.home_log) for device in devices.values()}
        return Book(
            shipment=shipment,
            attachments=attachments,
            devices=devices,
            logs=logs,
            anchors=_anchors(records),
            erasures=dict(_erasures(records)),
            named=tuple(_named(shipment, devices.values())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EncodingError(f"a record has another form than the contract gives it: {error!r}") from error


def events(records: Mapping[str, Record], *, prefix: str) -> Iterator[Event]:
    """Yield an aggregate's events in the order of their versions."""
    for key in sorted(key for key in records if key.startswith(prefix)):
        members = records[key].members
        kind, organisation = members["kind"], members["organisation"]
        version, at_ms = members["version"], members["tx_timestamp_ms"]
        if not (type(kind) is type(organisation) is str and type(version) is type(at_ms) is int):
            raise TypeError(f"{key} is no event")
        yield Event(kind, version, records[key].version, at_ms, organisation, members)


def read_place(members: Members) -> Place:
    """Read a position as the contract writes it."""
    return Place(
        members["device_id"],
        members["stream"],
        (int(members["boot"]), int(members["sequence"])),
        bytes.fromhex(members["hash"]),
    )


def _attachments(shipment: Iterable[Event]) -> Iterator[Attachment]:
    """Pair every attachment with its end: a detachment or the close, moved forward by amendments (`late`)."""
    opened: dict[tuple[str, str], Attachment] = {}
    done: list[Attachment] = []
    for event in shipment:
        match event.kind:
            case "device_attached":
                anchor = event.members["anchor"]
                place = read_place(event.members["position"])
                opened[place.device_id, place.stream] = Attachment(
                    event, place, (anchor["epoch"], anchor["counter"], anchor["size"]), None
                )
            case "device_detached":
                done.append(_ended(opened, read_place(event.members["position"]), event))
            case "shipment_closed":
                done.extend(_ended(opened, read_place(item), event) for item in event.members["condition"]["positions"])
            case "shipment_amended":
                for item in event.members.get("late", []):
                    _extend(done, read_place(item))
    return iter(sorted([*done, *opened.values()], key=lambda item: item.event.version))


def _ended(opened: dict[tuple[str, str], Attachment], place: Place, event: Event) -> Attachment:
    item = opened.pop((place.device_id, place.stream))
    return replace(item, end=End(place, event))


def _named(shipment: Iterable[Event], devices: Iterable[Device]) -> Iterator[Place]:
    for event in shipment:
        if "condition" in event.members:
            yield from map(read_place, event.members["condition"]["positions"])
    for key in (key for device in devices for key in device.keys):
        if key.ending:
            yield from key.ending.last.values()


def _extend(done: list[Attachment], place: Place) -> None:
    """Move the end of the stream's last interval forward."""
    for number in reversed(range(len(done))):
        if done[number].stream == (place.device_id, place.stream):
            item = done[number]
            if item.end is not None:
                done[number] = replace(item, end=replace(item.end, place=place))
            return
    raise ValueError("an amendment speaks of a stream that was never attached")


def _device(records: Mapping[str, Record], device_id: str) -> Device:
    history = list(events(records, prefix=f"device_event/{device_id}/"))
    keys: list[Key] = []
    for event in history:
        if event.kind in {"device_key_rotated", "device_revoked"}:
            places = map(read_place, event.members["last_positions"])
            ending = Ending(event, {place.stream: place for place in places})
            keys[-1] = Key(keys[-1].device_id, keys[-1].algorithm, keys[-1].public_key, ending)
        if event.kind in {"device_registered", "device_key_rotated"}:
            keys.append(Key(device_id, event.members["algorithm"], _binary(event.members.get("public_key", "")), None))
    if not history:
        raise ValueError(f"no event registers {device_id}")
    return Device(device_id, history[0].organisation, history[0].members["home_log"], tuple(keys))


def _binary(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("a key is not base64") from error


def _epochs(records: Mapping[str, Record], log_id: str) -> dict[int, Epoch]:
    epochs: dict[int, Epoch] = {}
    for event in events(records, prefix=f"log_event/{log_id}/"):
        if event.kind == "log_registered":
            epochs[1] = Epoch(_binary(event.members["receipt_key"]), event)
        elif event.kind == "log_retired":
            epoch = event.members["epoch"]
            epochs[epoch] = replace(epochs[epoch], last_counter=event.members["last"]["counter"])
            if "next" in event.members:
                epochs[epoch + 1] = Epoch(_binary(event.members["next"]["receipt_key"]), event)
    return epochs


def _anchors(records: Mapping[str, Record]) -> dict[tuple[str, int], tuple[Anchor, ...]]:
    anchors: dict[tuple[str, int], list[Anchor]] = {}
    for key in sorted(key for key in records if key.startswith("anchor/")):
        members = records[key].members
        _, log_id, epoch, counter = key.split("/")
        if (members["log_id"], members["epoch"], members["counter"]) != (log_id, int(epoch), int(counter)):
            raise ValueError(f"{key} speaks of another anchor")
        anchor = Anchor(
            log_id,
            int(epoch),
            int(counter),
            members["size"],
            bytes.fromhex(members["root"]),
            records[key].version,
            members["tx_timestamp_ms"],
        )
        anchors.setdefault((log_id, anchor.epoch), []).append(anchor)
    return {name: tuple(items) for name, items in anchors.items()}


def _erasures(records: Mapping[str, Record]) -> Iterator[tuple[tuple[str, int, int], Erasure]]:
    for key in sorted(key for key in records if key.startswith("erasure/")):
        members = records[key].members
        _, log_id, epoch, index = key.split("/")
        yield (
            (log_id, int(epoch), int(index)),
            Erasure(
                read_place(members["position"]),
                bytes.fromhex(members["previous_hash"]),
                members["organisation"],
                members["reason"],
                members["authority"],
            ),
        )
