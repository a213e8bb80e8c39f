"""Signed messages in their everyday form: COSE_Sign1, each label of the header there, no `after`.

The form is fixed by docs/reference/telemetry.md to the byte, so one expression takes it apart; what it leaves open
(lengths, the shortest form of integers, the chain) is checked here. Everything else is the verifier's.
"""

import re
from typing import NamedTuple

from wayproof_verifier.telemetry.envelope import is_low_s
from wayproof_verifier.telemetry.message import LIMIT, NO_MESSAGE

_UNSIGNED = rb"([\x01-\x17]|\x18.|\x19.{2}|\x1a.{4}|\x1b.{8})"
_FORM = re.compile(
    rb"\xd2\x84\x58(.)(\xa7"
    rb"\x01([\x26\x27])"  # algorithm
    rb"\x03\x18([\x6e\x70])"  # content type
    rb"\x04\x58\x20(.{32})"  # key id
    rb"\x63seq" + _UNSIGNED + rb"\x64boot" + _UNSIGNED + rb"\x64prev\x58\x20(.{32})"
    rb"\x66stream(?:[\x61-\x77]|\x78.)([a-z][a-z0-9-]{0,31}))"
    rb"\xa0(?:[\x40-\x57]|\x58.|\x59.{2}|\x5a.{4})",
    re.DOTALL,
)
_ES256 = b"\x26"  # -7
_SIGNATURE = b"\x58\x40"
_TAIL_BYTES = 66
_IN_ONE_BYTE, _IN_TWO_BYTES = 24, 256
_LEAST = {2: 24, 3: 1 << 8, 5: 1 << 16, 9: 1 << 32}  # by the length of the encoded integer
_SIGNED_PREFIX = b"\x84\x6aSignature1"


class Signed(NamedTuple):
    """A signed message taken apart: nothing verified, its pack not read."""

    algorithm: int
    content_type: int
    key_id: bytes
    sequence: int
    boot: int
    previous: bytes
    stream: str
    pack: bytes
    signed: bytes
    """The bytes that are signed."""
    signature: bytes


def open_envelope(data: bytes) -> Signed | None:
    """Take a signed message apart; None if the verifier has to say what it is."""
    match = _FORM.match(data)
    if match is None:
        return None
    length, protected, algorithm, content_type, key_id, sequence, boot, previous, stream = match.groups()
    start, signature_at = match.end(), len(data) - _TAIL_BYTES
    pack = data[start:signature_at]
    signature = data[signature_at + 2 :]
    protected_end = match.end(2)
    if (
        len(protected) != length[0]
        or length[0] < _IN_ONE_BYTE
        or signature_at < start
        or data[signature_at : signature_at + 2] != _SIGNATURE
        or data[protected_end + 1 : start] != head(0x40, len(pack))
        or data[match.start(9) - _head_bytes(len(stream)) : match.start(9)] != head(0x60, len(stream))
        or (algorithm == _ES256 and not is_low_s(signature))
    ):
        return None
    numbers = shortest(sequence), shortest(boot)
    is_later = numbers[0] > 1 and previous != NO_MESSAGE
    is_first_ever = numbers[0] == 1 and previous == NO_MESSAGE
    if not (0 < numbers[0] < LIMIT and 0 < numbers[1] < LIMIT) or not (is_later or is_first_ever):
        return None
    return Signed(
        -1 - (algorithm[0] & 31),
        content_type[0],
        key_id,
        numbers[0],
        numbers[1],
        previous,
        stream.decode("ascii"),
        pack,
        b"".join((_SIGNED_PREFIX, data[2:protected_end], b"\x40", data[protected_end + 1 : signature_at])),
        signature,
    )


def head(major: int, length: int) -> bytes:
    """Return the shortest head of a string: `major` is 0x40 for bytes, 0x60 for text."""
    if length < _IN_ONE_BYTE:
        return bytes((major + length,))
    if length < _IN_TWO_BYTES:
        return bytes((major + 24, length))
    return bytes((major + 25,)) + length.to_bytes(2) if length < 1 << 16 else bytes((major + 26,)) + length.to_bytes(4)


def shortest(encoded: bytes) -> int:
    """Return an unsigned integer; 0, which no header has, where it takes more bytes than it needs."""
    if len(encoded) == 1:
        return encoded[0]
    number = int.from_bytes(encoded[1:])
    return number if number >= _LEAST[len(encoded)] else 0


def _head_bytes(length: int) -> int:
    return 1 if length < _IN_ONE_BYTE else 2
