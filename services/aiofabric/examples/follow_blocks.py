"""Block events with a checkpoint in a file: every transaction's validation code.

python follow_blocks.py LEDGER ADDRESS CHECKPOINT COUNT
"""

import asyncio
import sys
from pathlib import Path

from aiofabric.gateway import FileCheckpointer, Gateway
from aiofabric.identity import load_identity


async def main(ledger: Path, address: str, path: Path, count: int) -> None:
    """Print so many blocks and stop; the next run goes on with the next block."""
    user = ledger / "organisations" / "Org1MSP" / "users" / "admin"
    identity, signer = load_identity("Org1MSP", certificate=user / "cert.pem", key=user / "key.pem")
    tls_ca = (ledger / "tls" / "ca.pem").read_bytes()
    checkpointer = FileCheckpointer(path)
    async with Gateway.connect(address, tls_ca=tls_ca, identity=identity, signer=signer) as gateway:
        network = gateway.network("trade")
        async with network.filtered_block_events(start_block=0, checkpoint=checkpointer) as blocks:
            for _ in range(count):
                block = await anext(blocks)
                codes = [transaction.tx_validation_code for transaction in block.filtered_transactions]
                print(f"block {block.number}: codes {codes}")
                await checkpointer.checkpoint_block(block.number)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
