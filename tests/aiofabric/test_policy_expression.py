"""Endorsement policies as text."""

import pytest
from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2

from aiofabric.chaincode import key_policy
from aiofabric.chaincode.policy_expression import parse


def text_of(policy: bytes) -> str:
    """Write a policy down again, so that a test can say what it is."""
    envelope = policies_pb2.SignaturePolicyEnvelope.FromString(policy)
    roles = [msp_principal_pb2.MSPRole.FromString(principal.principal) for principal in envelope.identities]

    def written(rule: policies_pb2.SignaturePolicy) -> str:
        if rule.WhichOneof("Type") == "signed_by":
            role = roles[rule.signed_by]
            return f"{role.msp_identifier}.{msp_principal_pb2.MSPRole.MSPRoleType.Name(role.role).lower()}"
        return f"{rule.n_out_of.n}({' '.join(written(part) for part in rule.n_out_of.rules)})"

    return written(envelope.rule)


@pytest.mark.parametrize(
    ("expression", "meaning"),
    [
        ("OR('Org1MSP.peer')", "1(Org1MSP.peer)"),
        ("AND('Org1MSP.member','Org2MSP.admin')", "2(Org1MSP.member Org2MSP.admin)"),
        ('or("A.client", "B.orderer")', "1(A.client B.orderer)"),
        ("OutOf(2, 'A.peer', 'B.peer', 'C.peer')", "2(A.peer B.peer C.peer)"),
        (" OR( AND('A.peer','B.peer') , OutOf(1,'A.peer') ) ", "1(2(A.peer B.peer) 1(A.peer))"),
        ("'Org1MSP.peer'", "Org1MSP.peer"),
    ],
)
def test_what_an_expression_means(expression: str, meaning: str) -> None:
    assert text_of(parse(expression)) == meaning


def test_it_is_what_the_values_say() -> None:
    assert parse("AND('A.peer', 'B.peer')") == key_policy.all_of(["B", "A"])
    assert key_policy.organisations(parse("OR('B.peer', AND('A.peer', 'B.peer'))")) == ["A", "B"]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "neither AND, OR or OutOf"),
        ("Org1MSP.peer", "neither AND, OR or OutOf"),
        ("NOT('A.peer')", "neither AND, OR or OutOf"),
        ("AND()", "neither AND, OR or OutOf"),
        ("AND('A.peer'", r"'\)' is missing"),
        ("AND 'A.peer'", r"'\(' is missing"),
        ("AND('A.peer') OR", "comes after its end"),
        ("AND('A')", "no principal such as"),
        ("AND('A.king')", "no principal such as"),
        ("OutOf('A.peer')", "begins with how many"),
        ("OutOf(0, 'A.peer')", "begins with how many"),
        ("OutOf(3, 'A.peer', 'B.peer')", "3 out of 2 can never be"),
        ("AND('A.peer', %)", "cannot be read"),
        ("AND(" * 20 + "'A.peer'" + ")" * 20, "nested too deeply"),
    ],
)
def test_what_is_no_policy_is_named(expression: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(expression)
