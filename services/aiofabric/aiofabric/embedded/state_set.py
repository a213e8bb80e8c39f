"""A read/write set as it is judged at commit: for each space what was read, what is written, whose policy changes.

Keys of a collection are the hex of their hashes here: nobody knows more at commit.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from google.protobuf.message import Message

from aiofabric.chaincode.key_policy import VALIDATION_PARAMETER
from aiofabric.embedded.state import Space, Version

Reads = tuple[tuple[str, Version | None], ...]


@dataclass(frozen=True, slots=True)
class Write:
    """A key's new value, or its deletion (value None)."""

    key: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class RangeCheck:
    """A range query to be repeated at commit."""

    start_key: str
    end_key: str
    includes_end: bool
    reads: Reads


@dataclass(frozen=True, slots=True)
class StateSet:
    """What a transaction did in one space.

    Attributes:
        policies: keys that get their own endorsement policy; None takes it away with everything else of the kind.
        purged: keys whose earlier private values are removed for good.
        private_hash: SHA-256 of the private write set behind the hashes; empty if there is none.
    """

    space: Space
    reads: Reads
    ranges: tuple[RangeCheck, ...]
    writes: tuple[Write, ...]
    policies: tuple[tuple[str, bytes | None], ...]
    purged: tuple[str, ...] = ()
    private_hash: bytes = b""

    def changed_keys(self) -> Iterator[str]:
        """Iterate over the keys whose value or policy is written."""
        for write in self.writes:
            yield write.key
        for key, _ in self.policies:
            yield key


def state_sets(results: bytes) -> tuple[StateSet, ...]:
    """Read a serialized ``TxReadWriteSet``; raises DecodeError, and ValueError for what is not supported."""
    sets: list[StateSet] = []
    for entry in rwset_pb2.TxReadWriteSet.FromString(results).ns_rwset:
        sets.append(_public(Space(entry.namespace), kv_rwset_pb2.KVRWSet.FromString(entry.rwset)))
        for collection in entry.collection_hashed_rwset:
            hashed = kv_rwset_pb2.HashedRWSet.FromString(collection.hashed_rwset)
            space = Space(entry.namespace, collection.collection_name)
            sets.append(_hashed(space, hashed, private_hash=collection.pvt_rwset_hash))
    return tuple(sets)


def _public(space: Space, rwset: kv_rwset_pb2.KVRWSet) -> StateSet:
    return StateSet(
        space,
        reads=tuple((read.key, _version(read)) for read in rwset.reads),
        ranges=tuple(_range_check(info) for info in rwset.range_queries_info),
        writes=tuple(Write(write.key, None if write.is_delete else write.value) for write in rwset.writes),
        policies=tuple((write.key, _policy(write)) for write in rwset.metadata_writes),
    )


def _hashed(space: Space, rwset: kv_rwset_pb2.HashedRWSet, *, private_hash: bytes) -> StateSet:
    return StateSet(
        space,
        reads=tuple((read.key_hash.hex(), _version(read)) for read in rwset.hashed_reads),
        ranges=(),
        writes=tuple(
            Write(write.key_hash.hex(), None if write.is_delete else write.value_hash) for write in rwset.hashed_writes
        ),
        policies=tuple((write.key_hash.hex(), _policy(write)) for write in rwset.metadata_writes),
        purged=tuple(write.key_hash.hex() for write in rwset.hashed_writes if write.is_purge),
        private_hash=private_hash,
    )


def _range_check(info: kv_rwset_pb2.RangeQueryInfo) -> RangeCheck:
    if info.WhichOneof("reads_info") == "reads_merkle_hashes":
        raise ValueError("the embedded ledger records every read of a range, never their Merkle hashes")
    reads = tuple((read.key, _version(read)) for read in info.raw_reads.kv_reads)
    return RangeCheck(info.start_key, info.end_key, includes_end=not info.itr_exhausted, reads=reads)


def _version(read: Message) -> Version | None:
    if not read.HasField("version"):
        return None
    version = read.version  # type: ignore[attr-defined]
    return version.block_num, version.tx_num


def _policy(write: Message) -> bytes | None:
    entries = write.entries  # type: ignore[attr-defined]
    return next((entry.value for entry in entries if entry.name == VALIDATION_PARAMETER), None)
