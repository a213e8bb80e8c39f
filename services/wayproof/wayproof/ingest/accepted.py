"""An accepted message, as its group takes it in: what the verifier's decoder and the fast one have in common. Pure."""

from typing import NamedTuple

from wayproof.ingest.decoding import Quick
from wayproof.store.measured import Measured
from wayproof_verifier.telemetry import Message


class Accepted(NamedTuple):
    """Whose message it is, its place, and what it measures. Unsigned: no stream name, boot 0, `previous` None."""

    device_id: str
    measured: Measured
    message_hash: bytes
    stream: str = ""
    boot: int = 0
    sequence: int = 0
    previous: bytes | None = None
    after: tuple[int, int] | None = None

    @property
    def is_signed(self) -> bool:
        """Whether it has a place that a receipt can name."""
        return self.previous is not None


def of_message(message: Message) -> Accepted:
    """Take what the verifier's decoder made of a payload."""
    return Accepted(
        device_id=message.device_id,
        measured=Measured.of(message.readings),
        message_hash=message.message_hash,
        stream=message.stream,
        boot=message.boot,
        sequence=message.sequence,
        previous=message.previous if message.is_signed else None,
        after=message.after,
    )


def of_quick(quick: Quick, device_id: str) -> Accepted:
    """Take what the fast decoder made of a payload."""
    signed = quick.envelope
    if signed is None:
        return Accepted(device_id, quick.measured, quick.message_hash)
    return Accepted(
        device_id, quick.measured, quick.message_hash, signed.stream, signed.boot, signed.sequence, signed.previous
    )
