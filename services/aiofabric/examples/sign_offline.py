"""The application has no key: bytes go out to be signed, signatures come back.

python sign_offline.py LEDGER ADDRESS
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from aiofabric.gateway import Gateway
from aiofabric.identity import Identity, load_identity

Vault = Callable[[bytes], bytes]


def open_vault(user: Path) -> Vault:
    """Stand in for whoever has the key: another machine, a person's device. It sees messages and nothing else."""
    _, sign = load_identity("Org1MSP", certificate=user / "cert.pem", key=user / "key.pem")
    return sign


async def main(ledger: Path, address: str) -> None:
    """Sign every step of a transaction, a query and a stream of events elsewhere."""
    user = ledger / "organisations" / "Org1MSP" / "users" / "admin"
    vault = open_vault(user)
    identity = Identity("Org1MSP", (user / "cert.pem").read_bytes())
    tls_ca = (ledger / "tls" / "ca.pem").read_bytes()
    async with Gateway.connect(address, tls_ca=tls_ca, identity=identity) as gateway:  # no signer
        network = gateway.network("trade")
        contract = network.contract("parcels")

        proposal = contract.proposal("accept", "parcel-3", "alice")
        transaction = await gateway.signed_proposal(proposal.bytes, vault(proposal.message)).endorse()
        commit = await gateway.signed_transaction(transaction.bytes, vault(transaction.message)).submit()
        status = await gateway.signed_commit(commit.bytes, vault(commit.message)).status()
        print("committed:", status.code_name)

        query = contract.proposal("holder_of", "parcel-3")
        print("holder:", (await gateway.signed_proposal(query.bytes, vault(query.message)).evaluate()).decode())

        request = network.chaincode_events_request("parcels", start_block=status.block_number)
        signed = gateway.signed_chaincode_events_request(request.bytes, vault(request.message))
        async with signed.events() as events:
            print("event:", (await anext(events)).payload.decode())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
