"""The organisation's own database as a source of evidence, and the peer for whole blocks."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiofabric.blocks import signed_part
from aiofabric.errors import FabricError
from aiofabric.gateway import Network
from wayproof.errors import EvidenceError, LedgerError
from wayproof.evidence.assemble import LogContent, StoredErasure, StoredMessage
from wayproof.evidence.collect import elsewhere
from wayproof.evidence.history import LedgerHistory, Written
from wayproof.evidence.plan import IntervalPlan, Plan
from wayproof.evidence.spool import BlockSpool
from wayproof.log import SubtreeSource
from wayproof.store import evidence as store
from wayproof.store.connection import Connection, snapshot
from wayproof.store.evidence import Leaf, Span, StoredRecord
from wayproof.store.ledger_view import wait_until_height
from wayproof.store.log import epochs, tree

PROJECTED_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class StoredSource:
    """The projected ledger and the log of one organisation (a `wayproof.evidence.collect.Source`).

    The connection is outside a transaction, and nothing else is done with it meanwhile. What `content` returns is read
    within one (`snapshot`).
    """

    connection: Connection
    network: Network

    def history(self, gsin: str) -> LedgerHistory:
        """Return the records that the shipment may rest on, as of one moment."""
        with snapshot(self.connection):
            return LedgerHistory(map(_written, _records(self.connection, gsin)))

    async def newest_block(self) -> int:
        """Return the number of the last block that the peer has now. Raises LedgerError."""
        try:
            number: int = (await self.network.newest_block()).header.number
        except FabricError as error:
            raise LedgerError(f"newest block: {error.diagnostics()}") from error
        return number

    async def reach(self, block_number: int) -> None:
        """Return once the projection has this block. Raises EvidenceError if it does not come."""
        if not await asyncio.to_thread(wait_until_height, self.connection, block_number + 1, PROJECTED_WITHIN_S):
            raise EvidenceError(
                f"block {block_number} is not projected yet; see that `wayproof projection` runs, and try again",
                code="projection_behind",
            )

    def config_blocks(self) -> Sequence[bytes]:
        """Return the channel's config blocks, signed parts only, the genesis block first."""
        return store.config_blocks(self.connection)

    def envelopes(self, tx_ids: Sequence[str]) -> Sequence[bytes]:
        """Return the envelopes of transactions, in ledger order."""
        return store.envelopes(self.connection, tx_ids)

    async def blocks(self, last: int) -> Iterable[bytes]:
        """Return every block up to this number, signed parts only, out of a temporary file."""
        spool = BlockSpool()
        try:
            async with self.network.block_events(start_block=0) as events:
                async for block in events:
                    spool.append(signed_part(block.SerializeToString()))
                    if block.header.number >= last:
                        break
        except FabricError as error:
            raise LedgerError(f"blocks: {error.diagnostics()}") from error
        return spool

    def content(self, plan: Plan) -> Mapping[tuple[str, int], LogContent]:
        """Return the content of the plan's logs. Raises EvidenceError for one that is not kept here, or not wholly."""
        kept = {(epoch.log_id, epoch.epoch): epoch.size for epoch in epochs(self.connection)}
        if refusal := elsewhere(plan, kept=kept):
            raise refusal
        for log in plan.logs:
            if kept[log.log_id, log.epoch] < log.anchors[-1][1]:
                raise EvidenceError(
                    f"{log.log_id} epoch {log.epoch} is shorter here than on the ledger: this database lost messages; "
                    "restore it, or retire the epoch",
                    code="log_shortened",
                )
        spans = [_span(interval) for interval in plan.intervals]
        return {
            (log.log_id, log.epoch): _StoredContent(self.connection, log.epoch, log.anchors[-1][1], spans)
            for log in plan.logs
        }


@dataclass(frozen=True, slots=True)
class _StoredContent:
    """One epoch of the log, of which the leaves in `spans` are shown."""

    connection: Connection
    epoch: int
    size: int
    spans: Sequence[Span]

    @property
    def subtrees(self) -> SubtreeSource:
        """The hashes of whole subtrees, out of the stored tiles."""
        return tree(self.connection, epoch=self.epoch, size=self.size).source

    def leaves(self, size: int) -> Iterator[StoredMessage | StoredErasure]:
        """Yield the leaves of the spans in the order of their indices."""
        return map(_leaf, store.leaves(self.connection, epoch=self.epoch, size=size, spans=self.spans))


def _records(connection: Connection, gsin: str) -> Iterator[StoredRecord]:
    """Yield what `LedgerHistory` asks for: from the shipment to its devices, to their logs."""
    shipment = store.records(connection, keys=[f"shipment/{gsin}"], prefixes=[f"shipment_event/{gsin}/"])
    attachments = [it for head in _heads(shipment, "shipment") for it in head["attachments"]]
    device_ids = {str(it["start"]["device_id"]) for it in attachments}
    devices = store.records(
        connection,
        keys=[f"device/{device_id}" for device_id in device_ids],
        prefixes=[f"device_event/{device_id}/" for device_id in device_ids],
    )
    log_ids = {str(head["home_log"]) for head in _heads(devices, "device")}
    yield from shipment
    yield from devices
    yield from store.records(
        connection,
        keys=[f"{kind}/{log_id}" for log_id in log_ids for kind in ("log", "anchor_head")],
        prefixes=[f"{kind}/{log_id}/" for log_id in log_ids for kind in ("log_event", "erasure")],
    )
    moments = [(record.block_number, record.tx_index) for record in (*shipment, *devices)]
    yield from store.nearest_anchors(connection, log_ids=log_ids, moments=moments)


def _heads(records: Iterable[StoredRecord], kind: str) -> Iterator[Mapping[str, Any]]:
    return (_written(record).record() for record in records if record.key.startswith(f"{kind}/"))


def _written(record: StoredRecord) -> Written:
    return Written(record.key, (record.block_number, record.tx_index), record.tx_id, record.value)


def _span(interval: IntervalPlan) -> Span:
    return Span(interval.device_id, interval.stream, interval.start[0], interval.end[0] if interval.end else None)


def _leaf(leaf: Leaf) -> StoredMessage | StoredErasure:
    if leaf.salt is not None and leaf.topic is not None and leaf.payload is not None:
        return StoredMessage(leaf.leaf_index, leaf.salt, leaf.topic, leaf.payload, leaf.received_at_ms)
    if leaf.previous is None:
        raise EvidenceError(f"leaf {leaf.leaf_index} has no place in its stream; run `wayproof fsck`")
    return StoredErasure(
        index=leaf.leaf_index,
        entry=leaf.entry,
        device_id=leaf.device_id,
        stream=leaf.stream,
        position=(leaf.boot, leaf.sequence),
        hash=leaf.message_hash,
        previous=leaf.previous,
    )
