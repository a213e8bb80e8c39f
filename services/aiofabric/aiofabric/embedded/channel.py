"""A channel as its directory holds it: configuration, verified blocks, and the state they give."""

from dataclasses import dataclass
from pathlib import Path

from fabric_protos.common import common_pb2

from aiofabric.embedded import blocks
from aiofabric.embedded.committer import Chain
from aiofabric.embedded.description import Description, describe
from aiofabric.embedded.endorsement_rules import EndorsementRules
from aiofabric.embedded.errors import EmbeddedLedgerError, LedgerDamagedError
from aiofabric.embedded.genesis import channel_group_of
from aiofabric.embedded.membership import Membership
from aiofabric.embedded.policy import Policies
from aiofabric.embedded.private_collections import Collections
from aiofabric.embedded.private_store import PrivateStore
from aiofabric.embedded.provision import GENESIS_FILE, load_identity
from aiofabric.embedded.state import WorldState
from aiofabric.embedded.storage import BLOCK_FILE, BlockFile
from aiofabric.embedded.transaction import Inspector


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel, replayed and verified."""

    name: str
    description: Description
    membership: Membership
    policies: Policies
    collections: Collections
    chain: Chain

    @classmethod
    def open(cls, directory: Path, *, writable: bool = True) -> "Channel":
        """Read and verify a directory's channel; raises LedgerDamagedError or ProvisionError."""
        description = describe(directory)
        genesis = _genesis(directory, description)
        group = channel_group_of(genesis)
        membership, policies = Membership(group), Policies(group)
        orderer, _ = load_identity(
            directory / "organisations" / description.orderer / "orderer", msp_id=description.orderer
        )
        try:
            file = BlockFile(directory / BLOCK_FILE, writable=writable)
        except FileNotFoundError as error:
            raise LedgerDamagedError(f"{directory / BLOCK_FILE} is missing: restore it") from error
        collections, state = Collections(description.collections), WorldState()
        try:
            private = PrivateStore(
                directory, organisations=description.organisations, collections=collections, writable=writable
            )
        except BaseException:
            file.close()
            raise
        chain = Chain(
            file,
            inspector=Inspector(description.channel, membership=membership, chaincodes=description.chaincodes),
            policies=policies,
            orderers=[membership.member(orderer.serialized())],
            rules=EndorsementRules(policies, chaincodes=description.policies, collections=collections, state=state),
            state=state,
            private=private,
        )
        try:
            chain.replay()
            _require_genesis(chain, genesis)
            if writable:
                private.purge()  # the process may have ended before it came to that
        except BaseException:
            chain.close()
            raise
        return cls(description.channel, description, membership, policies, collections, chain)


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """What `status` found.

    Attributes:
        verified: every block was read and did verify.
        problem: what was wrong if not, else "".
        torn_bytes: length of an incomplete last frame: a block being written now, or one whose writer was killed.
    """

    channel: str
    organisations: tuple[str, ...]
    chaincodes: tuple[str, ...]
    genesis_hash: str
    height: int
    last_block_hash: str
    transactions: int
    verified: bool
    problem: str
    torn_bytes: int


def status(directory: Path) -> LedgerStatus:
    """Verify a ledger, served or not, without changing it. Raises ProvisionError if there is none."""
    description = describe(directory)
    chain, problem = None, ""
    try:
        chain = Channel.open(directory, writable=False).chain
    except EmbeddedLedgerError as error:
        problem = str(error)
    found = LedgerStatus(
        channel=description.channel,
        organisations=description.organisations,
        chaincodes=tuple(description.chaincodes),
        genesis_hash=description.genesis_hash,
        height=chain.height if chain else 0,
        last_block_hash=chain.last_hash.hex() if chain else "",
        transactions=len(chain.statuses) if chain else 0,
        verified=chain is not None,
        problem=problem,
        torn_bytes=chain.file.torn_bytes if chain else 0,
    )
    if chain:
        chain.close()
    return found


def _genesis(directory: Path, description: Description) -> common_pb2.Block:
    """Read the genesis block from its own file and hold it to the hash that the ledger is known by."""
    path = directory / GENESIS_FILE
    try:
        genesis = common_pb2.Block.FromString(path.read_bytes())
    except Exception as error:
        raise LedgerDamagedError(f"{path} cannot be read: {error}. Nothing was changed; restore it") from error
    if blocks.block_hash(genesis.header).hex() != description.genesis_hash:
        raise LedgerDamagedError(f"{path} has another hash than it is known by: restore it")
    if blocks.data_hash(genesis.data.data) != genesis.header.data_hash:
        raise LedgerDamagedError(f"{path}: its data do not match their hash: restore it")
    return genesis


def _require_genesis(chain: Chain, genesis: common_pb2.Block) -> None:
    if not chain.height:
        raise LedgerDamagedError(f"{chain.file.path} holds no genesis block. Nothing was changed; restore it")
    first = common_pb2.Block.FromString(chain.file.read(0))
    if first.header != genesis.header:
        raise chain.file.damage(0, what="it is not the genesis block that the ledger is known by")
