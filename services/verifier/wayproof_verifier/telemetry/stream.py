"""Streams: an interval of a device's messages, chained by hash: gaps, breaks, equivocations, duplicates, in any order.

A *piece* is a run of messages that follow each other by position and hash; messages that come in order make one piece,
however many they are, so memory grows with disorder and gaps, not with messages. *Held* positions are kept one by one:
those that the ledger or a receipt names, and those that a walk found contradicted. The walk goes backwards from the
interval's end, from each message to the one whose hash it carries; what it does not meet contradicts the chain. When it
cannot decide without looking into a piece, it says which positions to hold in the next pass over the file.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Position = tuple[int, int]
"""`(boot, sequence)`; `(0, 0)` is before the first message ever."""

BEGINNING: Position = (0, 0)
Gap = tuple[int, int, int]
"""`(boot, first, last)`: sequences of a boot that are missing."""


@dataclass(frozen=True, slots=True)
class Link:
    """A message's place in its stream, as its signed bytes (or, when erased, the ledger) tell it.

    `before` is the position of the message before, None where an erasure does not tell it. `doubt` names the ending
    (version of a device event) after which the message's key counts only on the chain that the ending names.
    """

    position: Position
    hash: bytes
    previous: bytes
    before: Position | None
    leaf: tuple[int, int]
    doubt: int | None = None


def position_before(position: Position, *, after: Position | None) -> Position:
    """Return the position that a message follows: one less in the boot, or for the first of a boot what it names."""
    boot, sequence = position
    if sequence > 1:
        return (boot, sequence - 1)
    return after if after is not None else BEGINNING


@dataclass(slots=True)
class _Piece:
    """A run of chained messages; `doubts` spans, for each ending, the positions in doubt."""

    first: Link
    last: Link
    doubts: dict[int, tuple[Position, Position]] = field(default_factory=dict)

    def absorb(self, doubts: dict[int, tuple[Position, Position]]) -> None:
        for ending, (low, high) in doubts.items():
            mine = self.doubts.get(ending, (low, high))
            self.doubts[ending] = (min(low, mine[0]), max(high, mine[1]))


@dataclass(slots=True)
class Walk:
    """What walking an interval found. Breaks are failures; `hold` asks for another pass: all else is preliminary."""

    gaps: list[Gap] = field(default_factory=list)
    breaks: list[str] = field(default_factory=list)
    contradictions: list[tuple[Position, Position]] = field(default_factory=list)
    duplicates: list[Position] = field(default_factory=list)
    runs: list[tuple[Position, Position]] = field(default_factory=list)
    chosen: dict[Position, bytes] = field(default_factory=dict)
    doubts: list[tuple[int, Position, Position]] = field(default_factory=list)
    stray_doubts: list[Position] = field(default_factory=list)
    hold: set[Position] = field(default_factory=set)


class Chain:
    """The messages of one interval: from `start` (exclusive) to `end` (inclusive; None while it is open)."""

    def __init__(
        self, *, start: tuple[Position, bytes], end: tuple[Position, bytes] | None, held: Iterable[Position]
    ) -> None:
        self.start = start
        self.end = end
        self._held: dict[Position, list[Link]] = {position: [] for position in held if self.contains(position)}
        self._held_order = sorted(self._held)
        self._pieces: list[_Piece] = []
        self._firsts: list[Position] = []
        self._contradicted: set[Position] = set()

    def contains(self, position: Position) -> bool:
        """Tell whether a position lies within the interval."""
        return self.start[0] < position and (self.end is None or position <= self.end[0])

    def add(self, link: Link) -> None:
        """Take one message, in any order."""
        if link.position in self._held:
            self._held[link.position].append(link)
            return
        place = bisect_right(self._firsts, link.position)
        left = self._pieces[place - 1] if place else None
        if left and left.last.position >= link.position:
            self._contradicted.add(link.position)
            return
        right = self._pieces[place] if place < len(self._pieces) else None
        piece = _Piece(link, link, {} if link.doubt is None else {link.doubt: (link.position, link.position)})
        if left and self._follows(link, left.last):
            left.last = link
            left.absorb(piece.doubts)
            piece = left
        else:
            self._pieces.insert(place, piece)
            self._firsts.insert(place, link.position)
            place += 1
        if right and self._follows(right.first, link):
            piece.last = right.last
            piece.absorb(right.doubts)
            del self._pieces[place], self._firsts[place]

    def _follows(self, link: Link, earlier: Link) -> bool:
        if link.previous != earlier.hash or link.before not in {earlier.position, None}:
            return False
        return bisect_left(self._held_order, earlier.position) == bisect_left(self._held_order, link.position)

    def hashes(self, position: Position) -> set[bytes]:
        """Return the hashes of all messages seen at a held position."""
        return {link.hash for link in self._held.get(position, ())}

    def walk(self) -> Walk:
        """Go back from the end to the start. Call once, after the last message."""
        return _Walker(self.start, self.end, list(self._items())).result(self._contradicted)

    def _items(self) -> Iterator[list[_Piece]]:
        """Yield what there is at each place, last first: one piece, or the candidates of a held position."""
        held = [
            (
                position,
                [
                    _Piece(link, link, {} if link.doubt is None else {link.doubt: (position, position)})
                    for link in links
                ],
            )
            for position, links in self._held.items()
            if links
        ]
        places = [(piece.first.position, [piece]) for piece in self._pieces] + held
        for _, candidates in sorted(places, key=lambda place: place[0], reverse=True):
            yield candidates


class _Walker:
    """The state of one walk: what must come before, by position and hash, and the unbroken run it belongs to."""

    def __init__(
        self, start: tuple[Position, bytes], end: tuple[Position, bytes] | None, items: list[list[_Piece]]
    ) -> None:
        self.found = Walk()
        self._start = start
        self._items = items
        self._wanted: tuple[Position | None, bytes] | None = end
        self._run: tuple[Position, Position] | None = None

    def result(self, contradicted: set[Position]) -> Walk:
        self.found.hold |= contradicted
        for candidates in self._items:
            self._place(candidates)
        position, tip = self._start
        if self._wanted is not None:
            self._reach(position, tip, "the start of the interval")
        self._end_run()
        self.found.gaps.sort()
        return self.found

    def _place(self, candidates: list[_Piece]) -> None:
        first, last = candidates[0].first.position, candidates[0].last.position
        if self._wanted and self._wanted[0] is not None and last > self._wanted[0]:
            if first <= self._wanted[0]:
                self.found.hold.add(self._wanted[0])
            for piece in candidates:
                self._stray(piece)
            return
        chosen = self._choose(candidates)
        others = [piece for piece in candidates if piece is not chosen]
        for piece in others:
            if piece.first.hash == chosen.first.hash:
                self.found.duplicates.append(piece.first.position)
            else:
                self._stray(piece)
        if self._wanted is not None:
            self._reach(last, chosen.last.hash, f"the message at {_text(last)}")
        self._take(chosen)

    def _choose(self, candidates: list[_Piece]) -> _Piece:
        if self._wanted is not None:
            for piece in candidates:
                if piece.last.hash == self._wanted[1]:
                    return piece
        return candidates[0]

    def _reach(self, position: Position, tip: bytes, name: str) -> None:
        """Step from the message that wants a predecessor to the next one that there is."""
        wanted, previous = self._wanted or (None, b"")
        if wanted is None:
            if tip != previous:
                self.found.breaks.append(f"an erased message does not chain to {name}")
                self._end_run()
        elif position == wanted:
            if tip != previous:
                self.found.breaks.append(
                    f"{name} is not the one that the next message (or the ledger) names by its hash"
                )
                self._end_run()
        elif position < wanted:
            self._end_run()
            boot, last = wanted
            self.found.gaps.append((boot, position[1] + 1 if position[0] == boot else 1, last))
        else:
            self.found.breaks.append(f"the chain goes back to {_text(wanted)}, before {name}")
            self._end_run()

    def _take(self, piece: _Piece) -> None:
        first, last = piece.first, piece.last
        self._run = (first.position, self._run[1] if self._run else last.position)
        self._wanted = (first.before, first.previous)
        self.found.chosen[last.position] = last.hash
        self.found.doubts.extend((ending, low, high) for ending, (low, high) in piece.doubts.items())

    def _stray(self, piece: _Piece) -> None:
        self.found.contradictions.append((piece.first.position, piece.last.position))
        if piece.doubts:
            self.found.stray_doubts.append(piece.first.position)

    def _end_run(self) -> None:
        if self._run:
            self.found.runs.append(self._run)
        self._run = None


def _text(position: Position) -> str:
    return f"boot {position[0]} sequence {position[1]}"
