"""One scenario of all transactions, printed as read/write sets: the same bytes in every interpreter."""

import sys
from collections.abc import Iterator

from support.contract_state import read_write_set, simulate
from support.contract_world import (
    CARRY,
    GSIN,
    NO_HASH,
    NORTH,
    SOUTH,
    START_AT_MS,
    Argument,
    World,
    attach_argument,
    condition,
    device_argument,
    ed25519_key,
    excursion_argument,
    handover,
    head_argument,
    leaves,
    log_argument,
    p256_key,
    position,
    resolution_argument,
    shipment_argument,
)

Step = tuple[str, str, Argument]


def steps() -> Iterator[Step]:
    """Yield (organisation, transaction, argument): every transaction of the contract, each accepted."""
    yield from _register()
    yield from _travel()
    yield from _arrive()
    yield from _end()


def _register() -> Iterator[Step]:
    yield NORTH, "register_log", log_argument("north")
    yield NORTH, "register_device", device_argument("n1", home_log="north")
    yield NORTH, "register_device", device_argument("n2", home_log="north")
    yield NORTH, "anchor_log", head_argument("north", counter=1, tree=leaves(5), first_size=0)
    yield NORTH, "anchor_log", head_argument("north", counter=2, tree=leaves(9), first_size=5)
    yield NORTH, "create_shipment", shipment_argument()
    yield NORTH, "attach_device", attach_argument("n1", 10)
    yield NORTH, "attach_device", attach_argument("n2", 0)


def _travel() -> Iterator[Step]:
    yield NORTH, "detach_device", attach_argument("n2", 7)
    yield SOUTH, "detach_device", attach_argument("n2", 7)
    yield NORTH, "offer_custody", {"gsin": GSIN, "to": CARRY, "condition": handover(20)}
    yield CARRY, "reject_custody", {"gsin": GSIN, "offer": 6, "remark": "the seal is broken"}
    yield NORTH, "offer_custody", {"gsin": GSIN, "to": CARRY, "condition": handover(21)}
    yield CARRY, "accept_custody", {"gsin": GSIN, "offer": 8, "condition": handover(22)}
    yield CARRY, "record_excursion", excursion_argument("n1")
    yield SOUTH, "resolve_excursion", resolution_argument()


def _arrive() -> Iterator[Step]:
    yield CARRY, "amend_shipment", {"gsin": GSIN, "remark": "a queue at the border", "due_at_ms": START_AT_MS + 9}
    yield CARRY, "offer_custody", {"gsin": GSIN, "to": SOUTH, "condition": handover(30)}
    yield SOUTH, "accept_custody", {"gsin": GSIN, "offer": 13, "condition": handover(31)}
    yield NORTH, "detach_device", attach_argument("n1", 33)
    yield SOUTH, "close_shipment", {"gsin": GSIN, "condition": condition()}
    late = [position("n1", "conditions", 34)]
    yield NORTH, "amend_shipment", {"gsin": GSIN, "remark": "one arrived late", "late": late}


def _end() -> Iterator[Step]:
    rotated = {"algorithm": "EdDSA", "public_key": ed25519_key("n1 second")}
    last = [position("n1", "conditions", 34)]
    yield NORTH, "rotate_device_key", {"device_id": "n1", "last_positions": last, **rotated}
    yield NORTH, "revoke_device", {"device_id": "n2", "reason": "lost", "last_positions": []}
    place = {"log_id": "north", "epoch": 1, "counter": 2, "index": 3, "position": position("n1", "conditions", 1)}
    why = {"previous_hash": NO_HASH, "reason": "a driver's request", "authority": "data protection officer"}
    yield NORTH, "record_erasure", {**place, **why}
    keys = {"checkpoint_key": ed25519_key("next"), "receipt_key": p256_key("next")}
    yield NORTH, "retire_log", {"log_id": "north", "epoch": 1, "reason": "restored from a backup", "next": keys}
    yield NORTH, "retire_log", {"log_id": "north", "epoch": 2, "reason": "merged"}


def main() -> None:
    """Print status, payload and read/write set of every step."""
    world = World()
    for by, function, argument in steps():
        answer, simulation = simulate(world.committed, world.transaction(function, argument, by=by))
        world.committed.commit(simulation)
        line = b"%d %s%s %s\n" % (answer.status, answer.message.encode(), answer.payload, read_write_set(simulation))
        sys.stdout.buffer.write(line)


if __name__ == "__main__":
    main()
