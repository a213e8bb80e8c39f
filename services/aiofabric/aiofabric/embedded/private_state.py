"""The private values that one organisation's peer holds, as its file says."""

import hashlib
from collections.abc import Collection, Iterator, Mapping

from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.peer import events_pb2

from aiofabric.embedded.private_file import PrivateFile
from aiofabric.embedded.read_write_set import hashed
from aiofabric.embedded.state import Entry, Namespace, Space, Version, WorldState
from aiofabric.embedded.state_set import StateSet

PrivateSets = Mapping[int, Mapping[Space, bytes]]
"""Serialized private write sets of a block: by the transaction's index, then by collection."""


class PrivateState:
    """One organisation's collections: values by plain key."""

    def __init__(self, file: PrivateFile, *, spaces: Collection[Space]) -> None:
        self.file = file
        self.spaces = frozenset(spaces)
        self._state = WorldState()

    def namespace(self, space: Space) -> Namespace:
        """Return a collection's values, none if the organisation is no member."""
        return self._state.namespace(space)

    def stored(self, number: int) -> dict[int, rwset_pb2.TxPvtReadWriteSet]:
        """Return the private write sets that are stored for a block, by the transaction's index."""
        stored = events_pb2.BlockAndPrivateData.FromString(self.file.read(number))
        return dict(stored.private_data_map)

    def apply(self, number: int) -> None:
        """Apply what is stored for a block."""
        for index, message in sorted(self.stored(number).items()):
            for space, rwset in write_sets(message):
                _apply(self._state.namespace(space), rwset, version=(number, index))

    def purge(self, purges: Mapping[tuple[Space, str], Version]) -> None:
        """Remove the values of keys (by hash) that were written before these versions from the file."""

        def without(number: int, body: bytes) -> bytes:
            stored = events_pb2.BlockAndPrivateData.FromString(body)
            for index, message in stored.private_data_map.items():
                for namespace in message.ns_pvt_rwset:
                    for entry in namespace.collection_pvt_rwset:
                        space = Space(namespace.namespace, entry.collection_name)
                        rwset = kv_rwset_pb2.KVRWSet.FromString(entry.rwset)
                        kept = [
                            write
                            for write in rwset.writes
                            if purges.get((space, hashed(write.key)), (0, 0)) <= (number, index)
                        ]
                        if len(kept) < len(rwset.writes):
                            del rwset.writes[:]
                            rwset.writes.extend(kept)
                            entry.rwset = rwset.SerializeToString()
            return _body(stored)

        if any(space in self.spaces for space, _ in purges):
            self.file.rewrite(without)


def write_sets(message: rwset_pb2.TxPvtReadWriteSet) -> Iterator[tuple[Space, kv_rwset_pb2.KVRWSet]]:
    """Iterate over the collections of a private write set."""
    for namespace in message.ns_pvt_rwset:
        for entry in namespace.collection_pvt_rwset:
            space = Space(namespace.namespace, entry.collection_name)
            yield space, kv_rwset_pb2.KVRWSet.FromString(entry.rwset)


def matches_hashes(message: rwset_pb2.TxPvtReadWriteSet, sets: Collection[StateSet]) -> bool:
    """Tell whether private writes are among those whose hashes a transaction's public part has."""
    public = {entry.space: {write.key: write.value for write in entry.writes} for entry in sets}
    return all(
        public.get(space, {}).get(hashed(write.key), b"") == (None if write.is_delete else _digest(write.value))
        for space, rwset in write_sets(message)
        for write in rwset.writes
    )


def encoded(sets: PrivateSets) -> bytes:
    """Return the body that holds a block's private write sets."""
    message = events_pb2.BlockAndPrivateData()
    for index, by_space in sets.items():
        entry = message.private_data_map[index]
        entry.data_model = rwset_pb2.TxReadWriteSet.KV
        entry.SetInParent()
        for chaincode in sorted({space.chaincode for space in by_space}):
            namespace = entry.ns_pvt_rwset.add(namespace=chaincode)
            for space in sorted(space for space in by_space if space.chaincode == chaincode):
                namespace.collection_pvt_rwset.add(collection_name=space.collection, rwset=by_space[space])
    return _body(message)


def _apply(namespace: Namespace, rwset: kv_rwset_pb2.KVRWSet, *, version: Version) -> None:
    for write in rwset.writes:
        namespace.set(write.key, None if write.is_delete else Entry(write.value, version))
    for metadata in rwset.metadata_writes:  # a changed policy gives the key a new version, and no new value
        held = namespace.entries.get(metadata.key)
        if held is not None:
            namespace.set(metadata.key, Entry(held.value, version))


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()


def _body(message: events_pb2.BlockAndPrivateData) -> bytes:
    body: bytes = message.SerializeToString(deterministic=True)
    return body
