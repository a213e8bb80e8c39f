"""Config updates: what is read, what is written, in which versions. Applied to the original they give the updated."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fabric_protos.common import common_pb2, configtx_pb2
from fabric_protos.msp import identities_pb2, msp_config_pb2

from aiofabric.identity import CertificateAuthority, Identity, private_key_signer
from aiofabric.network import ConfigUpdateError
from aiofabric.network.channel_config import Signatory, config_of, signed_update
from aiofabric.network.delta import config_update
from aiofabric.network.revocation import add_revocation_list
from support.fabric_programs import block

Group = Any


@pytest.fixture
def original() -> Group:
    group = config_of(block()).channel_group
    group.groups["Application"].version = 3
    group.groups["Application"].groups["Org1MSP"].values["MSP"].version = 5
    return group


def test_nothing_changed_is_no_update(original: Group) -> None:
    assert config_update(original, _changed(original, lambda _: None), channel="trade") is None


def test_another_version_alone_is_no_change(original: Group) -> None:
    def renumber(group: Group) -> None:
        group.groups["Application"].groups["Org1MSP"].values["MSP"].version = 99

    assert config_update(original, _changed(original, renumber), channel="trade") is None


def test_a_changed_value_is_written_alone_one_version_higher(original: Group) -> None:
    def change(group: Group) -> None:
        group.groups["Orderer"].values["BatchTimeout"].value = b"changed"

    update = config_update(original, _changed(original, change), channel="trade")
    assert update is not None
    written = update.write_set.groups["Orderer"]
    assert (list(written.values), written.version) == (["BatchTimeout"], 0)
    assert (written.values["BatchTimeout"].version, written.values["BatchTimeout"].value) == (1, b"changed")
    assert list(update.write_set.groups) == list(update.read_set.groups) == ["Orderer"]
    assert update.channel_id == "trade"


def test_a_changed_policy_is_written_one_version_higher(original: Group) -> None:
    def change(group: Group) -> None:
        group.policies["Admins"].policy.value = b"changed"

    update = config_update(original, _changed(original, change), channel="trade")
    assert update is not None
    assert update.write_set.policies["Admins"].version == 1


def test_a_new_organisation_raises_the_groups_version_and_names_those_that_stay(original: Group) -> None:
    newcomer = config_of(block(msp_ids=("Org3MSP",))).channel_group.groups["Application"].groups["Org3MSP"]
    newcomer.values["MSP"].version = 7  # whatever it says: what is new has version 0

    def add(group: Group) -> None:
        group.groups["Application"].groups["Org3MSP"].CopyFrom(newcomer)

    update = config_update(original, _changed(original, add), channel="trade")
    assert update is not None
    read, written = update.read_set.groups["Application"], update.write_set.groups["Application"]
    assert (read.version, written.version) == (3, 4)
    assert written.mod_policy == "Admins"
    assert set(read.groups) == {"Org1MSP", "Org2MSP"}
    assert set(written.groups) == {"Org1MSP", "Org2MSP", "Org3MSP"}
    assert not written.groups["Org1MSP"].values  # named, not repeated
    assert set(written.policies) == set(original.groups["Application"].policies)
    assert not written.policies["Admins"].policy.value
    assert written.groups["Org3MSP"].values["MSP"].version == 0
    assert written.groups["Org3MSP"].values["MSP"].value == newcomer.values["MSP"].value


def test_an_organisation_that_leaves_is_not_named_any_more(original: Group) -> None:
    def remove(group: Group) -> None:
        del group.groups["Application"].groups["Org2MSP"]

    update = config_update(original, _changed(original, remove), channel="trade")
    assert update is not None
    written = update.write_set.groups["Application"]
    assert (written.version, set(written.groups)) == (4, {"Org1MSP"})


def test_a_crl_goes_into_its_organisations_msp_beside_those_before(original: Group) -> None:
    for crl in (b"first", b"second"):
        add_revocation_list(original, msp_id="Org1MSP", crl_pem=crl)
    value = original.groups["Application"].groups["Org1MSP"].values["MSP"].value
    config = msp_config_pb2.FabricMSPConfig.FromString(msp_config_pb2.MSPConfig.FromString(value).config)
    assert list(config.revocation_list) == [b"first", b"second"]
    assert config.name == "Org1MSP"
    with pytest.raises(ConfigUpdateError, match="Org9MSP is no organisation of the channel"):
        add_revocation_list(original, msp_id="Org9MSP", crl_pem=b"x")
    assert "Org9MSP" not in original.groups["Application"].groups


def test_every_signatory_signs_header_and_update_and_the_first_submits() -> None:
    signatories = [_signatory("Org1MSP"), _signatory("Org2MSP")]
    envelope = common_pb2.Envelope.FromString(signed_update(b"update", channel="trade", signatories=signatories))
    payload = common_pb2.Payload.FromString(envelope.payload)
    header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    assert (header.type, header.channel_id) == (common_pb2.CONFIG_UPDATE, "trade")
    submitter = common_pb2.SignatureHeader.FromString(payload.header.signature_header).creator
    _verify(submitter, envelope.signature, envelope.payload)
    inner = configtx_pb2.ConfigUpdateEnvelope.FromString(payload.data)
    assert inner.config_update == b"update"
    creators = []
    for signature in inner.signatures:
        creator = common_pb2.SignatureHeader.FromString(signature.signature_header).creator
        _verify(creator, signature.signature, signature.signature_header + b"update")
        creators.append(identities_pb2.SerializedIdentity.FromString(creator).mspid)
    assert creators == ["Org1MSP", "Org2MSP"]


def test_a_block_of_transactions_is_no_configuration() -> None:
    header = common_pb2.ChannelHeader(type=common_pb2.ENDORSER_TRANSACTION).SerializeToString()
    payload = common_pb2.Payload(header=common_pb2.Header(channel_header=header)).SerializeToString()
    transactions = common_pb2.Block()
    transactions.data.data.append(common_pb2.Envelope(payload=payload).SerializeToString())
    with pytest.raises(ConfigUpdateError, match="not a configuration"):
        config_of(transactions.SerializeToString())


def _changed(original: Group, change: Callable[[Group], None]) -> Group:
    updated = configtx_pb2.ConfigGroup()
    updated.CopyFrom(original)
    change(updated)
    return updated


def _signatory(msp_id: str) -> Signatory:
    issued = CertificateAuthority.create(msp_id).issue("admin", role="admin")
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - used here only

    key = load_pem_private_key(issued.key_pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Signatory(Identity(msp_id, issued.certificate_pem), private_key_signer(key))


def _verify(creator: bytes, signature: bytes, message: bytes) -> None:
    pem = identities_pb2.SerializedIdentity.FromString(creator).id_bytes
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(signature, message, ec.ECDSA(SHA256()))
