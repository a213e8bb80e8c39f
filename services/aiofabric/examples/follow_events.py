"""Chaincode events into a database; the position is kept in the same transaction as the work.

python follow_events.py LEDGER ADDRESS DATABASE COUNT

It ends after COUNT events. Kill it whenever you like: the next run goes on exactly where the database stands.
"""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from aiofabric.errors import EventStreamError
from aiofabric.gateway import ChaincodeEvent, Gateway, Network, Position, SqlCheckpoint
from aiofabric.identity import load_identity

CHECKPOINT = SqlCheckpoint("holders", paramstyle="qmark")


def record(database: sqlite3.Connection, event: ChaincodeEvent) -> None:
    """Apply one event, and the position after it, in one transaction."""
    parcel, holder = event.payload.decode().split()
    with database:
        cursor = database.cursor()
        cursor.execute("INSERT INTO holdings VALUES (?, ?, ?)", (event.block_number, parcel, holder))
        CHECKPOINT.save(cursor, Position.after_event(event))


async def follow(network: Network, database: sqlite3.Connection, count: int) -> None:
    """Record so many events, however often the connection drops."""
    while count > 0:
        position = CHECKPOINT.load(database.cursor())
        try:
            async with network.chaincode_events("parcels", start_block=0, checkpoint=position) as events:
                async for event in events:
                    record(database, event)
                    count -= 1
                    if count == 0:
                        break
        except EventStreamError as error:
            print("the stream ended, going on from the checkpoint:", error)
            await asyncio.sleep(1)


async def main(ledger: Path, address: str, path: Path, count: int) -> None:
    """Follow the contract's events as the administrator of Org1MSP."""
    user = ledger / "organisations" / "Org1MSP" / "users" / "admin"
    identity, signer = load_identity("Org1MSP", certificate=user / "cert.pem", key=user / "key.pem")
    tls_ca = (ledger / "tls" / "ca.pem").read_bytes()
    with closing(sqlite3.connect(path)) as database:
        database.execute(CHECKPOINT.schema)
        database.execute("CREATE TABLE IF NOT EXISTS holdings (block integer, parcel text, holder text)")
        async with Gateway.connect(address, tls_ca=tls_ca, identity=identity, signer=signer) as gateway:
            await follow(gateway.network("trade"), database, count)
        for parcel, holder in database.execute("SELECT parcel, holder FROM holdings ORDER BY rowid"):
            print(parcel, holder)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
