"""The log part: every message against its bytes, every leaf, tile and anchored root against the log computed again."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from wayproof.fsck.finding import Findings, Mismatch, shown
from wayproof.fsck.message import computed_entry, is_erased, message_key
from wayproof.fsck.messages import MessageCheck
from wayproof.fsck.tree import Difference, EpochTree, tile_mismatch
from wayproof.store import fsck as stored
from wayproof.store import log
from wayproof.store.connection import Connection
from wayproof.store.fsck import StoredAnchor, StoredMessage
from wayproof.store.log import Epoch
from wayproof_contract import canonical
from wayproof_contract.merkle import HASH_SIZE, leaf_hash
from wayproof_contract.state import log_key

Tick = Callable[[int], None]
"""Is told of so many messages more that are done."""


def check_log(connection: Connection, findings: Findings, *, log_id: str, tick: Tick) -> None:
    """Compute the log again. Within the transaction of a snapshot."""
    epochs = log.epochs(connection)
    findings.extend(_epochs(connection, epochs, log_id=log_id))
    messages = MessageCheck(connection, findings, log_id=log_id)
    rest = {it.epoch: it for it in epochs}
    last = max(rest, default=0)
    for number, rows in groupby(messages.checked(stored.leaves(connection)), key=lambda row: row.epoch):
        epoch = rest.pop(number or 0, None)
        if epoch is None:
            for _ in rows:  # named among the orphans
                tick(1)
        else:
            _EpochCheck(connection, findings, epoch, log_id=log_id, is_open=number == last).run(rows, tick=tick)
    for epoch in rest.values():
        _EpochCheck(connection, findings, epoch, log_id=log_id, is_open=epoch.epoch == last).run((), tick=tick)
    for row in messages.checked(stored.unsealed(connection)):
        findings.extend(_unsealed(row))
        tick(1)
    findings.extend(
        Mismatch(it.name, it.key, "", "a row", "no row: it belongs to nothing") for it in stored.orphans(connection)
    )
    findings.notes += [f"{count:,} {name} are not used" for name, count in stored.unused(connection).items() if count]


def _epochs(connection: Connection, epochs: Sequence[Epoch], *, log_id: str) -> Iterator[Mismatch]:
    """Yield what is wrong with the epochs themselves: they count from 1, are of our log, and the ledger knows them."""
    for place, epoch in enumerate(epochs, start=1):
        if epoch.log_id != log_id:
            yield Mismatch("log_epoch", f"epoch {epoch.epoch}", "log_id", epoch.log_id, log_id)
        if epoch.epoch != place:
            yield Mismatch("log_epoch", f"epoch {place}", "", "no row", "an epoch: they count from 1")
            break
    record = stored.record(connection, log_key(log_id))
    if record is None:
        return
    known = canonical.decode_object(record)["epoch"]
    assert isinstance(known, int)  # noqa: S101 - the contract's shape
    if not epochs:
        yield Mismatch("log_epoch", f"epoch {known}", "", "no row", f"the ledger is in epoch {known}")
    for epoch in epochs:
        if epoch.epoch > known:
            yield Mismatch("log_epoch", f"epoch {epoch.epoch}", "", "a row", f"the ledger is in epoch {known}")


def _unsealed(row: StoredMessage) -> Iterator[Mismatch]:
    """Yield what is wrong with a message that has no index: it waits for one, and its entry is its own."""
    if not row.is_waiting:
        expected = "a row, or one in log_leaf: the message is in neither"
        yield Mismatch("log_waiting", f"ingest_id {row.ingest_id}", "", "no row", expected)
    entry = computed_entry(row)
    if entry != row.entry:
        yield Mismatch("message", message_key(row), "entry", shown(row.entry), shown(entry))


class _EpochCheck:
    """One epoch: its leaves in order, the tree over them, its tiles, its anchored heads."""

    def __init__(self, connection: Connection, findings: Findings, epoch: Epoch, *, log_id: str, is_open: bool) -> None:
        self._connection, self._findings = connection, findings
        self._epoch, self._is_open = epoch, is_open
        self._tree = EpochTree(epoch.epoch, self._read)
        self._anchors = iter(stored.anchors(connection, log_id=log_id, epoch=epoch.epoch))
        self._next = next(self._anchors, None)
        self._wrong: list[Mismatch] = []  # anchored heads that the log does not have
        self._sealed: dict[int, tuple[int, bool]] = {}  # leaves that their tile does not have: ingest id, erased

    def run(self, rows: Iterable[StoredMessage], *, tick: Tick) -> None:
        for row in rows:
            self._leaf(row)
            tick(1)
        self._end()

    def _read(self, level: int, index: int) -> bytes | None:
        return stored.tile(self._connection, epoch=self._epoch.epoch, level=level, index=index)

    def _leaf(self, row: StoredMessage) -> None:
        index = row.leaf_index if row.leaf_index is not None else -1
        if row.is_waiting:
            expected = f"no row: the message is leaf {self._epoch.epoch}/{index}"
            self._findings.add(Mismatch("log_waiting", f"ingest_id {row.ingest_id}", "", "a row", expected))
        self._fill(min(index, self._epoch.size))
        tiled = self._tree.stored_leaf()
        if index != self._tree.size or (index >= self._epoch.size and tiled is None):
            expected = f"no row: the log has {self._epoch.size} leaves, numbered from 0"
            self._findings.add(Mismatch("log_leaf", self._key(index), "", f"ingest_id {row.ingest_id}", expected))
            return
        if not row.is_there:
            self._findings.add(Mismatch("message", message_key(row), "", "no row", "a message: it is sealed"))
            is_named = f"{row.ingest_id}, which is no message"
            self._findings.add(Mismatch("log_leaf", self._key(index), "ingest_id", is_named, "a message that is there"))
        leaf = self._leaf_hash(row, tiled)
        if leaf != tiled:
            self._sealed.setdefault(index, (row.ingest_id, is_erased(row)))
            if len(self._sealed) > HASH_SIZE:  # one is enough; bounded
                self._sealed.popitem()
        self._append(leaf)
        self._findings.counts["leaves"] += 1

    def _leaf_hash(self, row: StoredMessage, tiled: bytes | None) -> bytes:
        """Return the leaf; where content and entry say different things, the tile tells which of them was changed."""
        if not row.is_there:
            return tiled or bytes(HASH_SIZE)
        if is_erased(row):
            return leaf_hash(row.entry)
        computed = computed_entry(row)
        if computed == row.entry:
            return leaf_hash(row.entry)
        if computed is not None and leaf_hash(computed) == tiled:
            self._findings.add(Mismatch("message", message_key(row), "entry", shown(row.entry), shown(computed)))
            return tiled
        column = "salt, topic, payload or received_at_ms"
        stored_as = f"what makes the entry {shown(computed)}"
        self._findings.add(Mismatch("message", message_key(row), column, stored_as, f"what makes {shown(row.entry)}"))
        return leaf_hash(row.entry)

    def _fill(self, until: int) -> None:
        """Name leaves that are missing, and go on with what the tiles have in their place."""
        while self._tree.size < until:
            tiled = self._tree.stored_leaf()
            if tiled is None:
                return
            self._findings.add(
                Mismatch("log_leaf", self._key(self._tree.size), "", "no row", f"the message of leaf {tiled.hex()}")
            )
            self._append(tiled)

    def _append(self, leaf: bytes) -> None:
        self._anchored()
        self._tree.append(leaf)

    def _anchored(self) -> None:
        """Compare the anchored heads over the leaves so far."""
        while self._next is not None and self._next.size <= self._tree.size:
            if self._next.size < self._tree.size or self._next.root != self._tree.root():
                self._wrong.append(self._wrong_anchor(self._next))
                del self._wrong[1:]
            self._findings.counts["anchored heads"] += 1
            self._next = next(self._anchors, None)

    def _wrong_anchor(self, anchor: StoredAnchor) -> Mismatch:
        root = self._tree.root().hex() if anchor.size == self._tree.size else "not negative"
        key = f"epoch {self._epoch.epoch}, counter {anchor.counter}, size {anchor.size}"
        return Mismatch("anchor", key, "root", anchor.root.hex(), f"{root}, the root over the stored leaves")

    def _end(self) -> None:
        epoch, tree = self._epoch, self._tree
        self._fill(epoch.size)
        self._anchored()
        tree.finish()
        if tree.size != epoch.size:
            self._findings.add(
                Mismatch("log_epoch", f"epoch {epoch.epoch}", "size", str(epoch.size), f"{tree.size}, its leaves")
            )
        if self._next is not None:
            self._beyond(self._next)
        for _ in self._anchors:  # the stream is read to its end
            pass
        self._blame()
        extra = stored.extra_tile(self._connection, epoch=epoch.epoch, size=tree.size)
        if extra is not None:
            key = f"epoch {epoch.epoch}, level {extra[0]}, tile {extra[1]}"
            self._findings.add(Mismatch("log_tile", key, "", "a row", f"no row: the log has {tree.size} leaves"))
        self._findings.counts["tiles"] += tree.tiles
        self._findings.counts["epochs"] += 1

    def _beyond(self, anchor: StoredAnchor) -> None:
        """The ledger has more leaves than we do: the loss of a closed epoch, or one that nobody has named."""
        number, size = self._epoch.epoch, self._tree.size
        if not self._is_open:
            self._findings.notes.append(
                f"epoch {number} is closed; of what was anchored, leaves from {size} on are lost"
            )
            return
        expected = f"leaves up to {anchor.size}, as anchor {anchor.counter} has them"
        self._findings.add(Mismatch("log_leaf", self._key(size), "", "no row", expected))

    def _blame(self) -> None:
        """Say what is wrong where leaves, tiles and anchored heads disagree: two of them against the third."""
        first = next((it for it in self._tree.differences if it.level == 0), None)
        if self._wrong and first is not None and first.leaf_index in self._sealed:
            self._findings.add(self._wrong_leaf(first))
            return
        self._findings.extend(tile_mismatch(it, epoch=self._epoch.epoch) for it in self._tree.differences)
        self._findings.extend(self._wrong)

    def _wrong_leaf(self, difference: Difference) -> Mismatch:
        ingest_id, was_erased = self._sealed[difference.leaf_index]
        expected = f"that of leaf {shown(difference.stored)}, under an anchored head"
        if was_erased:  # nothing but the entry is left to be compared
            key = f"ingest_id {ingest_id}, leaf {self._epoch.epoch}/{difference.leaf_index}"
            return Mismatch("message", key, "entry", f"that of leaf {difference.expected.hex()}", expected)
        return Mismatch("log_leaf", self._key(difference.leaf_index), "ingest_id", str(ingest_id), expected)

    def _key(self, index: int) -> str:
        return f"epoch {self._epoch.epoch}, index {index}"
