"""Running a contract so that whatever it does becomes an answer."""

import logging
import traceback

from fabric_protos.peer import chaincode_event_pb2, proposal_response_pb2
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage

from aiofabric.chaincode.context import ERROR, ERROR_THRESHOLD, Response
from aiofabric.chaincode.exchange import MAX_PAYLOAD_BYTES
from aiofabric.chaincode.interface import Chaincode, ChaincodeStub
from aiofabric.chaincode.stub import PeerStub

logger = logging.getLogger(__name__)


def execute(chaincode: Chaincode, stub: PeerStub) -> ChaincodeMessage:
    """Call the contract, finish with the peer, and return COMPLETED; never raises.

    Writes made before a failure are sent as well: a peer without write batches has them already, and in a call from
    another chaincode they may become part of a transaction that succeeds, where all endorsers must agree.
    """
    response = run(chaincode, stub)
    try:
        stub.finish()
    except Exception as error:  # noqa: BLE001 - the transaction must have its answer
        if response.status < ERROR_THRESHOLD:
            response = Response(status=ERROR, message=str(error))
    return _completed(response, stub)


def run(chaincode: Chaincode, stub: ChaincodeStub) -> Response:
    """Call the contract; whatever it raises becomes status 500, and so does what is no response. Never raises."""
    try:
        return checked(chaincode(stub))
    except BaseException as error:  # noqa: BLE001 - a contract must not end the server, not even by SystemExit
        places = "".join(traceback.format_tb(error.__traceback__))
        # Where, not the exception's text: that may hold what only the caller may see.
        logger.error(  # noqa: TRY400
            "transaction %s: the contract raised %s\n%s", stub.tx_id, type(error).__name__, places
        )
        return Response(status=ERROR, message=f"chaincode raised {type(error).__name__}: {_text(error)}")


def checked(answer: object) -> Response:
    """Return the answer if it is a response that can be sent; raises TypeError and ValueError."""
    if not isinstance(answer, Response):
        raise TypeError(f"it returned {type(answer).__name__}, not Response")
    kinds = (type(answer.status), type(answer.message), type(answer.payload))
    if kinds != (int, str, bytes):
        raise TypeError("a Response has an int status, a str message and a bytes payload")
    if len(answer.payload) + len(answer.message) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a response of {len(answer.payload)} bytes is larger than a peer accepts")
    _message(answer)
    return answer


def _completed(response: Response, stub: PeerStub) -> ChaincodeMessage:
    completed = ChaincodeMessage(
        type=ChaincodeMessage.COMPLETED,
        payload=_message(response),
        txid=stub.tx_id,
        channel_id=stub.channel_id,
    )
    if stub.event is not None and response.status < ERROR_THRESHOLD:
        name, payload = stub.event
        completed.chaincode_event.CopyFrom(chaincode_event_pb2.ChaincodeEvent(event_name=name, payload=payload))
    return completed


def _message(response: Response) -> bytes:
    message = proposal_response_pb2.Response(status=response.status, message=response.message, payload=response.payload)
    encoded: bytes = message.SerializeToString()
    return encoded


def _text(error: BaseException) -> str:
    try:
        return str(error).encode("utf-8", "replace").decode()
    except Exception:  # noqa: BLE001 - an exception's own __str__ may fail
        return "(its text cannot be read)"
