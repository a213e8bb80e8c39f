"""Shapes that come again and again: one expression takes the whole pack apart, instead of a search for each number.

The slots are those that the search finds: the expression is the shape's own bytes between its numbers, in which the
search found no other number when the shape was learnt, and a number ends for both where its characters end.
"""

import re
from collections.abc import Callable, Sequence

from wayproof.ingest.decoding.learning import Literals
from wayproof.ingest.decoding.shape import Shape

HOT = 64
"""Packs of one shape after which it is worth an expression, which takes milliseconds to make."""
LONGEST = 2_048
"""Bytes of a pack that gets one."""
MOST = 1_024
"""Shapes that are counted, expressions, and beginnings; beyond, all are forgotten."""

_BEGINNING = 48
_OF_NUMBERS = b"0123456789.+-"

Hot = tuple[Callable[[bytes], "re.Match[bytes] | None"], Shape]


class HotShapes:
    """The shapes of one content type. Not shared between threads."""

    def __init__(self, slot: bytes) -> None:
        """`slot` is the expression that the search uses, the number its only group."""
        self._slot = slot
        self._times: dict[Literals, int] = {}
        self._hot: dict[Literals, Hot] = {}
        self._latest: dict[bytes, Hot] = {}

    def find(self, pack: bytes) -> tuple[Shape, Sequence[bytes]] | None:
        """Return a pack's shape and its numbers; None if it has to be searched."""
        latest = self._latest.get(_beginning(pack))
        if latest is None:
            return None
        match = latest[0](pack)
        return None if match is None else (latest[1], match.groups())

    def note(self, pack: bytes, literals: Literals, shape: Shape) -> None:
        """Remember that a pack of this shape came, and was found by search."""
        if len(pack) > LONGEST or len(literals) == 1:
            return
        hot = self._hot.get(literals)
        if hot is None:
            times = self._times[literals] = self._times.get(literals, 0) + 1
            if times >= HOT:
                hot = self._hot[literals] = self._expression(literals), shape
        if max(len(self._times), len(self._hot), len(self._latest)) > MOST:
            self._times.clear()
            self._hot.clear()
            self._latest.clear()
        elif hot is not None:
            self._latest[_beginning(pack)] = hot

    def _expression(self, literals: Literals) -> Callable[[bytes], "re.Match[bytes] | None"]:
        return re.compile(self._slot.join(re.escape(it) for it in literals)).fullmatch


def _beginning(pack: bytes) -> bytes:
    """Return what packs of one shape begin with, whatever their numbers are: a guess, which may be wrong."""
    return pack[:_BEGINNING].translate(None, _OF_NUMBERS)
