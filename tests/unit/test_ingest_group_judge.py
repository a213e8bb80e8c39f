"""A group is judged as `judge` judges each of its messages, and its entries are those of the verifier."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.telemetry_cases import ACCEPTED_PACKS, REFUSED_PACKS
from support.telemetry_device import Device as Sender
from support.telemetry_device import json_pack
from support.telemetry_envelopes import sealed
from support.telemetry_inputs import HOSTILE
from wayproof.ingest.accepted import of_message
from wayproof.ingest.arrivals import Arrival, bounded
from wayproof.ingest.commitment import entry, salts
from wayproof.ingest.group_judge import GroupJudge, Verdict
from wayproof.ingest.judge import House, device_of, judge
from wayproof.ingest.refusal import PlatformCode, Refused
from wayproof.ingest.registry import Device, ready
from wayproof.ingest.signatures import ONE_TASK, Claim, Verifiers
from wayproof.store.connection import Connection
from wayproof.store.devices import RegisteredDevice, RegisteredKey
from wayproof_verifier.entry import SALT_BYTES, entry_hash
from wayproof_verifier.telemetry import Message

HOUSE = House("ShipperMSP", "shipper-log")
NO_CONNECTION = cast("Connection", None)


class KnownDevices:
    """A register that needs no database."""

    def __init__(self, devices: Mapping[str, Device]) -> None:
        self._devices = devices

    def device(self, device_id: str) -> Device | None:
        return self._devices.get(device_id)

    def look_up(self, _: Connection, device_ids: Iterable[str]) -> None:
        list(device_ids)

    def look_again(self, _: Connection, device_ids: Iterable[str]) -> set[str]:
        list(device_ids)
        return set()


def registered(
    sender: Sender, *, signs: bool = True, home_log: str = "shipper-log", ended_at: int | None = None
) -> Device:
    last = None if ended_at is None else [{"stream": sender.stream, "boot": 1, "sequence": ended_at}]
    signing = RegisteredKey(sender.algorithm, sender.key.key_id, sender.spki, last is not None, last)
    key = signing if signs else RegisteredKey("none", None, None, has_ended=False)
    return ready(RegisteredDevice(sender.device_id, "ShipperMSP", home_log, (key,)))


def judged(devices: Mapping[str, Device], arrivals: list[Arrival], *, threads: int = 2) -> list[Verdict]:
    verifiers = Verifiers(threads)
    group_judge = GroupJudge(HOUSE, verifiers=verifiers)
    group_judge._registry = cast("Any", KnownDevices(devices))
    try:
        group_judge.judge(NO_CONNECTION, arrivals)  # shapes are learnt
        return [verdict for _, verdict in group_judge.judge(NO_CONNECTION, arrivals)]
    finally:
        verifiers.close()


def one_by_one(devices: Mapping[str, Device], arrivals: list[Arrival]) -> list[Verdict]:
    verdicts = []
    for it in arrivals:
        device = devices.get(device_of(it.topic) or "")
        verdict = judge(it.payload, topic=it.topic, device=device, house=HOUSE)
        verdicts.append(of_message(verdict) if isinstance(verdict, Message) else verdict)
    return verdicts


@pytest.mark.parametrize("threads", [1, 2])
def test_a_group_is_judged_as_each_message_is(threads: int) -> None:
    es256, eddsa, ended = Sender("reefer-7", algorithm="ES256"), Sender("reefer-8"), Sender("reefer-9")
    bare, elsewhere, stranger = Sender("bare-1"), Sender("elsewhere"), Sender("stranger")
    devices = {
        "reefer-7": registered(es256),
        "reefer-8": registered(eddsa),
        "reefer-9": registered(ended, ended_at=3),
        "bare-1": registered(bare, signs=False),
        "elsewhere": registered(elsewhere, home_log="another-log"),
    }
    forger = Sender("reefer-8")
    forger.sign = Sender("a-thief").sign
    pack = json_pack({"temperature": "4.5"}, observed_at_ms=1_750_000_000_000)
    payloads = [
        pack,
        *(it.encode() for it in ACCEPTED_PACKS),
        *(it.encode("utf-8", "surrogatepass") for _, it in REFUSED_PACKS),
        *(payload for _, payload in HOSTILE.values()),
        *(es256.next() for _ in range(ONE_TASK)),
        *(eddsa.next() for _ in range(ONE_TASK)),
        *(ended.next() for _ in range(6)),
        forger.payload(place=forger.next_place()),
        sealed(es256, alg=-8),
        sealed(eddsa, b"[]"),
    ]
    topics = [it.topic for it in (es256, eddsa, ended, bare, elsewhere, stranger)]
    topics += ["", "wayproof/v1/ShipperMSP/reefer-7/receipts", "wayproof/v1/CarrierMSP/reefer-7/messages"]
    arrivals = [Arrival(topic, bounded(payload), 5, 1, 1, 1) for topic in topics for payload in payloads]
    verdicts = judged(devices, arrivals, threads=threads)
    assert verdicts == one_by_one(devices, arrivals)
    assert [it.code for it in verdicts if isinstance(it, Refused)].count(PlatformCode.KEY_ENDED) == 3


@given(st.binary(max_size=300), st.text(st.characters(codec="utf-8"), max_size=50), st.integers(0, 2**64 - 1))
def test_an_entry_is_the_verifier_s(payload: bytes, topic: str, received_at_ms: int) -> None:
    (salt,) = salts(1)
    expected = entry_hash(salt, topic=topic, payload=payload, received_at_ms=received_at_ms)
    assert entry(salt, topic=topic, payload=payload, received_at_ms=received_at_ms) == expected


def test_salts_are_fresh() -> None:
    drawn = [*salts(1_000), *salts(1_000)]
    assert len(set(drawn)) == 2_000
    assert {len(it) for it in drawn} == {SALT_BYTES}


@pytest.mark.parametrize("threads", [1, 3])
def test_every_claim_gets_its_own_answer(threads: int) -> None:
    sender = Sender("reefer-7", algorithm="ES256")
    claims = [Claim(sender.key, sender.sign(bytes((number,))), bytes((number,))) for number in range(3 * ONE_TASK)]
    wrong = {0, ONE_TASK - 1, ONE_TASK, 3 * ONE_TASK - 1}
    claims = [it._replace(signed=b"other") if place in wrong else it for place, it in enumerate(claims)]
    verifiers = Verifiers(threads)
    try:
        assert [place for place, is_valid in enumerate(verifiers.verify(claims)) if not is_valid] == sorted(wrong)
    finally:
        verifiers.close()
