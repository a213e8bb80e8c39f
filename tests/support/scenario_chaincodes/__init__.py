"""The chaincodes of the scenario suite: they run unchanged on the embedded ledger and at real peers."""

from collections.abc import Callable, Mapping

from aiofabric.chaincode import Chaincode, ChaincodeStub, Response

Function = Callable[..., Response]


def dispatching(functions: Mapping[str, Function]) -> Chaincode:
    """Return a chaincode that runs the function which its first argument names."""

    def invoke(stub: ChaincodeStub) -> Response:
        name, *arguments = [argument.decode() for argument in stub.args]
        function = functions.get(name)
        if function is None:
            return Response(status=400, message=f"no function {name}")
        return function(stub, *arguments)

    return invoke
