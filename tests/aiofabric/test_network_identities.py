"""Keys and certificates: what Fabric's MSP asks of them, and where they lie."""

import stat
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aiofabric.chaincode import ClientIdentity
from aiofabric.network import NotANetworkError, Organisation, PlanError, issue_client, load_user
from aiofabric.network.identities import make_organisation
from aiofabric.network.plan import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    make_organisation(made, Organisation("Org1MSP", users={"alice": {"role": "clerk"}}))
    return made


def test_an_organisation_has_two_authorities_and_each_issues_its_kind(layout: Layout) -> None:
    home = layout.organisation("Org1MSP")
    authority, tls_authority = _certificate(home / "ca" / "cert.pem"), _certificate(home / "tlsca" / "cert.pem")
    for enrolment in (home / "peer" / "cert.pem", home / "users" / "alice" / "cert.pem"):
        _certificate(enrolment).verify_directly_issued_by(authority)
    _certificate(home / "peer" / "tls" / "cert.pem").verify_directly_issued_by(tls_authority)


@pytest.mark.parametrize(("path", "role"), [("peer", "peer"), ("users/admin", "admin"), ("users/alice", "client")])
def test_an_identity_has_exactly_its_role(layout: Layout, path: str, role: str) -> None:
    subject = _certificate(layout.organisation("Org1MSP") / path / "cert.pem").subject
    assert [unit.value for unit in subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)] == [role]


def test_a_node_is_laid_out_as_fabric_reads_it(layout: Layout) -> None:
    node = layout.organisation("Org1MSP") / "peer"
    assert (node / "msp" / "signcerts" / "cert.pem").read_bytes() == (node / "cert.pem").read_bytes()
    assert (node / "msp" / "keystore" / "key.pem").read_bytes() == (node / "key.pem").read_bytes()
    units = yaml.safe_load((node / "msp" / "config.yaml").read_text())["NodeOUs"]
    assert units["Enable"] is True
    for role in ("Client", "Peer", "Admin", "Orderer"):
        identifier = units[f"{role}OUIdentifier"]
        assert identifier["OrganizationalUnitIdentifier"] == role.lower()
        assert (node / "msp" / identifier["Certificate"]).is_file()


def test_keys_are_the_owners_alone(layout: Layout) -> None:
    keys = list(layout.root.rglob("key.pem"))
    assert len(keys) >= 6
    assert all(stat.S_IMODE(key.stat().st_mode) == 0o600 for key in keys)


def test_a_user_is_loaded_with_attributes_and_signs(layout: Layout) -> None:
    identity, signer = load_user(layout.root, msp_id="Org1MSP", name="alice")
    assert ClientIdentity.from_creator(identity.serialized()).attributes == {"role": "clerk"}
    key = x509.load_pem_x509_certificate(identity.certificate_pem).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - used here only

    key.verify(signer(b"message"), b"message", ec.ECDSA(SHA256()))


def test_a_user_that_is_not_there_is_named(layout: Layout) -> None:
    with pytest.raises(NotANetworkError, match="no user bob of Org1MSP"):
        load_user(layout.root, msp_id="Org1MSP", name="bob")


def test_one_more_client_is_issued_by_the_same_authority(layout: Layout) -> None:
    folder = issue_client(layout.root, msp_id="Org1MSP", name="bob", attributes={"role": "driver"})
    authority = _certificate(layout.organisation("Org1MSP") / "ca" / "cert.pem")
    _certificate(folder / "cert.pem").verify_directly_issued_by(authority)
    with pytest.raises(PlanError, match="has a user bob already"):
        issue_client(layout.root, msp_id="Org1MSP", name="bob")
    with pytest.raises(PlanError, match="cannot be a user"):
        issue_client(layout.root, msp_id="Org1MSP", name="../bob")
    with pytest.raises(NotANetworkError, match="Org2MSP has no authority"):
        issue_client(layout.root, msp_id="Org2MSP", name="bob")


def test_an_orderer_has_a_node_of_its_kind(tmp_path: Path) -> None:
    make_organisation(Layout(tmp_path), Organisation("OrdererMSP"), node="orderer")
    certificate = _certificate(tmp_path / "organisations" / "OrdererMSP" / "orderer" / "cert.pem")
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    assert [unit.value for unit in units] == ["orderer"]


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())
