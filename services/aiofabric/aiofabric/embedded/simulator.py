# ruff: noqa: ARG002 - what is refused does not look at what was asked
"""One simulated transaction: the stub that a contract is given, and the read/write set that comes of it.

Source: Fabric's ``core/ledger/kvledger/txmgmt`` (simulator, query executor, rwset builder); the shim's rules for keys.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NoReturn

from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2

from aiofabric.chaincode import KeyModification, Response, keys
from aiofabric.embedded.state import Namespace, Version

RANGE_BATCH = 100
"""A peer reads ahead by this many results, and what it read is in the read set."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a proposal asks of a chaincode."""

    chaincode: str
    args: tuple[bytes, ...]
    tx_id: str
    channel_id: str
    timestamp_ms: int
    creator: bytes
    transient: Mapping[str, bytes]
    signed_proposal: bytes = b""


@dataclass(slots=True)
class RangeRead:
    """One range query as far as it was read."""

    start_key: str
    requested_end: str
    results: list[tuple[str, bytes, Version]] = field(default_factory=list)
    exhausted: bool = False

    def message(self) -> kv_rwset_pb2.RangeQueryInfo:
        """Return it as it is recorded: the end is the last key read, unless the range was read to its end."""
        info = kv_rwset_pb2.RangeQueryInfo(start_key=self.start_key, itr_exhausted=self.exhausted)
        info.end_key = self.requested_end if self.exhausted else self.results[-1][0]
        info.raw_reads.SetInParent()
        info.raw_reads.kv_reads.extend(_read(key, version) for key, _, version in self.results)
        return info


class SimulationStub:
    """`aiofabric.chaincode.ChaincodeStub` over the committed state of one namespace."""

    def __init__(self, invocation: Invocation, *, state: Namespace) -> None:
        self._invocation = invocation
        self._state = state
        self._reads: dict[str, Version | None] = {}
        self._ranges: list[RangeRead] = []
        self._writes: dict[str, bytes | None] = {}
        self._paginated = False
        self._transient = MappingProxyType(dict(invocation.transient))
        self.event: tuple[str, bytes] | None = None

    @property
    def args(self) -> tuple[bytes, ...]:
        """Function name, then arguments."""
        return self._invocation.args

    @property
    def tx_id(self) -> str:
        """Lower-case hex SHA-256 of nonce and creator."""
        return self._invocation.tx_id

    @property
    def channel_id(self) -> str:
        """Name of the channel."""
        return self._invocation.channel_id

    @property
    def timestamp_ms(self) -> int:
        """The proposal's timestamp in epoch milliseconds."""
        return self._invocation.timestamp_ms

    @property
    def creator(self) -> bytes:
        """The serialized identity that signed the proposal."""
        return self._invocation.creator

    @property
    def transient(self) -> Mapping[str, bytes]:
        """The proposal's transient data."""
        return self._transient

    @property
    def signed_proposal(self) -> bytes:
        """The client's serialized ``protos.SignedProposal``."""
        return self._invocation.signed_proposal

    def invoke_chaincode(self, name: str, args: Sequence[bytes], *, channel: str = "") -> Response:
        """Call another chaincode."""
        _unsupported(f"a call of chaincode {name}")

    def get_state(self, key: str) -> bytes | None:
        """Return the committed value, or None; record the version read."""
        keys.check_key(key)
        entry = self._state.values.get(key)
        self._reads.setdefault(key, None if entry is None else entry[1])
        return None if entry is None else entry[0]

    def get_multiple_states(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the committed values of several keys in their order."""
        return [self.get_state(key) for key in keys]

    def put_state(self, key: str, value: bytes) -> None:
        """Write a value when the transaction commits."""
        keys.check_value(key, value)
        self._write(key, value)

    def del_state(self, key: str) -> None:
        """Delete a key when the transaction commits."""
        self._write(key, None)

    def _write(self, key: str, value: bytes | None) -> None:
        keys.check_key(key)
        if self._paginated:
            raise ValueError("a transaction that made a paginated query is read-only")
        self._writes[key] = value

    def get_state_by_range(self, start_key: str, end_key: str) -> Iterator[tuple[str, bytes]]:
        """Iterate over ``start_key <= key < end_key`` in key order."""
        return self._scan(*keys.simple_range(start_key, end_key))

    def get_state_by_range_with_pagination(
        self, start_key: str, end_key: str, *, page_size: int, bookmark: str
    ) -> tuple[list[tuple[str, bytes]], str]:
        """Return one page and the bookmark of the next ("" at the end)."""
        start, end = keys.simple_range(bookmark or start_key, end_key)
        return self._page(start, end, page_size=page_size)

    def _page(self, start: str, end: str, *, page_size: int) -> tuple[list[tuple[str, bytes]], str]:
        if page_size < 1:
            raise ValueError("a page has at least one entry")
        if self._writes:
            raise ValueError("a paginated query needs a read-only transaction")
        self._paginated = True
        query = RangeRead(start, end)
        results = self._state.scan(start, end)
        self._read_on(query, results, count=page_size)
        following = None if query.exhausted else next(results, None)
        self._ranges.append(query)
        return [(key, value) for key, value, _ in query.results], following[0] if following else ""

    def create_composite_key(self, object_type: str, attributes: list[str]) -> str:
        """Return the composite key of an object type and its attributes."""
        return keys.composite_key(object_type, attributes)

    def split_composite_key(self, key: str) -> tuple[str, list[str]]:
        """Return the object type and the attributes of a composite key."""
        return keys.split_composite_key(key)

    def get_state_by_partial_composite_key(
        self, object_type: str, attributes: list[str]
    ) -> Iterator[tuple[str, bytes]]:
        """Iterate over the composite keys that begin with these attributes."""
        return self._scan(*keys.composite_range(object_type, attributes))

    def get_state_by_partial_composite_key_with_pagination(
        self, object_type: str, attributes: list[str], *, page_size: int, bookmark: str
    ) -> tuple[list[tuple[str, bytes]], str]:
        """Return one page of them and the bookmark of the next ("" at the end)."""
        start, end = keys.composite_range(object_type, attributes)
        return self._page(bookmark or start, end, page_size=page_size)

    def get_query_result(self, query: str) -> Iterator[tuple[str, bytes]]:
        """Refuse: this ledger has no rich queries, as a peer with LevelDB has none."""
        _unsupported("a rich query")

    def get_query_result_with_pagination(
        self, query: str, *, page_size: int, bookmark: str
    ) -> tuple[list[tuple[str, bytes]], str]:
        """Refuse, as `get_query_result`."""
        _unsupported("a rich query")

    def get_history_for_key(self, key: str) -> Iterator[KeyModification]:
        """Iterate over the committed changes of a key, newest first; not part of the read set."""
        keys.check_key(key)
        return reversed(self._state.history.get(key, []))

    def set_state_validation_parameter(self, key: str, policy: bytes) -> None:
        """Give a key its own endorsement policy."""
        _unsupported("a key's own endorsement policy")

    def get_state_validation_parameter(self, key: str) -> bytes | None:
        """Return a key's own endorsement policy."""
        _unsupported("a key's own endorsement policy")

    def get_private_data(self, collection: str, key: str) -> bytes | None:
        """Refuse."""
        _unsupported("private data")

    def get_multiple_private_data(self, collection: str, keys: Sequence[str]) -> list[bytes | None]:
        """Refuse."""
        _unsupported("private data")

    def get_private_data_hash(self, collection: str, key: str) -> bytes | None:
        """Refuse."""
        _unsupported("private data")

    def put_private_data(self, collection: str, key: str, value: bytes) -> None:
        """Refuse."""
        _unsupported("private data")

    def del_private_data(self, collection: str, key: str) -> None:
        """Refuse."""
        _unsupported("private data")

    def purge_private_data(self, collection: str, key: str) -> None:
        """Refuse."""
        _unsupported("private data")

    def get_private_data_by_range(self, collection: str, start_key: str, end_key: str) -> Iterator[tuple[str, bytes]]:
        """Refuse."""
        _unsupported("private data")

    def get_private_data_by_partial_composite_key(
        self, collection: str, object_type: str, attributes: list[str]
    ) -> Iterator[tuple[str, bytes]]:
        """Refuse."""
        _unsupported("private data")

    def get_private_data_query_result(self, collection: str, query: str) -> Iterator[tuple[str, bytes]]:
        """Refuse."""
        _unsupported("private data")

    def set_private_data_validation_parameter(self, collection: str, key: str, policy: bytes) -> None:
        """Refuse."""
        _unsupported("private data")

    def get_private_data_validation_parameter(self, collection: str, key: str) -> bytes | None:
        """Refuse."""
        _unsupported("private data")

    def set_event(self, name: str, payload: bytes) -> None:
        """Set the transaction's one chaincode event."""
        if not name:
            raise ValueError("an event needs a name")
        if not isinstance(payload, bytes):
            raise TypeError("the payload of an event is bytes")
        self.event = (name, payload)

    def _scan(self, start_key: str, end_key: str) -> Iterator[tuple[str, bytes]]:
        query = RangeRead(start_key, end_key)
        self._ranges.append(query)
        results = self._state.scan(start_key, end_key)
        self._read_on(query, results, count=RANGE_BATCH + 1)  # it reads one more, to know whether there is more
        return self._deliver(query, results)

    def _deliver(self, query: RangeRead, results: Iterator[tuple[str, bytes, Version]]) -> Iterator[tuple[str, bytes]]:
        position = 0
        while position < len(query.results):
            key, value, _ = query.results[position]
            yield key, value
            position += 1
            if position == len(query.results) - 1 and not query.exhausted:
                self._read_on(query, results, count=RANGE_BATCH)

    @staticmethod
    def _read_on(query: RangeRead, results: Iterator[tuple[str, bytes, Version]], *, count: int) -> None:
        for _ in range(count):
            result = next(results, None)
            if result is None:
                query.exhausted = True
                return
            query.results.append(result)

    def read_write_set(self) -> bytes:
        """Return the serialized ``TxReadWriteSet``, keys sorted as Fabric sorts them."""
        message = rwset_pb2.TxReadWriteSet(data_model=rwset_pb2.TxReadWriteSet.KV)
        if self._reads or self._ranges or self._writes:
            rwset = kv_rwset_pb2.KVRWSet(
                reads=[_read(key, self._reads[key]) for key in sorted(self._reads)],
                range_queries_info=[query.message() for query in self._ranges],
                writes=[_write(key, self._writes[key]) for key in sorted(self._writes)],
            )
            message.ns_rwset.add(namespace=self._invocation.chaincode, rwset=rwset.SerializeToString())
        serialized: bytes = message.SerializeToString()
        return serialized


def _read(key: str, version: Version | None) -> kv_rwset_pb2.KVRead:
    if version is None:
        return kv_rwset_pb2.KVRead(key=key)
    return kv_rwset_pb2.KVRead(key=key, version=kv_rwset_pb2.Version(block_num=version[0], tx_num=version[1]))


def _write(key: str, value: bytes | None) -> kv_rwset_pb2.KVWrite:
    return kv_rwset_pb2.KVWrite(key=key, is_delete=value is None, value=value or b"")


def _unsupported(what: str) -> NoReturn:
    raise ValueError(f"{what} is not supported by this ledger")
