"""Config blocks from a pinned genesis block on, and orderer signatures.

1. The genesis block is the one whose header hash is pinned; nobody signs it.
2. Every later config block has the sequence after the one before, names itself as the last config block, is signed by
   its creator, carries orderer signatures that satisfy `/Channel/Orderer/BlockValidation` of the configuration *before*
   it, and holds what an update makes of that configuration, allowed by those who may (`config_update`).
3. Every signature that is carried must be valid, even where fewer would do.
4. A transaction is judged by the configuration of the last config block before its own block.

Orderers sign metadata value ‖ header ‖ the block header's DER. With Raft (and the embedded ledger) the header is a
`SignatureHeader` with the full creator; with BFT an `IdentifierHeader` with a consenter's number, looked up in the
configuration. Source: Fabric's `protoutil/blockutils.go`, `BlockSignatureVerifier`.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from wayproof_verifier.errors import BlockError, ConfigError
from wayproof_verifier.fabric.block import Block, header_bytes, header_hash, read_block
from wayproof_verifier.fabric.certificates import read_pem
from wayproof_verifier.fabric.config import ChannelConfig, read_config, read_config_envelope
from wayproof_verifier.fabric.config_update import check_update
from wayproof_verifier.fabric.identity import Identity
from wayproof_verifier.fabric.messages import (
    BlockHeader,
    Envelope,
    IdentifierHeader,
    MetadataSignature,
    Payload,
    SignatureHeader,
)
from wayproof_verifier.fabric.policy import check_policy

BLOCK_VALIDATION: Final = "/Channel/Orderer/BlockValidation"
_BFT: Final = "BFT"


@dataclass(frozen=True, slots=True)
class ConfigChain:
    """Every configuration that a channel has had, oldest first."""

    configs: tuple[ChannelConfig, ...]

    @property
    def latest(self) -> ChannelConfig:
        """The newest configuration."""
        return self.configs[-1]

    def in_force(self, block_number: int) -> ChannelConfig:
        """Return the configuration that a transaction in this block is judged by: of the last config block before."""
        if block_number < 1:
            raise ConfigError("nothing is in force for the genesis block")
        return self.configs[bisect_left(self.configs, block_number, key=lambda config: config.block_number) - 1]


def read_config_chain(blocks: Iterable[bytes], *, channel_id: str, genesis_hash: bytes) -> ConfigChain:
    """Read and check the config blocks from genesis on; `genesis_hash` (32 bytes) is the pinned header hash."""
    configs: list[ChannelConfig] = []
    for data in blocks:
        block = read_block(data)
        config = read_config(block)
        if config.channel_id != channel_id:
            raise ConfigError(f"block {block.number}: it belongs to another channel, {config.channel_id!r}")
        if configs:
            _check_successor(block, config=config, before=configs[-1])
        else:
            _check_genesis(block, genesis_hash=genesis_hash)
        configs.append(config)
    if not configs:
        raise ConfigError("there is no genesis block")
    return ConfigChain(tuple(configs))


def _check_genesis(block: Block, *, genesis_hash: bytes) -> None:
    if block.number != 0 or block.header.previous_hash:
        raise ConfigError("the first config block is not block 0")
    if header_hash(block.header) != genesis_hash:
        raise ConfigError("the genesis block is not the pinned one")


def _check_successor(block: Block, *, config: ChannelConfig, before: ChannelConfig) -> None:
    if block.number <= before.block_number or block.last_config != block.number:
        raise ConfigError(f"block {block.number}: it does not name itself as the newest config block")
    if config.sequence != before.sequence + 1:
        raise ConfigError(f"block {block.number}: config sequence {config.sequence} after {before.sequence}")
    check_orderer_signatures(block, config=before)
    check_update(read_config_envelope(block)[1].last_update, before=before, after=config)
    envelope = Envelope.read(block.envelopes[0])
    header = Payload.read(envelope.payload).header
    creator = SignatureHeader.read(header.signature_header if header else b"").creator
    before.membership.identity(creator).verify(envelope.signature, message=envelope.payload)


def check_block(block: Block, *, config: ChannelConfig, previous: BlockHeader) -> None:
    """Check that a block follows `previous` and carries good orderer signatures under the configuration in force."""
    if block.number != previous.number + 1 or block.header.previous_hash != header_hash(previous):
        raise BlockError(f"block {block.number}: it does not follow block {previous.number}")
    if block.last_config not in (config.block_number, block.number):
        raise BlockError(f"block {block.number}: its last config block is {block.last_config}, a different one")
    check_orderer_signatures(block, config=config)


def check_orderer_signatures(block: Block, *, config: ChannelConfig) -> None:
    """Check every orderer signature of a block, and the block validation policy of the configuration in force."""
    header = header_bytes(block.header)
    signers = [
        _signer(signature, value=block.signatures.value, header=header, config=config)
        for signature in block.signatures.signatures
    ]
    if len(set(signers)) != len(signers):
        raise BlockError(f"block {block.number}: an orderer has signed twice")
    check_policy(config.group, path=BLOCK_VALIDATION, identities=signers)


def _signer(signature: MetadataSignature, *, value: bytes, header: bytes, config: ChannelConfig) -> Identity:
    if config.consensus == _BFT:
        identity, signed = _consenter(signature, config=config), signature.identifier_header
        other = signature.signature_header
    else:
        creator = SignatureHeader.read(signature.signature_header).creator
        identity, signed = config.membership.identity(creator), signature.signature_header
        other = signature.identifier_header
    if other:
        raise BlockError(f"an orderer signature in a form that {config.consensus} does not use")
    identity.verify(signature.signature, message=value + signed + header)
    return identity


def _consenter(signature: MetadataSignature, *, config: ChannelConfig) -> Identity:
    number = IdentifierHeader.read(signature.identifier_header).identifier
    consenter = config.consenters.get(number)
    if consenter is None:
        raise BlockError(f"the configuration has no consenter {number}")
    return config.membership.member(consenter.msp_id, certificate=read_pem(consenter.identity))
