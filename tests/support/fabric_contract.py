"""A small contract for a real (embedded) ledger: reads, a range query, a write, a deletion, an event."""

from aiofabric.chaincode import ChaincodeStub, Response


def touch(stub: ChaincodeStub) -> Response:
    """Read two keys and a range; write and delete when asked to."""
    known = stub.get_state("known") or b""
    stub.get_state("absent")
    list(stub.get_state_by_range("a", "z"))
    if stub.args[0] == b"write":
        stub.put_state("known", stub.args[1])
        stub.del_state("gone")
        stub.set_event("touched", b"{}")
    return Response(payload=known)
