"""What an organisation approves of: a chaincode's definition, its policy, its collections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2
from fabric_protos.peer import collection_pb2, policy_pb2

from aiofabric.network.package import ChaincodeTls

PolicyRole = Literal["member", "admin", "client", "peer", "orderer"]


@dataclass(frozen=True, slots=True)
class NOutOf:
    """A signature policy: so many of these organisations.

    Attributes:
        n: how many must sign.
        msp_ids: the organisations that count.
        role: what a signer must be; "peer" for endorsements, "member" for who belongs to a collection.
    """

    n: int
    msp_ids: tuple[str, ...]
    role: PolicyRole = "peer"

    def envelope(self) -> Any:  # noqa: ANN401 - a protobuf message
        """Return the ``common.SignaturePolicyEnvelope``."""
        role = msp_principal_pb2.MSPRole.MSPRoleType.Value(self.role.upper())
        principals = [
            msp_principal_pb2.MSPPrincipal(
                principal_classification=msp_principal_pb2.MSPPrincipal.ROLE,
                principal=msp_principal_pb2.MSPRole(msp_identifier=msp_id, role=role).SerializeToString(),
            )
            for msp_id in self.msp_ids
        ]
        rules = [policies_pb2.SignaturePolicy(signed_by=position) for position in range(len(self.msp_ids))]
        n_out_of = policies_pb2.SignaturePolicy.NOutOf(n=self.n, rules=rules)
        return policies_pb2.SignaturePolicyEnvelope(
            rule=policies_pb2.SignaturePolicy(n_out_of=n_out_of), identities=principals
        )


@dataclass(frozen=True, slots=True)
class Collection:
    """A private data collection.

    Attributes:
        name: the collection's name.
        members: organisations whose peers hold the data.
        required_peers: how many other peers must have the data before its endorser signs.
        maximum_peers: to how many other peers the endorser sends it.
        block_to_live: after how many blocks it is purged; 0 for never.
        member_only_read: whether only clients of member organisations may read.
        member_only_write: whether only they may write.
        endorsement_policy: who endorses writes to it; None for the chaincode's own policy.
    """

    name: str
    members: tuple[str, ...]
    required_peers: int = 0
    maximum_peers: int = 3
    block_to_live: int = 0
    member_only_read: bool = True
    member_only_write: bool = True
    endorsement_policy: NOutOf | str | None = None


@dataclass(frozen=True, slots=True)
class ChaincodeDefinition:
    """A chaincode as organisations approve of it and the channel commits it.

    Attributes:
        name: the chaincode's name on the channel.
        version: free text.
        sequence: 1 for the first definition of the name, one more for each that follows.
        addresses: where peers find it: one ``host:port`` for all, or one for each MSP id (the packages differ then, and
            so do their ids). None: the network chooses a port for each organisation.
        label: of the package; name and version if empty.
        endorsement_policy: a signature policy, or the path of a policy of the channel such as
            ``/Channel/Application/Endorsement``. None: the channel's ``Endorsement``, a majority of organisations.
        collections: its private data collections.
        init_required: whether the first transaction must be an initialisation.
        tls: how peers connect to it; None for plain connections, for a chaincode on the same machine.
    """

    name: str
    version: str = "1.0"
    sequence: int = 1
    addresses: str | Mapping[str, str] | None = None
    label: str = ""
    endorsement_policy: NOutOf | str | None = None
    collections: Sequence[Collection] = field(default=())
    init_required: bool = False
    tls: ChaincodeTls | None = None

    @property
    def package_label(self) -> str:
        """The label of its package."""
        return self.label or f"{self.name}_{self.version}"

    def terms(self) -> dict[str, Any]:
        """Return the fields that approvals, readiness checks and the commit have in common."""
        return {
            "name": self.name,
            "version": self.version,
            "sequence": self.sequence,
            "validation_parameter": _application_policy(self.endorsement_policy),
            "collections": _collections(self.collections),
            "init_required": self.init_required,
        }


def _application_policy(policy: NOutOf | str | None) -> bytes:
    message = _policy_message(policy)
    serialized: bytes = message.SerializeToString(deterministic=True) if message else b""
    return serialized


def _policy_message(policy: NOutOf | str | None) -> Any:  # noqa: ANN401 - a protobuf message
    if policy is None:
        return None
    if isinstance(policy, str):
        return policy_pb2.ApplicationPolicy(channel_config_policy_reference=policy)
    return policy_pb2.ApplicationPolicy(signature_policy=policy.envelope())


def _collections(collections: Sequence[Collection]) -> Any:  # noqa: ANN401 - a protobuf message
    if not collections:
        return None
    return collection_pb2.CollectionConfigPackage(config=[_collection(each) for each in collections])


def _collection(collection: Collection) -> Any:  # noqa: ANN401 - a protobuf message
    members = NOutOf(1, collection.members, role="member").envelope()
    return collection_pb2.CollectionConfig(
        static_collection_config=collection_pb2.StaticCollectionConfig(
            name=collection.name,
            member_orgs_policy=collection_pb2.CollectionPolicyConfig(signature_policy=members),
            required_peer_count=collection.required_peers,
            maximum_peer_count=collection.maximum_peers,
            block_to_live=collection.block_to_live,
            member_only_read=collection.member_only_read,
            member_only_write=collection.member_only_write,
            endorsement_policy=_policy_message(collection.endorsement_policy),
        )
    )
