"""What became of single messages, as OpenTelemetry traces: received, committed, sealed, anchored, projected.

No header travels with an MQTT 3.1.1 message or through the log, so nothing is handed on: **the trace is the message**.
Its trace id is the first 16 bytes of the message hash, its first span the next 8, and every process adds its own span
to it without asking another. Which messages are followed is also decided by the hash, alike in every process.

    if tracing.is_on():
        tracing.record("seal", hashes, start_ns=began_ns, end_ns=time.time_ns())

Off, and without any library loaded, until `tracing_export` (the extra `otel`) turns it on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
FIRST = "receive"
"""The step whose span is the root of a trace."""

_SCALE = 2**32


class Recorder(Protocol):
    """Takes spans. Never raises and never waits: a trace is no reason to stop anything."""

    def record(
        self, step: str, message_hash: bytes, *, start_ns: int, end_ns: int, facts: Mapping[str, int | str]
    ) -> None:
        """Take one span of one message."""


@dataclass(slots=True)
class _Active:
    recorder: Recorder | None = None
    below: int = 0


_active = _Active()


def turn_on(recorder: Recorder, *, rate: float) -> None:
    """Follow this share of all messages, from 0 to 1."""
    _active.recorder, _active.below = recorder, round(rate * _SCALE)


def turn_off() -> None:
    """Follow none."""
    _active.recorder, _active.below = None, 0


def is_on() -> bool:
    """Tell whether any message may be followed."""
    return _active.recorder is not None and _active.below > 0


def below() -> int:
    """Return what `drawn` must be below for a message to be followed."""
    return _active.below


def drawn(message_hash: bytes) -> int:
    """Return a message's number in the draw: bytes 12 to 15 of its hash, the end of its trace id, big-endian."""
    return int.from_bytes(message_hash[12:16])


def record(
    step: str,
    message_hashes: Iterable[bytes],
    *,
    start_ns: int,
    end_ns: int,
    facts: Mapping[str, int | str] | None = None,
) -> None:
    """Add a span to the traces of those of the messages that are followed. Times are nanoseconds since 1970."""
    recorder = _active.recorder
    if recorder is None:
        return
    for message_hash in message_hashes:
        if drawn(message_hash) < _active.below:
            recorder.record(step, message_hash, start_ns=start_ns, end_ns=end_ns, facts=facts or {})
