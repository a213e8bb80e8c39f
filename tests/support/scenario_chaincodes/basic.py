"""Values, events, transient data, key-level endorsement, and calls of other chaincodes."""

from aiofabric.chaincode import ChaincodeStub, ClientIdentity, Response, key_policy
from support.scenario_chaincodes import dispatching


def _echo(_: ChaincodeStub, text: str) -> Response:
    return Response(payload=text.encode())


def _echo_transient(stub: ChaincodeStub, key: str) -> Response:
    return Response(payload=stub.transient[key])


def _measure_transient(stub: ChaincodeStub, key: str) -> Response:
    """Let nothing but the length of the transient data be known."""
    stub.put_state(key, str(len(stub.transient["secret"])).encode())
    return Response()


def _caller(stub: ChaincodeStub) -> Response:
    return Response(payload=ClientIdentity.from_creator(stub.creator).msp_id.encode())


def _put(stub: ChaincodeStub, key: str, value: str) -> Response:
    stub.put_state(key, value.encode())
    return Response(payload=value.encode())


def _get(stub: ChaincodeStub, key: str) -> Response:
    value = stub.get_state(key)
    return Response(status=404, message=f"no {key}") if value is None else Response(payload=value)


def _add(stub: ChaincodeStub, key: str, amount: str) -> Response:
    """Read, modify, write."""
    total = int(stub.get_state(key) or b"0") + int(amount)
    stub.put_state(key, str(total).encode())
    return Response(payload=str(total).encode())


def _get_many(stub: ChaincodeStub, *keys: str) -> Response:
    values = stub.get_multiple_states(keys)
    return Response(payload=b",".join(value or b"-" for value in values))


def _page(stub: ChaincodeStub, object_type: str, attribute: str, size: str, bookmark: str) -> Response:
    entries, following = stub.get_state_by_partial_composite_key_with_pagination(
        object_type, [attribute], page_size=int(size), bookmark=bookmark
    )
    parts = ["/".join(stub.split_composite_key(key)[1]) for key, _ in entries]
    return Response(payload="\n".join([",".join(parts), following]).encode())


def _put_composite(stub: ChaincodeStub, object_type: str, *attributes: str) -> Response:
    stub.put_state(stub.create_composite_key(object_type, list(attributes)), b"x")
    return Response()


def _search(stub: ChaincodeStub, query: str) -> Response:
    return Response(payload=str(list(stub.get_query_result(query))).encode())


def _delete(stub: ChaincodeStub, key: str) -> Response:
    stub.del_state(key)
    return Response()


def _set_policy(stub: ChaincodeStub, key: str, policy: str) -> Response:
    stub.set_state_validation_parameter(key, policy.encode())
    return Response()


def _event(stub: ChaincodeStub, name: str, payload: str) -> Response:
    stub.set_event(name, payload.encode())
    return Response(payload=payload.encode())


def _fail(stub: ChaincodeStub, message: str) -> Response:
    stub.put_state("failed", b"x")
    return Response(status=409, message=message)


def _set_endorsers(stub: ChaincodeStub, key: str, *msp_ids: str) -> Response:
    stub.set_state_validation_parameter(key, key_policy.all_of(msp_ids) if msp_ids else b"")
    return Response()


def _get_endorsers(stub: ChaincodeStub, key: str) -> Response:
    policy = stub.get_state_validation_parameter(key)
    return Response(payload=",".join(key_policy.organisations(policy or b"")).encode())


def _call(stub: ChaincodeStub, name: str, *args: str) -> Response:
    """Call another chaincode and write what it answers; ``name/channel`` calls on another channel."""
    name, _, channel = name.partition("/")
    answer = stub.invoke_chaincode(name, [argument.encode() for argument in args], channel=channel)
    stub.put_state(f"answer/{stub.tx_id}", f"{answer.status} {answer.message}".encode())
    return Response(payload=f"{answer.status}|{answer.message}|{answer.payload.decode()}".encode())


invoke = dispatching(
    {
        "echo": _echo,
        "echo_transient": _echo_transient,
        "measure_transient": _measure_transient,
        "caller": _caller,
        "put": _put,
        "get": _get,
        "add": _add,
        "get_many": _get_many,
        "page": _page,
        "put_composite": _put_composite,
        "search": _search,
        "delete": _delete,
        "set_policy": _set_policy,
        "event": _event,
        "fail": _fail,
        "set_endorsers": _set_endorsers,
        "get_endorsers": _get_endorsers,
        "call": _call,
    }
)
