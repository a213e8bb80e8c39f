"""Policies over verified identities: roles, units, identities, n of m, any, all, majority."""

from typing import Any

import pytest
from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2

from support.fabric_certificates import Member, raw
from support.fabric_channel import (
    ADMIN,
    ALL,
    ANY,
    CLIENT,
    MAJORITY,
    MEMBER,
    ORDERER,
    PEER,
    Channel,
    group,
    identity,
    meta,
    n_of,
    role,
)
from wayproof_verifier.errors import PolicyError
from wayproof_verifier.fabric.block import read_block
from wayproof_verifier.fabric.config import read_config
from wayproof_verifier.fabric.config_messages import ConfigGroup
from wayproof_verifier.fabric.policy import check_policy

CHANNEL = Channel()
CONFIG = read_config(read_block(raw(CHANNEL.config_block())))
ONE, TWO, THREE = CHANNEL.organisations
ENDORSEMENT = "/Channel/Application/Endorsement"


def holds(policy: Any, *members: Member) -> bool:  # noqa: ANN401 - an official policy
    made = ConfigGroup.read(raw(group(P=policy)))
    return satisfied(made, "/Channel/P", *members)


def satisfied(made: ConfigGroup, path: str, *members: Member, organisations: list[str] | None = None) -> bool:
    identities = [CONFIG.membership.identity(member.serialized) for member in members]
    try:
        check_policy(made, path=path, identities=identities, organisations=organisations)
    except PolicyError as error:
        if "is not satisfied by" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize(
    ("rule", "needed"),
    [(ANY, 1), (MAJORITY, 2), (ALL, 3)],
)
def test_implicit_rules_count_sub_groups(rule: int, needed: int) -> None:
    groups = {each.msp_id: group(Endorsement=n_of(1, role(each.msp_id, PEER))) for each in CHANNEL.organisations}
    made = ConfigGroup.read(raw(group(groups=groups, P=meta("Endorsement", rule))))
    for count in range(4):
        assert satisfied(made, "/Channel/P", *CHANNEL.peers[:count]) == (count >= needed)


def test_majority_is_of_all_organisations_even_of_those_nobody_trusts() -> None:
    peers = CHANNEL.peers
    assert satisfied(CONFIG.group, ENDORSEMENT, *peers[:2])
    assert satisfied(CONFIG.group, ENDORSEMENT, *peers[:2], organisations=["Org1MSP", "Org2MSP"])
    assert not satisfied(CONFIG.group, ENDORSEMENT, *peers[:2], organisations=["Org1MSP"])
    assert not satisfied(CONFIG.group, ENDORSEMENT, *peers, organisations=["Org3MSP"])
    assert not satisfied(CONFIG.group, ENDORSEMENT, *peers, organisations=[])


def test_one_organisation_counts_once() -> None:
    assert not satisfied(CONFIG.group, ENDORSEMENT, ONE.member("peer"), ONE.member("peer"), ONE.member("peer"))


def test_a_client_does_not_endorse() -> None:
    assert not satisfied(CONFIG.group, ENDORSEMENT, ONE.member("client"), TWO.member("client"))


@pytest.mark.parametrize(
    ("number", "unit"), [(MEMBER, "client"), (ADMIN, "admin"), (CLIENT, "client"), (PEER, "peer"), (ORDERER, "orderer")]
)
def test_roles(number: int, unit: str) -> None:
    policy = n_of(1, role("Org1MSP", number))
    assert holds(policy, ONE.member(unit))
    assert not holds(policy, TWO.member(unit))
    assert holds(policy, ONE.member("peer")) == (number in (MEMBER, PEER))


def test_identity_principal() -> None:
    member, other = ONE.member("peer"), ONE.member("peer")
    assert holds(n_of(1, identity(member)), member)
    assert not holds(n_of(1, identity(member)), other)


def test_unit_principal() -> None:
    member = ONE.member("peer", "cold")
    certifiers = CONFIG.membership.identity(member.serialized).certifiers

    def unit(msp_id: str, name: str, chain: bytes) -> Any:  # noqa: ANN401
        principal = msp_principal_pb2.OrganizationUnit(
            msp_identifier=msp_id, organizational_unit_identifier=name, certifiers_identifier=chain
        )
        return n_of(1, msp_principal_pb2.MSPPrincipal(principal_classification=1, principal=raw(principal)))

    assert holds(unit("Org1MSP", "cold", certifiers), member)
    assert not holds(unit("Org1MSP", "warm", certifiers), member)
    assert not holds(unit("Org2MSP", "cold", certifiers), member)
    assert not holds(unit("Org1MSP", "cold", b""), member)


def test_each_identity_is_used_once() -> None:
    first, second = ONE.member("peer"), ONE.member("peer")
    two = n_of(2, role("Org1MSP", MEMBER), role("Org1MSP", PEER))
    assert holds(two, first, second)
    assert not holds(two, first)
    assert not holds(two, first, first)


def test_a_branch_that_fails_uses_nobody() -> None:
    """Fabric's evaluation puts back what an unsatisfied part had taken."""
    principals = [role("Org1MSP", PEER), role("Org2MSP", PEER)]
    rule = policies_pb2.SignaturePolicy
    both = rule(n_out_of={"n": 2, "rules": [rule(signed_by=0), rule(signed_by=1)]})
    either = rule(n_out_of={"n": 1, "rules": [both, rule(signed_by=0)]})
    envelope = policies_pb2.SignaturePolicyEnvelope(rule=either, identities=principals)
    assert holds(policies_pb2.Policy(type=1, value=raw(envelope)), CHANNEL.peers[0])


def test_nothing_is_satisfied_by_nobody() -> None:
    assert not holds(n_of(0))
    assert not holds(meta("Endorsement", ALL), CHANNEL.peers[0])


def _signature_policy(**parts: Any) -> Any:  # noqa: ANN401
    return policies_pb2.Policy(type=1, value=raw(policies_pb2.SignaturePolicyEnvelope(**parts)))


@pytest.mark.parametrize(
    "policy",
    [
        policies_pb2.Policy(type=2),
        meta("Endorsement", 3),
        _signature_policy(),
        _signature_policy(version=1, rule={"signed_by": 0}),
        _signature_policy(rule={"signed_by": 0}),
        _signature_policy(rule={"signed_by": -1}, identities=[role("Org1MSP", PEER)]),
        _signature_policy(rule={}),
        n_of(1, role("Org1MSP", 9)),
        n_of(1, msp_principal_pb2.MSPPrincipal(principal_classification=3)),
    ],
)
def test_what_is_not_understood_is_refused(policy: Any) -> None:  # noqa: ANN401
    with pytest.raises(PolicyError, match=r"(not known|unknown|not supported|version|neither|does not have)"):
        holds(policy, CHANNEL.peers[0])


@pytest.mark.parametrize(
    "path", ["Endorsement", "/Application/Endorsement", "/Channel", "/Channel/Nobody/X", "/Channel/Application/X", ""]
)
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(PolicyError, match=r"(no policy path|no group|no such policy)"):
        satisfied(CONFIG.group, path, CHANNEL.peers[0])
