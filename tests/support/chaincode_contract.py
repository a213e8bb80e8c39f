"""A contract that does what it is told: calls of its stub as JSON, and each way to misbehave.

``calls`` takes a list of ``[method, *arguments]`` and returns what each call gave; ``tries`` goes on after a call that
raised. It runs against the fake peer and on real Fabric.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from itertools import islice
from typing import Any

from aiofabric.chaincode import ChaincodeStub, KeyModification, Response
from aiofabric.chaincode.key_policy import all_of

_TAKE_BYTES = {"put_state", "put_private_data", "set_event"}
_TAKE_POLICY = {"set_state_validation_parameter", "set_private_data_validation_parameter"}

gate = threading.Event()
"""What `wait` waits for, in tests that serve this contract in their own process."""
kept: list[ChaincodeStub] = []


def invoke(stub: ChaincodeStub) -> Response:
    """Run the function that the first argument names."""
    name, *arguments = stub.args
    return _FUNCTIONS[name.decode()](stub, *arguments)


def calls(*steps: Sequence[Any]) -> tuple[str, str]:
    """Return the arguments of a transaction that makes these calls."""
    return "calls", json.dumps(steps)


def tries(*steps: Sequence[Any]) -> tuple[str, str]:
    """The same, where a call may fail."""
    return "tries", json.dumps(steps)


def _calls(stub: ChaincodeStub, steps: bytes) -> Response:
    return _results([_call(stub, *step) for step in json.loads(steps)])


def _tries(stub: ChaincodeStub, steps: bytes) -> Response:
    results: list[Any] = []
    for step in json.loads(steps):
        try:
            results.append(_call(stub, *step))
        except Exception as error:  # noqa: BLE001 - what was raised is what the test asks for
            results.append({"raised": type(error).__name__, "text": str(error)})
    return _results(results)


def _call(stub: ChaincodeStub, method: str, *arguments: Any) -> Any:  # noqa: ANN401 - JSON
    if method == "first":  # the first results of a query that is then dropped
        most, inner, *rest = arguments
        return [_plain(entry) for entry in islice(getattr(stub, inner)(*rest), most)]
    if method == "invoke_chaincode":
        name, args, channel = arguments
        response = stub.invoke_chaincode(name, [argument.encode() for argument in args], channel=channel)
        return [response.status, response.message, response.payload.decode()]
    if method.endswith("_with_pagination"):
        *rest, page_size, bookmark = arguments
        entries, following = getattr(stub, method)(*rest, page_size=page_size, bookmark=bookmark)
        return [[_plain(entry) for entry in entries], following]
    *rest, last = arguments
    if method in _TAKE_BYTES:
        last = last.encode()
    elif method in _TAKE_POLICY:
        last = all_of(last) if last else b""
    return _plain(getattr(stub, method)(*rest, last))


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, KeyModification):
        return _plain(astuple(value))
    if isinstance(value, list | tuple | Iterator):
        return [_plain(entry) for entry in value]
    return value


def _results(results: list[Any]) -> Response:
    return Response(payload=json.dumps(results, sort_keys=True).encode())


def _status(stub: ChaincodeStub, status: bytes) -> Response:
    stub.put_state("refused", b"x")
    stub.set_event("refused", b"x")
    return Response(status=int(status), message="as asked")


def _crash(stub: ChaincodeStub, kind: bytes) -> Response:
    stub.put_state("crashed", b"x")
    stub.set_event("crashed", b"x")
    raise {b"exit": SystemExit(3), b"interrupt": KeyboardInterrupt()}.get(kind, RuntimeError("as asked"))


def _garbage(_: ChaincodeStub, kind: bytes) -> Response:
    made: Any = {
        b"text": "not a response",
        b"status": Response(status=2**40),
        b"surrogate": Response(message="\ud800"),
        b"payload": Response(payload="text"),  # type: ignore[arg-type]
    }[kind]
    answer: Response = made
    return answer


def _surrogate(_: ChaincodeStub) -> Response:
    raise RuntimeError("\ud800")


def _proposal(stub: ChaincodeStub) -> Response:
    seen = [stub.tx_id, stub.channel_id, stub.timestamp_ms, stub.creator.hex(), stub.signed_proposal.hex()]
    return _results([*seen, sorted(stub.transient), len(stub.args)])


def _secret_crash(stub: ChaincodeStub, *_: bytes) -> Response:
    raise RuntimeError(stub.transient["secret"].decode())


def _large(_: ChaincodeStub, size: bytes) -> Response:
    return Response(payload=bytes(int(size)))


def _put_large(stub: ChaincodeStub, size: bytes) -> Response:
    stub.put_state("large", b"x" * int(size))
    return Response()


def _put_many(stub: ChaincodeStub, prefix: bytes, number: bytes) -> Response:
    for index in range(int(number)):
        stub.put_state(f"{prefix.decode()}{index:05d}", b"v")
    return Response()


def _wait(stub: ChaincodeStub) -> Response:
    stub.put_state("waited", b"x")
    answer = gate.wait(20)
    return Response(payload=str(answer).encode())


def _sleep(_: ChaincodeStub, seconds: bytes) -> Response:
    time.sleep(float(seconds))
    return Response()


def _keep(stub: ChaincodeStub) -> Response:
    kept.append(stub)
    return Response()


def _threads(stub: ChaincodeStub, number: bytes) -> Response:
    """Read from several threads at once."""
    found: list[bytes | None] = []
    threads = [
        threading.Thread(target=lambda key=f"k{index}": found.append(stub.get_state(key)))
        for index in range(int(number))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _results(sorted(str(value) for value in found))


_FUNCTIONS: dict[str, Callable[..., Response]] = {
    "calls": _calls,
    "tries": _tries,
    "status": _status,
    "crash": _crash,
    "garbage": _garbage,
    "surrogate": _surrogate,
    "proposal": _proposal,
    "secret_crash": _secret_crash,
    "large": _large,
    "put_large": _put_large,
    "put_many": _put_many,
    "wait": _wait,
    "sleep": _sleep,
    "keep": _keep,
    "threads": _threads,
}
