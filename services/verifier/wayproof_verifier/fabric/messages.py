"""Fabric's blocks, transactions and read/write sets as messages, one accepted encoding each.

Field numbers and kinds are those of `common/common.proto`, `peer/*.proto`, `msp/identities.proto` and
`ledger/rwset/*.proto` in hyperledger/fabric-protos; a test holds every class equal to the official descriptors.
Configuration is in `config_messages`. Attribute names are the official ones.
"""
# ruff: noqa: RUF009 - the calls declare fields, as dataclasses.field does

from dataclasses import dataclass
from typing import ClassVar

from wayproof_verifier.fabric.protobuf import (
    Message,
    boolean,
    enum,
    int32,
    int64,
    mapping_octets,
    message,
    octets,
    repeated,
    repeated_octets,
    text,
    uint32,
    uint64,
)

# --- blocks: common/common.proto ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BlockHeader(Message):
    """Number and hashes of a block; what is hashed and signed is its ASN.1 form (`block.header_bytes`)."""

    NAME: ClassVar[str] = "common.BlockHeader"
    number: int = uint64(1)
    previous_hash: bytes = octets(2)
    data_hash: bytes = octets(3)


@dataclass(frozen=True, slots=True)
class BlockData(Message):
    """The envelopes of a block, in order."""

    NAME: ClassVar[str] = "common.BlockData"
    data: tuple[bytes, ...] = repeated_octets(1)


@dataclass(frozen=True, slots=True)
class BlockMetadata(Message):
    """Metadata by slot; slot 0 holds the orderers' signatures."""

    NAME: ClassVar[str] = "common.BlockMetadata"
    metadata: tuple[bytes, ...] = repeated_octets(1)


@dataclass(frozen=True, slots=True)
class Block(Message):
    """A block as it is delivered."""

    NAME: ClassVar[str] = "common.Block"
    header: BlockHeader | None = message(1, BlockHeader)
    data: BlockData | None = message(2, BlockData)
    metadata: BlockMetadata | None = message(3, BlockMetadata)


@dataclass(frozen=True, slots=True)
class MetadataSignature(Message):
    """An orderer's signature; Raft fills `signature_header`, BFT `identifier_header`."""

    NAME: ClassVar[str] = "common.MetadataSignature"
    signature_header: bytes = octets(1)
    signature: bytes = octets(2)
    identifier_header: bytes = octets(3)


@dataclass(frozen=True, slots=True)
class Metadata(Message):
    """What orderers sign besides the header, and their signatures."""

    NAME: ClassVar[str] = "common.Metadata"
    value: bytes = octets(1)
    signatures: tuple[MetadataSignature, ...] = repeated(2, MetadataSignature)


@dataclass(frozen=True, slots=True)
class LastConfig(Message):
    """The number of the last config block."""

    NAME: ClassVar[str] = "common.LastConfig"
    index: int = uint64(1)


@dataclass(frozen=True, slots=True)
class OrdererBlockMetadata(Message):
    """The signed value of metadata slot 0."""

    NAME: ClassVar[str] = "common.OrdererBlockMetadata"
    last_config: LastConfig | None = message(1, LastConfig)
    consenter_metadata: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class IdentifierHeader(Message):
    """Who signed, in BFT: a consenter's number in the channel configuration."""

    NAME: ClassVar[str] = "common.IdentifierHeader"
    identifier: int = uint32(1)
    nonce: bytes = octets(2)


# --- envelopes: common/common.proto, msp/identities.proto -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Envelope(Message):
    """A payload and its creator's signature."""

    NAME: ClassVar[str] = "common.Envelope"
    payload: bytes = octets(1)
    signature: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class Header(Message):
    """The two headers, as the bytes that are hashed."""

    NAME: ClassVar[str] = "common.Header"
    channel_header: bytes = octets(1)
    signature_header: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class Payload(Message):
    """What an envelope's creator signs."""

    NAME: ClassVar[str] = "common.Payload"
    header: Header | None = message(1, Header)
    data: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class Timestamp(Message):
    """Seconds and nanoseconds since 1970."""

    NAME: ClassVar[str] = "google.protobuf.Timestamp"
    seconds: int = int64(1)
    nanos: int = int32(2)


@dataclass(frozen=True, slots=True)
class ChannelHeader(Message):
    """What kind of message, for which channel, claimed when."""

    NAME: ClassVar[str] = "common.ChannelHeader"
    type: int = int32(1)
    version: int = int32(2)
    timestamp: Timestamp | None = message(3, Timestamp)
    channel_id: str = text(4)
    tx_id: str = text(5)
    epoch: int = uint64(6)
    extension: bytes = octets(7)
    tls_cert_hash: bytes = octets(8)


@dataclass(frozen=True, slots=True)
class SignatureHeader(Message):
    """Who signs, and a number used once."""

    NAME: ClassVar[str] = "common.SignatureHeader"
    creator: bytes = octets(1)
    nonce: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class SerializedIdentity(Message):
    """An organisation's MSP id and a PEM certificate."""

    NAME: ClassVar[str] = "msp.SerializedIdentity"
    mspid: str = text(1)
    id_bytes: bytes = octets(2)


# --- transactions: peer/*.proto -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TransactionAction(Message):
    """One action of a transaction: the proposal's signature header and a `ChaincodeActionPayload`."""

    NAME: ClassVar[str] = "protos.TransactionAction"
    header: bytes = octets(1)
    payload: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class Transaction(Message):
    """The actions of a transaction: Fabric wants exactly one."""

    NAME: ClassVar[str] = "protos.Transaction"
    actions: tuple[TransactionAction, ...] = repeated(1, TransactionAction)


@dataclass(frozen=True, slots=True)
class Endorsement(Message):
    """An endorser's serialised identity and its signature over proposal response payload ‖ endorser."""

    NAME: ClassVar[str] = "protos.Endorsement"
    endorser: bytes = octets(1)
    signature: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class ChaincodeEndorsedAction(Message):
    """What the endorsers signed, and their signatures."""

    NAME: ClassVar[str] = "protos.ChaincodeEndorsedAction"
    proposal_response_payload: bytes = octets(1)
    endorsements: tuple[Endorsement, ...] = repeated(2, Endorsement)


@dataclass(frozen=True, slots=True)
class ChaincodeActionPayload(Message):
    """The proposal without its transient data, and what became of it."""

    NAME: ClassVar[str] = "protos.ChaincodeActionPayload"
    chaincode_proposal_payload: bytes = octets(1)
    action: ChaincodeEndorsedAction | None = message(2, ChaincodeEndorsedAction)


@dataclass(frozen=True, slots=True)
class ProposalResponsePayload(Message):
    """The proposal's hash and a `ChaincodeAction`."""

    NAME: ClassVar[str] = "protos.ProposalResponsePayload"
    proposal_hash: bytes = octets(1)
    extension: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class Response(Message):
    """What the contract answered."""

    NAME: ClassVar[str] = "protos.Response"
    status: int = int32(1)
    message: str = text(2)
    payload: bytes = octets(3)


@dataclass(frozen=True, slots=True)
class ChaincodeID(Message):
    """A chaincode's name and version."""

    NAME: ClassVar[str] = "protos.ChaincodeID"
    path: str = text(1)
    name: str = text(2)
    version: str = text(3)


@dataclass(frozen=True, slots=True)
class ChaincodeAction(Message):
    """Read/write set, event and answer of an endorsed invocation."""

    NAME: ClassVar[str] = "protos.ChaincodeAction"
    results: bytes = octets(1)
    events: bytes = octets(2)
    response: Response | None = message(3, Response)
    chaincode_id: ChaincodeID | None = message(4, ChaincodeID)


@dataclass(frozen=True, slots=True)
class ChaincodeEvent(Message):
    """The one event that a transaction can set."""

    NAME: ClassVar[str] = "protos.ChaincodeEvent"
    chaincode_id: str = text(1)
    tx_id: str = text(2)
    event_name: str = text(3)
    payload: bytes = octets(4)


@dataclass(frozen=True, slots=True)
class ChaincodeHeaderExtension(Message):
    """The chaincode that a channel header speaks of."""

    NAME: ClassVar[str] = "protos.ChaincodeHeaderExtension"
    chaincode_id: ChaincodeID | None = message(2, ChaincodeID)


@dataclass(frozen=True, slots=True)
class ChaincodeProposalPayload(Message):
    """The invocation, and transient data that must never be on a ledger."""

    NAME: ClassVar[str] = "protos.ChaincodeProposalPayload"
    input: bytes = octets(1)
    TransientMap: dict[str, bytes] = mapping_octets(2)


@dataclass(frozen=True, slots=True)
class ChaincodeInput(Message):
    """Function name and arguments."""

    NAME: ClassVar[str] = "protos.ChaincodeInput"
    args: tuple[bytes, ...] = repeated_octets(1)
    decorations: dict[str, bytes] = mapping_octets(2)
    is_init: bool = boolean(3)


@dataclass(frozen=True, slots=True)
class ChaincodeSpec(Message):
    """Which chaincode is invoked with what."""

    NAME: ClassVar[str] = "protos.ChaincodeSpec"
    type: int = enum(1)
    chaincode_id: ChaincodeID | None = message(2, ChaincodeID)
    input: ChaincodeInput | None = message(3, ChaincodeInput)
    timeout: int = int32(4)


@dataclass(frozen=True, slots=True)
class ChaincodeInvocationSpec(Message):
    """An invocation."""

    NAME: ClassVar[str] = "protos.ChaincodeInvocationSpec"
    chaincode_spec: ChaincodeSpec | None = message(1, ChaincodeSpec)


# --- read/write sets: ledger/rwset/rwset.proto, ledger/rwset/kvrwset/kv_rwset.proto ---------------------------------


@dataclass(frozen=True, slots=True)
class CollectionHashedReadWriteSet(Message):
    """What a transaction did to a private collection, as hashes."""

    NAME: ClassVar[str] = "rwset.CollectionHashedReadWriteSet"
    collection_name: str = text(1)
    hashed_rwset: bytes = octets(2)
    pvt_rwset_hash: bytes = octets(3)


@dataclass(frozen=True, slots=True)
class NsReadWriteSet(Message):
    """What a transaction did in one chaincode's namespace."""

    NAME: ClassVar[str] = "rwset.NsReadWriteSet"
    namespace: str = text(1)
    rwset: bytes = octets(2)
    collection_hashed_rwset: tuple[CollectionHashedReadWriteSet, ...] = repeated(3, CollectionHashedReadWriteSet)


@dataclass(frozen=True, slots=True)
class TxReadWriteSet(Message):
    """What a transaction read and wrote."""

    NAME: ClassVar[str] = "rwset.TxReadWriteSet"
    data_model: int = enum(1)
    ns_rwset: tuple[NsReadWriteSet, ...] = repeated(2, NsReadWriteSet)


@dataclass(frozen=True, slots=True)
class Version(Message):
    """Where a value was written: block and transaction index."""

    NAME: ClassVar[str] = "kvrwset.Version"
    block_num: int = uint64(1)
    tx_num: int = uint64(2)


@dataclass(frozen=True, slots=True)
class KVRead(Message):
    """A key and the version read; no version: the key was absent."""

    NAME: ClassVar[str] = "kvrwset.KVRead"
    key: str = text(1)
    version: Version | None = message(2, Version)


@dataclass(frozen=True, slots=True)
class QueryReads(Message):
    """Every read of a range query."""

    NAME: ClassVar[str] = "kvrwset.QueryReads"
    kv_reads: tuple[KVRead, ...] = repeated(1, KVRead)


@dataclass(frozen=True, slots=True)
class QueryReadsMerkleSummary(Message):
    """A Merkle summary of a range query's reads."""

    NAME: ClassVar[str] = "kvrwset.QueryReadsMerkleSummary"
    max_degree: int = uint32(1)
    max_level: int = uint32(2)
    max_level_hashes: tuple[bytes, ...] = repeated_octets(3)


@dataclass(frozen=True, slots=True)
class RangeQueryInfo(Message):
    """A range query and what it read."""

    NAME: ClassVar[str] = "kvrwset.RangeQueryInfo"
    start_key: str = text(1)
    end_key: str = text(2)
    itr_exhausted: bool = boolean(3)
    raw_reads: QueryReads | None = message(4, QueryReads, oneof="reads_info")
    reads_merkle_hashes: QueryReadsMerkleSummary | None = message(5, QueryReadsMerkleSummary, oneof="reads_info")


@dataclass(frozen=True, slots=True)
class KVWrite(Message):
    """A key and its new value, or its deletion."""

    NAME: ClassVar[str] = "kvrwset.KVWrite"
    key: str = text(1)
    is_delete: bool = boolean(2)
    value: bytes = octets(3)


@dataclass(frozen=True, slots=True)
class KVMetadataEntry(Message):
    """A named piece of a key's metadata."""

    NAME: ClassVar[str] = "kvrwset.KVMetadataEntry"
    name: str = text(1)
    value: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class KVMetadataWrite(Message):
    """A key and its new metadata, a key-level endorsement policy for instance."""

    NAME: ClassVar[str] = "kvrwset.KVMetadataWrite"
    key: str = text(1)
    entries: tuple[KVMetadataEntry, ...] = repeated(2, KVMetadataEntry)


@dataclass(frozen=True, slots=True)
class KVRWSet(Message):
    """Reads, range queries and writes of one namespace."""

    NAME: ClassVar[str] = "kvrwset.KVRWSet"
    reads: tuple[KVRead, ...] = repeated(1, KVRead)
    range_queries_info: tuple[RangeQueryInfo, ...] = repeated(2, RangeQueryInfo)
    writes: tuple[KVWrite, ...] = repeated(3, KVWrite)
    metadata_writes: tuple[KVMetadataWrite, ...] = repeated(4, KVMetadataWrite)


@dataclass(frozen=True, slots=True)
class KVReadHash(Message):
    """The hash of a private key and the version read."""

    NAME: ClassVar[str] = "kvrwset.KVReadHash"
    key_hash: bytes = octets(1)
    version: Version | None = message(2, Version)


@dataclass(frozen=True, slots=True)
class KVWriteHash(Message):
    """The hashes of a private key and its new value."""

    NAME: ClassVar[str] = "kvrwset.KVWriteHash"
    key_hash: bytes = octets(1)
    is_delete: bool = boolean(2)
    value_hash: bytes = octets(3)
    is_purge: bool = boolean(4)


@dataclass(frozen=True, slots=True)
class KVMetadataWriteHash(Message):
    """The hash of a private key and its new metadata."""

    NAME: ClassVar[str] = "kvrwset.KVMetadataWriteHash"
    key_hash: bytes = octets(1)
    entries: tuple[KVMetadataEntry, ...] = repeated(2, KVMetadataEntry)


@dataclass(frozen=True, slots=True)
class HashedRWSet(Message):
    """Reads and writes of one private collection, as hashes."""

    NAME: ClassVar[str] = "kvrwset.HashedRWSet"
    hashed_reads: tuple[KVReadHash, ...] = repeated(1, KVReadHash)
    hashed_writes: tuple[KVWriteHash, ...] = repeated(2, KVWriteHash)
    metadata_writes: tuple[KVMetadataWriteHash, ...] = repeated(3, KVMetadataWriteHash)
