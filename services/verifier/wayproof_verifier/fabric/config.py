"""A channel's configuration, read from a config block."""

from collections.abc import Mapping
from dataclasses import dataclass

from wayproof_verifier.fabric.block import Block
from wayproof_verifier.fabric.config_messages import ConfigGroup, Consenter
from wayproof_verifier.fabric.identity import Membership


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """The configuration that a config block puts in force for the blocks after it."""

    channel_id: str
    block_number: int
    sequence: int
    group: ConfigGroup
    membership: Membership
    application_organisations: frozenset[str]  # MSP ids
    orderer_organisations: frozenset[str]  # MSP ids
    consensus: str  # embedded, etcdraft, BFT
    consenters: Mapping[int, Consenter]


def read_config(block: Block) -> ChannelConfig:
    """Read the configuration of a config block; signatures are `chain`'s part."""
    raise NotImplementedError
