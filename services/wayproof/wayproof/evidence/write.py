"""A shipment's evidence out of the organisation's database and ledger, as a stream of lines.

lines = await evidence_lines(settings.ledger, network=network, ledger=ledger, connection=connection, gsin=gsin)
for line in lines:      # in any thread
    out.write(line)
"""

import asyncio
from collections.abc import Iterator
from typing import BinaryIO

from aiofabric.gateway import Network
from wayproof.evidence.assemble import Materials, assemble
from wayproof.evidence.collect import collect_evidence
from wayproof.evidence.stored import StoredSource
from wayproof.ledger import Ledger
from wayproof.settings import LedgerSettings
from wayproof.store.connection import Connection, snapshot


async def evidence_lines(
    settings: LedgerSettings,
    *,
    network: Network,
    ledger: Ledger,
    connection: Connection,
    gsin: str,
    with_blocks: bool = False,
) -> Iterator[bytes]:
    """Return the lines of a shipment's evidence, as of now.

    The connection, outside a transaction, belongs to the lines until they end. All refusals of `collect_evidence` come
    before the first line; StoreUnavailable, LogError and EvidenceError (`evidence_outrun`) may still end them early,
    and a file without its last line is refused by the verifier.
    """
    source = StoredSource(connection, network)
    materials = await collect_evidence(ledger, source=source, gsin=gsin, channel=settings, with_blocks=with_blocks)
    return _lines(connection, materials)


async def write_evidence(
    settings: LedgerSettings,
    *,
    network: Network,
    ledger: Ledger,
    connection: Connection,
    gsin: str,
    out: BinaryIO,
    with_blocks: bool = False,
) -> None:
    """Write a shipment's evidence, as of now; as `evidence_lines` says."""
    lines = await evidence_lines(
        settings, network=network, ledger=ledger, connection=connection, gsin=gsin, with_blocks=with_blocks
    )
    await asyncio.to_thread(out.writelines, lines)


def _lines(connection: Connection, materials: Materials) -> Iterator[bytes]:
    with snapshot(connection):
        yield from assemble(materials)
