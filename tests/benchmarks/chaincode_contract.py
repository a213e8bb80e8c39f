"""The benchmark's contract; the same in JavaScript is chaincode_node/chaincode.js."""

from aiofabric.chaincode import ChaincodeStub, Response


def invoke(stub: ChaincodeStub) -> Response:
    """Put a value, get one, or put many."""
    name, *args = [argument.decode() for argument in stub.args]
    if name == "put":
        stub.put_state(args[0], args[1].encode())
        return Response()
    if name == "get":
        return Response(payload=stub.get_state(args[0]) or b"")
    if name == "put_many":
        for index in range(int(args[1])):
            stub.put_state(f"{args[0]}{index}", args[2].encode())
        return Response()
    return Response(status=400, message=f"no function {name}")
