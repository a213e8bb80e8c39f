"""The messages of a file, log by log, and the intervals that they make.

Messages come by once; each is put under its log's root, decoded, verified, and added to its interval. In the end the
intervals are walked, and where messages contradict each other the file is read again, to look at those places.
"""

from collections.abc import Callable, Iterable
from typing import BinaryIO

from wayproof_verifier.bundle import Erased, Interval, Line, Log, Message, Node
from wayproof_verifier.checks.anchors import check_consistency
from wayproof_verifier.checks.book import Place
from wayproof_verifier.checks.intervals import (
    Held,
    Intervals,
    check_chain_of_erased,
    check_complete,
    check_doubts,
    held_positions,
    summary,
)
from wayproof_verifier.checks.ledger import Ledger
from wayproof_verifier.checks.messages import KeyRing, MessagePass
from wayproof_verifier.checks.receipts import Promise, check_receipts, read_receipts
from wayproof_verifier.checks.tally import Tally
from wayproof_verifier.checks.tree import Tree
from wayproof_verifier.errors import EncodingError
from wayproof_verifier.report import IntervalSummary, Problem
from wayproof_verifier.telemetry.stream import Position, Walk

MAX_PASSES = 8
"""How often the file is read again at most: each pass looks closer at messages that contradict each other."""

PROGRESS_EVERY = 1000
"""Messages between two tellings of progress."""

OF_MESSAGES = (
    "anchors.consistency",
    "log.inclusion",
    "messages.decoding",
    "messages.signatures",
    "messages.scope",
    "readings.derived",
    "intervals.complete",
    "erasures",
    "receipts",
)
"""The checks that need the messages."""

_OF_INTERVALS = ("intervals.complete", "erasures", "receipts")
"""The checks that walking the intervals finishes."""

_NO_LOG = Log(log_id="", epoch=0, counter=0, size=0, consistency=())


class Body:
    """The logs with their messages, and the intervals. Raises EncodingError for a registered key that is no key."""

    def __init__(
        self, ledger: Ledger, *, tally: Tally, receipts: BinaryIO | None, progress: Callable[[int], None] | None
    ) -> None:
        self._ledger = ledger
        self._tally = tally
        self._progress = progress
        self._keys = KeyRing(ledger.book)
        self._promises = read_receipts(receipts, book=ledger.book) if receipts is not None else []
        self._held: Held = held_positions(ledger.book, places=_places(self._promises))
        self._intervals, self._messages = self._new_pass(is_first=True)
        self._tree: Tree | None = None
        self._log = _NO_LOG
        self._logs: list[tuple[str, int]] = []
        self._claims: list[Interval] = []
        self._walks: list[Walk] = []
        self._count = 0

    def _new_pass(self, *, is_first: bool) -> tuple[Intervals, MessagePass]:
        intervals = Intervals(self._ledger.book, anchored=self._ledger.anchored, held=self._held)
        book, keys = self._ledger.book, self._keys
        return intervals, MessagePass(book, keys=keys, intervals=intervals, tally=self._tally, is_first=is_first)

    def take(self, item: Line) -> None:
        """Take the next line of the first pass."""
        match item:
            case Log():
                self._begin_log(item)
            case Message() | Erased() | Node():
                self._take_leaf(item)
            case Interval():
                self._claims.append(item)

    def _begin_log(self, log: Log) -> None:
        self._end_log()
        self._tree = Tree(log)
        name = (log.log_id, log.epoch)
        if self._logs and self._logs[-1] >= name:
            self._tally.add("file.format", Problem("logs are not in order", f"{log.log_id}/{log.epoch}"))
        self._logs.append(name)
        anchors = self._ledger.book.anchors.get(name, ())
        if not anchors or (log.counter, log.size) != (anchors[-1].counter, anchors[-1].size):
            problem = Problem("its anchor is not the newest one carried of this epoch", f"{log.log_id}/{log.epoch}")
            self._tally.add("log.inclusion", problem)
            self._tree = None
        for problem in check_consistency(log, anchors=anchors):
            self._tally.add("anchors.consistency", problem)
        self._log = log

    def _end_log(self) -> None:
        if self._tree is not None:
            anchors = self._ledger.book.anchors[self._log.log_id, self._log.epoch]
            for problem in self._tree.check_root(anchors[-1].root):
                self._tally.add("log.inclusion", problem)
        self._tree = None

    def _take_leaf(self, item: Message | Erased | Node) -> None:
        if self._tree is not None:
            try:
                self._tree.add(item)
            except EncodingError as error:
                self._tally.add("log.inclusion", Problem(str(error)))
                self._tree = None
        _take_leaf(self._messages, item, log=self._log)
        self._count += isinstance(item, Message)
        if self._progress is not None and self._count % PROGRESS_EVERY == 0:
            self._progress(self._count)

    def finish(self, again: Callable[[], Iterable[Line]]) -> None:
        """Walk the intervals, reading the file again where needed, and finish every check of the messages."""
        self._end_log()
        for log_id, epoch in sorted(set(self._ledger.book.anchors) - set(self._logs)):
            problem = Problem("there is no log line of this epoch", f"{log_id}/{epoch}")
            self._tally.add("anchors.consistency", problem)
        for log_id, epoch, index in sorted(set(self._ledger.book.erasures) - self._messages.erased):
            problem = Problem("an erasure of a leaf that is not shown as erased", f"{log_id}/{epoch} leaf {index}")
            self._tally.add("file.format", problem)
        if self._tally.has_problems("messages.signatures"):
            for name in _OF_INTERVALS:
                if self._tally.applies(name):
                    self._tally.skip(name, "needs messages.signatures, which did not pass")
        else:
            self._finish_intervals(again)
        for name in OF_MESSAGES:
            if self._tally.applies(name):
                self._tally.finish(name)

    def _finish_intervals(self, again: Callable[[], Iterable[Line]]) -> None:
        try:
            self._walk(again)
        except EncodingError as error:
            self._tally.add("intervals.complete", Problem(str(error)))
        else:
            self._finish_walks()

    def _walk(self, again: Callable[[], Iterable[Line]]) -> None:
        intervals = self._intervals
        for _ in range(MAX_PASSES):
            self._walks = [track.chain.walk() for track in intervals.tracks]
            if not any(walk.hold for walk in self._walks):
                self._intervals = intervals
                return
            self._held = _more(self._held, intervals, self._walks)
            intervals, messages = self._new_pass(is_first=False)
            log: Log | None = None
            for item in again():
                log = item if isinstance(item, Log) else log
                if log is not None and isinstance(item, Message | Erased):
                    _take_leaf(messages, item, log=log)
        raise EncodingError(f"more contradictions than {MAX_PASSES} readings can tell apart")

    def _finish_walks(self) -> None:
        tracks, walks = self._intervals.tracks, self._walks
        outcomes = {
            "intervals.complete": check_complete(tracks, walks=walks, claims=self._claims, book=self._ledger.book),
            "messages.signatures": check_doubts(tracks, walks=walks, endings=self._keys.endings),
            "erasures": check_chain_of_erased(tracks, walks=walks),
        }
        if self._tally.applies("receipts"):
            outcomes["receipts"] = check_receipts(
                self._promises, tracks=tracks, walks=walks, proven_at_ms=self._proven()
            )
        for name, found in outcomes.items():
            for outcome in found:
                self._tally.add(name, outcome)

    def _proven(self) -> dict[str, int]:
        """Return, by log, when the newest head was anchored that is in the file."""
        return {log_id: anchors[-1].at_ms for (log_id, _), anchors in sorted(self._ledger.book.anchors.items())}

    def summaries(self) -> list[IntervalSummary]:
        """Return what the report shows of each interval, once they were walked."""
        return [summary(track, walk) for track, walk in zip(self._intervals.tracks, self._walks, strict=False)]


def _take_leaf(messages: MessagePass, item: Message | Erased | Node, *, log: Log) -> None:
    if isinstance(item, Message):
        messages.message(item, log=log)
    elif isinstance(item, Erased):
        messages.erased_leaf(item, log=log)


def _places(promises: Iterable[Promise]) -> list[Place]:
    return [promise.place for promise in promises if promise.place is not None]


def _more(held: Held, intervals: Intervals, walks: Iterable[Walk]) -> dict[int, frozenset[Position]]:
    return {
        track.attachment.event.version: held[track.attachment.event.version] | walk.hold
        for track, walk in zip(intervals.tracks, walks, strict=True)
    }
