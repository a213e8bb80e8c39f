"""The state of one namespace as a peer holds it: what a stub's calls are in the peer's protocol.

Public state is the collection "". Source: ``peer/chaincode_shim.proto``; ``core/chaincode/handler.go`` for the rules.
"""

from collections.abc import Iterator, Sequence

from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_shim_pb2
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage, WriteRecord
from google.protobuf.message import Message

from aiofabric.chaincode.exchange import Exchange
from aiofabric.chaincode.features import Features
from aiofabric.chaincode.key_policy import VALIDATION_PARAMETER
from aiofabric.chaincode.state import KeyModification
from aiofabric.chaincode.state_access import Entry
from aiofabric.chaincode.write_batch import WriteBatch


class PeerState:
    """Reads, queries and writes of one transaction."""

    def __init__(self, exchange: Exchange, *, features: Features) -> None:
        self._exchange = exchange
        self._features = features
        self._batch = WriteBatch()
        self._collects = features.write_batch > 0
        self._open: set[str] = set()
        self._abandoned: list[str] = []

    def get(self, collection: str, key: str) -> bytes | None:
        """Return the committed value; an empty one is an absent one."""
        request = chaincode_shim_pb2.GetState(key=key, collection=collection)
        return self._exchange.request(ChaincodeMessage.GET_STATE, request) or None

    def get_hash(self, collection: str, key: str) -> bytes | None:
        """Return the hash of a private value."""
        request = chaincode_shim_pb2.GetState(key=key, collection=collection)
        return self._exchange.request(ChaincodeMessage.GET_PRIVATE_DATA_HASH, request) or None

    def get_multiple(self, collection: str, keys: Sequence[str]) -> list[bytes | None]:
        """Return several values: in portions where the peer offers that, else one by one."""
        most = self._features.get_multiple
        if not most:
            return [self.get(collection, key) for key in keys]
        found: list[bytes | None] = []
        for start in range(0, len(keys), most):
            request = chaincode_shim_pb2.GetStateMultiple(keys=keys[start : start + most], collection=collection)
            answer = self._exchange.request(ChaincodeMessage.GET_STATE_MULTIPLE, request)
            found += [value or None for value in chaincode_shim_pb2.GetStateMultipleResult.FromString(answer).values]
        return found

    def write(self, collection: str, key: str, *, kind: int, value: bytes = b"") -> None:
        """Write, delete, purge (``kind`` of `WriteRecord`) or set the key's policy."""
        record = WriteRecord(type=kind, key=key, collection=collection)
        if kind == WriteRecord.PUT_STATE_METADATA:
            record.metadata.CopyFrom(chaincode_shim_pb2.StateMetadata(metakey=VALIDATION_PARAMETER, value=value))
        else:
            record.value = value
        if self._collects:
            self._batch.add(record)
        else:
            self._exchange.request(kind, _single(record))  # the numbers of the kinds are those of the messages

    def flush(self) -> None:
        """Tell the peer of the writes collected so far."""
        for chunk in self._batch.take(most=self._features.write_batch):
            request = chaincode_shim_pb2.WriteBatchState(rec=chunk)
            self._exchange.request(ChaincodeMessage.WRITE_BATCH_STATE, request)

    def require_read_only(self) -> None:
        """Send writes as they come, before and after: the peer refuses them where it sees them, in the contract.

        Paginated queries and queries of private data are for read-only transactions. Were the writes collected, the
        refusal would come when the contract has long returned.
        """
        self.flush()
        self._collects = False

    def policy(self, collection: str, key: str) -> bytes | None:
        """Return the key's own endorsement policy."""
        request = chaincode_shim_pb2.GetStateMetadata(key=key, collection=collection)
        answer = self._exchange.request(ChaincodeMessage.GET_STATE_METADATA, request)
        entries = chaincode_shim_pb2.StateMetadataResult.FromString(answer).entries
        return next((entry.value for entry in entries if entry.metakey == VALIDATION_PARAMETER), None) or None

    def scan(self, collection: str, start: str, end: str) -> Iterator[Entry]:
        """Query a range; the first results are fetched at once, the others when they are needed."""
        request = chaincode_shim_pb2.GetStateByRange(startKey=start, endKey=end, collection=collection)
        return map(_entry, self._query(ChaincodeMessage.GET_STATE_BY_RANGE, request))

    def search(self, collection: str, query: str) -> Iterator[Entry]:
        """Make a rich query."""
        request = chaincode_shim_pb2.GetQueryResult(query=query, collection=collection)
        return map(_entry, self._query(ChaincodeMessage.GET_QUERY_RESULT, request))

    def history(self, key: str) -> Iterator[KeyModification]:
        """Query a key's history."""
        request = chaincode_shim_pb2.GetHistoryForKey(key=key)
        return map(_modification, self._query(ChaincodeMessage.GET_HISTORY_FOR_KEY, request))

    def scan_page(self, start: str, end: str, *, page_size: int, bookmark: str) -> tuple[list[Entry], str]:
        """Return one page of a range."""
        metadata = _page_metadata(page_size, bookmark)
        request = chaincode_shim_pb2.GetStateByRange(startKey=start, endKey=end, metadata=metadata)
        return self._page(ChaincodeMessage.GET_STATE_BY_RANGE, request)

    def search_page(self, query: str, *, page_size: int, bookmark: str) -> tuple[list[Entry], str]:
        """Return one page of a rich query."""
        request = chaincode_shim_pb2.GetQueryResult(query=query, metadata=_page_metadata(page_size, bookmark))
        return self._page(ChaincodeMessage.GET_QUERY_RESULT, request)

    def close_queries(self) -> None:
        """Close the queries that were not read to their end, so that the peer can let go of them."""
        self._abandoned.extend(self._open)
        self._close_abandoned()

    def _page(self, kind: int, request: Message) -> tuple[list[Entry], str]:
        self.require_read_only()
        answer = chaincode_shim_pb2.QueryResponse.FromString(self._exchange.request(kind, request))
        bookmark = chaincode_shim_pb2.QueryResponseMetadata.FromString(answer.metadata).bookmark
        return [_entry(result) for result in self._results(answer)], bookmark

    def _query(self, kind: int, request: Message) -> Iterator[bytes]:
        self._close_abandoned()
        answer = chaincode_shim_pb2.QueryResponse.FromString(self._exchange.request(kind, request))
        if answer.has_more:
            self._open.add(answer.id)
        return self._results(answer)

    def _results(self, answer: chaincode_shim_pb2.QueryResponse) -> Iterator[bytes]:
        query = answer.id
        try:
            while True:
                for result in answer.results:
                    yield result.resultBytes
                if not answer.has_more:  # the peer has closed it
                    self._open.discard(query)
                    return
                following = chaincode_shim_pb2.QueryStateNext(id=query)
                answer = chaincode_shim_pb2.QueryResponse.FromString(
                    self._exchange.request(ChaincodeMessage.QUERY_STATE_NEXT, following)
                )
        finally:
            # Whoever drops an iterator runs this, be it the garbage collector in the middle of another request:
            # so nothing is sent from here.
            if query in self._open:
                self._abandoned.append(query)

    def _close_abandoned(self) -> None:
        while self._abandoned:
            query = self._abandoned.pop()
            if query in self._open:
                self._open.discard(query)
                request = chaincode_shim_pb2.QueryStateClose(id=query)
                self._exchange.request(ChaincodeMessage.QUERY_STATE_CLOSE, request)


def _page_metadata(page_size: int, bookmark: str) -> bytes:
    metadata: bytes = chaincode_shim_pb2.QueryMetadata(pageSize=page_size, bookmark=bookmark).SerializeToString()
    return metadata


def _single(record: WriteRecord) -> Message:
    """Return the message of its own that a write has at peers without batches."""
    place = {"key": record.key, "collection": record.collection}
    message: Message
    if record.type == WriteRecord.PUT_STATE:
        message = chaincode_shim_pb2.PutState(**place, value=record.value)
    elif record.type == WriteRecord.DEL_STATE:
        message = chaincode_shim_pb2.DelState(**place)
    elif record.type == WriteRecord.PURGE_PRIVATE_DATA:
        message = chaincode_shim_pb2.PurgePrivateState(**place)
    else:
        message = chaincode_shim_pb2.PutStateMetadata(**place, metadata=record.metadata)
    return message


def _entry(result: bytes) -> Entry:
    entry = kv_query_result_pb2.KV.FromString(result)
    return entry.key, entry.value


def _modification(result: bytes) -> KeyModification:
    change = kv_query_result_pb2.KeyModification.FromString(result)
    timestamp_ms = change.timestamp.seconds * 1000 + change.timestamp.nanos // 1_000_000
    return KeyModification(change.tx_id, change.value, timestamp_ms, change.is_delete)
