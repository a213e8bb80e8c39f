"""A channel's configuration as messages, one accepted encoding each.

Field numbers and kinds are those of `common/{configtx,configuration,policies}.proto`,
`msp/msp_{config,principal}.proto` and `orderer/configuration.proto` in hyperledger/fabric-protos; a test holds every
class equal to the official descriptors.
"""
# ruff: noqa: RUF009 - the calls declare fields, as dataclasses.field does

from dataclasses import dataclass
from typing import ClassVar

from wayproof_verifier.fabric.messages import Envelope
from wayproof_verifier.fabric.protobuf import (
    Message,
    boolean,
    choice_int32,
    enum,
    int32,
    mapping,
    mapping_octets,
    message,
    octets,
    repeated,
    repeated_octets,
    text,
    uint32,
    uint64,
)

# --- policies: common/policies.proto, msp/msp_principal.proto -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Policy(Message):
    """A policy of some type, as bytes."""

    NAME: ClassVar[str] = "common.Policy"
    type: int = int32(1)
    value: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class ImplicitMetaPolicy(Message):
    """Any, all or the majority of the sub-groups' policies of one name."""

    NAME: ClassVar[str] = "common.ImplicitMetaPolicy"
    sub_policy: str = text(1)
    rule: int = enum(2)


@dataclass(frozen=True, slots=True)
class NOutOf(Message):
    """N of these rules."""

    NAME: ClassVar[str] = "common.SignaturePolicy.NOutOf"
    n: int = int32(1)
    rules: tuple["SignaturePolicy", ...] = repeated(2, lambda: SignaturePolicy)


@dataclass(frozen=True, slots=True)
class SignaturePolicy(Message):
    """Signed by a principal, or N of several rules."""

    NAME: ClassVar[str] = "common.SignaturePolicy"
    signed_by: int | None = choice_int32(1, oneof="Type")
    n_out_of: NOutOf | None = message(2, NOutOf, oneof="Type")


@dataclass(frozen=True, slots=True)
class MSPPrincipal(Message):
    """A role, an organisational unit or an identity."""

    NAME: ClassVar[str] = "common.MSPPrincipal"
    principal_classification: int = enum(1)
    principal: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class MSPRole(Message):
    """A role in an organisation."""

    NAME: ClassVar[str] = "common.MSPRole"
    msp_identifier: str = text(1)
    role: int = enum(2)


@dataclass(frozen=True, slots=True)
class OrganizationUnit(Message):
    """An organisational unit, certified by one chain of an organisation."""

    NAME: ClassVar[str] = "common.OrganizationUnit"
    msp_identifier: str = text(1)
    organizational_unit_identifier: str = text(2)
    certifiers_identifier: bytes = octets(3)


@dataclass(frozen=True, slots=True)
class SignaturePolicyEnvelope(Message):
    """A rule and the principals that it counts."""

    NAME: ClassVar[str] = "common.SignaturePolicyEnvelope"
    version: int = int32(1)
    rule: SignaturePolicy | None = message(2, SignaturePolicy)
    identities: tuple[MSPPrincipal, ...] = repeated(3, MSPPrincipal)


# --- the tree: common/configtx.proto --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConfigValue(Message):
    """A named value of a group, as bytes."""

    NAME: ClassVar[str] = "common.ConfigValue"
    version: int = uint64(1)
    value: bytes = octets(2)
    mod_policy: str = text(3)


@dataclass(frozen=True, slots=True)
class ConfigPolicy(Message):
    """A named policy of a group."""

    NAME: ClassVar[str] = "common.ConfigPolicy"
    version: int = uint64(1)
    policy: Policy | None = message(2, Policy)
    mod_policy: str = text(3)


@dataclass(frozen=True, slots=True)
class ConfigGroup(Message):
    """A group: `/Channel` and what is under it."""

    NAME: ClassVar[str] = "common.ConfigGroup"
    version: int = uint64(1)
    groups: dict[str, "ConfigGroup"] = mapping(2, lambda: ConfigGroup)
    values: dict[str, ConfigValue] = mapping(3, ConfigValue)
    policies: dict[str, ConfigPolicy] = mapping(4, ConfigPolicy)
    mod_policy: str = text(5)


@dataclass(frozen=True, slots=True)
class Config(Message):
    """A channel's configuration and how often it has changed."""

    NAME: ClassVar[str] = "common.Config"
    sequence: int = uint64(1)
    channel_group: ConfigGroup | None = message(2, ConfigGroup)


@dataclass(frozen=True, slots=True)
class ConfigEnvelope(Message):
    """A configuration and the update that led to it."""

    NAME: ClassVar[str] = "common.ConfigEnvelope"
    config: Config | None = message(1, Config)
    last_update: Envelope | None = message(2, Envelope)


@dataclass(frozen=True, slots=True)
class ConfigSignature(Message):
    """A signature over signature header ‖ config update."""

    NAME: ClassVar[str] = "common.ConfigSignature"
    signature_header: bytes = octets(1)
    signature: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class ConfigUpdateEnvelope(Message):
    """A config update and who signed it."""

    NAME: ClassVar[str] = "common.ConfigUpdateEnvelope"
    config_update: bytes = octets(1)
    signatures: tuple[ConfigSignature, ...] = repeated(2, ConfigSignature)


@dataclass(frozen=True, slots=True)
class ConfigUpdate(Message):
    """What an update has read, and what it wants to be there."""

    NAME: ClassVar[str] = "common.ConfigUpdate"
    channel_id: str = text(1)
    read_set: ConfigGroup | None = message(2, ConfigGroup)
    write_set: ConfigGroup | None = message(3, ConfigGroup)
    isolated_data: dict[str, bytes] = mapping_octets(5)


# --- values: common/configuration.proto, orderer/configuration.proto, msp/msp_config.proto --------------------------


@dataclass(frozen=True, slots=True)
class Capability(Message):
    """A capability is its name alone."""

    NAME: ClassVar[str] = "common.Capability"


@dataclass(frozen=True, slots=True)
class Capabilities(Message):
    """What all nodes must support."""

    NAME: ClassVar[str] = "common.Capabilities"
    capabilities: dict[str, Capability] = mapping(1, Capability)


@dataclass(frozen=True, slots=True)
class Consenter(Message):
    """A BFT orderer: its number and its identity."""

    NAME: ClassVar[str] = "common.Consenter"
    id: int = uint32(1)
    host: str = text(2)
    port: int = uint32(3)
    msp_id: str = text(4)
    identity: bytes = octets(5)
    client_tls_cert: bytes = octets(6)
    server_tls_cert: bytes = octets(7)


@dataclass(frozen=True, slots=True)
class Orderers(Message):
    """The BFT orderers of a channel."""

    NAME: ClassVar[str] = "common.Orderers"
    consenter_mapping: tuple[Consenter, ...] = repeated(1, Consenter)


@dataclass(frozen=True, slots=True)
class ConsensusType(Message):
    """How the orderers agree."""

    NAME: ClassVar[str] = "orderer.ConsensusType"
    type: str = text(1)
    metadata: bytes = octets(2)
    state: int = enum(3)


@dataclass(frozen=True, slots=True)
class MSPConfig(Message):
    """An organisation's membership rules of some type, as bytes."""

    NAME: ClassVar[str] = "msp.MSPConfig"
    type: int = int32(1)
    config: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class FabricCryptoConfig(Message):
    """Which hashes an organisation's signatures use."""

    NAME: ClassVar[str] = "msp.FabricCryptoConfig"
    signature_hash_family: str = text(1)
    identity_identifier_hash_function: str = text(2)


@dataclass(frozen=True, slots=True)
class FabricOUIdentifier(Message):
    """An organisational unit and, when given, the certificate that must have issued it."""

    NAME: ClassVar[str] = "msp.FabricOUIdentifier"
    certificate: bytes = octets(1)
    organizational_unit_identifier: str = text(2)


@dataclass(frozen=True, slots=True)
class FabricNodeOUs(Message):
    """Which organisational units make a client, a peer, an admin, an orderer."""

    NAME: ClassVar[str] = "msp.FabricNodeOUs"
    enable: bool = boolean(1)
    client_ou_identifier: FabricOUIdentifier | None = message(2, FabricOUIdentifier)
    peer_ou_identifier: FabricOUIdentifier | None = message(3, FabricOUIdentifier)
    admin_ou_identifier: FabricOUIdentifier | None = message(4, FabricOUIdentifier)
    orderer_ou_identifier: FabricOUIdentifier | None = message(5, FabricOUIdentifier)


@dataclass(frozen=True, slots=True)
class KeyInfo(Message):
    """A private key, which a channel configuration never holds."""

    NAME: ClassVar[str] = "msp.KeyInfo"
    key_identifier: str = text(1)
    key_material: bytes = octets(2)


@dataclass(frozen=True, slots=True)
class SigningIdentityInfo(Message):
    """A node's own identity, which a channel configuration never holds."""

    NAME: ClassVar[str] = "msp.SigningIdentityInfo"
    public_signer: bytes = octets(1)
    private_signer: KeyInfo | None = message(2, KeyInfo)


@dataclass(frozen=True, slots=True)
class FabricMSPConfig(Message):
    """An organisation's membership rules: its X.509 authorities and what their certificates mean."""

    NAME: ClassVar[str] = "msp.FabricMSPConfig"
    name: str = text(1)
    root_certs: tuple[bytes, ...] = repeated_octets(2)
    intermediate_certs: tuple[bytes, ...] = repeated_octets(3)
    admins: tuple[bytes, ...] = repeated_octets(4)
    revocation_list: tuple[bytes, ...] = repeated_octets(5)
    signing_identity: SigningIdentityInfo | None = message(6, SigningIdentityInfo)
    organizational_unit_identifiers: tuple[FabricOUIdentifier, ...] = repeated(7, FabricOUIdentifier)
    crypto_config: FabricCryptoConfig | None = message(8, FabricCryptoConfig)
    tls_root_certs: tuple[bytes, ...] = repeated_octets(9)
    tls_intermediate_certs: tuple[bytes, ...] = repeated_octets(10)
    fabric_node_ous: FabricNodeOUs | None = message(11, FabricNodeOUs)
