"""Policies of a channel configuration, evaluated over verified identities.

Source: Fabric's `common/policies/implicitmeta.go` and `common/cauthdsl`. A sub-group without the policy counts as one
that is not satisfied; within a signature policy each identity is used once, in the order given. Stricter than Fabric in
one point: nothing is satisfied by nobody, so an implicit policy over no sub-groups fails.
"""

from collections.abc import Collection, Iterable
from typing import Final

from wayproof_verifier.errors import PolicyError
from wayproof_verifier.fabric.config_messages import (
    ConfigGroup,
    ImplicitMetaPolicy,
    MSPPrincipal,
    MSPRole,
    OrganizationUnit,
    SignaturePolicy,
    SignaturePolicyEnvelope,
)
from wayproof_verifier.fabric.identity import Identity, identity_key

_SIGNATURE: Final = 1  # common.Policy.PolicyType
_IMPLICIT_META: Final = 3
_ANY, _ALL, _MAJORITY = 0, 1, 2  # common.ImplicitMetaPolicy.Rule
_ROLE, _ORGANISATION_UNIT, _IDENTITY = 0, 1, 2  # common.MSPPrincipal.Classification
_MEMBER, _ADMIN = 0, 1  # common.MSPRole.MSPRoleType
_NODE_ROLES: Final = {2: "client", 3: "peer", 4: "orderer"}


def check_policy(
    group: ConfigGroup, *, path: str, identities: Iterable[Identity], organisations: Collection[str] | None = None
) -> None:
    """Raise `PolicyError` unless the identities satisfy the policy at `path`, `/Channel/Application/Endorsement` say.

    `group` is the channel group (`ChannelConfig.group`). Only identities of `organisations` (MSP ids of the trust root)
    count when given; a majority is still one of all organisations of the configuration.
    """
    unique = dict.fromkeys(identities)
    counted = tuple(each for each in unique if organisations is None or each.msp_id in organisations)
    holder, name = _find(group, path)
    if not counted or not _satisfied(holder, name, identities=counted):
        signers = ", ".join(sorted({each.msp_id for each in counted})) or "nobody"
        raise PolicyError(f"{path} is not satisfied by {signers}")


def _find(group: ConfigGroup, path: str) -> tuple[ConfigGroup, str]:
    root, *names = path.removeprefix("/").split("/")
    if root != "Channel" or not path.startswith("/") or not names:
        raise PolicyError(f"{path!r} is no policy path: it begins with /Channel/")
    for name in names[:-1]:
        if name not in group.groups:
            raise PolicyError(f"{path}: the configuration has no group {name}")
        group = group.groups[name]
    if names[-1] not in group.policies:
        raise PolicyError(f"{path}: the configuration has no such policy")
    return group, names[-1]


def _satisfied(group: ConfigGroup, name: str, *, identities: tuple[Identity, ...]) -> bool:
    declared = group.policies.get(name)
    if declared is None or declared.policy is None:
        return False
    policy = declared.policy
    if policy.type == _IMPLICIT_META:
        return _implicit(group, ImplicitMetaPolicy.read(policy.value), identities=identities)
    if policy.type == _SIGNATURE:
        return _signed(SignaturePolicyEnvelope.read(policy.value), identities=identities)
    raise PolicyError(f"the policy {name} has the unknown type {policy.type}")


def _implicit(group: ConfigGroup, policy: ImplicitMetaPolicy, *, identities: tuple[Identity, ...]) -> bool:
    children = group.groups.values()
    thresholds = {_ANY: 1, _ALL: len(children), _MAJORITY: len(children) // 2 + 1}
    if policy.rule not in thresholds:
        raise PolicyError(f"the implicit rule {policy.rule} is not known")
    satisfied = sum(_satisfied(child, policy.sub_policy, identities=identities) for child in children)
    return satisfied >= max(1, thresholds[policy.rule])


def _signed(envelope: SignaturePolicyEnvelope, *, identities: tuple[Identity, ...]) -> bool:
    if envelope.version != 0 or envelope.rule is None:
        raise PolicyError("a signature policy of another version, or without a rule")
    return _rule(envelope.rule, principals=envelope.identities, unused=identities) is not None


def _rule(
    rule: SignaturePolicy, *, principals: tuple[MSPPrincipal, ...], unused: tuple[Identity, ...]
) -> tuple[Identity, ...] | None:
    """Return the identities left over when the rule is satisfied, `None` when it is not."""
    if rule.signed_by is not None:
        if not 0 <= rule.signed_by < len(principals):
            raise PolicyError(f"a signature policy names principal {rule.signed_by}, which it does not have")
        return _use(principals[rule.signed_by], unused=unused)
    if rule.n_out_of is None:
        raise PolicyError("a rule that is neither a signature nor several")
    satisfied = 0
    for part in rule.n_out_of.rules:
        left = _rule(part, principals=principals, unused=unused)
        if left is not None:
            satisfied, unused = satisfied + 1, left
    return unused if satisfied >= rule.n_out_of.n else None


def _use(principal: MSPPrincipal, *, unused: tuple[Identity, ...]) -> tuple[Identity, ...] | None:
    for index, identity in enumerate(unused):
        if _is(identity, principal):
            return unused[:index] + unused[index + 1 :]
    return None


def _is(identity: Identity, principal: MSPPrincipal) -> bool:
    if principal.principal_classification == _ROLE:
        return _has_role(identity, MSPRole.read(principal.principal))
    if principal.principal_classification == _ORGANISATION_UNIT:
        return _in_unit(identity, OrganizationUnit.read(principal.principal))
    if principal.principal_classification == _IDENTITY:
        return identity_key(principal.principal) == (identity.msp_id, identity.certificate.tbs_hash)
    raise PolicyError(f"principals of class {principal.principal_classification} are not supported")


def _has_role(identity: Identity, role: MSPRole) -> bool:
    if identity.msp_id != role.msp_identifier:
        return False
    if role.role == _MEMBER:
        return True
    if role.role == _ADMIN:
        return identity.admin
    if role.role not in _NODE_ROLES:
        raise PolicyError(f"the role {role.role} is not known")
    return identity.role == _NODE_ROLES[role.role]


def _in_unit(identity: Identity, unit: OrganizationUnit) -> bool:
    return (
        identity.msp_id == unit.msp_identifier
        and unit.organizational_unit_identifier in identity.certificate.units
        and identity.certifiers == unit.certifiers_identifier
    )
