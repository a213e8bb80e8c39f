"""One simulated transaction: the stub that a contract is given, and the read/write set that comes of it.

Source: Fabric's ``core/ledger/kvledger/txmgmt`` (simulator, query executor, rwset builder); the shim's rules for keys.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2

from aiofabric.chaincode import KeyModification
from aiofabric.embedded.state import Namespace, Version

COMPOSITE = "\x00"
LAST_CODE_POINT = "\U0010ffff"
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

    def get_state(self, key: str) -> bytes | None:
        """Return the committed value, or None; record the version read."""
        _check_key(key)
        entry = self._state.values.get(key)
        self._reads.setdefault(key, None if entry is None else entry[1])
        return None if entry is None else entry[0]

    def put_state(self, key: str, value: bytes) -> None:
        """Write a value when the transaction commits."""
        if not isinstance(value, bytes):
            raise TypeError("a value is bytes")
        if not value:
            raise ValueError(f"key {key!r}: an empty value cannot be told from an absent one; delete the key instead")
        self._write(key, value)

    def del_state(self, key: str) -> None:
        """Delete a key when the transaction commits."""
        self._write(key, None)

    def _write(self, key: str, value: bytes | None) -> None:
        _check_key(key)
        if self._paginated:
            raise ValueError("a transaction that made a paginated query is read-only")
        self._writes[key] = value

    def get_state_by_range(self, start_key: str, end_key: str) -> Iterator[tuple[str, bytes]]:
        """Iterate over ``start_key <= key < end_key`` in key order."""
        _check_simple(start_key, end_key)
        return self._scan(start_key or "\x01", end_key)

    def get_state_by_range_with_pagination(
        self, start_key: str, end_key: str, *, page_size: int, bookmark: str
    ) -> tuple[list[tuple[str, bytes]], str]:
        """Return one page and the bookmark of the next ("" at the end)."""
        _check_simple(start_key, end_key, bookmark)
        if page_size < 1:
            raise ValueError("a page has at least one entry")
        if self._writes:
            raise ValueError("a paginated query needs a read-only transaction")
        self._paginated = True
        query = RangeRead(bookmark or start_key or "\x01", end_key)
        results = self._state.scan(query.start_key, end_key)
        self._read_on(query, results, count=page_size)
        following = None if query.exhausted else next(results, None)
        self._ranges.append(query)
        return [(key, value) for key, value, _ in query.results], following[0] if following else ""

    def create_composite_key(self, object_type: str, attributes: list[str]) -> str:
        """Return U+0000, then the object type and each attribute followed by U+0000."""
        parts = [object_type, *attributes]
        if any(COMPOSITE in part or LAST_CODE_POINT in part for part in parts):
            raise ValueError("the parts of a composite key contain neither U+0000 nor U+10FFFF")
        if not object_type:
            raise ValueError("a composite key needs an object type")
        return COMPOSITE + "".join(part + COMPOSITE for part in parts)

    def get_state_by_partial_composite_key(
        self, object_type: str, attributes: list[str]
    ) -> Iterator[tuple[str, bytes]]:
        """Iterate over the composite keys that begin with these attributes."""
        prefix = self.create_composite_key(object_type, attributes)
        return self._scan(prefix, prefix + LAST_CODE_POINT)

    def get_history_for_key(self, key: str) -> Iterator[KeyModification]:
        """Iterate over the committed changes of a key, newest first; not part of the read set."""
        _check_key(key)
        return reversed(self._state.history.get(key, []))

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


def _check_key(key: str) -> None:
    """Refuse what Fabric's shims refuse: an empty key, and text that is not UTF-8."""
    if not key:
        raise ValueError("a key must not be empty")
    key.encode()  # lone surrogates raise UnicodeEncodeError, a ValueError
    if key.startswith(COMPOSITE) and not key.endswith(COMPOSITE):
        raise ValueError("a simple key must not start with U+0000")


def _check_simple(*keys: str) -> None:
    for key in keys:
        key.encode()
        if key.startswith(COMPOSITE):
            raise ValueError("a range of simple keys must not start with U+0000")
