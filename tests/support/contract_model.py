"""The contract's rules once more, as plainly as they can be said: what is accepted, and what holds afterwards.

The model knows nothing of keys, records or proofs' insides. It is told what somebody attempts and says yes or no.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from wayproof_contract.merkle import consistency_proof

Argument = dict[str, Any]
Stream = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A transaction that somebody attempts. `tree` is the log behind an anchor."""

    by: str
    function: str
    argument: Argument
    tree: Sequence[bytes] = ()


@dataclass(slots=True)
class Log:
    """A log: whose, which epoch, and the trees anchored, by (epoch, counter)."""

    owner: str
    epoch: int = 1
    retired: bool = False
    counter: int = 0
    trees: dict[tuple[int, int], tuple[bytes, ...]] = field(default_factory=lambda: {(1, 0): ()})


@dataclass(slots=True)
class Device:
    """A device: whose, where it writes, whether it is in use."""

    owner: str
    home: str
    revoked: bool = False


@dataclass(slots=True)
class Interval:
    """A stream on a shipment. `reached` is how far it goes at least."""

    stream: Stream
    owner: str
    since: int
    reached: Argument
    end: Argument | None = None
    wishes: dict[str, Argument] = field(default_factory=dict)


@dataclass(slots=True)
class Shipment:
    """A shipment: parties by organisation, who has it, and what is on it."""

    parties: dict[str, str]
    custodian: str
    version: int = 1
    taken_at: int = 1
    offered: tuple[int, str] | None = None
    closed: bool = False
    intervals: list[Interval] = field(default_factory=list)
    excursions: dict[str, bool] = field(default_factory=dict)

    def current(self) -> list[Interval]:
        """Return the intervals that are open, in the order of their streams."""
        return sorted((item for item in self.intervals if item.end is None), key=lambda item: item.stream)

    def with_role(self, role: str) -> str:
        """Return the organisation with a role that only one has."""
        return next(organisation for organisation, its in self.parties.items() if its == role)


def stream_of(position: Argument) -> Stream:
    """Return device and stream."""
    return position["device_id"], position["stream"]


def may_follow(position: Argument, bound: Argument) -> bool:
    """Tell whether a position is the same as another one, or after it."""
    before = (bound["boot"], bound["sequence"])
    return position == bound or (position["boot"], position["sequence"]) > before


@dataclass(slots=True)
class Model:
    """All logs, devices and shipments."""

    logs: dict[str, Log] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    shipments: dict[str, Shipment] = field(default_factory=dict)
    erased: set[tuple[str, int, int]] = field(default_factory=set)

    def accepts(self, attempt: Attempt) -> bool:
        """Say whether the contract must accept, and if so remember what follows."""
        if "nonsense" in attempt.argument:
            return False
        rule = getattr(self, attempt.function)
        if "gsin" not in attempt.argument or attempt.function == "create_shipment":
            return bool(rule(attempt))
        shipment = self.shipments.get(attempt.argument["gsin"])
        if shipment is None or attempt.by not in shipment.parties:
            return False
        if shipment.closed and attempt.function != "amend_shipment":
            return False
        if not rule(attempt, shipment):
            return False
        shipment.version += 1
        return True

    # --- logs and devices ---

    def _own_log(self, attempt: Attempt, log_id: str) -> Log | None:
        log = self.logs.get(log_id)
        return log if log is not None and log.owner == attempt.by and not log.retired else None

    def register_log(self, attempt: Attempt) -> bool:
        """A name is taken once."""
        free = attempt.argument["log_id"] not in self.logs
        if free:
            self.logs[attempt.argument["log_id"]] = Log(attempt.by)
        return free

    def retire_log(self, attempt: Attempt) -> bool:
        """The owner ends an epoch, and perhaps begins another."""
        log = self._own_log(attempt, attempt.argument["log_id"])
        if log is None or log.epoch != attempt.argument["epoch"]:
            return False
        if "next" in attempt.argument:
            log.epoch, log.counter = log.epoch + 1, 0
            log.trees[log.epoch, 0] = ()
        else:
            log.retired = True
        return True

    def anchor_log(self, attempt: Attempt) -> bool:
        """The owner anchors what the last tree is a prefix of."""
        argument, tree = attempt.argument, tuple(attempt.tree)
        log = self._own_log(attempt, argument["log_id"])
        if log is None or log.epoch != argument["epoch"]:
            return False
        last = log.trees[log.epoch, log.counter]
        if argument["counter"] == log.counter:
            return tree == last
        if argument["counter"] != log.counter + 1 or tree[: len(last)] != last:
            return False
        proof = [node.hex() for node in consistency_proof(tree, first_size=len(last))]
        if argument["proof"] != proof:
            return False
        log.counter += 1
        log.trees[log.epoch, log.counter] = tree
        return True

    def register_device(self, attempt: Attempt) -> bool:
        """A new name, a new key, an own log."""
        argument = attempt.argument
        if self._own_log(attempt, argument["home_log"]) is None:
            return False
        if argument["device_id"] in self.devices or argument["public_key"] in self.keys:
            return False
        self.devices[argument["device_id"]] = Device(attempt.by, argument["home_log"])
        self.keys.add(argument["public_key"])
        return True

    def _own_device(self, attempt: Attempt) -> Device | None:
        device = self.devices.get(attempt.argument["device_id"])
        return device if device is not None and device.owner == attempt.by and not device.revoked else None

    def rotate_device_key(self, attempt: Attempt) -> bool:
        """The owner gives a key that nobody ever had."""
        if self._own_device(attempt) is None or attempt.argument["public_key"] in self.keys:
            return False
        self.keys.add(attempt.argument["public_key"])
        return True

    def revoke_device(self, attempt: Attempt) -> bool:
        """The owner ends it."""
        device = self._own_device(attempt)
        if device is not None:
            device.revoked = True
        return device is not None

    def record_erasure(self, attempt: Attempt) -> bool:
        """The log's owner, once, below an anchor, a message of a device that writes there."""
        argument = attempt.argument
        log = self.logs.get(argument["log_id"])
        device = self.devices.get(argument["position"]["device_id"])
        place = (argument["log_id"], argument["epoch"], argument["index"])
        if log is None or log.owner != attempt.by or place in self.erased:
            return False
        if device is None or device.home != argument["log_id"]:
            return False
        tree = log.trees.get((argument["epoch"], argument["counter"]))
        if tree is None or argument["index"] >= len(tree):
            return False
        self.erased.add(place)
        return True

    # --- shipments ---

    def create_shipment(self, attempt: Attempt) -> bool:
        """The consignor, once."""
        parties = {party["msp_id"]: party["role"] for party in attempt.argument["parties"]}
        if attempt.argument["gsin"] in self.shipments or parties.get(attempt.by) != "consignor":
            return False
        self.shipments[attempt.argument["gsin"]] = Shipment(parties, attempt.by)
        return True

    def _is_anchored(self, anchor: Argument) -> bool:
        log = self.logs.get(anchor["log_id"])
        return log is not None and (anchor["epoch"], anchor["counter"]) in log.trees

    def attach_device(self, attempt: Attempt, shipment: Shipment) -> bool:
        """An own device, a stream that is not on the shipment, from where it ended last."""
        position, anchor = attempt.argument["position"], attempt.argument["anchor"]
        device = self.devices.get(position["device_id"])
        if device is None or device.owner != attempt.by or device.revoked:
            return False
        if anchor["log_id"] != device.home or not self._is_anchored(anchor):
            return False
        for earlier in shipment.intervals:
            if earlier.stream == stream_of(position) and (earlier.end is None or not may_follow(position, earlier.end)):
                return False
        shipment.intervals.append(Interval(stream_of(position), attempt.by, shipment.version + 1, position))
        return True

    def detach_device(self, attempt: Attempt, shipment: Shipment) -> bool:
        """The owner after a takeover; else the owner and another, the second being the first one's counterparty."""
        position, anchor = attempt.argument["position"], attempt.argument["anchor"]
        interval = next((item for item in shipment.current() if item.stream == stream_of(position)), None)
        if interval is None or not may_follow(position, interval.reached):
            return False
        if anchor["log_id"] != self.devices[interval.stream[0]].home or not self._is_anchored(anchor):
            return False
        taken_over = shipment.taken_at > interval.since and shipment.custodian != interval.owner
        agreed = any(
            wish == position
            and attempt.by == self._counterparty(shipment, asking)
            and interval.owner in {attempt.by, asking}
            for asking, wish in interval.wishes.items()
        )
        if (taken_over and attempt.by == interval.owner) or agreed:
            interval.end = position
            return True
        if interval.wishes.get(attempt.by) == position:
            return False
        interval.wishes[attempt.by] = position
        return True

    @staticmethod
    def _counterparty(shipment: Shipment, asking: str) -> str:
        first = shipment.offered[1] if shipment.offered else shipment.with_role("consignee")
        order = (first, shipment.with_role("consignee"), shipment.with_role("consignor"))
        return next(organisation for organisation in order if organisation != asking)

    def _fits(self, shipment: Shipment, condition: Argument) -> bool:
        current = shipment.current()
        streams = [stream_of(position) for position in condition["positions"]]
        if streams != [interval.stream for interval in current]:
            return False
        pairs = zip(condition["positions"], current, strict=True)
        if not all(may_follow(position, interval.reached) for position, interval in pairs):
            return False
        homes = sorted({self.devices[interval.stream[0]].home for interval in current})
        anchors = condition["anchors"]
        return [anchor["log_id"] for anchor in anchors] == homes and all(map(self._is_anchored, anchors))

    def offer_custody(self, attempt: Attempt, shipment: Shipment) -> bool:
        """The custodian, one offer, to another party that is no auditor."""
        to = attempt.argument["to"]
        if attempt.by != shipment.custodian or shipment.offered or to == attempt.by:
            return False
        if shipment.parties.get(to, "auditor") == "auditor" or not self._fits(shipment, attempt.argument["condition"]):
            return False
        shipment.offered = (shipment.version + 1, to)
        return True

    def accept_custody(self, attempt: Attempt, shipment: Shipment) -> bool:
        """Whom it is offered to, this very offer."""
        if shipment.offered != (attempt.argument["offer"], attempt.by):
            return False
        if not self._fits(shipment, attempt.argument["condition"]):
            return False
        for position, interval in zip(attempt.argument["condition"]["positions"], shipment.current(), strict=True):
            interval.reached = position
        shipment.custodian, shipment.taken_at, shipment.offered = attempt.by, shipment.version + 1, None
        return True

    def reject_custody(self, attempt: Attempt, shipment: Shipment) -> bool:
        """Either side of this very offer."""
        if shipment.offered is None or shipment.offered[0] != attempt.argument["offer"]:
            return False
        if attempt.by not in (shipment.offered[1], shipment.custodian):
            return False
        shipment.offered = None
        return True

    def record_excursion(self, attempt: Attempt, shipment: Shipment) -> bool:
        """Once, of a stream that is or was on the shipment."""
        stream, name = (attempt.argument["device_id"], attempt.argument["stream"]), attempt.argument["excursion_id"]
        if name in shipment.excursions or all(interval.stream != stream for interval in shipment.intervals):
            return False
        shipment.excursions[name] = False
        return True

    def resolve_excursion(self, attempt: Attempt, shipment: Shipment) -> bool:
        """Once."""
        if shipment.excursions.get(attempt.argument["excursion_id"]) is not False:
            return False
        shipment.excursions[attempt.argument["excursion_id"]] = True
        return True

    def close_shipment(self, attempt: Attempt, shipment: Shipment) -> bool:
        """The consignee with the goods in hand and nothing offered."""
        consignee = shipment.with_role("consignee")
        if attempt.by != shipment.custodian or attempt.by != consignee or shipment.offered:
            return False
        if not self._fits(shipment, attempt.argument["condition"]):
            return False
        for position, interval in zip(attempt.argument["condition"]["positions"], shipment.current(), strict=True):
            interval.end = position
        shipment.closed = True
        return True

    def amend_shipment(self, attempt: Attempt, shipment: Shipment) -> bool:
        """A due time before close, late messages after it."""
        late = attempt.argument.get("late", [])
        if ("due_at_ms" in attempt.argument and shipment.closed) or (late and not shipment.closed):
            return False
        moved: list[tuple[Interval, Argument]] = []
        for position in late:
            interval = next((it for it in reversed(shipment.intervals) if it.stream == stream_of(position)), None)
            if interval is None or interval.end is None:
                return False
            if position == interval.end or not may_follow(position, interval.end):
                return False
            moved.append((interval, position))
        for interval, position in moved:
            interval.end = position
        return True
