"""Submit a transaction, evaluate a query; the same step by step, with deadlines for one call.

python submit_and_evaluate.py LEDGER ADDRESS
"""

import asyncio
import sys
from pathlib import Path

from aiofabric.gateway import Deadlines, Gateway
from aiofabric.identity import load_identity


async def main(ledger: Path, address: str) -> None:
    """Talk to the contract as the administrator of Org1MSP."""
    user = ledger / "organisations" / "Org1MSP" / "users" / "admin"
    identity, signer = load_identity("Org1MSP", certificate=user / "cert.pem", key=user / "key.pem")
    tls_ca = (ledger / "tls" / "ca.pem").read_bytes()
    async with Gateway.connect(address, tls_ca=tls_ca, identity=identity, signer=signer) as gateway:
        contract = gateway.network("trade").contract("parcels")

        await contract.submit("accept", "parcel-1", "alice")  # returns when it is committed
        print("holder:", (await contract.evaluate("holder_of", "parcel-1")).decode())

        proposal = contract.proposal("hand_over", "parcel-1", "bob", deadlines=Deadlines(endorse_s=30))
        print("transaction:", len(proposal.transaction_id), "hexadecimal digits, known before anything is sent")
        transaction = await proposal.endorse()
        print("before:", transaction.result.decode())
        commit = await transaction.submit()
        status = await commit.status(timeout_s=30)
        print("committed:", status.code_name)
        print("holder:", (await contract.evaluate("holder_of", "parcel-1")).decode())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
