"""Config blocks from a pinned genesis block on, and orderer signatures."""

from collections.abc import Iterable
from dataclasses import dataclass

from wayproof_verifier.fabric.block import Block
from wayproof_verifier.fabric.config import ChannelConfig
from wayproof_verifier.fabric.messages import BlockHeader


@dataclass(frozen=True, slots=True)
class ConfigChain:
    """Every configuration that a channel has had, oldest first."""

    configs: tuple[ChannelConfig, ...]

    @property
    def latest(self) -> ChannelConfig:
        """The newest configuration."""
        raise NotImplementedError

    def in_force(self, block_number: int) -> ChannelConfig:
        """Return the configuration that a transaction in this block is judged by: of the last config block before."""
        raise NotImplementedError


def read_config_chain(blocks: Iterable[bytes], *, channel_id: str, genesis_hash: bytes) -> ConfigChain:
    """Read and check the config blocks from genesis on; `genesis_hash` (32 bytes) is the pinned header hash."""
    raise NotImplementedError


def check_orderer_signatures(block: Block, *, config: ChannelConfig) -> None:
    """Check every orderer signature of a block, and the block validation policy of the configuration in force."""
    raise NotImplementedError


def check_block(block: Block, *, config: ChannelConfig, previous: BlockHeader) -> None:
    """Check that an ordinary block follows `previous`, and its orderer signatures."""
    raise NotImplementedError
