"""Packs in CBOR, taken apart at their numbers."""

import re
import secrets
import struct
from typing import Any

from wayproof.ingest.decoding.learning import LONGEST_LEARNT, Literals, Shapes
from wayproof.ingest.decoding.numbers import Numbers, UncertainError
from wayproof.ingest.decoding.shape import Slot
from wayproof.store.measured import Measured
from wayproof_verifier.telemetry import cbor, decimals, senml_cbor
from wayproof_verifier.telemetry.cbor import DecimalFraction

_INTEGER = rb"(?:[\x00-\x17\x20-\x37]|[\x18\x38].|[\x19\x39].{2}|[\x1a\x3a].{4}|[\x1b\x3b].{8})"
_NUMBER = rb"(?:" + _INTEGER + rb"|\xc4\x82" + _INTEGER + rb"{2}|\xf9.{2}|\xfa.{4}|\xfb.{8})"
_TEXT = rb"(?:" + b"|".join(b"\\x%02x.{%d}" % (0x60 + length, length) for length in range(24)) + rb")"
_LABEL = rb"(?:[\x00-\x08\x20-\x25]|" + _TEXT + rb")"
_HEADS = rb"(?:[\x80-\x97]|\x98.|\x99.{2}|[\xa0-\xb7])"
_UNTIL_NUMBER = re.compile(
    rb"((?:" + _HEADS + rb"|" + _LABEL + rb"(?:" + _TEXT + rb"|[\xf4\xf5]))*+" + _LABEL + rb"?+)(" + _NUMBER + rb"?+)",
    re.DOTALL,
)
"""Heads, labels and texts up to the next number. Only a way to find slots: whether they are some is tried out."""


class CborPacks:
    """What packs in CBOR measure. Not shared between threads."""

    def __init__(self) -> None:
        self._shapes = Shapes(read=senml_cbor.read, with_slots=with_slots, numbers=Numbers(number_of))

    def read(self, pack: bytes) -> Measured | None:
        """Return what a pack measures; None if the verifier has to say."""
        if len(pack) > LONGEST_LEARNT:
            return None
        parts = _UNTIL_NUMBER.findall(pack)
        literals, slots = [literal for literal, _ in parts], [number for _, number in parts]
        while slots and not slots[-1]:  # after the last number, and once more at the end
            slots.pop()
        if sum(map(len, literals)) + sum(map(len, slots)) != len(pack) or b"" in slots:
            return None
        shape = self._shapes.shape(pack, (*literals[: len(slots)], b"".join(literals[len(slots) :])), slots)
        return None if shape is None else self._shapes.fill(shape, slots)


def number_of(raw: bytes) -> decimals.Scaled:
    """Read an encoded number. Raises RefusedError, or ValueError where it is none."""
    value = cbor.read(raw)
    if isinstance(value, DecimalFraction):
        return decimals.scaled(value.mantissa, scale=-value.exponent)
    if isinstance(value, float):
        return decimals.from_float(value)
    if type(value) is not int:
        raise ValueError("not a number")
    return decimals.scaled(value, scale=0)


def with_slots(literals: Literals) -> list[dict[str, Any]]:
    """Read the pack with a slot in the place of each number, as for JSON. Raises UncertainError, RefusedError."""
    marks = [2**63 + secrets.randbelow(2**63) for _ in literals[1:]]
    places = {mark: Slot(place) for place, mark in enumerate(marks)}
    written = [b"\x1b" + struct.pack(">Q", mark) for mark in marks]
    encoded = b"".join(literal + number for literal, number in zip(literals, [*written, b""], strict=True))
    pack = cbor.read(encoded)
    if not isinstance(pack, list):
        raise UncertainError
    found: list[Slot] = []
    records = []
    for item in pack:
        record = {}
        for label, value in item.items():
            if isinstance(value, int | float | DecimalFraction) and not isinstance(value, bool):
                slot = places.get(value) if type(value) is int else None
                if slot is None:
                    raise UncertainError
                found.append(slot)
                value = slot  # noqa: PLW2901 - the record with its slot
            record[senml_cbor.LABELS.get(label, label)] = value
        records.append(record)
    if found != list(range(len(marks))):
        raise UncertainError
    return records
