"""Evidence from a live ledger: follow the blocks, ask for endorsed state, and make sure that both say the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aiofabric.blocks import signed_part
from aiofabric.errors import FabricError
from aiofabric.gateway import Network
from wayproof.errors import EvidenceError, LedgerError
from wayproof.evidence.assemble import LogContent, Materials, assemble
from wayproof.evidence.history import LedgerHistory
from wayproof.evidence.plan import Plan, plan_evidence
from wayproof.ledger import Ledger
from wayproof_verifier import bundle
from wayproof_verifier.fabric.block import header_hash, read_block
from wayproof_verifier.fabric.transaction import read_endorsed

ATTEMPTS = 10
"""How often state is asked for again because the ledger moved on meanwhile."""


@dataclass(slots=True)
class LedgerFollower:
    """One channel's blocks, kept as the signed parts that evidence may carry, and the contract's history in them."""

    network: Network
    contract: str
    blocks: list[bytes] = field(default_factory=list)
    history: LedgerHistory = field(init=False)

    def __post_init__(self) -> None:
        self.history = LedgerHistory(self.contract)

    async def catch_up_now(self) -> None:
        """Take in every block that there is at this moment. Raises LedgerError."""
        try:
            newest = await self.network.newest_block()
        except FabricError as error:
            raise LedgerError(f"newest block: {error.diagnostics()}") from error
        await self.catch_up(newest.header.number)

    async def catch_up(self, block_number: int) -> None:
        """Take in blocks until this one is there. Raises LedgerError."""
        if block_number < self.history.height:
            return
        try:
            async with self.network.block_events(start_block=self.history.height) as events:
                async for block in events:
                    data = block.SerializeToString()
                    self.history.add_block(data)
                    self.blocks.append(signed_part(data))
                    if self.history.height > block_number:
                        return
        except FabricError as error:
            raise LedgerError(f"blocks: {error.diagnostics()}") from error

    @property
    def genesis_hash(self) -> bytes:
        """The channel's identity: the hash of its genesis block's header."""
        return header_hash(read_block(self.blocks[0]).header)


async def collect_evidence(
    ledger: Ledger,
    *,
    follower: LedgerFollower,
    gsin: str,
    logs: Mapping[tuple[str, int], LogContent],
    ledger_kind: str,
    with_blocks: bool = False,
) -> Iterator[bytes]:
    """Return the lines of a shipment's evidence, as of now.

    Raises EvidenceError if the shipment is not known, a log is not kept here, or the ledger moves on faster than it can
    be asked; `LedgerError` and `ContractRefusal` as the ledger does.
    """
    await ledger.query("get_shipment", {"gsin": gsin})  # refuses, by name, what may not be asked or is not there
    await follower.catch_up_now()
    for _ in range(ATTEMPTS):
        plan = plan_evidence(follower.history, gsin=gsin)
        states = await ledger.endorsed_records(plan.keys)
        await follower.catch_up(_newest(states))
        if _agree(states, follower.history, plan=plan):
            return assemble(
                Materials(
                    header=bundle.Header(
                        channel=follower.network.name,
                        contract=follower.contract,
                        genesis=follower.genesis_hash,
                        gsin=gsin,
                        ledger=ledger_kind,
                    ),
                    plan=plan,
                    config_blocks=[follower.blocks[number] for number in follower.history.config_blocks],
                    states=states,
                    envelopes=[follower.history.transaction(tx_id)[1] for tx_id in plan.transactions],
                    blocks=follower.blocks[: _newest(states) + 1] if with_blocks else (),
                    logs=_kept(logs, plan=plan),
                )
            )
    raise EvidenceError("the ledger moved on each time it was asked; try again", code="evidence_outrun")


def _newest(states: Sequence[bytes]) -> int:
    """Return the highest block number that endorsed state speaks of."""
    return max(version.block_num for state in states for version in read_endorsed(state).reads.values() if version)


def _agree(states: Sequence[bytes], history: LedgerHistory, *, plan: Plan) -> bool:
    """Tell whether state and blocks show the same versions, and nothing newer has to be carried."""
    seen = {key: version for state in states for key, version in read_endorsed(state).reads.items()}
    same = all(
        version is not None and (version.block_num, version.tx_num) == history.latest(key).version
        for key, version in seen.items()
    )
    return same and plan_evidence(history, gsin=plan.gsin) == plan


def _kept(logs: Mapping[tuple[str, int], LogContent], *, plan: Plan) -> Mapping[tuple[str, int], LogContent]:
    missing = [f"{log.log_id} epoch {log.epoch}" for log in plan.logs if (log.log_id, log.epoch) not in logs]
    if missing:
        raise EvidenceError(f"the messages of {', '.join(missing)} are not kept here; ask the log's organisation")
    return logs
