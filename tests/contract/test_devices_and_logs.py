"""Devices and their keys; logs, their anchors and epochs; erasures."""

import base64

import pytest

from support.contract_world import (
    CARRY,
    NO_HASH,
    NORTH,
    OTHER,
    Argument,
    World,
    device_argument,
    ed25519_key,
    head_argument,
    leaves,
    log_argument,
    p256_key,
    position,
    prepared_world,
)
from wayproof_contract.device import key_id
from wayproof_contract.merkle import EMPTY_ROOT, root

NEXT_KEYS = {"checkpoint_key": ed25519_key("next"), "receipt_key": p256_key("next")}


def _rotate(**change: object) -> Argument:
    key = {"algorithm": "EdDSA", "public_key": ed25519_key("second")}
    return {"device_id": "n1", "last_positions": [], **key, **change}


def _revoke(**change: object) -> Argument:
    return {"device_id": "n1", "reason": "lost", "last_positions": [], **change}


def _retire(epoch: int = 1, **change: object) -> Argument:
    return {"log_id": "north", "epoch": epoch, "reason": "restored from a backup", **change}


def _erase(**change: object) -> Argument:
    place = {"log_id": "north", "epoch": 1, "counter": 1, "index": 4, "position": position("n1", "conditions", 7)}
    return {**place, "previous_hash": NO_HASH, "reason": "asked", "authority": "the officer", **change}


# --- devices ------------------------------------------------------------------------------------------------------


def test_a_device_is_registered_once_into_an_own_open_log() -> None:
    world = prepared_world()
    assert world.refusal("register_device", device_argument("n1", home_log="north")) == "already_exists"
    assert world.refusal("register_device", device_argument("n2", home_log="south")) == "not_found"
    assert world.refusal("register_device", device_argument("n2", home_log="north"), by=CARRY) == "other_organisation"
    world.do("retire_log", _retire())
    assert world.refusal("register_device", device_argument("n2", home_log="north")) == "log_retired"


def test_a_key_belongs_to_one_device_for_ever() -> None:
    world = prepared_world()
    again = {**device_argument("n2", home_log="north"), "public_key": p256_key("n1")}
    assert world.refusal("register_device", again) == "key_in_use"
    world.do("rotate_device_key", _rotate())
    assert world.refusal("register_device", again) == "key_in_use"
    assert world.refusal("rotate_device_key", _rotate()) == "key_in_use"
    assert world.refusal("rotate_device_key", _rotate(algorithm="ES256", public_key=p256_key("n1"))) == "key_in_use"


def test_a_rotation_keeps_the_old_key_with_its_end() -> None:
    world = prepared_world()
    head = world.do("rotate_device_key", _rotate(last_positions=[position("n1", "conditions", 9)]))
    old, new = head["keys"]
    assert (old["key_id"], old["since"], old["until"]) == (key_id(p256_key("n1")), 1, 2)
    assert (new["key_id"], new["since"], "until" in new) == (key_id(ed25519_key("second")), 2, False)


def test_a_revoked_device_is_not_used_again() -> None:
    world = prepared_world()
    head = world.do("revoke_device", _revoke())
    assert (head["status"], head["keys"][-1]["until"]) == ("revoked", 2)
    assert world.refusal("revoke_device", _revoke()) == "device_revoked"
    assert world.refusal("rotate_device_key", _rotate()) == "device_revoked"
    assert world.refusal("register_device", device_argument("n1", home_log="north")) == "already_exists"


def test_only_its_organisation_changes_a_device() -> None:
    world = prepared_world()
    assert world.refusal("rotate_device_key", _rotate(), by=CARRY) == "other_organisation"
    assert world.refusal("revoke_device", _revoke(), by=OTHER) == "other_organisation"
    assert world.refusal("revoke_device", _revoke(device_id="n9")) == "not_found"


@pytest.mark.parametrize(
    "positions",
    [
        [position("n2", "conditions", 1)],
        [position("n1", "conditions", 1), position("n1", "conditions", 2)],
        [position("n1", "location", 1), position("n1", "conditions", 2)],
    ],
)
def test_last_positions_are_of_this_device_one_for_each_stream(positions: list[Argument]) -> None:
    assert prepared_world().refusal("revoke_device", _revoke(last_positions=positions)) == "malformed_argument"


def _off_curve() -> str:
    der = base64.b64decode(p256_key("x"))
    return base64.b64encode(der[:-1] + bytes([der[-1] ^ 1])).decode()


@pytest.mark.parametrize(
    "key",
    [
        {"algorithm": "ES256", "public_key": ed25519_key("x")},
        {"algorithm": "EdDSA", "public_key": p256_key("x")},
        {"algorithm": "RS256", "public_key": p256_key("x")},
        {"algorithm": "ES256"},
        {"algorithm": "none", "public_key": p256_key("x")},
        {"algorithm": ["ES256"], "public_key": p256_key("x")},
        {"algorithm": "ES256", "public_key": p256_key("x") + "\n"},
        {"algorithm": "ES256", "public_key": p256_key("x").rstrip("=")},
        {"algorithm": "ES256", "public_key": "ä"},
        {"algorithm": "ES256", "public_key": _off_curve()},
    ],
)
def test_a_key_is_of_its_algorithm_and_in_its_one_form(key: Argument) -> None:
    argument = {"device_id": "n2", "home_log": "north", "model": "logger", **key}
    assert prepared_world().refusal("register_device", argument) == "malformed_argument"


def test_a_device_that_does_not_sign_may_get_a_key_but_not_lose_it() -> None:
    world = prepared_world()
    unsigned = {"device_id": "n2", "home_log": "north", "model": "logger", "algorithm": "none"}
    assert world.do("register_device", unsigned)["keys"] == [{"algorithm": "none", "since": 1}]
    world.do("rotate_device_key", _rotate(device_id="n2"))
    none = {"device_id": "n2", "last_positions": [], "algorithm": "none"}
    assert world.refusal("rotate_device_key", none) == "malformed_argument"


# --- logs ---------------------------------------------------------------------------------------------------------


def test_a_log_opens_empty() -> None:
    world = World()
    head = world.do("register_log", log_argument("north"))
    assert (head["epoch"], head["status"], head["organisation"]) == (1, "open", NORTH)
    anchor = world.do("get_anchor_head", {"log_id": "north"})
    assert (anchor["counter"], anchor["size"], anchor["root"]) == (0, 0, EMPTY_ROOT.hex())
    assert world.refusal("register_log", log_argument("north"), by=OTHER) == "already_exists"


@pytest.mark.parametrize("origin", ["https://logs.example/a", "logs.example/a b", "logs.example/a+b", "a", "/a", "a/"])
def test_an_origin_is_a_url_without_scheme(origin: str) -> None:
    argument = {**log_argument("north"), "origin": origin}
    assert World().refusal("register_log", argument) == "malformed_argument"


def test_a_checkpoint_key_is_ed25519() -> None:
    argument = {**log_argument("north"), "checkpoint_key": p256_key("x")}
    assert World().refusal("register_log", argument) == "malformed_argument"


def test_a_log_grows_with_proofs() -> None:
    world = prepared_world()
    world.do("anchor_log", head_argument("north", counter=2, tree=leaves(9), first_size=5))
    anchor = world.do("get_anchor", {"log_id": "north", "epoch": 1, "counter": 2})
    assert (anchor["size"], anchor["root"]) == (9, root(leaves(9)).hex())
    assert world.do("get_anchor_head", {"log_id": "north"}) == anchor


def test_a_heartbeat_is_an_anchor_with_nothing_new() -> None:
    world = prepared_world()
    heartbeat = head_argument("north", counter=2, tree=leaves(5), first_size=5)
    assert world.do("anchor_log", heartbeat)["counter"] == 2
    assert world.do("get_anchor", {"log_id": "north", "epoch": 1, "counter": 2})["size"] == 5


def test_the_same_head_again_writes_nothing() -> None:
    world = prepared_world()
    again = head_argument("north", counter=1, tree=leaves(5), first_size=5)
    simulation = world.simulate("anchor_log", again)
    assert simulation.writes == {}
    assert world.do("anchor_log", again) == world.do("get_anchor_head", {"log_id": "north"})


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        (head_argument("north", counter=3, tree=leaves(9), first_size=5), "wrong_counter"),
        (head_argument("north", counter=1, tree=leaves(9), first_size=5), "wrong_counter"),
        (head_argument("north", counter=0, tree=leaves(5), first_size=5), "wrong_counter"),
        (head_argument("north", counter=2, tree=leaves(9), first_size=5, epoch=2), "wrong_epoch"),
        (head_argument("north", counter=2, tree=leaves(9), first_size=4), "inconsistent_log"),
        (head_argument("north", counter=2, tree=leaves(9), first_size=0), "inconsistent_log"),
        (head_argument("north", counter=2, tree=leaves(9, name="fork"), first_size=5), "inconsistent_log"),
        (head_argument("north", counter=2, tree=leaves(5, name="fork"), first_size=5), "inconsistent_log"),
        (head_argument("north", counter=1, tree=leaves(5, name="fork"), first_size=5), "wrong_counter"),
        (head_argument("north", counter=2, tree=leaves(4), first_size=4), "inconsistent_log"),
        (head_argument("north", counter=2, tree=[], first_size=0), "inconsistent_log"),
        ({**head_argument("north", counter=2, tree=leaves(9), first_size=5), "root": "A" * 64}, "malformed_argument"),
        (head_argument("south", counter=1, tree=leaves(1), first_size=0), "not_found"),
    ],
)
def test_a_log_is_never_rewritten(argument: Argument, code: str) -> None:
    assert prepared_world().refusal("anchor_log", argument) == code


def test_only_its_organisation_anchors_or_retires_a_log() -> None:
    world = prepared_world()
    anchor = head_argument("north", counter=2, tree=leaves(9), first_size=5)
    assert world.refusal("anchor_log", anchor, by=CARRY) == "other_organisation"
    assert world.refusal("retire_log", _retire(), by=CARRY) == "other_organisation"


def test_a_log_that_lost_something_opens_another_epoch() -> None:
    world = prepared_world()
    head = world.do("retire_log", _retire(next=NEXT_KEYS))
    assert (head["epoch"], head["status"], head["receipt_key"]) == (2, "open", NEXT_KEYS["receipt_key"])
    [_, retirement] = world.do("get_log_history", {"log_id": "north"})["items"]
    assert retirement["last"] == {"counter": 1, "size": 5, "root": root(leaves(5)).hex()}
    assert world.do("get_anchor_head", {"log_id": "north"})["size"] == 0
    assert world.do("get_anchor", {"log_id": "north", "epoch": 1, "counter": 1})["size"] == 5
    old = head_argument("north", counter=2, tree=leaves(9), first_size=5)
    assert world.refusal("anchor_log", old) == "wrong_epoch"
    assert world.refusal("retire_log", _retire()) == "wrong_epoch"
    world.do("anchor_log", head_argument("north", counter=1, tree=leaves(2, name="new"), first_size=0, epoch=2))


def test_a_retired_log_is_final() -> None:
    world = prepared_world()
    assert world.do("retire_log", _retire())["status"] == "retired"
    anchor = head_argument("north", counter=2, tree=leaves(9), first_size=5)
    assert world.refusal("anchor_log", anchor) == "log_retired"
    assert world.refusal("retire_log", _retire(next=NEXT_KEYS)) == "log_retired"
    assert world.refusal("register_log", log_argument("north")) == "already_exists"


# --- erasures -----------------------------------------------------------------------------------------------------


def test_an_erasure_says_who_why_and_where() -> None:
    world = prepared_world()
    world.do("record_erasure", _erase())
    erasure = world.do("get_erasure", {"log_id": "north", "epoch": 1, "index": 4}, by=OTHER)
    assert (erasure["organisation"], erasure["reason"], erasure["authority"]) == (NORTH, "asked", "the officer")
    assert world.refusal("record_erasure", _erase(reason="again")) == "already_exists"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"index": 5}, "not_anchored"),
        ({"counter": 0}, "not_anchored"),
        ({"counter": 2}, "wrong_anchor"),
        ({"epoch": 2}, "wrong_anchor"),
        ({"log_id": "south"}, "not_found"),
        ({"position": position("n9", "conditions", 7)}, "not_found"),
        ({"position": position("n1", "conditions", 0)}, "malformed_argument"),
        ({"reason": ""}, "malformed_argument"),
    ],
)
def test_an_erasure_names_an_anchored_message(change: Argument, code: str) -> None:
    assert prepared_world().refusal("record_erasure", _erase(**change)) == code


def test_only_the_logs_organisation_erases_and_only_its_devices_messages() -> None:
    world = prepared_world()
    assert world.refusal("record_erasure", _erase(), by=CARRY) == "other_organisation"
    world.do("register_log", log_argument("second"))
    assert world.refusal("record_erasure", _erase(log_id="second", counter=0)) == "wrong_position"


def test_an_erasure_is_possible_after_the_log_was_retired() -> None:
    world = prepared_world()
    world.do("retire_log", _retire())
    world.do("record_erasure", _erase())
