"""The state as one transaction sees it at one organisation's peer: committed values, recorded reads and writes.

Source: Fabric's ``core/ledger/kvledger/txmgmt/txmgr`` (simulator, query executor) and ``core/chaincode/handler.go``;
the refusals have its words.
"""

from collections.abc import Iterator, Sequence
from typing import NoReturn

from fabric_protos.peer import chaincode_shim_pb2

from aiofabric.chaincode import KeyModification
from aiofabric.chaincode.errors import PeerError
from aiofabric.chaincode.state_access import Entry as Pair
from aiofabric.embedded.private_collections import Collection
from aiofabric.embedded.private_state import PrivateState
from aiofabric.embedded.range_read import RangeRead
from aiofabric.embedded.read_write_set import hashed
from aiofabric.embedded.simulation import Simulation
from aiofabric.embedded.state import Entry, Namespace, Space, Version

Kind = chaincode_shim_pb2.ChaincodeMessage


class SimulatedState:
    """The namespace of one chaincode. The public state is the collection ""."""

    def __init__(self, simulation: Simulation, *, chaincode: str) -> None:
        self._simulation = simulation
        self._chaincode = chaincode
        self._batched = True
        self._refused = ""

    def get(self, collection: str, key: str) -> bytes | None:
        """Return the committed value, or None; its version is recorded."""
        space = Space(self._chaincode, collection)
        if collection:
            return self._private_value(space, key)
        entry = self._namespace(space).entries.get(key)
        self._read(space, key, entry)
        return None if entry is None else entry.value

    def get_multiple(self, collection: str, keys: Sequence[str]) -> list[bytes | None]:
        """Return several values. A private one that is not held is absent here, as in Fabric, and read as such."""
        if not collection:
            return [self.get(collection, key) for key in keys]
        space = Space(self._chaincode, collection)
        self._require_read(space, request=Kind.GET_STATE_MULTIPLE)
        return [self._held_value(space, key, self._private.namespace(space).entries.get(key)) for key in keys]

    def get_hash(self, collection: str, key: str) -> bytes | None:
        """Return the hash of a private value: every peer has it, and every client may ask."""
        space = Space(self._chaincode, collection)
        if self._simulation.collections.get(space) is None:
            words = f"collection [{collection}] not defined in the collection config for chaincode [{self._chaincode}]"
            self._refuse(Kind.GET_PRIVATE_DATA_HASH, words)
        entry = self._namespace(space).entries.get(hashed(key))
        self._read(space, key, entry)
        return None if entry is None else entry.value

    def policy(self, collection: str, key: str) -> bytes | None:
        """Return a key's own policy; the key counts as read."""
        space = Space(self._chaincode, collection)
        if collection:
            self._require_read(space, request=Kind.GET_STATE_METADATA)
        entry = self._namespace(space).entries.get(hashed(key) if collection else key)
        self._read(space, key, entry)
        return (entry.policy or None) if entry else None

    def write(self, collection: str, key: str, *, kind: int, value: bytes = b"") -> None:
        """Write, delete, purge, or set the key's policy, when the transaction commits."""
        space = Space(self._chaincode, collection)
        words = self._why_not_write(space) if collection else ""
        words = words or self._simulation.why_not_write()
        if words and self._batched:
            self._refused = self._refused or words
            return
        if words:
            self._refuse(kind, words)
        self._simulation.written = True
        recorded = self._simulation.sets.of(space)
        if kind == Kind.PUT_STATE_METADATA:
            recorded.policies[key] = value
            return
        recorded.writes[key] = value if kind == Kind.PUT_STATE else None
        recorded.purged.discard(key)
        if kind == Kind.PURGE_PRIVATE_DATA:
            recorded.purged.add(key)

    def scan(self, collection: str, start: str, end: str) -> Iterator[Pair]:
        """Query a range. A public one is recorded as it is read; a private one needs a read-only transaction."""
        space = Space(self._chaincode, collection)
        if not collection:
            return self._range(space, start, end).iterate(self._namespace(space))
        self._require_read(space, request=Kind.GET_STATE_BY_RANGE)
        if self._simulation.written:
            self._refuse(Kind.GET_STATE_BY_RANGE, self._simulation.read_only("Queries on pvt data is supported only"))
        self._simulation.queried_private = True
        return ((key, value) for key, value, _ in self._private.namespace(space).scan(start, end))

    def scan_page(self, start: str, end: str, *, page_size: int, bookmark: str) -> tuple[list[Pair], str]:
        """Return one page of a range and the next one's bookmark; needs a read-only transaction."""
        if self._simulation.written:
            self._refuse(Kind.GET_STATE_BY_RANGE, self._simulation.read_only("Paginated queries are supported only"))
        self._simulation.paginated = True
        self.require_read_only()
        space = Space(self._chaincode)
        return self._range(space, bookmark or start, end).page(self._namespace(space), size=page_size)

    def require_read_only(self) -> None:
        """Refuse writes from now on where they are made, and not in a batch, as the chaincode server has it."""
        self.flush()
        self._batched = False

    def flush(self) -> None:
        """Raise PeerError for the first write that was refused: a peer sees writes in batches, later than that."""
        if self._refused:
            words, self._refused = self._refused, ""
            self._refuse(None, words)

    def search(self, collection: str, query: str) -> Iterator[Pair]:
        """Refuse: a peer with LevelDB has no rich queries either."""
        del collection, query
        self._refuse(Kind.GET_QUERY_RESULT, "ExecuteQuery not supported for leveldb")

    def search_page(self, query: str, *, page_size: int, bookmark: str) -> tuple[list[Pair], str]:
        """Refuse, as `search`."""
        del query, page_size, bookmark
        self._refuse(Kind.GET_QUERY_RESULT, "ExecuteQueryWithPagination not supported for leveldb")

    def history(self, key: str) -> Iterator[KeyModification]:
        """Iterate over a key's committed changes, newest first; not part of the read set."""
        return reversed(self._namespace(Space(self._chaincode)).history.get(key, []))

    def _private_value(self, space: Space, key: str) -> bytes | None:
        self._require_read(space, request=Kind.GET_STATE)
        public = self._namespace(space).entries.get(hashed(key))
        held = self._private.namespace(space).entries.get(key)
        if _version(public) != _version(held):
            self._refuse(
                Kind.GET_STATE,
                "private data matching public hash version is not available. Public hash version = "
                f"{_words(public)}, Private data version = {_words(held)}",
            )
        return self._held_value(space, key, held)

    def _held_value(self, space: Space, key: str, held: Entry | None) -> bytes | None:
        self._read(space, key, held)
        self._simulation.sets.of(space).values_read = True
        return None if held is None else held.value

    @property
    def _private(self) -> PrivateState:
        return self._simulation.private

    def _namespace(self, space: Space) -> Namespace:
        return self._simulation.state.namespace(space)

    def _read(self, space: Space, key: str, entry: Entry | None) -> None:
        self._simulation.sets.of(space).reads.setdefault(key, _version(entry))

    def _range(self, space: Space, start: str, end: str) -> RangeRead:
        query = RangeRead(start, end)
        self._simulation.sets.of(space).ranges.append(query)
        return query

    def _collection(self, space: Space, *, request: int) -> Collection:
        found = self._simulation.collections.get(space)
        if found is None:
            self._refuse(request, self._not_found(space))
        return found

    def _require_read(self, space: Space, *, request: int) -> None:
        collection = self._collection(space, request=request)
        if collection.member_only_read and self._simulation.creator_msp_id not in collection.members:
            self._refuse(request, _no_access("read", space))

    def _why_not_write(self, space: Space) -> str:
        collection = self._simulation.collections.get(space)
        if collection is None:
            return self._not_found(space)
        if collection.member_only_write and self._simulation.creator_msp_id not in collection.members:
            return _no_access("write", space)
        return ""

    def _not_found(self, space: Space) -> str:
        channel_id = self._simulation.invocation.channel_id
        return f"collection {channel_id}/{space.chaincode}/{space.collection} could not be found"

    def _refuse(self, request: int | None, words: str) -> NoReturn:
        name = "WRITE_BATCH_STATE" if request is None else Kind.Type.Name(request)
        raise PeerError(name, f"{name} failed: transaction ID: {self._simulation.invocation.tx_id}: {words}")


def _no_access(what: str, space: Space) -> str:
    return (
        f"tx creator does not have {what} access permission on privatedata in chaincodeName:{space.chaincode} "
        f"collectionName: {space.collection}"
    )


def _version(entry: Entry | None) -> Version | None:
    return None if entry is None else entry.version


def _words(entry: Entry | None) -> str:
    version = _version(entry)
    return "<nil>" if version is None else f"{{BlockNum: {version[0]}, TxNum: {version[1]}}}"
