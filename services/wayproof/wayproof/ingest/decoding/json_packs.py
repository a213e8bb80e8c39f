"""Packs in JSON, taken apart at their numbers."""

import json
import re
import secrets
from typing import Any, NoReturn

from wayproof.ingest.decoding.hot_shapes import HotShapes
from wayproof.ingest.decoding.learning import LONGEST_LEARNT, Literals, Shapes
from wayproof.ingest.decoding.numbers import Numbers, UncertainError
from wayproof.ingest.decoding.shape import Slot
from wayproof.store.measured import Measured
from wayproof_verifier.telemetry import decimals, senml_json

_SLOT = rb": ?([-0-9][-+.0-9eE]*+)"
_NUMBER = re.compile(_SLOT)
"""What may be a member's number. Only a way to find slots: whether they are some is tried out, and each is read."""
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")  # RFC 8259 §6
_SMALLEST_MARK = 10**15


class JsonPacks:
    """What packs in JSON measure. Not shared between threads."""

    def __init__(self) -> None:
        self._shapes = Shapes(read=senml_json.read, with_slots=with_slots, numbers=Numbers(number_of))
        self._hot = HotShapes(_SLOT)

    def read(self, pack: bytes) -> Measured | None:
        """Return what a pack measures; None if the verifier has to say."""
        if len(pack) > LONGEST_LEARNT:
            return None
        found = self._hot.find(pack)
        if found is not None:
            return self._shapes.fill(*found)
        parts = _NUMBER.split(pack)
        literals, slots = tuple(parts[::2]), parts[1::2]
        shape = self._shapes.shape(pack, literals, slots)
        if shape is None:
            return None
        self._hot.note(pack, literals, shape)
        return self._shapes.fill(shape, slots)


def number_of(raw: bytes) -> decimals.Scaled:
    """Read a JSON number's text. Raises RefusedError, or ValueError where it is none."""
    text = raw.decode("ascii")
    if _JSON_NUMBER.fullmatch(text) is None:
        raise ValueError("not a JSON number")
    return decimals.from_text(text)


def with_slots(literals: Literals) -> list[dict[str, Any]]:
    """Read the pack with a slot in the place of each number. Raises UncertainError if slots and numbers differ.

    Each slot is written as a random number and must be found again, in order: so a slot within a string does not pass,
    nor does a number that is no slot, whatever a payload is made to look like.
    """
    marks = [str(_SMALLEST_MARK + secrets.randbelow(_SMALLEST_MARK)) for _ in literals[1:]]
    places = {mark: Slot(place) for place, mark in enumerate(marks)}
    found: list[Slot] = []

    def number(text: str) -> Slot:
        slot = places.get(text)
        if slot is None:
            raise UncertainError
        found.append(slot)
        return slot

    def other(_: str) -> NoReturn:
        raise UncertainError

    written = [f":{mark}" for mark in marks]
    text = "".join(literal.decode("utf-8") + mark for literal, mark in zip(literals, [*written, ""], strict=True))
    pack: list[dict[str, Any]] = json.loads(text, parse_int=number, parse_float=other, parse_constant=other)
    if found != list(range(len(marks))):
        raise UncertainError
    return pack
