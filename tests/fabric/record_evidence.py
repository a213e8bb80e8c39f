"""Record a channel's blocks and a shipment's evidence, from a real network or from the embedded ledger.

PYTHONPATH=tests .venv/bin/python tests/fabric/record_evidence.py bft raft embedded

It takes Fabric's programs as the tests of this folder do (WAYPROOF_FABRIC_HOME, the cache, PATH), makes a network of
three organisations in a temporary folder, lets a shipment travel (`support.fabric_journey`), and writes
tests/fixtures/fabric/LEDGER. With programs of Fabric 2.5, `raft` is written to `raft-2.5`.
"""

import argparse
import asyncio
import base64
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from aiofabric.gateway import Network as Channel
from aiofabric.network import Binaries
from support.fabric_journey import EVERYBODY, fabric_journey, wayproof_network
from support.fabric_network import binaries_missing, require_binaries
from support.journey import ORGANISATIONS, Journey, journey
from support.recorded import Recorded, write
from wayproof_contract import canonical

ORDERERS = {"bft": 4, "raft": 1}


async def record_fabric(consensus: str, directory: Path, *, binaries: Binaries) -> Recorded:
    """Record a journey on Fabric's own programs."""
    async with (
        wayproof_network(directory / "network", binaries=binaries, orderers=ORDERERS[consensus]) as network,
        fabric_journey(network, directory) as story,
    ):
        await story.travel()
        ledger = consensus if binaries.can_order_bft else f"{consensus}-2.5"
        return await _recorded(story, ledger, made_with=f"Fabric {binaries.version}", organisations=EVERYBODY)


async def record_embedded(directory: Path) -> Recorded:
    """Record a journey on the embedded ledger."""
    async with journey(directory) as story:
        await story.ship()
        await story.hand_over()
        await story.close()
        made_with = f"aiofabric {version('aiofabric')}"
        return await _recorded(story, "embedded", made_with=made_with, organisations=ORGANISATIONS)


async def _recorded(story: Journey, ledger: str, *, made_with: str, organisations: tuple[str, ...]) -> Recorded:
    evidence, trust = await story.evidence(organisations=organisations)
    with_blocks, _ = await story.evidence(with_blocks=True, organisations=organisations)
    receipt = story.log.receipt(story.device.device_id, issued_at_ms=time.time_ns() // 1_000_000)
    return Recorded(
        ledger=ledger,
        made_with=made_with,
        blocks=await _blocks(story.network()),
        evidence=evidence,
        evidence_with_blocks=with_blocks,
        receipts=canonical.encode({"receipt": base64.b64encode(receipt).decode()}) + b"\n",
        trust=trust,
    )


async def _blocks(channel: Channel) -> tuple[bytes, ...]:
    newest = (await channel.newest_block()).header.number
    blocks: list[bytes] = []
    async with channel.block_events(start_block=0) as events:
        async for block in events:
            blocks.append(block.SerializeToString())
            if block.header.number >= newest:
                break
    return tuple(blocks)


def main() -> None:
    """Record the ledgers that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ledgers", nargs="+", choices=[*ORDERERS, "embedded"])
    ledgers = parser.parse_args().ledgers
    missing = binaries_missing()
    if missing and set(ledgers) != {"embedded"}:
        raise SystemExit(missing)
    for ledger in ledgers:
        with tempfile.TemporaryDirectory() as directory:
            if ledger == "embedded":
                recorded = asyncio.run(record_embedded(Path(directory)))
            else:
                recorded = asyncio.run(record_fabric(ledger, Path(directory), binaries=require_binaries()))
        print(f"{write(recorded)}: {len(recorded.blocks)} blocks, made with {recorded.made_with}")  # noqa: T201


if __name__ == "__main__":
    main()
