"""What goes wrong on purpose: crashes, peers that refuse, peers that disagree."""

from uuid import uuid4

from aiofabric.chaincode import ChaincodeStub, Response
from aiofabric.chaincode.peer_identity import peer_msp_id
from support.scenario_chaincodes import dispatching


def _crash(_: ChaincodeStub) -> Response:
    raise SystemExit(3)


def _fail_at(stub: ChaincodeStub, *msp_ids: str) -> Response:
    """Refuse at the peers of these organisations."""
    own = peer_msp_id()
    if own in msp_ids:
        return Response(status=500, message=f"{own} refuses to endorse this")
    stub.put_state("agreed", b"x")
    return Response(payload=b"agreed")


def _nondeterministic(stub: ChaincodeStub) -> Response:
    stub.put_state("differs", uuid4().bytes)
    return Response()


invoke = dispatching({"crash": _crash, "fail_at": _fail_at, "nondeterministic": _nondeterministic})
