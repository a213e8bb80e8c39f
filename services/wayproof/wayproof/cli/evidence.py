"""`wayproof evidence`: the evidence file of a shipment, on standard output or in a file."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import BinaryIO

from wayproof import ledger as ledgers
from wayproof.cli.worker import add_settings, begin
from wayproof.evidence.write import write_evidence
from wayproof.settings import Settings
from wayproof.store import schema
from wayproof.store.connection import connect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.epilog = "Check it with: wayproof-verify FILE --trust-root TRUST (docs/guides/verify.md)."
    parser.add_argument("shipment", help="its GSIN, 17 digits")
    add_settings(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write here (default: standard output)")
    parser.add_argument(
        "--with-blocks", action="store_true", help="carry every block of the channel: they tell others' business too"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    read = begin(options, process="evidence")
    if options.output is None:
        asyncio.run(_write(read, options, out=sys.stdout.buffer))
        return 0
    unfinished = options.output.with_name(f"{options.output.name}.part")
    with unfinished.open("wb") as out:
        asyncio.run(_write(read, options, out=out))
    unfinished.replace(options.output)  # a file with this name is whole
    return 0


async def _write(read: Settings, options: argparse.Namespace, *, out: BinaryIO) -> None:
    async with ledgers.connect(read.ledger, msp_id=read.organisation, user="operator") as (network, ledger):
        with connect(read.database, application="evidence", role="audit") as connection:
            schema.require_current(connection)
            await write_evidence(
                read.ledger,
                network=network,
                ledger=ledger,
                connection=connection,
                gsin=options.shipment,
                out=out,
                with_blocks=options.with_blocks,
            )
    out.flush()
