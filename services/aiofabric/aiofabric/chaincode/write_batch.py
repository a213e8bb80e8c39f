"""A transaction's writes, collected: what of them the peer must be told, and in which portions.

The peer's own rule is that the last write wins, so a write that was overwritten need not travel. A key's value and its
metadata are two things. Source: ``WriteBatchState`` of Fabric 3.1 (``peer/chaincode_shim.proto``).
"""

from collections.abc import Iterator

from fabric_protos.peer.chaincode_shim_pb2 import WriteRecord

MAX_CHUNK_BYTES = 16 * 1024 * 1024
"""A portion's keys and values: far below the 100 MB at which a peer refuses a message and ends the stream."""


class WriteBatch:
    """Writes in the order in which their keys were first written."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str, bool], WriteRecord] = {}

    def add(self, record: WriteRecord) -> None:
        """Take a write; an earlier one of the same kind to the same key is forgotten."""
        is_metadata = record.type == WriteRecord.PUT_STATE_METADATA
        self._records[record.collection, record.key, is_metadata] = record

    def take(self, *, most: int, most_bytes: int = MAX_CHUNK_BYTES) -> Iterator[list[WriteRecord]]:
        """Empty the batch: portions of at most so many records and bytes (one record may be larger)."""
        records, self._records = list(self._records.values()), {}
        chunk: list[WriteRecord] = []
        size = 0
        for record in records:
            weight = len(record.key) + len(record.value) + len(record.metadata.value)
            if chunk and (len(chunk) >= most or size + weight > most_bytes):
                yield chunk
                chunk, size = [], 0
            chunk.append(record)
            size += weight
        if chunk:
            yield chunk
