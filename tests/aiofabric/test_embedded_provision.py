"""Organisations, certificates and the genesis block ."""

import ipaddress
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from fabric_protos.common import common_pb2, configtx_pb2, configuration_pb2, policies_pb2
from fabric_protos.msp import msp_config_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_configuration_pb2

from aiofabric.chaincode import ClientIdentity
from aiofabric.embedded import Organisation, ProvisionError, describe, initialise, issue_client, load_user
from aiofabric.embedded.cli import main
from aiofabric.embedded.genesis import channel_group_of
from aiofabric.embedded.membership import Member, Membership
from aiofabric.embedded.policy import ENDORSEMENT, Policies
from aiofabric.embedded.provision import load_identity
from aiofabric.identity import CertificateAuthority
from aiofabric.identity.signing import P256_ORDER
from support.embedded_network import TWO_ORGANISATIONS, provision


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def genesis(directory: Path) -> common_pb2.Block:
    return common_pb2.Block.FromString((directory / "genesis.block").read_bytes())


def test_certificates_are_what_an_msp_wants(tmp_path: Path) -> None:
    home = provision(tmp_path / "ledger") / "organisations" / "Org1MSP"
    root = certificate(home / "ca" / "cert.pem")
    basic = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert basic.value.ca
    key_id = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    for folder, role in (("peer", "peer"), ("users/admin", "admin"), ("users/alice", "client")):
        leaf = certificate(home / folder / "cert.pem")
        leaf.verify_directly_issued_by(root)
        units = [unit.value for unit in leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)]
        assert units == [role]
        issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        assert issuer.key_identifier == key_id
        assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        with pytest.raises(x509.ExtensionNotFound):
            leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)


def test_issuer_signatures_have_low_s() -> None:
    authority = CertificateAuthority.create("Org1MSP")
    for _ in range(12):
        leaf = x509.load_pem_x509_certificate(authority.issue("someone", role="client").certificate_pem)
        assert decode_dss_signature(leaf.signature)[1] <= P256_ORDER // 2


def test_the_tls_certificate_is_for_this_machine_and_of_another_authority(tmp_path: Path) -> None:
    directory = provision(tmp_path / "ledger")
    server = certificate(directory / "tls" / "server.pem")
    server.verify_directly_issued_by(certificate(directory / "tls" / "ca.pem"))
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.IPv4Address("127.0.0.1")]
    usages = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    directory = provision(tmp_path / "ledger")
    keys = list(directory.rglob("*key.pem"))
    assert len(keys) == 12  # per organisation authority, peer, admin, one user; the orderer's two; TLS two
    assert {stat.S_IMODE(path.stat().st_mode) for path in [*keys, directory / "blocks.dat"]} == {0o600}


def test_attributes_are_read_back_as_a_contract_reads_them(tmp_path: Path) -> None:
    directory = provision(tmp_path / "ledger")
    issue_client(directory, msp_id="Org2MSP", name="carol", attributes={"a": "1", "b": "zwei"})
    identity, _ = load_user(directory, msp_id="Org2MSP", name="carol")
    seen = ClientIdentity.from_creator(identity.serialized())
    assert (seen.msp_id, dict(seen.attributes)) == ("Org2MSP", {"a": "1", "b": "zwei"})
    bare, _ = load_user(directory, msp_id="Org2MSP", name="bob")
    assert ClientIdentity.from_creator(bare.serialized()).attributes == {}


def test_the_genesis_block_is_a_configuration_transaction(tmp_path: Path) -> None:
    block = genesis(provision(tmp_path / "ledger"))
    assert (block.header.number, block.header.previous_hash, len(block.data.data)) == (0, b"", 1)
    envelope = common_pb2.Envelope.FromString(block.data.data[0])
    payload = common_pb2.Payload.FromString(envelope.payload)
    header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    assert (header.type, header.channel_id, header.epoch) == (common_pb2.CONFIG, "trade", 0)
    assert envelope.signature == b""
    config = configtx_pb2.ConfigEnvelope.FromString(payload.data).config
    assert config.sequence == 0
    again = config.SerializeToString(deterministic=True)
    assert configtx_pb2.ConfigEnvelope(config=config).SerializeToString(deterministic=True) == payload.data
    assert again in payload.data


def test_the_configuration_has_the_groups_values_and_policies_of_a_channel(tmp_path: Path) -> None:
    group = channel_group_of(genesis(provision(tmp_path / "ledger")))
    assert sorted(group.groups) == ["Application", "Orderer"]
    assert sorted(group.values) == ["BlockDataHashingStructure", "Capabilities", "HashingAlgorithm"]
    width = configuration_pb2.BlockDataHashingStructure.FromString(group.values["BlockDataHashingStructure"].value)
    assert width.width == 2**32 - 1
    orderer, application = group.groups["Orderer"], group.groups["Application"]
    consensus = orderer_configuration_pb2.ConsensusType.FromString(orderer.values["ConsensusType"].value)
    assert consensus.type == "embedded"
    assert sorted(orderer.policies) == ["Admins", "BlockValidation", "Readers", "Writers"]
    assert sorted(application.policies) == ["Admins", "Endorsement", "LifecycleEndorsement", "Readers", "Writers"]
    meta = policies_pb2.ImplicitMetaPolicy.FromString(application.policies["Endorsement"].policy.value)
    assert (meta.sub_policy, meta.rule) == ("Endorsement", policies_pb2.ImplicitMetaPolicy.MAJORITY)
    assert sorted(application.groups) == ["Org1MSP", "Org2MSP"]
    for msp_id, organisation in application.groups.items():
        msp = msp_config_pb2.MSPConfig.FromString(organisation.values["MSP"].value)
        config = msp_config_pb2.FabricMSPConfig.FromString(msp.config)
        assert config.name == msp_id
        assert config.fabric_node_ous.enable
        assert config.fabric_node_ous.peer_ou_identifier.organizational_unit_identifier == "peer"
        assert len(config.root_certs) == len(config.tls_root_certs) == 1
        assert config.root_certs != config.tls_root_certs


@pytest.mark.parametrize(
    ("endorsers", "enough"),
    [
        (["Org1MSP/peer"], False),
        (["Org1MSP/peer", "Org1MSP/peer"], False),
        (["Org1MSP/peer", "Org2MSP/peer"], True),
        (["Org1MSP/peer", "Org2MSP/users/admin"], False),
        (["Org1MSP/peer", "Org2MSP/users/bob"], False),
        (["Org1MSP/peer", "OrdererMSP/orderer"], False),
        ([], False),
    ],
)
def test_a_majority_of_peers_endorses(tmp_path: Path, endorsers: list[str], *, enough: bool) -> None:
    directory = provision(tmp_path / "ledger")
    group = channel_group_of(genesis(directory))
    membership, policies = Membership(group), Policies(group)
    assert (
        policies.satisfied(ENDORSEMENT, members=[member(directory, membership, name) for name in endorsers]) == enough
    )


def member(directory: Path, membership: Membership, name: str) -> Member:
    identity, _ = load_identity(directory / "organisations" / name, msp_id=name.split("/", maxsplit=1)[0])
    return membership.member(identity.serialized())


@pytest.mark.parametrize(
    "wrong",
    [
        {"channel": "Upper"},
        {"channel": ""},
        {"organisations": []},
        {"organisations": [Organisation("A"), Organisation("A")]},
        {"organisations": [Organisation("OrdererMSP")]},
        {"organisations": [Organisation("../up")]},
        {"organisations": [Organisation("A", users={"../up": {}})]},
        {"chaincodes": {}},
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_written(tmp_path: Path, wrong: dict[str, object]) -> None:
    asked: dict[str, object] = {"channel": "trade", "organisations": TWO_ORGANISATIONS, "chaincodes": {"a": "b:c"}}
    with pytest.raises(ProvisionError):
        initialise(tmp_path / "ledger", **{**asked, **wrong})  # type: ignore[arg-type]
    assert not (tmp_path / "ledger").exists()


@pytest.mark.parametrize("name", ["admin", "../up", ""])
def test_a_user_is_added_once_and_under_a_plain_name(tmp_path: Path, name: str) -> None:
    directory = provision(tmp_path / "ledger")
    with pytest.raises(ProvisionError):
        issue_client(directory, msp_id="Org1MSP", name=name)
    with pytest.raises(ProvisionError):
        issue_client(directory, msp_id="Org9MSP", name="carol")


def test_the_command_line_makes_and_checks_a_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = str(tmp_path / "ledger")
    made = ["--channel", "trade", "--organisation", "Org1MSP", "--chaincode", "assets=support.embedded_contract:invoke"]
    assert main(["init", directory, *made]) == 0
    assert main(["add-user", directory, "Org1MSP", "alice", "--attribute", "role=clerk"]) == 0
    assert main(["status", directory]) == 0
    assert describe(Path(directory)).genesis_hash in capsys.readouterr().out
    assert main(["init", directory, *made]) == 1
    assert "is not empty" in capsys.readouterr().err
    (tmp_path / "ledger" / "blocks.dat").write_bytes(b"damaged")
    assert main(["status", directory]) == 1
    assert main(["serve", directory]) == 1
    assert "does not begin as a block file" in capsys.readouterr().err
