"""Private values: what is written comes as transient data, so that only the endorsers and the members see it."""

from aiofabric.chaincode import ChaincodeStub, Response, key_policy
from support.scenario_chaincodes import dispatching


def _write(stub: ChaincodeStub, key: str, *collections: str) -> Response:
    """Write the transient value to every collection."""
    for collection in collections:
        stub.put_private_data(collection, key, stub.transient["value"])
    return Response()


def _read(stub: ChaincodeStub, collection: str, key: str) -> Response:
    value = stub.get_private_data(collection, key)
    return Response(status=404, message=f"no {key}") if value is None else Response(payload=value)


def _read_many(stub: ChaincodeStub, collection: str, *keys: str) -> Response:
    return Response(payload=b",".join(value or b"-" for value in stub.get_multiple_private_data(collection, keys)))


def _hash(stub: ChaincodeStub, collection: str, key: str) -> Response:
    return Response(payload=stub.get_private_data_hash(collection, key) or b"")


def _delete(stub: ChaincodeStub, collection: str, key: str) -> Response:
    stub.del_private_data(collection, key)
    return Response()


def _purge(stub: ChaincodeStub, collection: str, key: str) -> Response:
    stub.purge_private_data(collection, key)
    return Response()


def _range(stub: ChaincodeStub, collection: str, start: str, end: str) -> Response:
    found = [f"{key}={value.decode()}" for key, value in stub.get_private_data_by_range(collection, start, end)]
    return Response(payload=",".join(found).encode())


def _range_then_write(stub: ChaincodeStub, collection: str, start: str, end: str) -> Response:
    list(stub.get_private_data_by_range(collection, start, end))
    stub.put_private_data(collection, start, b"x")
    return Response()


def _replace(stub: ChaincodeStub, collection: str, key: str) -> Response:
    """Write the transient value if there is one already."""
    if stub.get_private_data_hash(collection, key) is None:
        return Response(status=404, message=f"no {key}")
    stub.put_private_data(collection, key, stub.transient["value"])
    return Response()


def _set_endorsers(stub: ChaincodeStub, collection: str, key: str, *msp_ids: str) -> Response:
    stub.set_private_data_validation_parameter(collection, key, key_policy.all_of(msp_ids))
    return Response()


invoke = dispatching(
    {
        "write": _write,
        "read": _read,
        "read_many": _read_many,
        "hash": _hash,
        "delete": _delete,
        "purge": _purge,
        "range": _range,
        "range_then_write": _range_then_write,
        "replace": _replace,
        "set_endorsers": _set_endorsers,
    }
)
