"""The part of a stub that is `private_data.PrivateData`."""

from collections.abc import Iterator, Sequence

from fabric_protos.peer.chaincode_shim_pb2 import WriteRecord

from aiofabric.chaincode import key_policy
from aiofabric.chaincode import keys as key_rules
from aiofabric.chaincode.state_access import Entry, StateAccess


class PrivateStub:
    """Private data: the checks, then the request."""

    _state: StateAccess

    def get_private_data(self, collection: str, key: str) -> bytes | None:
        """Return the committed value, or None."""
        _check(collection, key)
        return self._state.get(collection, key)

    def get_multiple_private_data(self, collection: str, keys: Sequence[str]) -> list[bytes | None]:
        """Return several committed values."""
        _check(collection, *keys)
        return self._state.get_multiple(collection, keys)

    def get_private_data_hash(self, collection: str, key: str) -> bytes | None:
        """Return the hash of the committed value, or None."""
        _check(collection, key)
        return self._state.get_hash(collection, key)

    def put_private_data(self, collection: str, key: str, value: bytes) -> None:
        """Write a value."""
        _check(collection, key)
        key_rules.check_value(key, value)
        self._state.write(collection, key, kind=WriteRecord.PUT_STATE, value=value)

    def del_private_data(self, collection: str, key: str) -> None:
        """Delete a key."""
        _check(collection, key)
        self._state.write(collection, key, kind=WriteRecord.DEL_STATE)

    def purge_private_data(self, collection: str, key: str) -> None:
        """Delete a key and its history."""
        _check(collection, key)
        self._state.write(collection, key, kind=WriteRecord.PURGE_PRIVATE_DATA)

    def get_private_data_by_range(self, collection: str, start_key: str, end_key: str) -> Iterator[Entry]:
        """Iterate over a range of simple keys."""
        _check(collection)
        start, end = key_rules.simple_range(start_key, end_key)
        self._state.require_read_only()
        return self._state.scan(collection, start, end)

    def get_private_data_by_partial_composite_key(
        self, collection: str, object_type: str, attributes: list[str]
    ) -> Iterator[Entry]:
        """Iterate over composite keys."""
        _check(collection)
        start, end = key_rules.composite_range(object_type, attributes)
        self._state.require_read_only()
        return self._state.scan(collection, start, end)

    def get_private_data_query_result(self, collection: str, query: str) -> Iterator[Entry]:
        """Make a rich query."""
        _check(collection)
        self._state.require_read_only()
        return self._state.search(collection, query)

    def set_private_data_validation_parameter(self, collection: str, key: str, policy: bytes) -> None:
        """Set a key's policy."""
        _check(collection, key)
        key_policy.check(policy)
        self._state.write(collection, key, kind=WriteRecord.PUT_STATE_METADATA, value=policy)

    def get_private_data_validation_parameter(self, collection: str, key: str) -> bytes | None:
        """Return a key's policy."""
        _check(collection, key)
        return self._state.policy(collection, key)


def _check(collection: str, *keys: str) -> None:
    if not collection:
        raise ValueError("private data have a collection: its name must not be empty")
    for key in keys:
        key_rules.check_key(key)
