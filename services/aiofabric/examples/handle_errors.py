"""One error for each step, and what to do about it.

python handle_errors.py LEDGER ADDRESS
"""

import asyncio
import sys
from pathlib import Path

from aiofabric.errors import CommitError, EndorseError, SubmitError, UnknownOutcomeError
from aiofabric.gateway import Contract, Gateway
from aiofabric.identity import load_identity


async def hand_over(contract: Contract, parcel: str, receiver: str) -> str:
    """Hand a parcel over and say what became of it."""
    try:
        await contract.submit("hand_over", parcel, receiver)
    except EndorseError as error:  # nothing happened: the contract said no, or no peer could be asked
        if error.chaincode_status is not None:
            return f"refused by the contract: {error.chaincode_status} {error.chaincode_message}"
        return f"not endorsed: {error.diagnostics()}"
    except UnknownOutcomeError as error:  # sent; perhaps ordered: ask, and never propose again before it answers
        status = await error.commit.status()
        return "handed over after all" if status.successful else f"invalid: {status.code_name}"
    except SubmitError as error:  # nothing happened: the orderers refused it
        return f"not ordered: {error.diagnostics()}"
    except CommitError as error:  # in a block, but invalid: nothing changed
        return f"invalid: {error.code_name}, {'try again' if error.is_retryable else 'trying again is of no use'}"
    return f"handed over to {receiver}"


async def main(ledger: Path, address: str) -> None:
    """Make every kind of failure that a healthy network has."""
    user = ledger / "organisations" / "Org1MSP" / "users" / "admin"
    identity, signer = load_identity("Org1MSP", certificate=user / "cert.pem", key=user / "key.pem")
    tls_ca = (ledger / "tls" / "ca.pem").read_bytes()
    async with Gateway.connect(address, tls_ca=tls_ca, identity=identity, signer=signer) as gateway:
        contract = gateway.network("trade").contract("parcels")
        await contract.submit("accept", "parcel-2", "alice")
        print(await hand_over(contract, "parcel-2", "bob"))
        print(await hand_over(contract, "parcel-0", "bob"))

        # Two transactions that have read the same version of a parcel: the second one in the block is invalid.
        first = await contract.proposal("hand_over", "parcel-2", "carol").endorse()
        second = await contract.proposal("hand_over", "parcel-2", "dave").endorse()
        print("first:", (await (await first.submit()).status()).code_name)
        print("second:", (await (await second.submit()).status()).code_name)
        # Such a one is certain to have changed nothing, so it may be proposed anew:
        await contract.submit("hand_over", "parcel-2", "dave", attempts=5)
        print("holder:", (await contract.evaluate("holder_of", "parcel-2")).decode())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
