"""A source of evidence without a database: blocks are followed in memory, and folded as the projection folds them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiofabric.blocks import signed_part
from aiofabric.gateway import Network
from wayproof.evidence.assemble import LogContent
from wayproof.evidence.collect import elsewhere
from wayproof.evidence.history import LedgerHistory, Written
from wayproof.evidence.plan import Plan
from wayproof.ledger import CONTRACT
from wayproof.projected import after, fold_block, read_block
from wayproof.settings import LedgerSettings
from wayproof.store.ledger_view import Checkpoint, Moment
from wayproof_contract import canonical
from wayproof_verifier.fabric.block import header_hash
from wayproof_verifier.fabric.block import read_block as read_signed_part

Tables = dict[str, dict[tuple[Any, ...], Mapping[str, Any]]]

CHANNEL = LedgerSettings(
    kind="embedded", endpoint="127.0.0.1:1", tls_ca=Path("ca.pem"), channel=CONTRACT, contract=CONTRACT, users=Path()
)


@dataclass(slots=True)
class Replay:
    """An organisation's projected tables, computed from blocks in memory."""

    organisation: str
    tables: Tables = field(default_factory=dict)
    reached: Checkpoint | None = None

    def take_in(self, data: bytes) -> None:
        block = read_block(data, contract=CONTRACT)
        self.reached = after(block, self.reached)
        for write in list(fold_block(block, organisation=self.organisation, moments=self._moment)):
            self.tables.setdefault(write.table, {})[write.key] = write.row

    def _moment(self, key: str) -> Moment:
        row = self.tables["ledger_record"][(key,)]
        return Moment(row["block_number"], canonical.decode_object(row["value"])["tx_timestamp_ms"])


@dataclass(slots=True)
class LedgerFollower:
    """A `wayproof.evidence.collect.Source` for logs that are kept in memory."""

    network: Network
    organisation: str
    logs: Mapping[tuple[str, int], LogContent] = field(default_factory=dict)
    signed_parts: list[bytes] = field(default_factory=list)
    replay: Replay = field(init=False)

    def __post_init__(self) -> None:
        self.replay = Replay(self.organisation)

    async def newest_block(self) -> int:
        number: int = (await self.network.newest_block()).header.number
        return number

    async def reach(self, block_number: int) -> None:
        if block_number < len(self.signed_parts):
            return
        async with self.network.block_events(start_block=len(self.signed_parts)) as events:
            async for block in events:
                data = block.SerializeToString()
                self.replay.take_in(data)
                self.signed_parts.append(signed_part(data))
                if block.header.number >= block_number:
                    return

    @property
    def genesis_hash(self) -> bytes:
        return header_hash(read_signed_part(self.signed_parts[0]).header)

    def history(self, gsin: str) -> LedgerHistory:
        del gsin
        rows = self.replay.tables["ledger_record"].values()
        return LedgerHistory(
            Written(row["key"], (row["block_number"], row["tx_index"]), row["tx_id"], row["value"]) for row in rows
        )

    def config_blocks(self) -> Sequence[bytes]:
        return [row["block"] for row in self.replay.tables["ledger_config_block"].values()]

    def envelopes(self, tx_ids: Sequence[str]) -> Sequence[bytes]:
        return [self.replay.tables["ledger_transaction"][(tx_id,)]["envelope"] for tx_id in tx_ids]

    async def blocks(self, last: int) -> Iterable[bytes]:
        return self.signed_parts[: last + 1]

    def content(self, plan: Plan) -> Mapping[tuple[str, int], LogContent]:
        if refusal := elsewhere(plan, kept=self.logs):
            raise refusal
        return self.logs
