"""Changes that somebody might try on an evidence file, each in one line of prose, and what they do to its lines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from wayproof.errors import WayproofError
from wayproof_contract.merkle import leaf_hash
from wayproof_verifier import bundle
from wayproof_verifier.entry import entry_hash

Lines = Sequence[bundle.Line]


@dataclass(frozen=True, slots=True)
class Tampering:
    """A change: what it pretends, and how it is done."""

    pretends: str
    change: Callable[[Lines], list[bundle.Line]]


def tamper(evidence: bytes, tampering: Tampering) -> bytes:
    """Return the changed file, well-formed line by line: only what it says is wrong."""
    lines = [bundle.decode_line(line) for line in evidence.splitlines(keepends=True)]
    changed = tampering.change(lines)
    changed[-1] = bundle.End(lines=len(changed) - 1)
    return b"".join(bundle.encode_line(line) for line in changed)


def _warmest(lines: Lines) -> int:
    """Return the place of the message with the highest temperature shown."""
    temperatures = {
        place: _temperature(line)
        for place, line in enumerate(lines)
        if isinstance(line, bundle.Message) and line.readings[0][0] == "temperature"
    }
    if not temperatures:
        raise WayproofError("no temperature is shown in this evidence")
    return max(temperatures, key=lambda place: temperatures[place])


def _temperature(line: bundle.Message) -> Decimal:
    _, value, scale, *_ = line.readings[0]
    return Decimal(value).scaleb(-int(scale))


def _cooled(lines: Lines) -> list[bundle.Line]:
    changed, place = list(lines), _warmest(lines)
    message = changed[place]
    assert isinstance(message, bundle.Message)  # noqa: S101 - _warmest only returns messages
    name, _, _, unit, observed_at_ms = message.readings[0]
    changed[place] = replace(message, readings=((name, 50, 1, unit, observed_at_ms), *message.readings[1:]))
    return changed


def _left_out(lines: Lines) -> list[bundle.Line]:
    changed, place = list(lines), _warmest(lines)
    message = changed[place]
    assert isinstance(message, bundle.Message)  # noqa: S101 - as above
    entry = entry_hash(
        message.salt, topic=message.topic, payload=message.payload, received_at_ms=message.received_at_ms
    )
    changed[place] = bundle.Node(level=0, hash=leaf_hash(entry))
    return changed


def _rewritten(lines: Lines) -> list[bundle.Line]:
    changed, place = list(lines), _warmest(lines)
    message = changed[place]
    assert isinstance(message, bundle.Message)  # noqa: S101 - as above
    payload = bytearray(message.payload)
    payload[-70] ^= 1
    changed[place] = replace(message, payload=bytes(payload))
    return changed


def _arrived_earlier(lines: Lines) -> list[bundle.Line]:
    changed, place = list(lines), _warmest(lines)
    message = changed[place]
    assert isinstance(message, bundle.Message)  # noqa: S101 - as above
    changed[place] = replace(message, received_at_ms=message.received_at_ms - 3_600_000)
    return changed


def _without_handover(lines: Lines) -> list[bundle.Line]:
    places = [place for place, line in enumerate(lines) if isinstance(line, bundle.Transaction)]
    return [line for place, line in enumerate(lines) if place != places[-2]]


TAMPERINGS = (
    Tampering("the warmest reading was 5.0 degrees", _cooled),
    Tampering("the warmest message was never sent", _left_out),
    Tampering("the device measured something else", _rewritten),
    Tampering("the message arrived an hour earlier", _arrived_earlier),
    Tampering("one of the signed transactions is not there", _without_handover),
)
