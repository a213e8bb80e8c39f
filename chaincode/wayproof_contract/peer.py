"""The contract as a peer runs it: aiofabric's stub on one side, `dispatch.invoke` on the other.

This is the entry point `wayproof_contract.peer:chaincode`, and the only module here that knows aiofabric. As a program
(`python -m wayproof_contract.peer --help`) it serves the contract to peers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aiofabric.chaincode import ChaincodeStub, ClientIdentity, Response
from wayproof_contract.access import Caller
from wayproof_contract.dispatch import Transaction, invoke

ROLES_ATTRIBUTE = "wayproof.roles"
ARGUMENTS = 2


@dataclass(frozen=True, slots=True)
class _StubState:
    """The world state over a chaincode stub."""

    stub: ChaincodeStub

    def get(self, key: str) -> bytes | None:
        return self.stub.get_state(key)

    def put(self, key: str, value: bytes) -> None:
        self.stub.put_state(key, value)

    def page(self, start: str, end: str, *, size: int, bookmark: str) -> tuple[Sequence[tuple[str, bytes]], str]:
        return self.stub.get_state_by_range_with_pagination(start, end, page_size=size, bookmark=bookmark)


def chaincode(stub: ChaincodeStub) -> Response:
    """Run one proposal: two arguments, the function's name and its canonical JSON object."""
    if len(stub.args) != ARGUMENTS:
        return Response(status=400, message='{"code":"malformed_argument","message":"one function, one argument"}')
    identity = ClientIdentity.from_creator(stub.creator)
    transaction = Transaction(
        function=stub.args[0].decode("utf-8", "replace"),
        argument=stub.args[1],
        caller=Caller(identity.msp_id, identity.fingerprint, identity.attributes.get(ROLES_ATTRIBUTE, "")),
        tx_id=stub.tx_id,
        tx_timestamp_ms=stub.timestamp_ms,
    )
    answer = invoke(transaction, state=_StubState(stub))
    return Response(status=answer.status, message=answer.message, payload=answer.payload)


if __name__ == "__main__":
    from aiofabric.chaincode.cli import main

    raise SystemExit(main(chaincode=chaincode))
