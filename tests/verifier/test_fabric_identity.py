"""Who belongs to an organisation, and which signatures count."""

import contextlib
import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from support.fabric_certificates import END, START, Authority, Member, pem, raw, sign
from wayproof_verifier.errors import EncodingError, IdentityError, SignatureError, VerificationError
from wayproof_verifier.fabric.certificates import read_der, read_pem
from wayproof_verifier.fabric.config_messages import FabricMSPConfig
from wayproof_verifier.fabric.identity import Identity, Membership, Msp
from wayproof_verifier.fabric.signatures import verify

ROOT = Authority("Org1")
PEER = ROOT.member("peer")


def membership(config: Any, **options: Any) -> Membership:  # noqa: ANN401 - an official message
    return Membership([Msp(FabricMSPConfig.read(raw(config)), **options)])


def identify(member: Member, *, config: Any = None) -> Identity:  # noqa: ANN401
    return membership(config or ROOT.msp_config()).identity(member.serialized)


@pytest.mark.parametrize("role", ["client", "peer", "admin", "orderer"])
def test_node_role(role: str) -> None:
    identity = identify(ROOT.member("department", role))
    assert (identity.msp_id, identity.role, identity.admin) == ("Org1", role, role == "admin")


@pytest.mark.parametrize("units", [(), ("other",), ("peer", "client"), ("peer", "peer")])
def test_exactly_one_node_role(units: tuple[str, ...]) -> None:
    with pytest.raises(IdentityError, match="exactly one"):
        identify(ROOT.member(*units))


def test_without_node_roles_admins_are_listed() -> None:
    admin, other = ROOT.member(), ROOT.member()
    config = ROOT.msp_config(node_ous=False, admins=[pem(admin.certificate)])
    assert identify(admin, config=config).admin
    assert not identify(other, config=config).admin
    assert identify(other, config=config).role is None
    assert identify(admin, config=ROOT.msp_config(admins=[pem(admin.certificate)])).admin


def test_a_node_role_given_by_another_authority_is_refused() -> None:
    other = Authority("Org1", name="other")
    config = ROOT.msp_config()
    config.root_certs.append(pem(other.certificate))
    config.fabric_node_ous.peer_ou_identifier.certificate = pem(other.certificate)
    assert identify(other.member("peer"), config=config).role == "peer"
    with pytest.raises(IdentityError, match="another authority"):
        identify(PEER, config=config)


def test_required_organisational_unit() -> None:
    config = ROOT.msp_config(organizational_unit_identifiers=[{"organizational_unit_identifier": "cold"}])
    assert identify(ROOT.member("peer", "cold"), config=config).role == "peer"
    with pytest.raises(IdentityError, match="organisational units"):
        identify(PEER, config=config)


def test_chain_through_an_intermediate() -> None:
    intermediate = Authority("Org1", parent=ROOT, name="inner")
    config = ROOT.msp_config(intermediate)
    identity = identify(intermediate.member("peer"), config=config)
    above = [each.certificate.public_bytes(serialization.Encoding.DER) for each in (intermediate, ROOT)]
    assert identity.certifiers == hashlib.sha256(b"".join(above)).digest()
    with pytest.raises(IdentityError, match="end of the tree"):
        identify(PEER, config=config)


def test_a_chain_longer_than_its_authority_allows_is_refused() -> None:
    short = Authority("Org1", path_length=0)
    intermediate = Authority("Org1", parent=short, name="inner")
    with pytest.raises(IdentityError, match="does not lead"):
        identify(intermediate.member("peer"), config=short.msp_config(intermediate))


def test_two_chains_are_refused() -> None:
    config = ROOT.msp_config()
    again = ROOT.issue(ROOT.subject, ROOT.key, ca=True)
    config.root_certs.append(pem(again))
    with pytest.raises(IdentityError, match="more than one chain"):
        identify(PEER, config=config)


STRANGERS: dict[str, Callable[[], Member]] = {
    "another_authority": lambda: Authority("Org1").member("peer"),
    "same_name_other_key": lambda: Authority("Org1", name="ca").member("peer"),
    "issued_by_a_member": lambda: _authority_without_right().member("peer"),
    "not_for_servers": lambda: ROOT.member("peer", purposes=["client"]),
    "before_its_authority": lambda: ROOT.member("peer", not_before=START - dt.timedelta(days=1)),
    "never_valid": lambda: ROOT.member("peer", not_after=START),
}


def _authority_without_right() -> Authority:
    fake = Authority("Org1", parent=ROOT, name="fake")
    fake.certificate = ROOT.issue(fake.subject, fake.key)
    return fake


@pytest.mark.parametrize("name", STRANGERS)
def test_stranger_is_refused(name: str) -> None:
    with pytest.raises(IdentityError, match="does not lead to a root"):
        identify(STRANGERS[name]())


def test_an_authority_or_an_unknown_organisation_is_no_identity() -> None:
    with pytest.raises(IdentityError, match="CA certificate"):
        identify(ROOT.member("peer", ca=True))
    with pytest.raises(IdentityError, match="no organisation 'Org2'"):
        identify(Member("Org2", PEER.certificate, PEER.key))


def test_a_critical_extension_nobody_understands_is_refused() -> None:
    with pytest.raises(EncodingError, match=r"1\.2\.3\.4\.5\.6\.7\.8\.9"):
        identify(ROOT.member("peer", critical=True))


def test_extended_key_usage_with_server_is_accepted() -> None:
    assert identify(ROOT.member("peer", purposes=["client", "server"])).role == "peer"


@pytest.mark.parametrize("options", [{"subject_key": False}])
def test_unusable_authority(options: dict[str, Any]) -> None:
    with pytest.raises(IdentityError, match="subject key identifier"):
        membership(Authority("Org1", **options).msp_config())


def test_unusable_rules() -> None:
    member = ROOT.msp_config()
    member.root_certs[0] = pem(PEER.certificate)
    nobody, nameless, unknown = ROOT.msp_config(), ROOT.msp_config(), ROOT.msp_config()
    del nobody.root_certs[:]
    nameless.name = ""
    unknown.crypto_config.signature_hash_family = "MD5"
    for config, reason in ((member, "no CA"), (nobody, "root"), (nameless, "MSP id"), (unknown, "MD5")):
        with pytest.raises(IdentityError, match=reason):
            membership(config)


def test_revocation() -> None:
    config = ROOT.msp_config(revocation_list=[ROOT.revoke(PEER)])
    with pytest.raises(IdentityError, match="revoked"):
        identify(PEER, config=config)
    assert identify(ROOT.member("peer"), config=config).role == "peer"


def test_a_revocation_list_that_the_authority_did_not_sign_is_ignored_as_fabric_does() -> None:
    forged = ROOT.revoke(PEER, signer=Authority("Org1").key)
    assert identify(PEER, config=ROOT.msp_config(revocation_list=[forged])).role == "peer"


def test_expiry_is_told_and_not_refused() -> None:
    identity = identify(ROOT.member("peer", not_after=START + dt.timedelta(days=1)))
    start_ns = int(START.timestamp()) * 10**9
    day_ns = 86_400 * 10**9
    assert [identity.expired_at(timestamp_ns=start_ns + offset) for offset in (-1, 0, day_ns, day_ns + 1000)] == [
        True,
        False,
        False,
        True,
    ]
    assert not identify(PEER).expired_at(timestamp_ns=int(END.timestamp()) * 10**9)


# --- one identity, in whatever form ----------------------------------------------------------------------------------

PEM = pem(PEER.certificate)


@pytest.mark.parametrize(
    "form",
    [
        PEM[:-1],
        PEM + b"\n",
        b"\n" + PEM,
        b"subject=peer\n" + PEM,
        PEM + pem(ROOT.certificate),
        PEM.replace(b"\n", b"\r\n"),
        PEM[:40] + b"\n" + PEM[40:],
    ],
)
def test_a_certificate_as_somebody_saved_it_counts_once(form: bytes) -> None:
    """Peers read the first certificate of what a client sends."""
    known = membership(ROOT.msp_config())
    both = {known.identity(PEER.serialized), known.identity(PEER.serialized_as(form))}
    assert len(both) == 1
    assert both.pop().fingerprint == PEER.certificate.fingerprint(hashes.SHA256()).hex()


@pytest.mark.parametrize("form", [PEER.certificate.public_bytes(serialization.Encoding.DER), PEM[:-40], b"", b"\xff"])
def test_what_is_no_pem_is_refused(form: bytes) -> None:
    with pytest.raises(EncodingError):
        membership(ROOT.msp_config()).identity(PEER.serialized_as(form))


def test_an_issuer_signature_in_its_second_form_names_nobody_new() -> None:
    """The issuer's (r, n - s) is a valid certificate with other bytes; it must not count as another endorser."""
    first = PEER.certificate
    der = first.public_bytes(serialization.Encoding.DER)
    low, high = (_with_signature(der, first, high_s=high) for high in (False, True))
    assert low != high
    known = membership(ROOT.msp_config())
    identities = {known.identity(PEER.serialized_as(pem(x509.load_der_x509_certificate(each)))) for each in (low, high)}
    assert len(identities) == 1


def _with_signature(der: bytes, certificate: x509.Certificate, *, high_s: bool) -> bytes:
    signature = sign(ROOT.key, certificate.tbs_certificate_bytes, high_s=high_s)
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    body = certificate.tbs_certificate_bytes + algorithm + b"\x03" + bytes([len(signature) + 1, 0]) + signature
    return der[:2] + len(body).to_bytes(2, "big") + body


@given(st.integers(0, len(PEM) - 1), st.integers(0, 255))
def test_a_changed_byte_in_a_certificate_names_the_same_one_or_nobody(index: int, value: int) -> None:
    """What stands around the certificate, its last line end say, names nobody: peers do not read it either."""
    changed = PEM[:index] + bytes([value]) + PEM[index + 1 :]
    members = membership(ROOT.msp_config())
    with contextlib.suppress(VerificationError):
        identity = members.identity(PEER.serialized_as(changed))
        assert identity.certificate.der == members.identity(PEER.serialized_as(PEM)).certificate.der


@given(st.binary(max_size=400))
def test_garbage_is_no_certificate(data: bytes) -> None:
    for read in (read_der, read_pem, membership(ROOT.msp_config()).identity):
        with pytest.raises(VerificationError):
            read(data)


# --- signatures ----------------------------------------------------------------------------------------------------


def test_signature_forms() -> None:
    identity = identify(PEER)
    identity.verify(PEER.sign(b"message"), message=b"message")
    low = PEER.sign(b"message")
    for signature, reason in (
        (PEER.sign(b"message", high_s=True), "high S"),
        (low + b"\0", "DER"),
        (PEER.sign(b"other"), "does not fit"),
        (encode_dss_signature(0, 0), "does not fit"),
        (b"", "DER"),
    ):
        with pytest.raises(SignatureError, match=reason):
            identity.verify(signature, message=b"message")


def test_p384_and_sha3() -> None:
    member = ROOT.member("peer", key=ec.generate_private_key(ec.SECP384R1()))
    identify(member).verify(member.sign(b"message"), message=b"message")
    with pytest.raises(SignatureError, match="high S"):
        identify(member).verify(member.sign(b"message", high_s=True), message=b"message")
    config = ROOT.msp_config()
    config.crypto_config.signature_hash_family = "SHA3"
    signature = sign(PEER.key, b"message", algorithm=hashes.SHA3_256())
    identify(PEER, config=config).verify(signature, message=b"message")
    with pytest.raises(SignatureError, match="does not fit"):
        identify(PEER).verify(signature, message=b"message")


def test_ed25519_needs_the_channel_capability() -> None:
    member = ROOT.member("peer", key=ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(IdentityError, match="V3_0"):
        identify(member)
    identity = membership(ROOT.msp_config(), ed25519_allowed=True).identity(member.serialized)
    identity.verify(member.sign(b"message"), message=b"message")
    with pytest.raises(SignatureError, match="does not fit"):
        identity.verify(member.sign(b"other"), message=b"message")


def test_other_keys_and_curves_are_refused() -> None:
    other_curve, other_kind = ec.generate_private_key(ec.SECP521R1()), rsa.generate_private_key(65537, 2048)
    with pytest.raises(SignatureError, match="secp521r1"):
        verify(other_curve.public_key(), signature=b"", message=b"", algorithm=hashes.SHA256())
    with pytest.raises(SignatureError, match="neither ECDSA nor Ed25519"):
        verify(other_kind.public_key(), signature=b"", message=b"", algorithm=hashes.SHA256())
