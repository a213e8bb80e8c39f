"""The part of a stub that is `state.PublicState`."""

from collections.abc import Iterator, Sequence

from fabric_protos.peer.chaincode_shim_pb2 import WriteRecord

from aiofabric.chaincode import key_policy
from aiofabric.chaincode import keys as key_rules
from aiofabric.chaincode.state import KeyModification
from aiofabric.chaincode.state_access import Entry, StateAccess

PUBLIC = ""


class PublicStub:
    """Public state: the checks, then the request."""

    _state: StateAccess

    def get_state(self, key: str) -> bytes | None:
        """Return the committed value, or None."""
        key_rules.check_key(key)
        return self._state.get(PUBLIC, key)

    def get_multiple_states(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return several committed values."""
        for key in keys:
            key_rules.check_key(key)
        return self._state.get_multiple(PUBLIC, keys)

    def put_state(self, key: str, value: bytes) -> None:
        """Write a value."""
        key_rules.check_key(key)
        key_rules.check_value(key, value)
        self._state.write(PUBLIC, key, kind=WriteRecord.PUT_STATE, value=value)

    def del_state(self, key: str) -> None:
        """Delete a key."""
        key_rules.check_key(key)
        self._state.write(PUBLIC, key, kind=WriteRecord.DEL_STATE)

    def get_state_by_range(self, start_key: str, end_key: str) -> Iterator[Entry]:
        """Iterate over a range of simple keys."""
        return self._state.scan(PUBLIC, *key_rules.simple_range(start_key, end_key))

    def get_state_by_range_with_pagination(
        self, start_key: str, end_key: str, *, page_size: int, bookmark: str
    ) -> tuple[list[Entry], str]:
        """Return one page of a range of simple keys."""
        start, end = key_rules.simple_range(start_key, end_key)
        key_rules.simple_range(bookmark, "")  # a bookmark is a key: it must not lead into the composite ones
        return self._state.scan_page(start, end, page_size=_positive(page_size), bookmark=bookmark)

    def create_composite_key(self, object_type: str, attributes: list[str]) -> str:
        """Return a composite key."""
        return key_rules.composite_key(object_type, attributes)

    def split_composite_key(self, key: str) -> tuple[str, list[str]]:
        """Return the parts of a composite key."""
        return key_rules.split_composite_key(key)

    def get_state_by_partial_composite_key(self, object_type: str, attributes: list[str]) -> Iterator[Entry]:
        """Iterate over composite keys."""
        return self._state.scan(PUBLIC, *key_rules.composite_range(object_type, attributes))

    def get_state_by_partial_composite_key_with_pagination(
        self, object_type: str, attributes: list[str], *, page_size: int, bookmark: str
    ) -> tuple[list[Entry], str]:
        """Return one page of composite keys."""
        start, end = key_rules.composite_range(object_type, attributes)
        return self._state.scan_page(start, end, page_size=_positive(page_size), bookmark=bookmark)

    def get_query_result(self, query: str) -> Iterator[Entry]:
        """Make a rich query."""
        return self._state.search(PUBLIC, query)

    def get_query_result_with_pagination(self, query: str, *, page_size: int, bookmark: str) -> tuple[list[Entry], str]:
        """Return one page of a rich query."""
        return self._state.search_page(query, page_size=_positive(page_size), bookmark=bookmark)

    def get_history_for_key(self, key: str) -> Iterator[KeyModification]:
        """Iterate over a key's changes."""
        key_rules.check_key(key)
        return self._state.history(key)

    def set_state_validation_parameter(self, key: str, policy: bytes) -> None:
        """Set a key's policy."""
        key_rules.check_key(key)
        key_policy.check(policy)
        self._state.write(PUBLIC, key, kind=WriteRecord.PUT_STATE_METADATA, value=policy)

    def get_state_validation_parameter(self, key: str) -> bytes | None:
        """Return a key's policy."""
        key_rules.check_key(key)
        return self._state.policy(PUBLIC, key)


def _positive(page_size: int) -> int:
    if page_size < 1:
        raise ValueError("a page has at least one entry")
    return page_size
