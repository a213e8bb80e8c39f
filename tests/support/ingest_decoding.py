"""The fast decoder beside the verifier's: what they say of one payload, and payloads that differ in their numbers."""

import random
import re
from collections.abc import Iterator

from wayproof.ingest.decoding import Decoder
from wayproof.store.measured import Measured
from wayproof_verifier.telemetry import Message, decode, messages_topic
from wayproof_verifier.telemetry.envelope import ALGORITHM, KEY_ID

TOPIC = messages_topic("ShipperMSP", device_id="reefer-7")

_NUMBER = re.compile(rb"[-+]?[0-9][-+.0-9eE]*")
NUMBERS = (
    b"0", b"-0", b"1", b"-1", b"01", b"1.", b".5", b"1.50", b"-18.25", b"1e3", b"1E-15", b"1e-16", b"1e999999999",
    b"1e", b"1_0", b"9223372036854775807", b"9223372036854775808", b"1750000000", b"1750000001.9999",
    b"268435455.9999", b"9007199254740.992",
    b"10", b"11", b"0.5", b"1-2", b"+1", b"--1", b"NaN", b"null", b'"1"', b"1 ", b" 1", b"[1]",
)  # fmt: skip
"""What may come where a number stood, good and bad."""


def agrees(decoder: Decoder, payload: bytes) -> bool:
    """Check that the fast decoder says nothing, or what the verifier says; tell whether it said something."""
    quick = decoder.decode(payload)
    if quick is None:
        return False
    message = decode(payload, topic=TOPIC)
    assert isinstance(message, Message), (payload, message)
    assert quick.measured == Measured.of(message.readings), payload
    assert quick.message_hash == message.message_hash
    signed, envelope = quick.envelope, message.envelope
    assert (signed is None) == (envelope is None)
    if signed is not None and envelope is not None:
        assert (signed.stream, signed.boot, signed.sequence) == (message.stream, message.boot, message.sequence)
        assert (signed.previous, message.after) == (message.previous, None)
        assert (signed.algorithm, signed.key_id) == (envelope.header[ALGORITHM], envelope.header[KEY_ID])
        assert (signed.signed, signed.signature) == (envelope.signed_bytes, envelope.signature)
    return True


def variants(payload: bytes, *, seed: int, count: int) -> Iterator[bytes]:
    """Yield payloads with the same bytes around their numbers, and some with a byte or two changed."""
    chance = random.Random(seed)  # noqa: S311 - a seed makes it the same each time
    for _ in range(count):
        changed = bytearray(_NUMBER.sub(lambda match: chance.choice((match[0], *NUMBERS)), payload))
        if chance.random() < 0.5 and changed:
            for _ in range(chance.randint(1, 2)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
        yield bytes(changed)
