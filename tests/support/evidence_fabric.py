"""Fabric by hand for evidence tests: authorities, a genesis block, transactions, endorsed state, blocks.

Written with the official bindings and `cryptography` alone: no code is shared with the verifier or the embedded ledger.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import NameOID
from fabric_protos.common import common_pb2, configtx_pb2, configuration_pb2, policies_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import identities_pb2, msp_config_pb2, msp_principal_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2

CHANNEL = "cold"
CONTRACT = "wayproof"
ATTRIBUTES = x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1")
HALF_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 // 2
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def raw(message: Any) -> bytes:  # noqa: ANN401 - the official bindings have no types
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def sign(key: ec.EllipticCurvePrivateKey, message: bytes, *, high_s: bool = False) -> bytes:
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    return encode_dss_signature(r, s if (s > HALF_ORDER) == high_s else order - s)


@dataclass(frozen=True)
class Member:
    msp_id: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def serialized(self) -> bytes:
        pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        return raw(identities_pb2.SerializedIdentity(mspid=self.msp_id, id_bytes=pem))

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def sign(self, message: bytes, *, high_s: bool = False) -> bytes:
        return sign(self.key, message, high_s=high_s)


class Organisation:
    """An organisation with an authority of its own, a peer and an orderer node, and members on demand."""

    def __init__(self, msp_id: str) -> None:
        self.msp_id = msp_id
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._certificate(self._name(f"ca.{msp_id}"), self.key, authority=True)
        self.peer = self.member("peer0", unit="peer")
        self.orderer = self.member("orderer0", unit="orderer")

    def member(self, name: str, *, unit: str = "client", roles: str = "") -> Member:
        key = ec.generate_private_key(ec.SECP256R1())
        return Member(self.msp_id, self._certificate(self._name(name, unit), key, roles=roles), key)

    def _name(self, common: str, unit: str | None = None) -> x509.Name:
        parts = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)] if unit else []
        return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool = False, roles: str = ""
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if authority else self.root.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW)
            .not_valid_after(NOW + dt.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(_key_usage(authority=authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if roles:
            value = json.dumps({"attrs": {"wayproof.roles": roles}}).encode()
            builder = builder.add_extension(x509.UnrecognizedExtension(ATTRIBUTES, value), critical=False)
        while True:  # an authority issues low S only (Fabric rewrites the others)
            certificate = builder.sign(self.key, hashes.SHA256())
            if decode_dss_signature(certificate.signature)[1] <= HALF_ORDER:
                return certificate

    def msp(self) -> Any:  # noqa: ANN401
        pem = self.root.public_bytes(serialization.Encoding.PEM)
        units = {
            f"{unit}_ou_identifier": msp_config_pb2.FabricOUIdentifier(organizational_unit_identifier=unit)
            for unit in ("client", "peer", "admin", "orderer")
        }
        config = msp_config_pb2.FabricMSPConfig(
            name=self.msp_id,
            root_certs=[pem],
            crypto_config=msp_config_pb2.FabricCryptoConfig(
                signature_hash_family="SHA2", identity_identifier_hash_function="SHA256"
            ),
            fabric_node_ous=msp_config_pb2.FabricNodeOUs(enable=True, **units),
        )
        return msp_config_pb2.MSPConfig(type=0, config=raw(config))


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


# --- configuration --------------------------------------------------------------------------------------------------


def _implicit(name: str, rule: int) -> Any:  # noqa: ANN401
    meta = policies_pb2.ImplicitMetaPolicy(sub_policy=name, rule=rule)
    policy = policies_pb2.Policy(type=policies_pb2.Policy.IMPLICIT_META, value=raw(meta))
    return configtx_pb2.ConfigPolicy(policy=policy, mod_policy="Admins")


def _role(msp_id: str, role: int) -> Any:  # noqa: ANN401
    principal = msp_principal_pb2.MSPPrincipal(
        principal_classification=0, principal=raw(msp_principal_pb2.MSPRole(msp_identifier=msp_id, role=role))
    )
    rule = policies_pb2.SignaturePolicy(
        n_out_of=policies_pb2.SignaturePolicy.NOutOf(n=1, rules=[policies_pb2.SignaturePolicy(signed_by=0)])
    )
    envelope = policies_pb2.SignaturePolicyEnvelope(version=0, rule=rule, identities=[principal])
    policy = policies_pb2.Policy(type=policies_pb2.Policy.SIGNATURE, value=raw(envelope))
    return configtx_pb2.ConfigPolicy(policy=policy, mod_policy="Admins")


def _value(message: Any) -> Any:  # noqa: ANN401
    return configtx_pb2.ConfigValue(value=raw(message), mod_policy="Admins")


def _organisation(organisation: Organisation) -> Any:  # noqa: ANN401
    role = msp_principal_pb2.MSPRole
    group = configtx_pb2.ConfigGroup(mod_policy="Admins", values={"MSP": _value(organisation.msp())})
    for name, kind in (
        ("Readers", role.MEMBER),
        ("Writers", role.MEMBER),
        ("Admins", role.ADMIN),
        ("Endorsement", role.PEER),
    ):
        group.policies[name].CopyFrom(_role(organisation.msp_id, kind))
    return group


def _section(organisations: Sequence[Organisation], values: Mapping[str, Any], policies: Mapping[str, Any]) -> Any:  # noqa: ANN401
    group = configtx_pb2.ConfigGroup(mod_policy="Admins")
    for organisation in organisations:
        group.groups[organisation.msp_id].CopyFrom(_organisation(organisation))
    for name, value in values.items():
        group.values[name].CopyFrom(_value(value))
    for name, policy in policies.items():
        group.policies[name].CopyFrom(policy)
    return group


def _standard() -> dict[str, Any]:
    meta = policies_pb2.ImplicitMetaPolicy
    return {
        "Readers": _implicit("Readers", meta.ANY),
        "Writers": _implicit("Writers", meta.ANY),
        "Admins": _implicit("Admins", meta.MAJORITY),
    }


def _capabilities(name: str) -> Any:  # noqa: ANN401
    message = configuration_pb2.Capabilities()
    message.capabilities[name].SetInParent()
    return message


def genesis_block(organisations: Sequence[Organisation], *, orderer: Organisation, consensus: str = "embedded") -> Any:  # noqa: ANN401
    """Return the genesis `common.Block` of the channel."""
    meta = policies_pb2.ImplicitMetaPolicy
    application = _section(
        organisations,
        {"Capabilities": _capabilities("V2_5")},
        {**_standard(), "Endorsement": _implicit("Endorsement", meta.MAJORITY)},
    )
    ordering = _section(
        [orderer],
        {
            "ConsensusType": orderer_pb2.ConsensusType(type=consensus),
            "BatchSize": orderer_pb2.BatchSize(
                max_message_count=500, absolute_max_bytes=10485760, preferred_max_bytes=2097152
            ),
            "BatchTimeout": orderer_pb2.BatchTimeout(timeout="2s"),
            "Capabilities": _capabilities("V2_0"),
        },
        {**_standard(), "BlockValidation": _implicit("Writers", meta.ANY)},
    )
    channel = _section(
        [],
        {
            "HashingAlgorithm": configuration_pb2.HashingAlgorithm(name="SHA256"),
            "BlockDataHashingStructure": configuration_pb2.BlockDataHashingStructure(width=2**32 - 1),
            "Capabilities": _capabilities("V3_0"),
        },
        _standard(),
    )
    channel.groups["Application"].CopyFrom(application)
    channel.groups["Orderer"].CopyFrom(ordering)
    config = configtx_pb2.ConfigEnvelope(config=configtx_pb2.Config(sequence=0, channel_group=channel))
    header = common_pb2.ChannelHeader(type=common_pb2.CONFIG, channel_id=CHANNEL)
    payload = common_pb2.Payload(
        header=common_pb2.Header(channel_header=raw(header), signature_header=raw(common_pb2.SignatureHeader())),
        data=raw(config),
    )
    return block(0, b"", [raw(common_pb2.Envelope(payload=raw(payload)))], signer=None)


# --- blocks ---------------------------------------------------------------------------------------------------------


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def header_bytes(header: Any) -> bytes:  # noqa: ANN401
    number = header.number.to_bytes(header.number.bit_length() // 8 + 1, "big")
    return _der(0x30, _der(2, number) + _der(4, header.previous_hash) + _der(4, header.data_hash))


def header_hash(header: Any) -> bytes:  # noqa: ANN401
    return hashlib.sha256(header_bytes(header)).digest()


def block(number: int, previous_hash: bytes, envelopes: Sequence[bytes], *, signer: Member | None) -> Any:  # noqa: ANN401
    """Return a block, signed by an orderer (the genesis block is not), with metadata slot 0 alone."""
    header = common_pb2.BlockHeader(
        number=number, previous_hash=previous_hash, data_hash=hashlib.sha256(b"".join(envelopes)).digest()
    )
    value = raw(common_pb2.OrdererBlockMetadata(last_config=common_pb2.LastConfig(index=0)))
    signatures = []
    if signer is not None:
        creator = raw(common_pb2.SignatureHeader(creator=signer.serialized, nonce=number.to_bytes(24, "big")))
        signature = signer.sign(value + creator + header_bytes(header))
        signatures.append(common_pb2.MetadataSignature(signature_header=creator, signature=signature))
    metadata = common_pb2.Metadata(value=value, signatures=signatures)
    return common_pb2.Block(
        header=header,
        data=common_pb2.BlockData(data=envelopes),
        metadata=common_pb2.BlockMetadata(metadata=[raw(metadata)]),
    )


# --- transactions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Invocation:
    """What a transaction or a query did: everything that endorsers sign but their own names."""

    creator: Member
    nonce: bytes
    args: tuple[bytes, ...]
    timestamp_ms: int
    reads: Mapping[str, tuple[int, int] | None]
    writes: Mapping[str, bytes]
    payload: bytes = b""
    channel: str = CHANNEL
    contract: str = CONTRACT

    @property
    def tx_id(self) -> str:
        return hashlib.sha256(self.nonce + self.creator.serialized).hexdigest()


def payload_of(invocation: Invocation, endorsers: Sequence[Member]) -> bytes:
    """Return the `common.Payload` of an endorsed invocation."""
    seconds, milliseconds = divmod(invocation.timestamp_ms, 1000)
    chaincode = chaincode_pb2.ChaincodeID(name=invocation.contract)
    channel_header = common_pb2.ChannelHeader(
        type=common_pb2.ENDORSER_TRANSACTION,
        timestamp={"seconds": seconds, "nanos": milliseconds * 1_000_000},
        channel_id=invocation.channel,
        tx_id=invocation.tx_id,
        extension=raw(proposal_pb2.ChaincodeHeaderExtension(chaincode_id=chaincode)),
    )
    signature_header = raw(common_pb2.SignatureHeader(creator=invocation.creator.serialized, nonce=invocation.nonce))
    header = common_pb2.Header(channel_header=raw(channel_header), signature_header=signature_header)
    spec = chaincode_pb2.ChaincodeInvocationSpec(
        chaincode_spec=chaincode_pb2.ChaincodeSpec(
            chaincode_id=chaincode, input=chaincode_pb2.ChaincodeInput(args=invocation.args)
        )
    )
    proposal = raw(proposal_pb2.ChaincodeProposalPayload(input=raw(spec)))
    proposal_hash = hashlib.sha256(header.channel_header + header.signature_header + proposal).digest()
    response = raw(
        proposal_response_pb2.ProposalResponsePayload(proposal_hash=proposal_hash, extension=raw(_action(invocation)))
    )
    endorsements = [
        proposal_response_pb2.Endorsement(
            endorser=member.serialized, signature=member.sign(response + member.serialized)
        )
        for member in endorsers
    ]
    action = transaction_pb2.ChaincodeActionPayload(
        chaincode_proposal_payload=proposal,
        action=transaction_pb2.ChaincodeEndorsedAction(proposal_response_payload=response, endorsements=endorsements),
    )
    transaction = transaction_pb2.Transaction(
        actions=[transaction_pb2.TransactionAction(header=signature_header, payload=raw(action))]
    )
    return raw(common_pb2.Payload(header=header, data=raw(transaction)))


def envelope_of(invocation: Invocation, endorsers: Sequence[Member], *, high_s: bool = False) -> bytes:
    """Return the `common.Envelope` of a submitted transaction."""
    payload = payload_of(invocation, endorsers)
    return raw(common_pb2.Envelope(payload=payload, signature=invocation.creator.sign(payload, high_s=high_s)))


def _action(invocation: Invocation) -> Any:  # noqa: ANN401
    reads = [
        kv_rwset_pb2.KVRead(key=key, version={"block_num": version[0], "tx_num": version[1]} if version else None)
        for key, version in sorted(invocation.reads.items())
    ]
    writes = [kv_rwset_pb2.KVWrite(key=key, value=value) for key, value in sorted(invocation.writes.items())]
    results = rwset_pb2.TxReadWriteSet(
        ns_rwset=[
            rwset_pb2.NsReadWriteSet(
                namespace=invocation.contract, rwset=raw(kv_rwset_pb2.KVRWSet(reads=reads, writes=writes))
            )
        ]
    )
    return proposal_pb2.ChaincodeAction(
        results=raw(results),
        response=proposal_response_pb2.Response(status=200, payload=invocation.payload),
        chaincode_id=chaincode_pb2.ChaincodeID(name=invocation.contract, version="1"),
    )
