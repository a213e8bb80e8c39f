"""Private data: a price that two organisations know, and of which the third sees a hash.

python private_data.py FOLDER PORT          (it makes and serves a ledger of its own in an empty folder)
"""

import asyncio
import sys
import warnings
from pathlib import Path

from aiofabric.embedded import Collection, DevelopmentLedgerWarning, Organisation, initialise, load_user, serve
from aiofabric.errors import EvaluateError
from aiofabric.gateway import Gateway

SELLER, BUYER, CARRIER = "SellerMSP", "BuyerMSP", "CarrierMSP"


def make_ledger(folder: Path) -> None:
    """Make a ledger of three organisations; the contract's collection ``prices`` has two of them as members."""
    initialise(
        folder,
        channel="trade",
        organisations=[Organisation(msp_id) for msp_id in (SELLER, BUYER, CARRIER)],
        chaincodes={"parcels": "parcels:invoke"},
        collections={"parcels": [Collection("prices", members=(SELLER, BUYER))]},
    )


def connect(folder: Path, address: str, msp_id: str) -> Gateway:
    """Connect as the administrator of an organisation."""
    identity, signer = load_user(folder, msp_id=msp_id, name="admin")
    return Gateway.connect(address, tls_ca=(folder / "tls" / "ca.pem").read_bytes(), identity=identity, signer=signer)


async def agree(folder: Path, address: str) -> None:
    """Write a price as the seller and look at it as each organisation."""
    async with connect(folder, address, SELLER) as seller:
        contract = seller.network("trade").contract("parcels")
        # The price travels as transient data, to members only; the blocks get its hash.
        commit = await contract.submit_async(
            "agree_price", "parcel-1", transient={"price": b"1200 EUR"}, endorsing_organizations=[SELLER, BUYER]
        )
        block = (await commit.status()).block_number
    for msp_id in (SELLER, BUYER, CARRIER):
        async with connect(folder, address, msp_id) as gateway:
            network = gateway.network("trade")
            try:
                price = (await network.contract("parcels").evaluate("price_of", "parcel-1")).decode()
            except EvaluateError:
                price = "not for this organisation"
            async with network.block_and_private_data_events(start_block=block) as blocks:
                item = await anext(blocks)
            print(f"{msp_id}: {price}; private data with the block: {'yes' if item.private_data_map else 'no'}")


async def main(folder: Path, port: int) -> None:
    """Serve the ledger in this process for as long as the example runs."""
    async with serve(folder, port=port) as endpoint:
        await agree(folder, endpoint.address)


if __name__ == "__main__":
    warnings.simplefilter("ignore", DevelopmentLedgerWarning)
    make_ledger(Path(sys.argv[1]))
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
