"""Up to where a key that ended counts: the positions that its rotation or revocation names. Pure.

What ingest refuses and what `wayproof fsck` expects to be refused is decided here, for both alike.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Position = tuple[int, int]
"""Boot and sequence."""

KeyEnd = Mapping[str, Position]
"""The last position by stream. In a stream that is not named nothing counts that was not anchored before."""


def key_end(last_positions: Iterable[Mapping[str, Any]]) -> KeyEnd:
    """Return what the positions of an ending say (docs/reference/contract.md)."""
    return {it["stream"]: (it["boot"], it["sequence"]) for it in last_positions}


def is_beyond(end: KeyEnd, *, stream: str, position: Position) -> bool:
    """Tell whether a message that comes after the ending can never count: nothing leads back to it from there."""
    return stream not in end or position > end[stream]
