"""A channel's genesis block: its configuration, as configtxgen lays it out.

Source: Fabric's ``internal/configtxgen/encoder``.
"""

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fabric_protos.common import common_pb2, configtx_pb2, configuration_pb2, policies_pb2
from fabric_protos.msp import msp_config_pb2, msp_principal_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_configuration_pb2

from aiofabric.embedded import blocks

CONSENSUS_TYPE = "embedded"
"""Not a consensus of Fabric: whoever reads the configuration sees that this is a stand-in."""

MAX_MESSAGES = 500
MAX_MESSAGE_BYTES = 10 * 1024 * 1024
PREFERRED_BLOCK_BYTES = 2 * 1024 * 1024

_ROLE = msp_principal_pb2.MSPRole
_META = policies_pb2.ImplicitMetaPolicy


@dataclass(frozen=True, slots=True)
class Anchors:
    """What the channel pins of an organisation: its id, its root certificate and its TLS root certificate (PEM)."""

    msp_id: str
    root_pem: bytes
    tls_root_pem: bytes


def genesis_block(channel: str, *, organisations: Sequence[Anchors], orderer: Anchors) -> common_pb2.Block:
    """Return block 0 of a channel: one configuration transaction, no signatures, an empty previous hash."""
    config = configtx_pb2.Config(sequence=0, channel_group=_channel_group(organisations, orderer))
    envelope = configtx_pb2.ConfigEnvelope(config=config)
    nonce = os.urandom(24)
    channel_header = common_pb2.ChannelHeader(
        type=common_pb2.CONFIG, version=1, channel_id=channel, tx_id=hashlib.sha256(nonce).hexdigest()
    )
    channel_header.timestamp.seconds = int(time.time())
    header = common_pb2.Header(
        channel_header=_bytes(channel_header),
        signature_header=_bytes(common_pb2.SignatureHeader(nonce=nonce)),
    )
    payload = common_pb2.Payload(header=header, data=_bytes(envelope))
    data = [_bytes(common_pb2.Envelope(payload=_bytes(payload)))]
    return blocks.unsigned_block(0, previous_hash=b"", data=data, codes=b"\0")


def channel_group_of(block: common_pb2.Block) -> configtx_pb2.ConfigGroup:
    """Return the channel group of a configuration block."""
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(block.data.data[0]).payload)
    return configtx_pb2.ConfigEnvelope.FromString(payload.data).config.channel_group


def _channel_group(organisations: Sequence[Anchors], orderer: Anchors) -> configtx_pb2.ConfigGroup:
    group = _group(
        values={
            "HashingAlgorithm": configuration_pb2.HashingAlgorithm(name="SHA256"),
            "BlockDataHashingStructure": configuration_pb2.BlockDataHashingStructure(width=2**32 - 1),
            "Capabilities": _capabilities("V2_0"),
        },
        policies=_meta_policies(),
    )
    group.groups["Orderer"].CopyFrom(_orderer_group(orderer))
    group.groups["Application"].CopyFrom(_application_group(organisations))
    return group


def _orderer_group(orderer: Anchors) -> configtx_pb2.ConfigGroup:
    sizes = orderer_configuration_pb2.BatchSize(
        max_message_count=MAX_MESSAGES,
        absolute_max_bytes=MAX_MESSAGE_BYTES,
        preferred_max_bytes=PREFERRED_BLOCK_BYTES,
    )
    group = _group(
        values={
            "ConsensusType": orderer_configuration_pb2.ConsensusType(type=CONSENSUS_TYPE),
            "BatchSize": sizes,
            "BatchTimeout": orderer_configuration_pb2.BatchTimeout(timeout="1ms"),
            "ChannelRestrictions": orderer_configuration_pb2.ChannelRestrictions(),
            "Capabilities": _capabilities("V2_0"),
        },
        policies={**_meta_policies(), "BlockValidation": _implicit_meta("Writers", rule=_META.ANY)},
    )
    group.groups[orderer.msp_id].CopyFrom(_organisation_group(orderer, writer=_ROLE.ORDERER, endorses=False))
    return group


def _application_group(organisations: Sequence[Anchors]) -> configtx_pb2.ConfigGroup:
    endorsement = _implicit_meta("Endorsement", rule=_META.MAJORITY)
    group = _group(
        values={"Capabilities": _capabilities("V2_5")},
        policies={**_meta_policies(), "Endorsement": endorsement, "LifecycleEndorsement": endorsement},
    )
    for anchors in organisations:
        group.groups[anchors.msp_id].CopyFrom(_organisation_group(anchors, writer=_ROLE.CLIENT, endorses=True))
    return group


def _organisation_group(anchors: Anchors, *, writer: int, endorses: bool) -> configtx_pb2.ConfigGroup:
    readers = [_ROLE.ADMIN, _ROLE.PEER, _ROLE.CLIENT] if endorses else [_ROLE.MEMBER]
    policies = {
        "Readers": _any_of(anchors.msp_id, roles=readers),
        "Writers": _any_of(anchors.msp_id, roles=[_ROLE.ADMIN, writer]),
        "Admins": _any_of(anchors.msp_id, roles=[_ROLE.ADMIN]),
    }
    if endorses:
        policies["Endorsement"] = _any_of(anchors.msp_id, roles=[_ROLE.PEER])
    return _group(values={"MSP": _msp(anchors)}, policies=policies)


def _msp(anchors: Anchors) -> msp_config_pb2.MSPConfig:
    units = {
        f"{role}_ou_identifier": msp_config_pb2.FabricOUIdentifier(
            certificate=anchors.root_pem, organizational_unit_identifier=role
        )
        for role in ("client", "peer", "admin", "orderer")
    }
    config = msp_config_pb2.FabricMSPConfig(
        name=anchors.msp_id,
        root_certs=[anchors.root_pem],
        tls_root_certs=[anchors.tls_root_pem],
        fabric_node_ous=msp_config_pb2.FabricNodeOUs(enable=True, **units),
        crypto_config=msp_config_pb2.FabricCryptoConfig(
            signature_hash_family="SHA2", identity_identifier_hash_function="SHA256"
        ),
    )
    return msp_config_pb2.MSPConfig(type=0, config=_bytes(config))


def _group(*, values: Mapping[str, object], policies: Mapping[str, policies_pb2.Policy]) -> configtx_pb2.ConfigGroup:
    group = configtx_pb2.ConfigGroup(mod_policy="Admins")
    for name, value in values.items():
        group.values[name].CopyFrom(configtx_pb2.ConfigValue(value=_bytes(value), mod_policy="Admins"))
    for name, policy in policies.items():
        group.policies[name].CopyFrom(configtx_pb2.ConfigPolicy(policy=policy, mod_policy="Admins"))
    return group


def _capabilities(name: str) -> configuration_pb2.Capabilities:
    capabilities = configuration_pb2.Capabilities()
    capabilities.capabilities[name].SetInParent()
    return capabilities


def _meta_policies() -> dict[str, policies_pb2.Policy]:
    return {
        "Readers": _implicit_meta("Readers", rule=_META.ANY),
        "Writers": _implicit_meta("Writers", rule=_META.ANY),
        "Admins": _implicit_meta("Admins", rule=_META.MAJORITY),
    }


def _implicit_meta(sub_policy: str, *, rule: int) -> policies_pb2.Policy:
    value = _bytes(_META(sub_policy=sub_policy, rule=rule))
    return policies_pb2.Policy(type=policies_pb2.Policy.IMPLICIT_META, value=value)


def _any_of(msp_id: str, *, roles: Sequence[int]) -> policies_pb2.Policy:
    principals = [
        msp_principal_pb2.MSPPrincipal(
            principal_classification=msp_principal_pb2.MSPPrincipal.ROLE,
            principal=_bytes(_ROLE(msp_identifier=msp_id, role=role)),
        )
        for role in roles
    ]
    rules = [policies_pb2.SignaturePolicy(signed_by=position) for position in range(len(roles))]
    one_of = policies_pb2.SignaturePolicy.NOutOf(n=1, rules=rules)
    envelope = policies_pb2.SignaturePolicyEnvelope(
        rule=policies_pb2.SignaturePolicy(n_out_of=one_of), identities=principals
    )
    return policies_pb2.Policy(type=policies_pb2.Policy.SIGNATURE, value=_bytes(envelope))


def _bytes(message: object) -> bytes:
    serialized: bytes = message.SerializeToString(deterministic=True)  # type: ignore[attr-defined]
    return serialized
