"""The key is in a token (PKCS#11) and never leaves it. Needs ``aiofabric[pkcs11]`` and an initialised token.

python sign_with_token.py LEDGER ADDRESS LIBRARY TOKEN-LABEL PIN-FILE
"""

import asyncio
import sys
from pathlib import Path

from aiofabric.gateway import Gateway
from aiofabric.identity import CertificateAuthority, Identity
from aiofabric.identity.pkcs11 import Pkcs11Token


def enrol(ledger: Path) -> CertificateAuthority:
    """Return the organisation's authority: here the embedded ledger's, elsewhere Fabric CA or your own."""
    home = ledger / "organisations" / "Org1MSP" / "ca"
    return CertificateAuthority((home / "cert.pem").read_bytes(), key_pem=(home / "key.pem").read_bytes())


async def main(ledger: Path, address: str, library: str, token_label: str, pin: str) -> None:
    """Make a key in the token, have a certificate issued for it, and submit with it."""
    tls_ca = (ledger / "tls" / "ca.pem").read_bytes()
    async with Pkcs11Token.opened(library, token_label=token_label, pin=pin) as token:
        public_key = await token.generate_key("erin")
        certificate = enrol(ledger).issue_for(public_key, "erin@Org1MSP", role="client")
        identity = Identity("Org1MSP", certificate)
        signer = await token.signer(certificate)
        async with Gateway.connect(address, tls_ca=tls_ca, identity=identity, signer=signer) as gateway:
            contract = gateway.network("trade").contract("parcels")
            await contract.submit("accept", "parcel-4", "erin")
            print("holder:", (await contract.evaluate("holder_of", "parcel-4")).decode())


if __name__ == "__main__":
    ledger, address, library, token_label, pin_file = sys.argv[1:]
    asyncio.run(main(Path(ledger), address, library, token_label, Path(pin_file).read_text().strip()))
