"""What a simulated transaction read and wrote: the public set that is endorsed, and the private one behind its hashes.

Source: Fabric's ``core/ledger/kvledger/txmgmt/rwsetutil/rwset_builder.go``: everything sorted by name and key.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2

from aiofabric.chaincode.key_policy import VALIDATION_PARAMETER
from aiofabric.embedded.range_read import RangeRead, read_message, version_message
from aiofabric.embedded.state import Space, Version


def hashed(key: str) -> str:
    """Return what the public part of a collection knows of a key: the hex of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(slots=True)
class Recorded:
    """The reads and writes of one space, by plain key."""

    reads: dict[str, Version | None] = field(default_factory=dict)
    ranges: list[RangeRead] = field(default_factory=list)
    writes: dict[str, bytes | None] = field(default_factory=dict)
    policies: dict[str, bytes] = field(default_factory=dict)
    purged: set[str] = field(default_factory=set)
    values_read: bool = False  # private values themselves, not only their hashes

    @property
    def changed(self) -> set[str]:
        """The keys whose value or policy is written."""
        return self.writes.keys() | self.policies.keys()

    def public_message(self) -> kv_rwset_pb2.KVRWSet:
        """Return the set of a public space."""
        return kv_rwset_pb2.KVRWSet(
            reads=[read_message(key, self.reads[key]) for key in sorted(self.reads)],
            range_queries_info=[query.message() for query in self.ranges],
            writes=self._write_messages(),
            metadata_writes=[
                kv_rwset_pb2.KVMetadataWrite(key=key, entries=[_parameter(self.policies[key])])
                for key in sorted(self.policies)
            ],
        )

    def private_message(self) -> kv_rwset_pb2.KVRWSet:
        """Return what a collection's members hold: values, and the bare keys whose policies change."""
        metadata = [kv_rwset_pb2.KVMetadataWrite(key=key) for key in sorted(self.policies)]
        return kv_rwset_pb2.KVRWSet(writes=self._write_messages(), metadata_writes=metadata)

    def hashed_message(self) -> kv_rwset_pb2.HashedRWSet:
        """Return what everybody sees of a collection."""
        return kv_rwset_pb2.HashedRWSet(
            hashed_reads=[_hashed_read(key, self.reads[key]) for key in sorted(self.reads)],
            hashed_writes=[self._hashed_write(key) for key in sorted(self.writes)],
            metadata_writes=[
                kv_rwset_pb2.KVMetadataWriteHash(key_hash=_digest(key), entries=[_parameter(self.policies[key])])
                for key in sorted(self.policies)
            ],
        )

    def _write_messages(self) -> list[kv_rwset_pb2.KVWrite]:
        return [
            kv_rwset_pb2.KVWrite(key=key, is_delete=value is None, value=value or b"")
            for key, value in sorted(self.writes.items())
        ]

    def _hashed_write(self, key: str) -> kv_rwset_pb2.KVWriteHash:
        value = self.writes[key]
        message = kv_rwset_pb2.KVWriteHash(key_hash=_digest(key), is_delete=value is None, is_purge=key in self.purged)
        if value is not None:
            message.value_hash = hashlib.sha256(value).digest()
        return message


class ReadWriteSet:
    """Everything that one transaction read and wrote, in its own chaincode and in those that it called."""

    def __init__(self) -> None:
        self.spaces: dict[Space, Recorded] = {}

    def of(self, space: Space) -> Recorded:
        """Return the record of a space; from now on its chaincode is part of the set."""
        found = self.spaces.get(space)
        if found is None:
            found = self.spaces[space] = Recorded()
        return found

    def private(self) -> dict[Space, bytes]:
        """Return the serialized private set of each collection that is written to."""
        return {
            space: recorded.private_message().SerializeToString(deterministic=True)
            for space, recorded in sorted(self.spaces.items())
            if space.collection and recorded.changed
        }

    def public(self, private: Mapping[Space, bytes]) -> bytes:
        """Return the serialized ``TxReadWriteSet``, which binds the private sets by their hashes."""
        message = rwset_pb2.TxReadWriteSet(data_model=rwset_pb2.TxReadWriteSet.KV)
        for chaincode in sorted({space.chaincode for space in self.spaces}):
            own = self.spaces.get(Space(chaincode))
            entry = message.ns_rwset.add(
                namespace=chaincode, rwset=own.public_message().SerializeToString() if own else b""
            )
            for space in sorted(space for space in self.spaces if space.chaincode == chaincode and space.collection):
                written = private.get(space)
                entry.collection_hashed_rwset.add(
                    collection_name=space.collection,
                    hashed_rwset=self.spaces[space].hashed_message().SerializeToString(),
                    pvt_rwset_hash=hashlib.sha256(written).digest() if written is not None else b"",
                )
        serialized: bytes = message.SerializeToString()
        return serialized


def _parameter(policy: bytes) -> kv_rwset_pb2.KVMetadataEntry:
    return kv_rwset_pb2.KVMetadataEntry(name=VALIDATION_PARAMETER, value=policy)


def _hashed_read(key: str, version: Version | None) -> kv_rwset_pb2.KVReadHash:
    if version is None:
        return kv_rwset_pb2.KVReadHash(key_hash=_digest(key))
    return kv_rwset_pb2.KVReadHash(key_hash=_digest(key), version=version_message(version))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
