"""A contract: who holds which parcel. `serve` loads it by its name, ``parcels:invoke``.

It is a pure function of its arguments and the state that it reads: no clock, no randomness, no network, because every
organisation's peer runs it and all answers must be the same.
"""

import hashlib
from collections.abc import Callable

from aiofabric.chaincode import ChaincodeStub, Response


def invoke(stub: ChaincodeStub) -> Response:
    """Run the function that the first argument names."""
    function, *arguments = [argument.decode() for argument in stub.args]
    if function not in FUNCTIONS:
        return Response(status=400, message=f"no function {function}")
    return FUNCTIONS[function](stub, *arguments)


def accept(stub: ChaincodeStub, parcel: str, holder: str) -> Response:
    """Take in a new parcel."""
    if stub.get_state(parcel) is not None:
        return Response(status=409, message=f"{parcel} is here already")
    stub.put_state(parcel, holder.encode())
    stub.set_event("Accepted", f"{parcel} {holder}".encode())
    return Response(payload=holder.encode())


def hand_over(stub: ChaincodeStub, parcel: str, receiver: str) -> Response:
    """Let somebody else hold a parcel, and announce it."""
    holder = stub.get_state(parcel)
    if holder is None:
        return Response(status=404, message=f"no parcel {parcel}")
    stub.put_state(parcel, receiver.encode())
    stub.set_event("HandedOver", f"{parcel} {receiver}".encode())
    return Response(payload=holder)


def holder_of(stub: ChaincodeStub, parcel: str) -> Response:
    """Say who holds a parcel."""
    holder = stub.get_state(parcel)
    return Response(payload=holder) if holder is not None else Response(status=404, message=f"no parcel {parcel}")


def declare(stub: ChaincodeStub, parcel: str) -> Response:
    """Fix the parcel's value without telling it: the ledger keeps a salted hash of transient data."""
    stub.put_state(f"value/{parcel}", _sealed(stub))
    return Response()


def was_declared(stub: ChaincodeStub, parcel: str) -> Response:
    """Say whether transient value and salt are those that were declared."""
    return Response(payload=b"yes" if stub.get_state(f"value/{parcel}") == _sealed(stub) else b"no")


def agree_price(stub: ChaincodeStub, parcel: str) -> Response:
    """Keep a price where only the members of the collection ``prices`` have it."""
    stub.put_private_data("prices", parcel, stub.transient["price"])
    return Response()


def price_of(stub: ChaincodeStub, parcel: str) -> Response:
    """Tell the price; a peer whose organisation is no member cannot."""
    price = stub.get_private_data("prices", parcel)
    return Response(payload=price) if price is not None else Response(status=404, message=f"no price of {parcel}")


def _sealed(stub: ChaincodeStub) -> bytes:
    return hashlib.sha256(stub.transient["salt"] + stub.transient["value"]).hexdigest().encode()


FUNCTIONS: dict[str, Callable[..., Response]] = {
    "accept": accept,
    "agree_price": agree_price,
    "declare": declare,
    "hand_over": hand_over,
    "holder_of": holder_of,
    "price_of": price_of,
    "was_declared": was_declared,
}
