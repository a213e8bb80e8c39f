"""Certificates of devices: what stands in them, what is refused, and what a broker is told. No network, no database."""

import base64
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from wayproof.enrolment import mosquitto
from wayproof.enrolment.authority import Authority, new_key
from wayproof.enrolment.certificate import DeviceName, device_certificate, name_of, now_utc, serial_bytes, subject
from wayproof.enrolment.claim import new_token, token_hash
from wayproof.enrolment.errors import EnrolmentError
from wayproof.enrolment.proof import (
    FRESH_MS,
    enrolment_bytes,
    manufacturer_serial,
    renewal_bytes,
    require_fresh,
    require_signature,
)
from wayproof.enrolment.request import public_key_of, read_certificate, read_request, requested_key
from wayproof_verifier.telemetry import es256_signer

NOW = now_utc()
NAME = DeviceName("ShipperMSP", "reefer-1")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make("devices", organisation="ShipperMSP", now=NOW)


def spki(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def issued(authority: Authority, *, name: DeviceName = NAME, days: int = 90) -> x509.Certificate:
    return authority.sign(
        device_certificate(name, public_key=spki(new_key()), issuer=authority.certificate, now=NOW, days=days)
    )


def request(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey, *, common_name: str = ""
) -> str:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(key, algorithm)
    return made.public_bytes(Encoding.PEM).decode()


# --- certificates ----------------------------------------------------------------------------------------------------


def test_a_certificate_names_organisation_and_device_and_ends_within_ninety_days(authority: Authority) -> None:
    certificate = issued(authority)
    assert name_of(certificate) == NAME
    alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternative.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:wayproof:ShipperMSP:reefer-1"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert certificate.not_valid_after_utc == NOW + timedelta(days=90)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    certificate.verify_directly_issued_by(authority.certificate)
    with pytest.raises(ValueError, match="1 to 90 days"):
        issued(authority, days=91)


def test_a_certificate_never_outlives_its_authority() -> None:
    old = Authority.make("devices", organisation="ShipperMSP", now=NOW - timedelta(days=3650 - 10))
    assert issued(old).not_valid_after_utc == old.certificate.not_valid_after_utc


@pytest.mark.parametrize(
    ("uris", "common_name"),
    [
        ([], "reefer-1"),
        (["urn:wayproof:ShipperMSP:reefer-2"], "reefer-1"),
        (["urn:wayproof:ShipperMSP:reefer-1", "urn:wayproof:CarrierMSP:reefer-1"], "reefer-1"),
        (["urn:other:ShipperMSP:reefer-1"], "reefer-1"),
        (["urn:wayproof:ShipperMSP:reefer-1:more"], "reefer-1:more"),
        (["urn:wayproof:ShipperMSP:../reefer"], "../reefer"),
    ],
)
def test_a_certificate_that_names_no_one_device_is_refused(
    authority: Authority, uris: list[str], common_name: str
) -> None:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject(common_name, organisation="ShipperMSP"))
        .issuer_name(authority.certificate.subject)
        .public_key(new_key().public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
    )
    if uris:
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    with pytest.raises(EnrolmentError) as refused:
        name_of(authority.sign(builder))
    assert refused.value.code == "certificate_unknown"


# --- requests --------------------------------------------------------------------------------------------------------


def test_a_request_gives_its_key_whoever_it_names_unless_that_is_another_device() -> None:
    for key in (new_key(), ed25519.Ed25519PrivateKey.generate()):
        assert requested_key(request(key), device_id="reefer-1") == spki(key)
        assert requested_key(request(key, common_name="reefer-1"), device_id="reefer-1") == spki(key)
        with pytest.raises(EnrolmentError, match="the request is for reefer-2"):
            requested_key(request(key, common_name="reefer-2"), device_id="reefer-1")


def test_keys_that_no_device_has_are_refused() -> None:
    for key in (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)):
        with pytest.raises(EnrolmentError, match="P-256 or Ed25519"):
            requested_key(request(key), device_id="reefer-1")


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    der = x509.load_pem_x509_csr(request(new_key()).encode()).public_bytes(Encoding.DER)
    touched = x509.load_der_x509_csr(der[:-1] + bytes([der[-1] ^ 1]))
    with pytest.raises(EnrolmentError) as refused:
        requested_key(touched.public_bytes(Encoding.PEM).decode(), device_id="reefer-1")
    assert refused.value.code == "proof_refused"


@pytest.mark.parametrize("text", ["", "no PEM", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n", "\ud800", "x" * 20_000])
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(EnrolmentError):
        requested_key(text, device_id="reefer-1")


# --- proofs ----------------------------------------------------------------------------------------------------------


def test_a_signature_counts_for_its_certificate_its_time_and_its_purpose(authority: Authority) -> None:
    key = new_key()
    mine = authority.sign(device_certificate(NAME, public_key=spki(key), issuer=authority.certificate, now=NOW, days=1))
    der = mine.public_bytes(Encoding.DER)
    signed = renewal_bytes(der, signed_at_ms=1)
    signature = es256_signer(key)(signed)
    require_signature(signature, signed=signed, by=mine)
    others = (renewal_bytes(der, signed_at_ms=2), renewal_bytes(der + b"x", signed_at_ms=1), enrolment_bytes(der))
    for other in others:
        with pytest.raises(EnrolmentError, match="does not verify"):
            require_signature(signature, signed=other, by=mine)
    with pytest.raises(EnrolmentError, match="does not verify"):
        require_signature(signature, signed=signed, by=issued(authority))


def test_a_proof_is_good_for_a_few_minutes() -> None:
    for offset in (-FRESH_MS, 0, FRESH_MS):
        require_fresh(1_000_000_000 + offset, now_ms=1_000_000_000)
    for offset in (-FRESH_MS - 1, FRESH_MS + 1):
        with pytest.raises(EnrolmentError, match="clock"):
            require_fresh(1_000_000_000 + offset, now_ms=1_000_000_000)


def manufactured(maker: Authority, *, serial: str, common_name: str = "logger") -> x509.Certificate:
    """Return a device's certificate as manufacturers make them: no usage, no alternative name, hardly an end."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    names += [x509.NameAttribute(NameOID.SERIAL_NUMBER, serial)] if serial else []
    return maker.sign(
        x509.CertificateBuilder()
        .subject_name(x509.Name(names))
        .issuer_name(maker.certificate.subject)
        .public_key(new_key().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=20_000))
    )


def test_a_manufacturer_vouches_for_a_serial_number() -> None:
    maker, other = (Authority.make(name, organisation="Maker", now=NOW) for name in ("maker", "maker"))
    accepted = [maker.certificate]
    assert manufacturer_serial([manufactured(maker, serial="SN 7")], authorities=accepted, now=NOW) == "SN 7"
    assert manufacturer_serial([manufactured(maker, serial="")], authorities=accepted, now=NOW) == "logger"
    for chain, authorities in (
        ([manufactured(other, serial="SN 7")], accepted),
        ([manufactured(maker, serial="SN 7")], []),
        ([], accepted),
    ):
        with pytest.raises(EnrolmentError):
            manufacturer_serial(chain, authorities=authorities, now=NOW)
    later = NOW + timedelta(days=4000)  # the authority has ended
    with pytest.raises(EnrolmentError):
        manufacturer_serial([manufactured(maker, serial="SN 7")], authorities=accepted, now=later)


# --- tokens, lists ---------------------------------------------------------------------------------------------------


def test_a_token_has_256_bits_and_is_kept_as_its_hash() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 43 for token in tokens)  # 32 bytes in unpadded base64url
    assert all(token.encode() not in token_hash(token) and len(token_hash(token)) == 32 for token in tokens)


def test_the_list_of_revoked_certificates_names_them_and_ends(authority: Authority) -> None:
    revoked = issued(authority)
    crl = x509.load_pem_x509_crl(authority.revoked([revoked.serial_number], number=7, now=NOW))
    assert crl.is_signature_valid(authority.certificate.public_key())  # type: ignore[arg-type]  # a P-256 key
    assert crl.get_revoked_certificate_by_serial_number(revoked.serial_number) is not None
    assert crl.get_revoked_certificate_by_serial_number(issued(authority).serial_number) is None
    assert crl.next_update_utc == NOW + timedelta(days=30)


def test_the_access_list_gives_a_device_its_own_topics_and_a_denied_one_none() -> None:
    lines = mosquitto.access("ShipperMSP", denied=["reefer-2", "reefer-1"]).splitlines()
    assert [line for line in lines if line.startswith("pattern")] == [
        "pattern write wayproof/v1/ShipperMSP/%u/messages",
        "pattern read wayproof/v1/ShipperMSP/%u/receipts",
    ]
    assert lines[-5:] == ["user reefer-1", "topic deny #", "", "user reefer-2", "topic deny #"]
    assert ":" in mosquitto.INGEST, "no device id has a colon, so no device is ever taken for a process of ours"


def test_a_device_s_key_is_read_from_its_certificate(authority: Authority) -> None:
    key = new_key()
    mine = authority.sign(device_certificate(NAME, public_key=spki(key), issuer=authority.certificate, now=NOW, days=1))
    assert public_key_of(mine) == spki(key)


# --- hostile bytes ---------------------------------------------------------------------------------------------------

GOOD_REQUEST = x509.load_pem_x509_csr(request(new_key(), common_name="reefer-1").encode()).public_bytes(Encoding.DER)
MAKER = Authority.make("devices", organisation="ShipperMSP", now=NOW)
GOOD_CERTIFICATE = issued(MAKER).public_bytes(Encoding.DER)


def armoured(der: bytes, *, label: str) -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"


def touched(good: bytes) -> st.SearchStrategy[bytes]:
    """Return good bytes with some of them changed, removed or added."""
    places = st.integers(0, len(good) - 1)
    flipped = st.lists(st.tuples(places, st.integers(1, 255)), max_size=4)

    def change(flips: list[tuple[int, int]], cut: int, added: bytes) -> bytes:
        data = bytearray(good)
        for place, mask in flips:
            data[place] ^= mask
        return bytes(data[: len(data) - cut]) + added

    made = st.builds(change, flipped, st.sampled_from([0, 0, 0, 1, 50]), st.binary(max_size=3))
    return made.filter(lambda data: data != good)


@given(touched(GOOD_REQUEST))
@settings(max_examples=300)
def test_a_touched_request_gives_no_key_and_no_other_error(der: bytes) -> None:
    with pytest.raises(EnrolmentError):
        requested_key(armoured(der, label="CERTIFICATE REQUEST"), device_id="reefer-1")


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")  # read today, refused some day
@given(touched(GOOD_CERTIFICATE))
@settings(max_examples=300)
def test_a_touched_certificate_is_read_or_refused_and_vouches_for_nothing_that_was_not_signed(der: bytes) -> None:
    try:
        certificate = read_certificate(armoured(der, label="CERTIFICATE"))
    except EnrolmentError:
        return
    for read in (name_of, serial_bytes, public_key_of):
        try:
            read(certificate)
        except EnrolmentError:
            continue
    try:
        manufacturer_serial([certificate], authorities=[MAKER.certificate], now=NOW)
    except EnrolmentError:
        return
    signed = x509.load_der_x509_certificate(GOOD_CERTIFICATE).tbs_certificate_bytes
    assert certificate.tbs_certificate_bytes == signed, "the library overlooks some bits around the signature"


def test_untouched_they_are_what_they_say() -> None:
    requested_key(armoured(GOOD_REQUEST, label="CERTIFICATE REQUEST"), device_id="reefer-1")
    certificate = read_certificate(armoured(GOOD_CERTIFICATE, label="CERTIFICATE"))
    assert manufacturer_serial([certificate], authorities=[MAKER.certificate], now=NOW) == "reefer-1"


@given(st.text())
def test_text_is_no_request_and_no_certificate(text: str) -> None:
    for read in (read_request, read_certificate):
        with pytest.raises(EnrolmentError):
            read(text)
