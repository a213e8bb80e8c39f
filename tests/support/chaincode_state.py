"""A namespace as the fake peer holds it, and one transaction's view of it: requests in, answers out.

What real peers refuse is refused here: writes beside paginated or private queries, purges of public keys.
"""

from bisect import bisect_left
from dataclasses import dataclass, field

from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_shim_pb2
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage, WriteRecord
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

PRIVATE_HASH = b"hash of "
REQUESTS = {
    ChaincodeMessage.GET_STATE: chaincode_shim_pb2.GetState,
    ChaincodeMessage.GET_PRIVATE_DATA_HASH: chaincode_shim_pb2.GetState,
    ChaincodeMessage.GET_STATE_MULTIPLE: chaincode_shim_pb2.GetStateMultiple,
    ChaincodeMessage.PUT_STATE: chaincode_shim_pb2.PutState,
    ChaincodeMessage.DEL_STATE: chaincode_shim_pb2.DelState,
    ChaincodeMessage.PURGE_PRIVATE_DATA: chaincode_shim_pb2.PurgePrivateState,
    ChaincodeMessage.WRITE_BATCH_STATE: chaincode_shim_pb2.WriteBatchState,
    ChaincodeMessage.GET_STATE_METADATA: chaincode_shim_pb2.GetStateMetadata,
    ChaincodeMessage.PUT_STATE_METADATA: chaincode_shim_pb2.PutStateMetadata,
    ChaincodeMessage.GET_STATE_BY_RANGE: chaincode_shim_pb2.GetStateByRange,
    ChaincodeMessage.GET_QUERY_RESULT: chaincode_shim_pb2.GetQueryResult,
    ChaincodeMessage.GET_HISTORY_FOR_KEY: chaincode_shim_pb2.GetHistoryForKey,
    ChaincodeMessage.QUERY_STATE_NEXT: chaincode_shim_pb2.QueryStateNext,
    ChaincodeMessage.QUERY_STATE_CLOSE: chaincode_shim_pb2.QueryStateClose,
}


class RefusedError(Exception):
    """What the peer answers with ERROR."""


@dataclass(slots=True)
class PeerLedger:
    """Committed state: (collection, key) to value, keys' metadata, keys' history."""

    values: dict[tuple[str, str], bytes] = field(default_factory=dict)
    metadata: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    history: dict[str, list[kv_query_result_pb2.KeyModification]] = field(default_factory=dict)
    rich_queries: bool = False


class Simulation:
    """One transaction: reads see what is committed, writes wait for `commit`."""

    def __init__(self, ledger: PeerLedger, *, results: int) -> None:
        self._ledger = ledger
        self._results = results
        self._writes: list[tuple[int, str, str, bytes]] = []
        self._read_only = ""
        self.queries: dict[str, list[bytes]] = {}
        self._opened = 0

    def answer(self, kind: int, request: Message) -> bytes:
        """Return the payload of the RESPONSE; raises RefusedError."""
        handler = getattr(self, f"_{ChaincodeMessage.Type.Name(kind).lower()}")
        answered = handler(request)
        return answered if isinstance(answered, bytes) else b"" if answered is None else answered.SerializeToString()

    def commit(self) -> None:
        """Apply the writes."""
        for kind, collection, key, value in self._writes:
            place = (collection, key)
            if kind == WriteRecord.PUT_STATE:
                self._ledger.values[place] = value
            elif kind == WriteRecord.PUT_STATE_METADATA:
                self._ledger.metadata[place] = {"VALIDATION_PARAMETER": value}
            else:
                self._ledger.values.pop(place, None)
            if not collection and kind != WriteRecord.PUT_STATE_METADATA:
                deleted = kind != WriteRecord.PUT_STATE
                change = kv_query_result_pb2.KeyModification(tx_id="t", value=value, is_delete=deleted)
                change.timestamp.seconds = 7
                self._ledger.history.setdefault(key, []).insert(0, change)

    @property
    def writes(self) -> list[tuple[int, str, str, bytes]]:
        """Kind, collection, key, value: as they came."""
        return self._writes

    def _get_state(self, request: chaincode_shim_pb2.GetState) -> bytes:
        return self._ledger.values.get((request.collection, request.key), b"")

    def _get_private_data_hash(self, request: chaincode_shim_pb2.GetState) -> bytes:
        value = self._ledger.values.get((request.collection, request.key))
        return PRIVATE_HASH + value if value else b""

    def _get_state_multiple(self, request: chaincode_shim_pb2.GetStateMultiple) -> Message:
        values = [self._ledger.values.get((request.collection, key), b"") for key in request.keys]
        found: Message = chaincode_shim_pb2.GetStateMultipleResult(values=values)
        return found

    def _write(self, kind: int, collection: str, key: str, value: bytes = b"") -> None:
        if self._read_only:
            raise RefusedError(f"{self._read_only} only in a read-only transaction")
        if kind == WriteRecord.PURGE_PRIVATE_DATA and not collection:
            raise RefusedError("only applicable for private data")
        self._writes.append((kind, collection, key, value))

    def _put_state(self, request: chaincode_shim_pb2.PutState) -> None:
        self._write(WriteRecord.PUT_STATE, request.collection, request.key, request.value)

    def _del_state(self, request: chaincode_shim_pb2.DelState) -> None:
        self._write(WriteRecord.DEL_STATE, request.collection, request.key)

    def _purge_private_data(self, request: chaincode_shim_pb2.PurgePrivateState) -> None:
        self._write(WriteRecord.PURGE_PRIVATE_DATA, request.collection, request.key)

    def _put_state_metadata(self, request: chaincode_shim_pb2.PutStateMetadata) -> None:
        self._write(WriteRecord.PUT_STATE_METADATA, request.collection, request.key, request.metadata.value)

    def _write_batch_state(self, request: chaincode_shim_pb2.WriteBatchState) -> None:
        for record in request.rec:
            is_metadata = record.type == WriteRecord.PUT_STATE_METADATA
            value = record.metadata.value if is_metadata else record.value
            self._write(record.type, record.collection, record.key, value)

    def _get_state_metadata(self, request: chaincode_shim_pb2.GetStateMetadata) -> Message:
        entries = self._ledger.metadata.get((request.collection, request.key), {})
        result = chaincode_shim_pb2.StateMetadataResult()
        for metakey, value in entries.items():
            result.entries.add(metakey=metakey, value=value)
        found: Message = result
        return found

    def _get_state_by_range(self, request: chaincode_shim_pb2.GetStateByRange) -> Message:
        page = chaincode_shim_pb2.QueryMetadata.FromString(request.metadata)
        self._check_query(private=bool(request.collection), paginated=bool(page.pageSize))
        start = page.bookmark or request.startKey
        keys = sorted(key for collection, key in self._ledger.values if collection == request.collection)
        keys = keys[bisect_left(keys, start) :]
        keys = [key for key in keys if not request.endKey or key < request.endKey]
        entries = [self._entry(request.collection, key) for key in keys]
        if not page.pageSize:
            return self._opened_query(entries)
        following = keys[page.pageSize] if len(keys) > page.pageSize else ""
        return _page(entries[: page.pageSize], following)

    def _get_query_result(self, request: chaincode_shim_pb2.GetQueryResult) -> Message:
        if not self._ledger.rich_queries:
            raise RefusedError("ExecuteQuery not supported for leveldb")
        page = chaincode_shim_pb2.QueryMetadata.FromString(request.metadata)
        self._check_query(private=bool(request.collection), paginated=bool(page.pageSize))
        found = [self._entry(*place) for place in sorted(self._ledger.values) if place[0] == request.collection]
        return _page(found[: page.pageSize], "more") if page.pageSize else self._opened_query(found)

    def _get_history_for_key(self, request: chaincode_shim_pb2.GetHistoryForKey) -> Message:
        return self._opened_query([change.SerializeToString() for change in self._ledger.history.get(request.key, [])])

    def _query_state_next(self, request: chaincode_shim_pb2.QueryStateNext) -> Message:
        if request.id not in self.queries:
            raise RefusedError("query iterator not found")
        return self._next(request.id)

    def _query_state_close(self, request: chaincode_shim_pb2.QueryStateClose) -> Message:
        self.queries.pop(request.id, None)
        closed: Message = chaincode_shim_pb2.QueryResponse(id=request.id)
        return closed

    def _check_query(self, *, private: bool, paginated: bool) -> None:
        if private or paginated:
            what = "paginated queries" if paginated else "queries of private data"
            if self._writes:
                raise RefusedError(f"{what} only in a read-only transaction")
            self._read_only = what

    def _entry(self, collection: str, key: str) -> bytes:
        entry = kv_query_result_pb2.KV(namespace="basic", key=key, value=self._ledger.values[collection, key])
        encoded: bytes = entry.SerializeToString()
        return encoded

    def _opened_query(self, results: list[bytes]) -> Message:
        self._opened += 1
        query = f"query-{self._opened}"
        self.queries[query] = results
        return self._next(query)

    def _next(self, query: str) -> Message:
        results, rest = self.queries[query][: self._results], self.queries[query][self._results :]
        self.queries[query] = rest
        if not rest:
            del self.queries[query]
        response = chaincode_shim_pb2.QueryResponse(has_more=bool(rest), id=query)
        for result in results:
            response.results.add(resultBytes=result)
        answered: Message = response
        return answered


def decode(kind: int, payload: bytes) -> Message:
    """Decode a request; raises ValueError if it has fields that nobody knows."""
    request: Message = REQUESTS[kind].FromString(payload)
    refuse_unknown_fields(request)
    return request


def refuse_unknown_fields(message: Message) -> None:
    """Raise ValueError for fields that the protocol does not have."""
    if len(UnknownFieldSet(message)):
        raise ValueError(f"unknown fields in {type(message).__name__}")
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None and not descriptor.message_type.GetOptions().map_entry:
            for part in value if isinstance(value, list) or hasattr(value, "add") else [value]:
                refuse_unknown_fields(part)


def _page(results: list[bytes], bookmark: str) -> Message:
    metadata = chaincode_shim_pb2.QueryResponseMetadata(fetched_records_count=len(results), bookmark=bookmark)
    response = chaincode_shim_pb2.QueryResponse(id="page", metadata=metadata.SerializeToString())
    for result in results:
        response.results.add(resultBytes=result)
    page: Message = response
    return page
