"""The other side of a device: a platform in memory that holds what it verified, and signs receipts for it.

platform = Platform(device)
platform.receive(message.payload)
device.take_receipt(platform.receipt())

`serving(platform, port=...)` puts it behind a broker.
"""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from support.telemetry_device import public_spki, published_key, signer
from wayproof.simulate.device import Device
from wayproof.simulate.identity import Algorithm
from wayproof.simulate.spool import SentMessage
from wayproof_verifier.telemetry import (
    Held,
    Message,
    PublicKey,
    Receipt,
    Refused,
    decode,
    encode_receipt,
    key_id,
    verify,
)
from wayproof_verifier.telemetry.message import NO_MESSAGE
from wayproof_verifier.telemetry.stream import BEGINNING, Chain, Link, Walk, position_before

LOG_ID = "shipper-log"
OBSERVED_AT_MS = 1_750_000_000_000
RECEIPT_KEY = published_key("receipts")
RECEIPT_SPKI = public_spki(RECEIPT_KEY)

Place = tuple[str, int, int]


def provisioned(
    directory: Path, *, port: int = 1883, device_id: str = "reefer-7", algorithm: Algorithm = "ES256"
) -> Device:
    """Make a device of the shipper that believes the published receipt key."""
    return Device.provision(
        directory,
        organisation="ShipperMSP",
        device_id=device_id,
        broker_host="127.0.0.1",
        broker_port=port,
        log_id=LOG_ID,
        receipt_keys=[RECEIPT_SPKI],
        algorithm=algorithm,
    )


def receipt_for(
    device_id: str, *, held: Iterable[Held] = (), refused: Iterable[Refused] = (), log_id: str = LOG_ID
) -> Receipt:
    """Return a receipt that is not signed yet."""
    return Receipt(log_id, 1, device_id, OBSERVED_AT_MS, OBSERVED_AT_MS + 60_000, tuple(held), tuple(refused))


def signed(receipt: Receipt, *, seed: str = "receipts") -> bytes:
    """Return a receipt signed by the published key of a seed; the log's is `receipts`."""
    key = published_key(seed)
    return encode_receipt(receipt, algorithm="EdDSA", key_id=key_id(public_spki(key)), sign=signer(key))


@dataclass(slots=True)
class Platform:
    """What a platform holds of one device; `arrivals` are the payloads as they came, `deaf` loses them."""

    organisation: str
    device_id: str
    key: PublicKey
    topic: str
    receipts_topic: str
    held: dict[Place, dict[bytes, Message]] = field(default_factory=dict)
    arrivals: list[bytes] = field(default_factory=list)
    unanswered: set[Place] = field(default_factory=set)
    refused: set[Refused] = field(default_factory=set)
    deaf: bool = False
    """Loses what comes, as a broker without persistence does."""

    @classmethod
    def of(cls, device: Device) -> "Platform":
        """Return the platform where this device is registered."""
        identity = device.identity
        key = PublicKey.from_spki(device.public_key)
        return cls(identity.organisation, identity.device_id, key, identity.messages_topic, identity.receipts_topic)

    def receive(self, payload: bytes) -> None:
        """Hold a message, or refuse it."""
        if self.deaf:
            return
        self.arrivals.append(payload)
        message = decode(payload, topic=self.topic)
        rejection = verify(message, key=self.key) if isinstance(message, Message) else message
        if rejection is None and isinstance(message, Message):
            place = (message.stream, message.boot, message.sequence)
            self.held.setdefault(place, {})[message.message_hash] = message
            self.unanswered.add(place)
        elif rejection is not None:
            self.refused.add(Refused(sha256(payload).digest(), rejection.code))

    def receipt(self) -> bytes:
        """Return a signed receipt for what came since the last one, for the first time or again."""
        ranges: list[Held] = []
        for stream, boot, sequence in sorted(self.unanswered):
            held = Held(stream, boot, sequence, sequence, next(iter(self.held[stream, boot, sequence])))
            if ranges and (ranges[-1].stream, ranges[-1].boot, ranges[-1].last + 1) == (stream, boot, sequence):
                held = replace(held, first=ranges.pop().first)
            ranges.append(held)
        receipt = receipt_for(self.device_id, held=ranges, refused=self.refused)
        self.unanswered, self.refused = set(), set()
        return signed(receipt)

    def walk(self, stream: str) -> Walk:
        """Walk what is held of a stream from its beginning, as the verifier does."""
        messages = (message for it in self.held.values() for message in it.values() if message.stream == stream)
        return walk(messages)

    def hashes(self) -> dict[Place, set[bytes]]:
        """Return the message hashes that are held, by place."""
        return {place: set(messages) for place, messages in self.held.items()}


def walk(messages: Iterable[Message]) -> Walk:
    """Walk the messages of one stream, in any order, from its beginning."""
    chain = Chain(start=(BEGINNING, NO_MESSAGE), end=None, held=())
    for number, message in enumerate(messages):
        position = (message.boot, message.sequence)
        before = position_before(position, after=message.after)
        chain.add(Link(position, message.message_hash, message.previous, before, (1, number)))
    return chain.walk()


def assert_unbroken(found: Walk) -> None:
    """Require every message there, each chained to the one before, none contradicting another."""
    assert (found.gaps, found.breaks, found.contradictions, found.duplicates, found.hold) == ([], [], [], [], set())


def by_place(log: Iterable[SentMessage]) -> dict[Place, set[bytes]]:
    """Return a send log's message hashes by place."""
    places: dict[Place, set[bytes]] = {}
    for sent in log:
        places.setdefault((sent.stream, sent.boot, sent.sequence), set()).add(sent.message_hash)
    return places


@contextmanager
def serving(
    platform: Platform,
    *,
    port: int,
    receipt_every: int = 50,
    receipt_soon: bool = True,
    on_arrival: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Connect a platform to a broker: it receipts after so many messages, and soon after the last."""
    subscriber = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    subscribed, arrived, stop = threading.Event(), itertools.count(1), threading.Event()
    changed = threading.Event()
    lock = threading.Lock()

    def on_connect(client: mqtt.Client, _: Any, __: Any, ___: ReasonCode, ____: Any) -> None:  # noqa: ANN401 - as paho declares it
        client.subscribe(platform.topic, qos=1)

    def on_message(_: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:  # noqa: ANN401 - as paho declares it
        with lock:
            platform.receive(bytes(message.payload))
        changed.set()
        on_arrival()
        if next(arrived) % receipt_every == 0:
            answer()

    def answer() -> None:
        if not platform.deaf:
            with lock:
                receipt = platform.receipt()
            subscriber.publish(platform.receipts_topic, receipt, qos=0)

    def answer_soon() -> None:
        while not stop.wait(0.05):
            if receipt_soon and changed.is_set():
                changed.clear()
                answer()

    subscriber.on_connect, subscriber.on_message = on_connect, on_message
    subscriber.on_subscribe = lambda *_: subscribed.set()
    subscriber.reconnect_delay_set(1, 1)
    subscriber.connect_async("127.0.0.1", port)
    subscriber.loop_start()
    answering = threading.Thread(target=answer_soon)
    answering.start()
    try:
        assert subscribed.wait(30)
        yield
    finally:
        stop.set()
        answering.join()
        subscriber.disconnect()
        subscriber.loop_stop()
