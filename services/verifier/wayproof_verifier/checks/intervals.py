"""The shipment's intervals: what belongs to each, and whether each is whole (`intervals.complete`)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wayproof_verifier.bundle import Interval
from wayproof_verifier.checks.anchors import Size
from wayproof_verifier.checks.book import Attachment, Book, Ending, Place
from wayproof_verifier.report import Finding, IntervalSummary, Problem
from wayproof_verifier.telemetry.stream import Chain, Gap, Position, Walk

Held = Mapping[int, frozenset[Position]]
"""For each attachment (by the version of its event), the positions that its chain must keep one by one."""


@dataclass(slots=True)
class Track:
    """One attachment while its messages come by. `anchored` is the head under which a leaf was there before it."""

    attachment: Attachment
    chain: Chain
    anchored: Size
    messages: int = 0
    readings: int = 0
    erased: int = 0
    retrospective: int = 0
    first_observed_at_ms: int | None = None
    last_observed_at_ms: int | None = None

    @property
    def name(self) -> str:
        """Device and stream, for people."""
        return "/".join(self.attachment.stream)

    def count(self, leaf: Size, observed: Sequence[int]) -> None:
        """Count a message shown: its leaf as (epoch, index), and when its readings were taken."""
        self.messages += 1
        self.readings += len(observed)
        self.retrospective += leaf < self.anchored
        if observed:
            first, last = min(observed), max(observed)
            if self.first_observed_at_ms is None or first < self.first_observed_at_ms:
                self.first_observed_at_ms = first
            if self.last_observed_at_ms is None or last > self.last_observed_at_ms:
                self.last_observed_at_ms = last


class Intervals:
    """All tracks of one pass over the messages."""

    def __init__(self, book: Book, *, anchored: Mapping[int, Size], held: Held) -> None:
        self.tracks = [
            Track(
                item,
                Chain(
                    start=(item.start.position, item.start.hash),
                    end=(item.end.place.position, item.end.place.hash) if item.end else None,
                    held=held.get(item.event.version, frozenset()),
                ),
                anchored[item.event.version],
            )
            for item in book.attachments
        ]
        self._by_stream: dict[tuple[str, str], list[Track]] = {}
        for track in self.tracks:
            self._by_stream.setdefault(track.attachment.stream, []).append(track)

    def at(self, device_id: str, stream: str, position: Position) -> Track | None:
        """Return the interval that a message belongs to; the contract keeps those of one stream apart."""
        for track in self._by_stream.get((device_id, stream), ()):
            if track.chain.contains(position):
                return track
        return None


def held_positions(book: Book, *, places: Iterable[Place]) -> dict[int, frozenset[Position]]:
    """Return the positions to hold from the begin: those that the ledger or `places` name by hash."""
    wanted = [*book.named, *places]
    return {
        item.event.version: frozenset(
            place.position for place in wanted if (place.device_id, place.stream) == item.stream
        )
        for item in book.attachments
    }


def check_complete(
    tracks: Sequence[Track], *, walks: Sequence[Walk], claims: Sequence[Interval], book: Book
) -> Iterator[Problem | Finding]:
    """From bound to bound every message is there, chained, or its gap is declared; and nothing else is declared."""
    expected = [(*track.attachment.stream, track.attachment.event.version) for track in tracks]
    if [(claim.device_id, claim.stream, claim.attached) for claim in claims] != expected:
        yield Problem("the interval lines are not the shipment's attachments in their order")
        return
    for track, walk, claim in zip(tracks, walks, claims, strict=True):
        yield from _check_claim(track, walk, claim)
        yield from (Problem(reason, track.name) for reason in walk.breaks)
        for place in book.named:
            if (place.device_id, place.stream) == track.attachment.stream:
                shown = walk.chosen.get(place.position)
                if shown not in {None, place.hash}:
                    yield Problem(f"the ledger names another message at {_position(place.position)}", track.name)
        yield from _findings(track, walk)


def _check_claim(track: Track, walk: Walk, claim: Interval) -> Iterator[Problem]:
    if claim.messages != track.messages:
        yield Problem(f"{track.messages} messages are shown, {claim.messages} are claimed", track.name)
    for gap in sorted(set(walk.gaps) - set(claim.gaps)):
        yield Problem(f"missing and not declared: {_gap(gap)}", track.name)
    for gap in sorted(set(claim.gaps) - set(walk.gaps)):
        yield Problem(f"declared missing, but it is not: {_gap(gap)}", track.name)
    if list(claim.gaps) != sorted(set(claim.gaps)):
        yield Problem("the declared gaps are not in order, each once", track.name)


def _findings(track: Track, walk: Walk) -> Iterator[Finding]:
    if track.attachment.end is None:
        yield Finding("open", "the device is still attached: what follows is not in this file", track.name)
    for gap in walk.gaps:
        yield Finding("gap", f"missing: {_gap(gap)}", track.name)
    for first, last in sorted(walk.contradictions):
        text = f"two different messages, or two histories, at {_span(first, last)}; both are shown"
        yield Finding("equivocation", text, track.name)
    for position in sorted(walk.duplicates):
        yield Finding("duplicate", f"the same message is in the log more than once: {_position(position)}", track.name)
    if track.retrospective:
        text = f"{track.retrospective} messages were in the log before the device was attached"
        yield Finding("retrospective", text, track.name)


def check_doubts(tracks: Sequence[Track], *, walks: Sequence[Walk], endings: Sequence[Ending]) -> Iterator[Problem]:
    """A message of an ended key, logged after its end, lies on the chain that leads back from where the key ended."""
    for track, walk in zip(tracks, walks, strict=True):
        for number, low, high in walk.doubts:
            if not _on_chain(walk, endings[number].last.get(track.attachment.stream[1]), low=low, high=high):
                yield Problem(f"the key had ended: {_span(low, high)} ({endings[number].event.kind})", track.name)
        for position in walk.stray_doubts:
            yield Problem(f"the key had ended: {_position(position)}, beside the chain", track.name)


def _on_chain(walk: Walk, last: Place | None, *, low: Position, high: Position) -> bool:
    if last is None or walk.chosen.get(last.position) != last.hash:
        return False
    return any(first <= low and high <= last.position <= end for first, end in walk.runs)


def check_chain_of_erased(tracks: Sequence[Track], *, walks: Sequence[Walk]) -> Iterator[Problem]:
    """Where messages were erased, the chain leads through their records."""
    for track, walk in zip(tracks, walks, strict=True):
        if track.erased and walk.breaks:
            yield Problem(f"the chain with erased messages is not whole: {walk.breaks[0]}", track.name)


def summary(track: Track, walk: Walk) -> IntervalSummary:
    """Return what the report shows of an interval."""
    item = track.attachment
    return IntervalSummary(
        device_id=item.stream[0],
        stream=item.stream[1],
        organisation=item.event.organisation,
        attached=item.event.version,
        attached_at_ms=item.event.at_ms,
        ended_at_ms=item.end.event.at_ms if item.end else None,
        messages=track.messages,
        readings=track.readings,
        first_observed_at_ms=track.first_observed_at_ms,
        last_observed_at_ms=track.last_observed_at_ms,
        gaps=tuple(walk.gaps),
        missing=sum(last - first + 1 for _, first, last in walk.gaps),
        retrospective=track.retrospective,
        erased=track.erased,
        equivocations=len(walk.contradictions),
    )


def _position(position: Position) -> str:
    return f"boot {position[0]} sequence {position[1]}"


def _span(first: Position, last: Position) -> str:
    return _position(first) if first == last else f"{_position(first)} to {_position(last)}"


def _gap(gap: Gap) -> str:
    boot, first, last = gap
    return f"boot {boot} sequence {first}" + ("" if first == last else f" to {last}")
