"""A channel's configuration, read from a config block.

Source: Fabric's `common/channelconfig`: organisations are the groups under `/Channel/Application` and
`/Channel/Orderer`, each with a value `MSP`; an organisation in both must be the same in both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from wayproof_verifier.errors import ConfigError
from wayproof_verifier.fabric.block import Block
from wayproof_verifier.fabric.config_messages import (
    Capabilities,
    ConfigEnvelope,
    ConfigGroup,
    ConsensusType,
    Consenter,
    FabricMSPConfig,
    MSPConfig,
    Orderers,
)
from wayproof_verifier.fabric.identity import Membership, Msp
from wayproof_verifier.fabric.messages import ChannelHeader, Envelope, Payload
from wayproof_verifier.fabric.protobuf import Message

HEADER_TYPE_CONFIG: Final = 1  # common.HeaderType
_MSP_TYPE_FABRIC: Final = 0  # X.509; 1 is Idemix, whose members nobody can be counted by
_ED25519_CAPABILITY: Final = "V3_0"

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """The configuration that a config block puts in force for the blocks after it."""

    channel_id: str
    block_number: int
    sequence: int
    group: ConfigGroup  # /Channel
    membership: Membership
    application_organisations: frozenset[str]  # MSP ids
    orderer_organisations: frozenset[str]  # MSP ids
    consensus: str  # embedded, etcdraft, BFT
    consenters: Mapping[int, Consenter]  # BFT only


def read_config(block: Block) -> ChannelConfig:
    """Read the configuration of a config block; signatures are `chain`'s part."""
    channel_id, envelope = read_config_envelope(block)
    if envelope.config is None or envelope.config.channel_group is None:
        raise ConfigError(f"block {block.number}: a config block without a configuration")
    group = envelope.config.channel_group
    orderer, application = _subgroup(group, "Orderer"), _subgroup(group, "Application")
    orderer_msps, application_msps = _msps(orderer), _msps(application)
    capabilities = _value(group, "Capabilities", kind=Capabilities).capabilities
    return ChannelConfig(
        channel_id=channel_id,
        block_number=block.number,
        sequence=envelope.config.sequence,
        group=group,
        membership=_membership((*orderer_msps, *application_msps), ed25519_allowed=_ED25519_CAPABILITY in capabilities),
        application_organisations=frozenset(msp.name for msp in application_msps),
        orderer_organisations=frozenset(msp.name for msp in orderer_msps),
        consensus=_value(orderer, "ConsensusType", kind=ConsensusType).type,
        consenters=_consenters(orderer),
    )


def read_config_envelope(block: Block) -> tuple[str, ConfigEnvelope]:
    """Return the channel and the content of a config block's one envelope."""
    if len(block.envelopes) != 1:
        raise ConfigError(f"block {block.number}: a config block has exactly one envelope")
    payload = Payload.read(Envelope.read(block.envelopes[0]).payload)
    if payload.header is None:
        raise ConfigError(f"block {block.number}: a config block without a header")
    header = ChannelHeader.read(payload.header.channel_header)
    if header.type != HEADER_TYPE_CONFIG:
        raise ConfigError(f"block {block.number}: no config block, its header type is {header.type}")
    return header.channel_id, ConfigEnvelope.read(payload.data)


def _subgroup(group: ConfigGroup, name: str) -> ConfigGroup:
    if name not in group.groups:
        raise ConfigError(f"the configuration has no group {name}")
    return group.groups[name]


def _value(group: ConfigGroup, name: str, *, kind: type[M]) -> M:
    if name not in group.values:
        raise ConfigError(f"the configuration has no value {name}")
    return kind.read(group.values[name].value)


def _msps(group: ConfigGroup) -> tuple[FabricMSPConfig, ...]:
    configs = [_value(organisation, "MSP", kind=MSPConfig) for organisation in group.groups.values()]
    return tuple(FabricMSPConfig.read(config.config) for config in configs if config.type == _MSP_TYPE_FABRIC)


def _membership(configs: Iterable[FabricMSPConfig], *, ed25519_allowed: bool) -> Membership:
    by_id: dict[str, FabricMSPConfig] = {}
    for config in configs:
        if by_id.setdefault(config.name, config) != config:
            raise ConfigError(f"the organisation {config.name} is defined in two ways")
    return Membership(Msp(config, ed25519_allowed=ed25519_allowed) for config in by_id.values())


def _consenters(orderer: ConfigGroup) -> Mapping[int, Consenter]:
    if "Orderers" not in orderer.values:
        return {}
    consenters = _value(orderer, "Orderers", kind=Orderers).consenter_mapping
    by_id = {consenter.id: consenter for consenter in consenters}
    if len(by_id) != len(consenters):
        raise ConfigError("two consenters share a number")
    return by_id
