"""From materials to the lines of an evidence file (docs/reference/evidence.md). Pure: a stream in, a stream out.

The lines are written with the verifier's own encoder, messages are decoded and chained with its code; nothing here has
an opinion of its own about what anything means.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from wayproof.errors import EvidenceError
from wayproof.evidence.plan import IntervalPlan, LogPlan, Plan
from wayproof.log import LogTree, Node, SubtreeSource, cover
from wayproof_verifier import bundle
from wayproof_verifier.checks.messages import reading_row
from wayproof_verifier.entry import entry_hash
from wayproof_verifier.telemetry import Message, decode
from wayproof_verifier.telemetry.stream import Chain, Link, Position, position_before

BATCH = 256
"""How many parts of a log's cover are held at once: their nodes are one question to the store."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A sealed message as its log keeps it: where it stands, and the pre-image of its entry."""

    index: int
    salt: bytes
    topic: str
    payload: bytes
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class StoredErasure:
    """A sealed message of which only the entry and its place in its stream are left."""

    index: int
    entry: bytes
    device_id: str
    stream: str
    position: Position
    hash: bytes
    previous: bytes


class LogContent(Protocol):
    """One epoch of a log, as its keeper has it."""

    @property
    def subtrees(self) -> SubtreeSource:
        """The hashes of whole subtrees."""
        ...

    def leaves(self, size: int) -> Iterable[StoredMessage | StoredErasure]:
        """Yield those of the first `size` messages that may belong to an interval, in the order of their indices."""
        ...


@dataclass(frozen=True, slots=True)
class Materials:
    """Everything a file is made of.

    Attributes:
        header: what the file is about.
        plan: what it must carry.
        config_blocks: the channel's config blocks, signed parts only, the genesis block first.
        states: endorsed state for the plan's keys, by ascending keys.
        envelopes: the plan's transactions, in ledger order.
        blocks: every block, signed parts only, when they are asked for.
        logs: content by (log id, epoch).
    """

    header: bundle.Header
    plan: Plan
    config_blocks: Sequence[bytes]
    states: Sequence[bytes]
    envelopes: Sequence[bytes]
    logs: Mapping[tuple[str, int], LogContent]
    blocks: Iterable[bytes] = ()


def assemble(materials: Materials) -> Iterator[bytes]:
    """Yield the encoded lines of the file, first to last."""
    lines = 0
    for line in _lines(materials):
        lines += 1
        yield bundle.encode_line(line)
    yield bundle.encode_line(bundle.End(lines=lines))


def _lines(materials: Materials) -> Iterator[bundle.Line]:
    yield materials.header
    yield from (bundle.Config(block) for block in materials.config_blocks)
    yield from (bundle.State(payload) for payload in materials.states)
    yield from (bundle.Transaction(envelope) for envelope in materials.envelopes)
    yield from (bundle.Block(block) for block in materials.blocks)
    tallies = [_Tally(interval) for interval in materials.plan.intervals]
    for log in materials.plan.logs:
        content = materials.logs[log.log_id, log.epoch]
        yield _log_line(log, subtrees=content.subtrees)
        yield from _leaves(content, log=log, tallies=tallies)
    yield from (tally.line() for tally in tallies)


def _log_line(log: LogPlan, *, subtrees: SubtreeSource) -> bundle.Log:
    steps = zip(log.anchors, log.anchors[1:], strict=False)
    consistency = tuple(
        (old, new, tuple(LogTree(subtrees, new_size).consistency_proof(old_size)))
        for (old, old_size), (new, new_size) in steps
    )
    counter, size = log.anchors[-1]
    return bundle.Log(log_id=log.log_id, epoch=log.epoch, counter=counter, size=size, consistency=consistency)


def _leaves(
    content: LogContent, *, log: LogPlan, tallies: Sequence["_Tally"]
) -> Iterator[bundle.Message | bundle.Erased | bundle.Node]:
    """Yield what covers the tree: the leaves that belong to an interval, and nodes over all others."""
    size = log.anchors[-1][1]
    waiting: dict[int, bundle.Message | bundle.Erased] = {}

    def shown() -> Iterator[int]:
        for leaf in content.leaves(size):
            line = _shown(_without_what_is_erased(leaf, log=log), log=log, tallies=tallies)
            if line is not None:
                waiting[leaf.index] = line
                yield leaf.index

    covering = cover(shown(), size=size)
    while batch := list(islice(covering, BATCH)):
        nodes = [item for item in batch if isinstance(item, Node)]
        hashes = dict(zip(nodes, content.subtrees.subtrees(nodes), strict=True))
        for item in batch:
            yield bundle.Node(item.level, hashes[item]) if isinstance(item, Node) else waiting.pop(item)


def _without_what_is_erased(leaf: StoredMessage | StoredErasure, *, log: LogPlan) -> StoredMessage | StoredErasure:
    """Return a leaf without its content if the ledger says that it was erased, whether it is still there or not."""
    if isinstance(leaf, StoredErasure) or leaf.index not in log.erased:
        return leaf
    message = decode(leaf.payload, topic=leaf.topic)
    if not isinstance(message, Message) or not message.is_signed:
        return leaf
    return StoredErasure(
        index=leaf.index,
        entry=entry_hash(leaf.salt, topic=leaf.topic, payload=leaf.payload, received_at_ms=leaf.received_at_ms),
        device_id=message.device_id,
        stream=message.stream,
        position=(message.boot, message.sequence),
        hash=message.message_hash,
        previous=message.previous,
    )


def _shown(
    leaf: StoredMessage | StoredErasure, *, log: LogPlan, tallies: Sequence["_Tally"]
) -> bundle.Message | bundle.Erased | None:
    """Return the line of a leaf that belongs to an interval, having counted it there; None for every other leaf."""
    if isinstance(leaf, StoredErasure):
        return _erased(leaf, log=log, tallies=tallies)
    message = decode(leaf.payload, topic=leaf.topic)
    if not isinstance(message, Message) or not message.is_signed:
        return None
    position = (message.boot, message.sequence)
    before = position_before(position, after=message.after)
    link = Link(position, message.message_hash, message.previous, before, (log.epoch, leaf.index))
    if not _take(tallies, message.device_id, stream=message.stream, link=link, counts=True):
        return None
    return bundle.Message(
        index=leaf.index,
        salt=leaf.salt,
        topic=leaf.topic,
        payload=leaf.payload,
        received_at_ms=leaf.received_at_ms,
        readings=tuple(map(reading_row, message.readings)),
    )


def _erased(leaf: StoredErasure, *, log: LogPlan, tallies: Sequence["_Tally"]) -> bundle.Erased | None:
    before = position_before(leaf.position, after=None) if leaf.position[1] > 1 else None
    link = Link(leaf.position, leaf.hash, leaf.previous, before, (log.epoch, leaf.index))
    if not _take(tallies, leaf.device_id, stream=leaf.stream, link=link, counts=False):
        return None
    if leaf.index not in log.erased:
        raise EvidenceError(
            f"leaf {leaf.index} of {log.log_id} is erased, and the ledger did not say so yet; try again",
            code="evidence_outrun",
        )
    return bundle.Erased(leaf.index, leaf.entry)


def _take(tallies: Sequence["_Tally"], device_id: str, *, stream: str, link: Link, counts: bool) -> bool:
    """Count a leaf in every interval that it belongs to, and tell whether there is one."""
    taken = False
    for tally in tallies:
        taken |= tally.take(device_id, stream=stream, link=link, counts=counts)
    return taken


class _Tally:
    """What an interval's line says: the messages shown, and the gaps between them."""

    def __init__(self, interval: IntervalPlan) -> None:
        self._interval = interval
        self._links: list[Link] = []
        self._shown = 0

    def take(self, device_id: str, *, stream: str, link: Link, counts: bool) -> bool:
        """Take a leaf if it belongs to the interval, and tell whether it does."""
        if not self._interval.contains(device_id, stream=stream, position=link.position):
            return False
        self._links.append(link)
        self._shown += counts
        return True

    def line(self) -> bundle.Interval:
        """Return the interval's line."""
        return bundle.Interval(
            device_id=self._interval.device_id,
            stream=self._interval.stream,
            attached=self._interval.attached,
            messages=self._shown,
            gaps=tuple(self._gaps()),
        )

    def _gaps(self) -> list[tuple[int, int, int]]:
        """Return the missing sequences, as the verifier will find them: it walks the same chain."""
        held: set[Position] = set()
        while True:
            chain = Chain(start=self._interval.start, end=self._interval.end, held=held)
            for link in self._links:
                chain.add(link)
            walk = chain.walk()
            if walk.hold <= held:
                return walk.gaps
            held |= walk.hold
