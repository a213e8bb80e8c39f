"""A contract that does what tests of a ledger need: assets, ranges, events, errors, and misbehaviour."""

import itertools
import os
from collections.abc import Callable

from aiofabric.chaincode import ChaincodeStub, Response

_calls = itertools.count()


def invoke(stub: ChaincodeStub) -> Response:
    """Run the function that the first argument names."""
    name, *arguments = [argument.decode() for argument in stub.args]
    function = _FUNCTIONS.get(name)
    if function is None:
        return Response(status=400, message=f"no function {name}")
    return function(stub, *arguments)


def _put(stub: ChaincodeStub, key: str, value: str) -> Response:
    stub.put_state(key, value.encode())
    return Response(payload=value.encode())


def _get(stub: ChaincodeStub, key: str) -> Response:
    value = stub.get_state(key)
    return Response(status=404, message=f"no {key}") if value is None else Response(payload=value)


def _delete(stub: ChaincodeStub, key: str) -> Response:
    stub.del_state(key)
    return Response()


def _add(stub: ChaincodeStub, key: str, amount: str) -> Response:
    """Read, modify, write."""
    total = int(stub.get_state(key) or b"0") + int(amount)
    stub.put_state(key, str(total).encode())
    return Response(payload=str(total).encode())


def _append_once(stub: ChaincodeStub, request: str) -> Response:
    """Count the applications of a request: more than one shows a transaction applied twice."""
    key = f"request/{request}"
    count = len(stub.get_state(key) or b"") + 1
    stub.put_state(key, b"x" * count)
    return Response(payload=str(count).encode())


def _put_twice_and_read(stub: ChaincodeStub, key: str) -> Response:
    stub.put_state(key, b"first")
    seen = stub.get_state(key) or b"absent"
    stub.put_state(key, b"last")
    return Response(payload=seen)


def _put_many(stub: ChaincodeStub, prefix: str, count: str) -> Response:
    for index in range(int(count)):
        stub.put_state(f"{prefix}{index:05d}", b"v")
    return Response()


def _count(stub: ChaincodeStub, start: str, end: str, into: str) -> Response:
    total = sum(1 for _ in stub.get_state_by_range(start, end))
    stub.put_state(into, str(total).encode())
    return Response(payload=str(total).encode())


def _first(stub: ChaincodeStub, start: str, end: str, count: str) -> Response:
    """Read the first entries of a range only."""
    found = [key for key, _ in itertools.islice(stub.get_state_by_range(start, end), int(count))]
    stub.put_state("first", b"done")
    return Response(payload=",".join(found).encode())


def _page(stub: ChaincodeStub, start: str, end: str, size: str, bookmark: str) -> Response:
    entries, following = stub.get_state_by_range_with_pagination(start, end, page_size=int(size), bookmark=bookmark)
    return Response(payload=",".join([*(key for key, _ in entries), f"next={following}"]).encode())


def _page_then_put(stub: ChaincodeStub) -> Response:
    stub.get_state_by_range_with_pagination("", "", page_size=1, bookmark="")
    stub.put_state("never", b"x")
    return Response()


def _put_then_page(stub: ChaincodeStub) -> Response:
    stub.put_state("never", b"x")
    stub.get_state_by_range_with_pagination("", "", page_size=1, bookmark="")
    return Response()


def _put_composite(stub: ChaincodeStub, kind: str, *attributes: str) -> Response:
    stub.put_state(stub.create_composite_key(kind, list(attributes)), b"c")
    return Response()


def _composite(stub: ChaincodeStub, kind: str, *attributes: str) -> Response:
    found = [key for key, _ in stub.get_state_by_partial_composite_key(kind, list(attributes))]
    return Response(payload=",".join(key.replace("\0", "/") for key in found).encode())


def _history(stub: ChaincodeStub, key: str) -> Response:
    changes = [f"{change.value.decode()}:{change.is_delete}" for change in stub.get_history_for_key(key)]
    return Response(payload=",".join(changes).encode())


def _event(stub: ChaincodeStub, name: str, payload: str) -> Response:
    stub.put_state(f"event/{stub.tx_id}", b"x")
    stub.set_event("overwritten", b"")
    stub.set_event(name, payload.encode())
    return Response()


def _fail(stub: ChaincodeStub, status: str) -> Response:
    stub.put_state("failed", b"x")
    stub.set_event("failed", b"")
    return Response(status=int(status), message="as asked")


def _crash(stub: ChaincodeStub, kind: str) -> Response:
    stub.put_state("crashed", b"x")
    raise SystemExit(3) if kind == "exit" else RuntimeError("as asked")


def _nondeterministic(stub: ChaincodeStub) -> Response:
    stub.put_state("differs", f"{next(_calls)}-{os.urandom(4).hex()}".encode())
    return Response()


def _transient(stub: ChaincodeStub) -> Response:
    stub.put_state("transient", str(len(stub.transient["secret"])).encode())
    return Response(payload=b"kept quiet")


def _garbage(_: ChaincodeStub) -> Response:
    return "not a response"  # type: ignore[return-value]


_FUNCTIONS: dict[str, Callable[..., Response]] = {
    "put": _put,
    "get": _get,
    "delete": _delete,
    "add": _add,
    "append_once": _append_once,
    "put_twice_and_read": _put_twice_and_read,
    "put_many": _put_many,
    "count": _count,
    "first": _first,
    "page": _page,
    "page_then_put": _page_then_put,
    "put_then_page": _put_then_page,
    "put_composite": _put_composite,
    "composite": _composite,
    "history": _history,
    "event": _event,
    "fail": _fail,
    "crash": _crash,
    "nondeterministic": _nondeterministic,
    "transient": _transient,
    "garbage": _garbage,
}
