"""What a transaction read and wrote, by namespace. Nothing comes twice: no namespace, no key.

Source: `ledger/rwset/rwset.proto`, `ledger/rwset/kvrwset/kv_rwset.proto`. A real peer adds reads of `_lifecycle` to
every transaction, so a transaction has more namespaces than its chaincode's own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from wayproof_verifier.errors import TransactionError
from wayproof_verifier.fabric.messages import (
    HashedRWSet,
    KVRWSet,
    KVWrite,
    NsReadWriteSet,
    RangeQueryInfo,
    TxReadWriteSet,
    Version,
)

_KEY_VALUE: Final = 0  # rwset.TxReadWriteSet.DataModel

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class NamespaceSet:
    """What a transaction read and wrote in one namespace."""

    reads: Mapping[str, Version | None] = field(default_factory=dict)  # None: the key was absent
    writes: Mapping[str, bytes | None] = field(default_factory=dict)  # None: deleted
    range_queries: tuple[RangeQueryInfo, ...] = ()
    metadata_writes: frozenset[str] = frozenset()  # keys
    collections: Mapping[str, HashedRWSet] = field(default_factory=dict)  # private collections, as hashes


def read_namespaces(results: bytes) -> Mapping[str, NamespaceSet]:
    """Read `rwset.TxReadWriteSet` bytes: namespace to what was read and written there."""
    read = TxReadWriteSet.read(results)
    if read.data_model != _KEY_VALUE:
        raise TransactionError(f"the data model {read.data_model} is not known")
    return _unique((each.namespace, _read_namespace(each)) for each in read.ns_rwset)


def _read_namespace(namespace: NsReadWriteSet) -> NamespaceSet:
    read = KVRWSet.read(namespace.rwset)
    return NamespaceSet(
        reads=_unique((each.key, each.version) for each in read.reads),
        writes=_unique((each.key, _written(each)) for each in read.writes),
        range_queries=read.range_queries_info,
        metadata_writes=frozenset(_unique((each.key, each) for each in read.metadata_writes)),
        collections=_unique(
            (each.collection_name, HashedRWSet.read(each.hashed_rwset)) for each in namespace.collection_hashed_rwset
        ),
    )


def _written(write: KVWrite) -> bytes | None:
    if write.is_delete and write.value:
        raise TransactionError(f"{write.key!r} is deleted and written at once")
    return None if write.is_delete else write.value


def _unique(items: Iterable[tuple[str, V]]) -> Mapping[str, V]:
    unique: dict[str, V] = {}
    for key, value in items:
        if key in unique:
            raise TransactionError(f"{key!r} comes twice in a read/write set")
        unique[key] = value
    return unique
