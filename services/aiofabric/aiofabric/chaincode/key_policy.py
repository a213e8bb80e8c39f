"""Key-level endorsement: who must endorse a change of one key, instead of whom the chaincode's definition names.

Source: Fabric's state-based endorsement (``pkg/statebased`` of fabric-chaincode-go; capability V1_3 and later).
"""

from collections.abc import Iterable

from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2
from google.protobuf.message import DecodeError

VALIDATION_PARAMETER = "VALIDATION_PARAMETER"
"""The metadata key under which Fabric keeps a key's own policy."""


def all_of(msp_ids: Iterable[str]) -> bytes:
    """Return the policy that a peer of each of these organisations endorses every change of the key.

    The bytes are a serialized ``common.SignaturePolicyEnvelope``, organisations sorted, for
    `ChaincodeStub.set_state_validation_parameter`.
    """
    organisations = sorted(set(msp_ids))
    if not organisations:
        raise ValueError("a policy names at least one organisation; remove the parameter with empty bytes instead")
    principals = [
        msp_principal_pb2.MSPPrincipal(
            principal_classification=msp_principal_pb2.MSPPrincipal.ROLE,
            principal=msp_principal_pb2.MSPRole(
                msp_identifier=msp_id, role=msp_principal_pb2.MSPRole.PEER
            ).SerializeToString(deterministic=True),
        )
        for msp_id in organisations
    ]
    rules = [policies_pb2.SignaturePolicy(signed_by=index) for index in range(len(organisations))]
    envelope = policies_pb2.SignaturePolicyEnvelope(
        rule=policies_pb2.SignaturePolicy(n_out_of=policies_pb2.SignaturePolicy.NOutOf(n=len(rules), rules=rules)),
        identities=principals,
    )
    encoded: bytes = envelope.SerializeToString(deterministic=True)
    return encoded


def check(policy: bytes) -> None:
    """Raise ValueError for what is no policy; empty bytes take one away.

    A peer accepts any bytes, and stops following the channel when it has to judge a transaction by them.
    """
    if not isinstance(policy, bytes):
        raise TypeError("a key's policy is bytes")
    try:
        envelope = policies_pb2.SignaturePolicyEnvelope.FromString(policy)
    except DecodeError as error:
        raise ValueError("a key's policy is a serialized common.SignaturePolicyEnvelope") from error
    if policy and not (envelope.HasField("rule") and envelope.identities):
        raise ValueError("a key's policy has a rule and names who may satisfy it")


def organisations(policy: bytes) -> list[str]:
    """Return the organisations that a key's policy names, sorted; empty bytes name none."""
    envelope = policies_pb2.SignaturePolicyEnvelope.FromString(policy)
    roles = [msp_principal_pb2.MSPRole.FromString(principal.principal) for principal in envelope.identities]
    return sorted(role.msp_identifier for role in roles)
