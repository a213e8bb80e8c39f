"""Evidence of a shipment as of now: what the ledger endorses must be what was projected, to the version."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from wayproof.errors import EvidenceError
from wayproof.evidence.assemble import LogContent, Materials
from wayproof.evidence.history import LedgerHistory
from wayproof.evidence.plan import Plan, plan_evidence
from wayproof.ledger import Ledger
from wayproof.settings import LedgerSettings
from wayproof_verifier import bundle
from wayproof_verifier.fabric.block import header_hash, read_block
from wayproof_verifier.fabric.transaction import read_endorsed

ATTEMPTS = 10
"""How often state is asked for again because the ledger moved on meanwhile."""


class Source(Protocol):
    """Where everything comes from that is not asked of the ledger's contract."""

    def history(self, gsin: str) -> LedgerHistory:
        """Return the records that the shipment may rest on, as of one moment."""
        ...

    async def newest_block(self) -> int:
        """Return the number of the last block that the peer has now. Raises LedgerError."""
        ...

    async def reach(self, block_number: int) -> None:
        """Return once this block is in what `history` and the others tell. Raises EvidenceError if it does not come."""
        ...

    def config_blocks(self) -> Sequence[bytes]:
        """Return the channel's config blocks, signed parts only, the genesis block first."""
        ...

    def envelopes(self, tx_ids: Sequence[str]) -> Sequence[bytes]:
        """Return the envelopes of transactions, in ledger order."""
        ...

    async def blocks(self, last: int) -> Iterable[bytes]:
        """Return every block up to this number, signed parts only."""
        ...

    def content(self, plan: Plan) -> Mapping[tuple[str, int], LogContent]:
        """Return the content of the plan's logs. Raises EvidenceError for one that is not kept here."""
        ...


async def collect_evidence(
    ledger: Ledger, *, source: Source, gsin: str, channel: LedgerSettings, with_blocks: bool = False
) -> Materials:
    """Return what a shipment's evidence is made of, as of now.

    Raises EvidenceError if its messages are not kept here (`messages_elsewhere`), the projection does not keep up
    (`projection_behind`), or the ledger moves on faster than it can be asked (`evidence_outrun`); `LedgerError` and
    `ContractRefusal` as the ledger does.
    """
    await ledger.query("get_shipment", {"gsin": gsin})  # refuses, by name, what may not be asked or is not there
    await source.reach(await source.newest_block())
    for _ in range(ATTEMPTS):
        plan = plan_evidence(source.history(gsin), gsin=gsin)
        states = await ledger.endorsed_records(plan.keys)
        await source.reach(_newest(states))
        if _agree(states, source.history(gsin), plan=plan):
            content = source.content(plan)
            blocks = await source.blocks(_newest(states)) if with_blocks else ()
            config_blocks = source.config_blocks()
            return Materials(
                header=bundle.Header(
                    channel=channel.channel,
                    contract=channel.contract,
                    genesis=header_hash(read_block(config_blocks[0]).header),
                    gsin=gsin,
                    ledger=channel.kind,
                ),
                plan=plan,
                config_blocks=config_blocks,
                states=states,
                envelopes=source.envelopes(plan.transactions),
                blocks=blocks,
                logs=content,
            )
    raise EvidenceError("the ledger moved on each time it was asked; try again", code="evidence_outrun")


def elsewhere(plan: Plan, *, kept: Iterable[tuple[str, int]]) -> EvidenceError | None:
    """Return the refusal if there are logs of a plan that are not kept here."""
    known = set(kept)
    missing = [f"{log.log_id} epoch {log.epoch}" for log in plan.logs if (log.log_id, log.epoch) not in known]
    if not missing:
        return None
    return EvidenceError(
        f"the messages of {', '.join(missing)} are not kept here; ask the log's organisation", code="messages_elsewhere"
    )


def _newest(states: Sequence[bytes]) -> int:
    """Return the highest block number that endorsed state speaks of."""
    return max(version.block_num for state in states for version in read_endorsed(state).reads.values() if version)


def _agree(states: Sequence[bytes], history: LedgerHistory, *, plan: Plan) -> bool:
    """Tell whether state and projection show the same versions, and nothing newer has to be carried."""
    seen = {key: version for state in states for key, version in read_endorsed(state).reads.items()}
    same = all(
        version is not None and (version.block_num, version.tx_num) == history.latest(key).version
        for key, version in seen.items()
    )
    return same and plan_evidence(history, gsin=plan.gsin) == plan
