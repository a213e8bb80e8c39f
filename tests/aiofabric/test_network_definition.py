"""Chaincode definitions: policies and collections as the lifecycle takes them, addresses as peers look for them."""

import itertools

import pytest
from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2
from fabric_protos.peer import policy_pb2

from aiofabric.network import (
    ChaincodeDefinition,
    ChaincodeServer,
    ChaincodeTls,
    Collection,
    DeployError,
    NOutOf,
    Organisation,
)
from aiofabric.network.deployment import addresses, for_newcomer
from aiofabric.network.plan import make_plan

PEERS = make_plan(
    channel="trade",
    organisations=[Organisation("Org1MSP"), Organisation("Org2MSP")],
    orderers=1,
    ports=itertools.count(20_000),
).peers
ROLE = msp_principal_pb2.MSPRole


def test_a_definition_without_a_policy_leaves_it_to_the_channel() -> None:
    terms = ChaincodeDefinition("assets").terms()
    assert (terms["validation_parameter"], terms["collections"]) == (b"", None)
    assert (terms["name"], terms["version"], terms["sequence"], terms["init_required"]) == ("assets", "1.0", 1, False)


def test_a_policy_of_the_channel_is_named() -> None:
    terms = ChaincodeDefinition("assets", endorsement_policy="/Channel/Application/Endorsement").terms()
    policy = policy_pb2.ApplicationPolicy.FromString(terms["validation_parameter"])
    assert policy.channel_config_policy_reference == "/Channel/Application/Endorsement"


def test_so_many_of_these_organisations() -> None:
    terms = ChaincodeDefinition("assets", endorsement_policy=NOutOf(2, ("A", "B", "C"))).terms()
    envelope = policy_pb2.ApplicationPolicy.FromString(terms["validation_parameter"]).signature_policy
    assert envelope.rule.n_out_of.n == 2
    assert [rule.signed_by for rule in envelope.rule.n_out_of.rules] == [0, 1, 2]
    assert _principals(envelope) == [("A", ROLE.PEER), ("B", ROLE.PEER), ("C", ROLE.PEER)]


def test_a_collection_says_who_has_the_data_and_for_how_long() -> None:
    collection = Collection(
        "secrets", ("A", "B"), required_peers=1, maximum_peers=2, block_to_live=10, endorsement_policy=NOutOf(1, ("A",))
    )
    terms = ChaincodeDefinition("assets", collections=[collection]).terms()
    (static,) = [each.static_collection_config for each in terms["collections"].config]
    assert (static.name, static.required_peer_count, static.maximum_peer_count, static.block_to_live) == (
        "secrets", 1, 2, 10,
    )  # fmt: skip
    assert (static.member_only_read, static.member_only_write) == (True, True)
    members = static.member_orgs_policy.signature_policy
    assert (members.rule.n_out_of.n, _principals(members)) == (1, [("A", ROLE.MEMBER), ("B", ROLE.MEMBER)])
    assert _principals(static.endorsement_policy.signature_policy) == [("A", ROLE.PEER)]


def test_addresses_are_the_definitions_or_the_ones_before_or_new() -> None:
    ports = itertools.count(30_000)
    one = addresses(ChaincodeDefinition("a", addresses="cc:1"), PEERS, known=(), ports=ports)
    assert one == {"Org1MSP": "cc:1", "Org2MSP": "cc:1"}
    each = {"Org1MSP": "cc:1", "Org2MSP": "cc:2", "Org3MSP": "cc:3"}
    assert addresses(ChaincodeDefinition("a", addresses=each), PEERS, known=(), ports=ports) == {
        "Org1MSP": "cc:1",
        "Org2MSP": "cc:2",
    }
    had = ChaincodeServer("a", "Org2MSP", "127.0.0.1:9", "a_1:x")
    assert addresses(ChaincodeDefinition("a"), PEERS, known=[had], ports=ports) == {
        "Org1MSP": "127.0.0.1:30000",
        "Org2MSP": "127.0.0.1:9",
    }
    with pytest.raises(DeployError, match="give an address for Org2MSP too"):
        addresses(ChaincodeDefinition("a", addresses={"Org1MSP": "cc:1"}), PEERS, known=(), ports=ports)


def test_a_newcomer_gets_a_server_of_its_own_or_the_one_that_all_share() -> None:
    own = [ChaincodeServer("own", msp_id, f"127.0.0.1:{port}", "own_1:x") for msp_id, port in (("A", 1), ("B", 2))]
    shared = [ChaincodeServer("shared", msp_id, "cc:9", "shared_1:x", "m:a") for msp_id in ("A", "B")]
    tls = [ChaincodeServer("tls", "A", "cc:8", "tls_1:x", has_tls=True)]
    made = list(for_newcomer([*own, *shared, *tls], msp_id="C", ports=itertools.count(30_000)))
    assert [(server.chaincode, server.msp_id, server.address, server.entry_point) for server in made] == [
        ("own", "C", "127.0.0.1:30000", ""),
        ("shared", "C", "cc:9", "m:a"),
    ]


def test_a_label_is_made_of_name_and_version_unless_given() -> None:
    assert ChaincodeDefinition("assets", version="2").package_label == "assets_2"
    assert ChaincodeDefinition("assets", label="mine", tls=ChaincodeTls(b"")).package_label == "mine"


def _principals(envelope: policies_pb2.SignaturePolicyEnvelope) -> list[tuple[str, int]]:
    roles = [ROLE.FromString(identity.principal) for identity in envelope.identities]
    return [(role.msp_identifier, role.role) for role in roles]
