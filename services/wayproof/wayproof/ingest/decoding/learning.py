"""Shapes of packs, learnt from the verifier when they come a second time, and remembered within bounds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wayproof.ingest.decoding.numbers import Numbers, UncertainError
from wayproof.ingest.decoding.shape import Shape, says, shape_of
from wayproof.store.measured import Measured
from wayproof_verifier.telemetry import Reading, TextReading
from wayproof_verifier.telemetry.rejection import RefusedError

LONGEST_LEARNT = 16_384
"""Bytes of a pack whose shape is worth learning."""
MOST_LEARNT_BYTES = 16 << 20
"""Bytes of all the packs whose shapes are remembered; beyond, all are forgotten."""
MOST_SEEN = 65_536
"""Shapes that were seen once; one is learnt when it comes again, so that texts that never repeat cost nothing."""

Literals = tuple[bytes, ...]
"""What stands before, between and after the numbers of a pack."""
Slots = Sequence[bytes]
"""The numbers of a pack."""


class Shapes:
    """The shapes of one content type. Not shared between threads."""

    def __init__(
        self,
        *,
        read: Callable[[bytes], Sequence[Reading | TextReading]],
        with_slots: Callable[[Literals], Sequence[Mapping[str, Any]]],
        numbers: Numbers,
    ) -> None:
        """`read` is the verifier's reader.

        `with_slots` reads the pack with a Slot in the place of each number and raises UncertainError where slots and
        numbers are not the same: a slot within a string, a number that is no slot.
        """
        self._read, self._with_slots, self._numbers = read, with_slots, numbers
        self._shapes: dict[Literals, Shape | None] = {}
        self._seen: set[int] = set()
        self._learnt_bytes = 0

    def shape(self, pack: bytes, literals: Literals, slots: Slots) -> Shape | None:
        """Return a pack's shape; None if the verifier has to say what it is."""
        try:
            return self._shapes[literals]
        except KeyError:
            return self._learn(pack, literals, slots)

    def fill(self, shape: Shape, slots: Slots) -> Measured | None:
        """Return what a pack of this shape measures; None if the verifier has to say."""
        try:
            return shape.fill(slots, self._numbers)
        except UncertainError:
            return None

    def _learn(self, pack: bytes, literals: Literals, slots: Slots) -> Shape | None:
        if not self._came_before(literals):
            return None
        try:
            readings = self._read(pack)
        except RefusedError:
            return None  # not remembered: with another number the same shape may be a good one
        shape = self._tried(literals, slots, readings)
        self._learnt_bytes += len(pack)
        if self._learnt_bytes > MOST_LEARNT_BYTES:
            self._shapes.clear()
            self._learnt_bytes = len(pack)
        self._shapes[literals] = shape
        return shape

    def _came_before(self, literals: Literals) -> bool:
        key = hash(literals)
        if key in self._seen:
            return True
        if len(self._seen) >= MOST_SEEN:
            self._seen.clear()
        self._seen.add(key)
        return False

    def _tried(self, literals: Literals, slots: Slots, readings: Sequence[Reading | TextReading]) -> Shape | None:
        """Return the shape if it says of this pack what the verifier says."""
        try:
            shape = shape_of(self._with_slots(literals), readings=readings, slots=slots)
            is_good = shape is not None and says(shape.fill(slots, self._numbers), readings)
        except UncertainError:
            return None
        return shape if is_good else None
