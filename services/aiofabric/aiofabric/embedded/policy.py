"""Policies of a channel's configuration, evaluated over identities (Fabric's ``common/policies`` and ``cauthdsl``)."""

from collections.abc import Callable, Iterable, Sequence

from fabric_protos.common import configtx_pb2, policies_pb2
from fabric_protos.msp import msp_principal_pb2
from google.protobuf.message import DecodeError

from aiofabric.embedded.membership import Member

CACHED_ANSWERS = 10_000

Evaluation = Callable[[Sequence[Member]], bool]

ENDORSEMENT = "/Channel/Application/Endorsement"
READERS = "/Channel/Application/Readers"
WRITERS = "/Channel/Application/Writers"
BLOCK_VALIDATION = "/Channel/Orderer/BlockValidation"

_ROLE_NAMES = {
    msp_principal_pb2.MSPRole.ADMIN: "admin",
    msp_principal_pb2.MSPRole.CLIENT: "client",
    msp_principal_pb2.MSPRole.PEER: "peer",
    msp_principal_pb2.MSPRole.ORDERER: "orderer",
}


def unsatisfied(name: str) -> str:
    """Return Fabric's words for a policy of the channel that no organisation's member satisfies."""
    return (
        "implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the "
        f"'{name}' sub-policies to be satisfied"
    )


class Policies:
    """Every policy of a channel by its path, such as ``/Channel/Application/Endorsement``, and those of single keys."""

    def __init__(self, channel_group: configtx_pb2.ConfigGroup) -> None:
        self._evaluations: dict[str, Evaluation] = {}
        self._answers: dict[tuple[str | bytes, tuple[Member, ...]], bool] = {}
        self._compile("/Channel", channel_group)

    def satisfied(self, policy: str | bytes, *, members: Iterable[Member]) -> bool:
        """Tell whether these members, whose signatures were verified, satisfy a policy. Each counts once.

        The policy is a path, or a serialized ``common.SignaturePolicyEnvelope``. Nobody satisfies one that cannot be
        read.
        """
        question = (policy, tuple(dict.fromkeys(members)))
        answer = self._answers.get(question)
        if answer is None:
            evaluation = self._evaluations.get(policy) if isinstance(policy, str) else _signature_policy(policy)
            answer = evaluation is not None and evaluation(question[1])
            if len(self._answers) >= CACHED_ANSWERS:
                self._answers.clear()
            self._answers[question] = answer
        return answer

    def _compile(self, path: str, group: configtx_pb2.ConfigGroup) -> None:
        children = sorted(group.groups)
        for child in children:
            self._compile(f"{path}/{child}", group.groups[child])
        for name, entry in group.policies.items():
            self._evaluations[f"{path}/{name}"] = self._policy(path, children=children, policy=entry.policy)

    def _policy(self, path: str, *, children: list[str], policy: policies_pb2.Policy) -> Evaluation:
        if policy.type == policies_pb2.Policy.SIGNATURE:
            evaluation = _signature_policy(policy.value)
            if evaluation is None:
                raise ValueError(f"policy {path} cannot be read")
            return evaluation
        if policy.type == policies_pb2.Policy.IMPLICIT_META:
            meta = policies_pb2.ImplicitMetaPolicy.FromString(policy.value)
            parts = [f"{path}/{child}/{meta.sub_policy}" for child in children]
            return self._implicit_meta([part for part in parts if part in self._evaluations], rule=meta.rule)
        raise ValueError(f"policy {path} is of type {policy.type}, which is not supported")

    def _implicit_meta(self, parts: list[str], *, rule: int) -> Evaluation:
        thresholds = {
            policies_pb2.ImplicitMetaPolicy.ANY: 1,
            policies_pb2.ImplicitMetaPolicy.ALL: len(parts),
            policies_pb2.ImplicitMetaPolicy.MAJORITY: len(parts) // 2 + 1,
        }
        threshold = thresholds[rule] if parts else 0  # Fabric: no parts, nothing to ask
        evaluations = [self._evaluations[part] for part in parts]
        return lambda members: sum(evaluation(members) for evaluation in evaluations) >= threshold


def _signature_policy(serialized: bytes) -> Evaluation | None:
    try:
        envelope = policies_pb2.SignaturePolicyEnvelope.FromString(serialized)
    except DecodeError:
        return None
    if not _is_complete(envelope.rule, principals=len(envelope.identities)):
        return None
    return lambda members: _signature_rule(envelope.rule, envelope.identities, members, set())


def _is_complete(rule: policies_pb2.SignaturePolicy, *, principals: int) -> bool:
    if rule.WhichOneof("Type") == "n_out_of":
        return all(_is_complete(part, principals=principals) for part in rule.n_out_of.rules)
    return bool(rule.WhichOneof("Type") == "signed_by" and 0 <= rule.signed_by < principals)


def _signature_rule(
    rule: policies_pb2.SignaturePolicy,
    principals: Sequence[msp_principal_pb2.MSPPrincipal],
    members: Sequence[Member],
    used: set[int],
) -> bool:
    """Evaluate one rule; ``used`` holds the members that already stand for another principal."""
    if rule.WhichOneof("Type") == "signed_by":
        for position, member in enumerate(members):
            if position not in used and matches(principals[rule.signed_by], member=member):
                used.add(position)
                return True
        return False
    satisfied = 0
    for part in rule.n_out_of.rules:
        attempt = set(used)  # a part that fails must not use anybody up
        if _signature_rule(part, principals, members, attempt):
            satisfied += 1
            used |= attempt
    return bool(satisfied >= rule.n_out_of.n)


def matches(principal: msp_principal_pb2.MSPPrincipal, *, member: Member) -> bool:
    """Tell whether a member is what a principal of a signature policy describes (role or identity)."""
    if principal.principal_classification == msp_principal_pb2.MSPPrincipal.IDENTITY:
        return bool(principal.principal == member.serialized)
    if principal.principal_classification != msp_principal_pb2.MSPPrincipal.ROLE:
        return False
    role = msp_principal_pb2.MSPRole.FromString(principal.principal)
    if role.msp_identifier != member.msp_id:
        return False
    return role.role == msp_principal_pb2.MSPRole.MEMBER or _ROLE_NAMES[role.role] == member.role
