"""`wayproof evidence`: write the evidence file of a shipment."""

import argparse
import asyncio
import sys

from wayproof import ledger
from wayproof.cli.worker import add_settings, begin
from wayproof.evidence.write import write_evidence
from wayproof.settings import Settings
from wayproof.store import schema
from wayproof.store.connection import connect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("gsin", metavar="SHIPMENT", help="the shipment's GSIN (17 digits)")
    parser.add_argument("--with-blocks", action="store_true", help="carry every block of the ledger up to now")
    add_settings(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    asyncio.run(_export(begin(options, process="evidence"), options))
    return 0


async def _export(settings: Settings, options: argparse.Namespace) -> None:
    with connect(settings.database, application="evidence") as connection:
        schema.require_current(connection)
        async with ledger.connect(settings.ledger, msp_id=settings.organisation, user="operator") as (
            network,
            contract,
        ):
            await write_evidence(
                settings.ledger,
                network=network,
                ledger=contract,
                connection=connection,
                gsin=options.gsin,
                out=sys.stdout.buffer,
                with_blocks=options.with_blocks,
            )
