"""Endorsed transactions: submitted ones in their envelope, and endorsed state, which was never submitted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from wayproof_verifier.fabric.config import ChannelConfig
from wayproof_verifier.fabric.identity import Identity, Membership
from wayproof_verifier.fabric.messages import ChaincodeEvent, Endorsement, RangeQueryInfo, Response, Version


@dataclass(frozen=True, slots=True)
class NamespaceSet:
    """What a transaction read and wrote in one namespace."""

    reads: Mapping[str, Version | None]  # None: the key was absent
    writes: Mapping[str, bytes | None]  # None: deleted
    range_queries: tuple[RangeQueryInfo, ...]
    metadata_writes: tuple[str, ...]  # keys
    collections: tuple[str, ...]  # names of private collections touched


@dataclass(frozen=True, slots=True)
class Transaction:
    """One endorsed invocation, its parts agreeing with each other; signatures and ids are checked by the functions."""

    channel_id: str
    tx_id: str
    timestamp_ns: int  # claimed by the client
    creator: bytes  # msp.SerializedIdentity
    nonce: bytes
    chaincode: str
    args: tuple[bytes, ...]  # function name first
    namespaces: Mapping[str, NamespaceSet]
    response: Response  # .status, .message, .payload
    event: ChaincodeEvent | None
    endorsements: tuple[Endorsement, ...]
    proposal_hash: bytes  # as the endorsers signed it
    proposal_bytes_hash: bytes  # of the bytes that are here
    response_payload: bytes  # what the endorsers signed, together with their own identity
    payload: bytes  # what the creator signed
    signature: bytes | None  # None: endorsed, never submitted

    @property
    def reads(self) -> Mapping[str, Version | None]:
        """The read set of the transaction's own chaincode: key to version (`block_num`, `tx_num`)."""
        raise NotImplementedError

    @property
    def writes(self) -> Mapping[str, bytes | None]:
        """The write set of the transaction's own chaincode."""
        raise NotImplementedError


def read_transaction(envelope: bytes) -> Transaction:
    """Read a submitted transaction from its `common.Envelope`."""
    raise NotImplementedError


def read_endorsed(payload: bytes) -> Transaction:
    """Read an endorsed, never submitted transaction from its `common.Payload`."""
    raise NotImplementedError


def check_transaction_id(transaction: Transaction) -> None:
    """Check that the id is the hex SHA-256 of nonce ‖ creator."""
    raise NotImplementedError


def check_creator(transaction: Transaction, *, membership: Membership) -> Identity:
    """Check the creator's certificate and, if submitted, its signature over the payload; return who it is."""
    raise NotImplementedError


def check_endorsements(
    transaction: Transaction, *, config: ChannelConfig, policy: str, organisations: Collection[str] | None = None
) -> tuple[Identity, ...]:
    """Check proposal hash, every endorsement and the policy; return the endorsers, each once."""
    raise NotImplementedError
