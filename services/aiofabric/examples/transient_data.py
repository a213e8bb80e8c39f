"""Transient data: the endorsers see it, no block holds it. Here the ledger keeps only a salted hash.

python transient_data.py LEDGER ADDRESS
"""

import asyncio
import secrets
import sys
from pathlib import Path

from aiofabric.gateway import Gateway
from aiofabric.identity import load_identity


async def main(ledger: Path, address: str) -> None:
    """Declare a parcel's value in secret, and prove it later."""
    user = ledger / "organisations" / "Org1MSP" / "users" / "admin"
    identity, signer = load_identity("Org1MSP", certificate=user / "cert.pem", key=user / "key.pem")
    tls_ca = (ledger / "tls" / "ca.pem").read_bytes()
    async with Gateway.connect(address, tls_ca=tls_ca, identity=identity, signer=signer) as gateway:
        contract = gateway.network("trade").contract("parcels")
        secret = {"value": b"1200 EUR", "salt": secrets.token_bytes(16)}
        # Whoever endorses sees the secret, so say who that may be; the policy must be content with them.
        organisations = ["Org1MSP", "Org2MSP"]
        await contract.submit("declare", "parcel-5", transient=secret, endorsing_organizations=organisations)
        for value in (b"1200 EUR", b"9000 EUR"):
            answer = await contract.evaluate(
                "was_declared",
                "parcel-5",
                transient=secret | {"value": value},
                endorsing_organizations=["Org1MSP"],
            )
            print(value.decode(), "was declared:", answer.decode())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
