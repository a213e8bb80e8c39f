"""Revocation lists: of the right authority, with the right serial number, in the form that an MSP looks for."""

from pathlib import Path

import pytest
from cryptography import x509

from aiofabric.network import ConfigUpdateError, Organisation, load_user
from aiofabric.network.identities import make_organisation
from aiofabric.network.plan import Layout
from aiofabric.network.revocation import revocation_list


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for msp_id in ("Org1MSP", "Org2MSP"):
        make_organisation(Layout(tmp_path), Organisation(msp_id, users={"alice": {}}))
    return tmp_path


def test_a_list_names_the_certificate_and_is_signed_by_its_issuer(root: Path) -> None:
    pem = load_user(root, msp_id="Org1MSP", name="alice")[0].certificate_pem
    certificate = x509.load_pem_x509_certificate(pem)
    authority = x509.load_pem_x509_certificate((root / "organisations/Org1MSP/ca/cert.pem").read_bytes())
    crl = x509.load_pem_x509_crl(revocation_list(root, msp_id="Org1MSP", certificate_pem=pem))
    assert [entry.serial_number for entry in crl] == [certificate.serial_number]
    assert crl.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    # An MSP compares these two, not the names.
    key_id = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == key_id


def test_the_certificate_of_another_organisation_is_not_revoked(root: Path) -> None:
    pem = load_user(root, msp_id="Org2MSP", name="alice")[0].certificate_pem
    with pytest.raises(ConfigUpdateError, match="is not of Org1MSP"):
        revocation_list(root, msp_id="Org1MSP", certificate_pem=pem)
