"""Histories from bytes: each four bytes are something that somebody attempts, sensible more often than not.

The first byte names the transaction, the second who attempts it, the third on what, the fourth how it goes wrong.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from support.contract_model import Attempt, Interval, Log, Model, Shipment
from support.contract_world import (
    AUDIT,
    CARRY,
    GSIN,
    NO_HASH,
    NORTH,
    ORGANISATIONS,
    OTHER,
    SECOND_GSIN,
    SOUTH,
    START_AT_MS,
    Argument,
    anchor,
    condition,
    device_argument,
    ed25519_key,
    excursion_argument,
    head_argument,
    leaves,
    log_argument,
    p256_key,
    position,
    resolution_argument,
    shipment_argument,
)

HOMES = {"n1": "north", "n2": "north", "c1": "carry"}
OWNERS = {"north": NORTH, "carry": CARRY, "n1": NORTH, "n2": NORTH, "c1": CARRY, GSIN: NORTH, SECOND_GSIN: OTHER}
PARTIES = {
    GSIN: {NORTH: "consignor", CARRY: "carrier", SOUTH: "consignee", AUDIT: "auditor"},
    SECOND_GSIN: {OTHER: "consignor", NORTH: "carrier", CARRY: "consignee"},
}
STREAMS = ("conditions", "location")
EXCURSIONS = ("e1", "e2")

PLAIN, NONSENSE, BEHIND, FORKED, NOT_ANCHORED, OFF_BY_ONE, LEFT_OUT, ELSEWHERE = range(8)
"""How an attempt may go wrong."""
SENSIBLE = 170
"""A fourth byte below this is PLAIN; a second byte below this is whoever is meant to act."""


@dataclass(frozen=True, slots=True)
class Dice:
    """What the bytes decide about one attempt."""

    what: int
    how: int

    @property
    def twist(self) -> int:
        """How it goes wrong."""
        return PLAIN if self.how < SENSIBLE else self.how % 8

    @property
    def gsin(self) -> str:
        """The shipment: mostly the first."""
        return SECOND_GSIN if self.what % 4 == 0 else GSIN

    @property
    def device_id(self) -> str:
        """The device."""
        return ("n1", "n2", "c1")[self.what // 4 % 3]

    @property
    def stream(self) -> str:
        """The stream: mostly conditions."""
        return STREAMS[self.what // 16 % 4 == 0]

    @property
    def log_id(self) -> str:
        """The log: mostly the first."""
        return "carry" if self.what % 4 == 0 else "north"

    def position(self, device_id: str, stream: str, *, after: int) -> Argument:
        """Return a position at or a little after a sequence, or not."""
        sequence = max(0, after - 1) if self.twist == BEHIND else after + self.what // 64
        return position(device_id, stream, sequence, fork="fork" if self.twist == FORKED else "")

    def anchor(self, model: Model, log_id: str) -> Argument:
        """Return an anchor of a log, or not."""
        log = model.logs.get(log_id, Log(""))
        counter = log.counter + 1 if self.twist == NOT_ANCHORED else log.counter * (self.what % 8 != 0)
        epoch = log.epoch + 1 if self.twist == OFF_BY_ONE else log.epoch
        return anchor("carry" if self.twist == ELSEWHERE and log_id == "north" else log_id, counter, epoch=epoch)


Proposal = tuple[str, Argument]
"""Who is meant to act, and the argument."""


def attempts(history: bytes, *, model: Model) -> Iterator[Attempt]:
    """Yield what is attempted; each depends on what the model says came of those before."""
    for start in range(0, len(history) - 3, 4):
        which, who, what, how = history[start : start + 4]
        function = WEIGHTED[which % len(WEIGHTED)]
        dice = Dice(what, how)
        right, argument = PROPOSE[function](model, dice)
        by = right if who < SENSIBLE else ORGANISATIONS[who % len(ORGANISATIONS)]
        tree: list[bytes] = []
        if function == "anchor_log":
            argument, tree = _anchor_log(model, dice)
        if dice.twist == NONSENSE:
            argument = {**argument, "nonsense": True}
        yield Attempt(by, function, argument, tree)


# --- logs and devices ---------------------------------------------------------------------------------------------


def _register_log(_model: Model, dice: Dice) -> Proposal:
    return OWNERS[dice.log_id], log_argument(dice.log_id)


def _retire_log(model: Model, dice: Dice) -> Proposal:
    epoch = model.logs.get(dice.log_id, Log("")).epoch + (dice.twist == OFF_BY_ONE)
    argument: Argument = {"log_id": dice.log_id, "epoch": epoch, "reason": "lost"}
    if dice.what % 16:
        argument["next"] = {"checkpoint_key": ed25519_key("next"), "receipt_key": p256_key("next")}
    return OWNERS[dice.log_id], argument


def _anchor_owner(_model: Model, dice: Dice) -> Proposal:
    return OWNERS[dice.log_id], {}


def _anchor_log(model: Model, dice: Dice) -> tuple[Argument, list[bytes]]:
    log = model.logs.get(dice.log_id, Log(""))
    last = log.trees[log.epoch, log.counter]
    size = max(0, len(last) - 1) if dice.twist == BEHIND else len(last) + dice.what // 4 % 5
    name = "fork" if dice.twist == FORKED else f"{dice.log_id}/{log.epoch}"
    tree = leaves(size, name=name)
    repeated = dice.twist == ELSEWHERE
    counter = log.counter if repeated else log.counter + 1 + (dice.twist == OFF_BY_ONE)
    if repeated:
        tree = list(last)
    argument = head_argument(dice.log_id, counter=counter, tree=tree, first_size=len(last), epoch=log.epoch)
    if dice.twist == LEFT_OUT:
        argument["proof"] = argument["proof"][1:]
    return argument, tree


def _register_device(_model: Model, dice: Dice) -> Proposal:
    home = "carry" if dice.twist == ELSEWHERE else HOMES[dice.device_id]
    argument = device_argument(dice.device_id, home_log=home)
    if dice.twist == FORKED:
        argument["public_key"] = p256_key("n1")
    return OWNERS[dice.device_id], argument


def _rotate_device_key(_model: Model, dice: Dice) -> Proposal:
    key = {"algorithm": "EdDSA", "public_key": ed25519_key(f"key {dice.what}")}
    return OWNERS[dice.device_id], {"device_id": dice.device_id, "last_positions": [], **key}


def _revoke_device(_model: Model, dice: Dice) -> Proposal:
    return OWNERS[dice.device_id], {"device_id": dice.device_id, "last_positions": [], "reason": "lost"}


def _record_erasure(model: Model, dice: Dice) -> Proposal:
    log_id = HOMES[dice.device_id]
    reference = dice.anchor(model, log_id)
    place = {**reference, "index": dice.what // 16, "position": position(dice.device_id, "conditions", 1)}
    return OWNERS[log_id], {**place, "previous_hash": NO_HASH, "reason": "asked", "authority": "the officer"}


# --- shipments ----------------------------------------------------------------------------------------------------


def _shipment(model: Model, dice: Dice) -> Shipment:
    return model.shipments.get(dice.gsin) or Shipment(PARTIES[dice.gsin], OWNERS[dice.gsin])


def _create_shipment(_model: Model, dice: Dice) -> Proposal:
    template = shipment_argument(dice.gsin)
    gln = template["parties"][0]["party_gln"]
    parties = [{"role": role, "msp_id": by, "party_gln": gln} for by, role in PARTIES[dice.gsin].items()]
    return OWNERS[dice.gsin], {**template, "parties": parties}


def _interval(model: Model, dice: Dice) -> Interval:
    """Return an interval of the shipment, open if there is one, else one that never was."""
    shipment = _shipment(model, dice)
    choice = shipment.current() or shipment.intervals
    if choice and dice.twist != ELSEWHERE:
        return choice[dice.what // 4 % len(choice)]
    return Interval((dice.device_id, dice.stream), OWNERS[dice.device_id], 0, position("n1", "conditions", 1))


def _attach_device(model: Model, dice: Dice) -> Proposal:
    stream = (dice.device_id, dice.stream)
    ends = [item.end["sequence"] for item in _shipment(model, dice).intervals if item.stream == stream and item.end]
    place = dice.position(*stream, after=ends[-1] if ends else 2)
    argument = {"gsin": dice.gsin, "position": place, "anchor": dice.anchor(model, HOMES[dice.device_id])}
    return OWNERS[dice.device_id], argument


def _detach_device(model: Model, dice: Dice) -> Proposal:
    interval = _interval(model, dice)
    wishes = list(interval.wishes.values())
    place = dice.position(*interval.stream, after=interval.reached["sequence"])
    if wishes and dice.twist == PLAIN:
        place = wishes[dice.what % len(wishes)]
    reference = dice.anchor(model, HOMES[interval.stream[0]])
    parties = list(PARTIES[dice.gsin])
    by = interval.owner if not wishes else parties[dice.what // 4 % len(parties)]
    return by, {"gsin": dice.gsin, "position": place, "anchor": reference}


def _condition(model: Model, dice: Dice) -> Argument:
    current = _shipment(model, dice).current()
    places = [dice.position(*item.stream, after=item.reached["sequence"]) for item in current]
    homes = sorted({HOMES[item.stream[0]] for item in current})
    if dice.twist == LEFT_OUT:
        places = places[1:]
    return condition(places, [dice.anchor(model, home) for home in homes])


def _offer_custody(model: Model, dice: Dice) -> Proposal:
    shipment = _shipment(model, dice)
    others = [by for by, role in shipment.parties.items() if role != "auditor" and by != shipment.custodian]
    to = ORGANISATIONS[dice.what % 5] if dice.twist == ELSEWHERE else others[dice.what // 4 % len(others)]
    return shipment.custodian, {"gsin": dice.gsin, "to": to, "condition": _condition(model, dice)}


def _accept_custody(model: Model, dice: Dice) -> Proposal:
    version, to = _shipment(model, dice).offered or (1, SOUTH)
    offer = version + (dice.twist == OFF_BY_ONE)
    return to, {"gsin": dice.gsin, "offer": offer, "condition": _condition(model, dice)}


def _reject_custody(model: Model, dice: Dice) -> Proposal:
    shipment = _shipment(model, dice)
    version, to = shipment.offered or (1, SOUTH)
    by = to if dice.what % 2 else shipment.custodian
    return by, {"gsin": dice.gsin, "offer": version + (dice.twist == OFF_BY_ONE), "remark": "no"}


def _record_excursion(model: Model, dice: Dice) -> Proposal:
    device_id, stream = _interval(model, dice).stream
    name = EXCURSIONS[dice.what // 16 % 2]
    argument = excursion_argument(device_id, excursion_id=name, gsin=dice.gsin)
    return _shipment(model, dice).custodian, {**argument, "stream": stream}


def _resolve_excursion(model: Model, dice: Dice) -> Proposal:
    name = EXCURSIONS[dice.what // 16 % 2]
    return _shipment(model, dice).custodian, resolution_argument(excursion_id=name, gsin=dice.gsin)


def _close_shipment(model: Model, dice: Dice) -> Proposal:
    shipment = _shipment(model, dice)
    return shipment.with_role("consignee"), {"gsin": dice.gsin, "condition": _condition(model, dice)}


def _amend_shipment(model: Model, dice: Dice) -> Proposal:
    shipment = _shipment(model, dice)
    argument: Argument = {"gsin": dice.gsin, "remark": "to be known"}
    ended = {item.stream: item.end["sequence"] for item in shipment.intervals if item.end}
    if (ended and shipment.closed) or dice.twist == ELSEWHERE:
        stream, reached = (list(ended.items()) or [(("n1", "conditions"), 1)])[0]
        argument["late"] = [dice.position(*stream, after=reached + 1)]
    elif dice.what % 8 == 1:
        argument["due_at_ms"] = START_AT_MS
    return shipment.custodian, argument


PROPOSE: dict[str, Callable[[Model, Dice], Proposal]] = {
    "register_log": _register_log,
    "retire_log": _retire_log,
    "anchor_log": _anchor_owner,
    "register_device": _register_device,
    "rotate_device_key": _rotate_device_key,
    "revoke_device": _revoke_device,
    "record_erasure": _record_erasure,
    "create_shipment": _create_shipment,
    "attach_device": _attach_device,
    "detach_device": _detach_device,
    "offer_custody": _offer_custody,
    "accept_custody": _accept_custody,
    "reject_custody": _reject_custody,
    "record_excursion": _record_excursion,
    "resolve_excursion": _resolve_excursion,
    "close_shipment": _close_shipment,
    "amend_shipment": _amend_shipment,
}

_OFTEN = ("attach_device", "detach_device", "offer_custody", "accept_custody", "accept_custody", "close_shipment")
WEIGHTED = [*PROPOSE, *_OFTEN, *_OFTEN, "anchor_log", "anchor_log"]

_START = ("register_log", "register_log", "anchor_log", "register_device", "register_device", "register_device")
_PLACES = (1, 0, 17, 0, 4, 8)
BEGINNING = b"".join(
    bytes([list(PROPOSE).index(function), 0, what, 0])
    for function, what in [*zip(_START, _PLACES, strict=True), ("create_shipment", 1), ("create_shipment", 0)]
)
"""Logs, devices and two shipments, so that most histories have something to go on with."""
