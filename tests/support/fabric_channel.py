"""A channel made by hand for tests: configuration, blocks, endorsed transactions, each open to being spoilt."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.common import common_pb2, configtx_pb2, configuration_pb2, policies_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import msp_config_pb2, msp_principal_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from fabric_protos.peer import chaincode_event_pb2, chaincode_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2

from support.fabric_certificates import Authority, Member, pem, raw

CHANNEL = "cold"
CHAINCODE = "wayproof"
ANY, ALL, MAJORITY = 0, 1, 2
MEMBER, ADMIN, CLIENT, PEER, ORDERER = range(5)

Spoil = Callable[[Any], object]
"""Changes an official message before it is serialised."""


def keep(message: object) -> object:
    """Leave a message as it is."""
    return message


# --- policies ------------------------------------------------------------------------------------------------------


def meta(sub_policy: str, rule: int) -> Any:  # noqa: ANN401
    value = raw(policies_pb2.ImplicitMetaPolicy(sub_policy=sub_policy, rule=rule))
    return policies_pb2.Policy(type=policies_pb2.Policy.IMPLICIT_META, value=value)


def role(msp_id: str, number: int) -> Any:  # noqa: ANN401
    principal = raw(msp_principal_pb2.MSPRole(msp_identifier=msp_id, role=number))
    return msp_principal_pb2.MSPPrincipal(principal_classification=0, principal=principal)


def identity(member: Member) -> Any:  # noqa: ANN401
    return msp_principal_pb2.MSPPrincipal(principal_classification=2, principal=member.serialized)


def n_of(n: int, *principals: Any) -> Any:  # noqa: ANN401
    """Return a signature policy: N of these principals, each by another signature."""
    rules = [policies_pb2.SignaturePolicy(signed_by=index) for index in range(len(principals))]
    rule = policies_pb2.SignaturePolicy(n_out_of={"n": n, "rules": rules})
    envelope = policies_pb2.SignaturePolicyEnvelope(rule=rule, identities=principals)
    return policies_pb2.Policy(type=policies_pb2.Policy.SIGNATURE, value=raw(envelope))


# --- configuration -------------------------------------------------------------------------------------------------


def group(
    *,
    groups: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
    **policies: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    made = configtx_pb2.ConfigGroup(mod_policy="Admins")
    for name, sub in (groups or {}).items():
        made.groups[name].CopyFrom(sub)
    for name, value in (values or {}).items():
        made.values[name].CopyFrom(configtx_pb2.ConfigValue(value=raw(value), mod_policy="Admins"))
    for name, policy in policies.items():
        made.policies[name].CopyFrom(configtx_pb2.ConfigPolicy(policy=policy, mod_policy="Admins"))
    return made


def organisation_group(authority: Authority, **options: Any) -> Any:  # noqa: ANN401
    msp = msp_config_pb2.MSPConfig(type=0, config=raw(authority.msp_config(**options)))
    name = authority.msp_id
    return group(
        values={"MSP": msp},
        Writers=n_of(1, role(name, MEMBER)),
        Admins=n_of(1, role(name, ADMIN)),
        Endorsement=n_of(1, role(name, PEER)),
    )


@dataclass
class Channel:
    """Organisations, orderers and their certificates; makes config blocks, blocks and transactions."""

    organisations: list[Authority] = field(default_factory=lambda: [Authority(f"Org{n}MSP") for n in (1, 2, 3)])
    orderer: Authority = field(default_factory=lambda: Authority("OrdererMSP"))
    consensus: str = "etcdraft"
    consenters: int = 4

    def __post_init__(self) -> None:
        self.peers = [organisation.member("peer") for organisation in self.organisations]
        self.admins = [organisation.member("admin") for organisation in self.organisations]
        self.client = self.organisations[0].member("client")
        self.orderers = [self.orderer.member("orderer") for _ in range(self.consenters)]

    def channel_group(self, endorsement_version: int = 0) -> Any:  # noqa: ANN401
        capabilities = configuration_pb2.Capabilities()
        capabilities.capabilities["V3_0"].SetInParent()
        application = group(
            groups={each.msp_id: organisation_group(each) for each in self.organisations},
            Endorsement=meta("Endorsement", MAJORITY),
            Admins=meta("Admins", MAJORITY),
        )
        application.policies["Endorsement"].version = endorsement_version
        groups = {"Application": application, "Orderer": self._orderer_group()}
        return group(groups=groups, values={"Capabilities": capabilities}, Admins=meta("Admins", MAJORITY))

    def _orderer_group(self) -> Any:  # noqa: ANN401
        values: dict[str, Any] = {"ConsensusType": orderer_pb2.ConsensusType(type=self.consensus)}
        validation = meta("Writers", ANY)
        if self.consensus == "BFT":
            consenters = [
                configuration_pb2.Consenter(id=number, msp_id=each.msp_id, identity=pem(each.certificate))
                for number, each in enumerate(self.orderers, start=1)
            ]
            values["Orderers"] = configuration_pb2.Orderers(consenter_mapping=consenters)
            validation = n_of(3, *map(identity, self.orderers))
        organisation = organisation_group(self.orderer)
        return group(groups={self.orderer.msp_id: organisation}, values=values, BlockValidation=validation)

    def config_block(
        self,
        number: int = 0,
        *,
        sequence: int | None = None,
        signers: Sequence[int] = (0,),
        spoil_config: Spoil = keep,
        spoil_header: Spoil = keep,
        update: Any = None,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        config = configtx_pb2.Config(sequence=number if sequence is None else sequence)
        config.channel_group.CopyFrom(self.channel_group(config.sequence))
        spoil_config(config)
        creator = self.orderers[0] if number else None
        channel_header = common_pb2.ChannelHeader(type=1, channel_id=CHANNEL)
        spoil_header(channel_header)
        signature_header = common_pb2.SignatureHeader(creator=creator.serialized if creator else b"", nonce=b"n" * 24)
        header = common_pb2.Header(channel_header=raw(channel_header), signature_header=raw(signature_header))
        content = configtx_pb2.ConfigEnvelope(config=config)
        if number:
            content.last_update.CopyFrom(update or self.update(config.sequence))
        payload = raw(common_pb2.Payload(header=header, data=raw(content)))
        envelope = common_pb2.Envelope(payload=payload, signature=creator.sign(payload) if creator else b"")
        options.setdefault("last_config", number)
        options.setdefault("previous_hash", b"p" * 32 if number else b"")
        return self.block(number, [raw(envelope)], signers=signers if number else (), **options)

    def update(
        self,
        sequence: int,
        *,
        signers: Sequence[Member] | None = None,
        spoil_update: Spoil = keep,
        spoil_signature: Spoil = keep,
        header_type: int = 2,
    ) -> Any:  # noqa: ANN401
        """Return the envelope of an update that writes the endorsement policy again, in the version `sequence`."""
        update = configtx_pb2.ConfigUpdate(channel_id=CHANNEL)
        update.read_set.groups["Application"].SetInParent()
        written = update.write_set.groups["Application"].policies["Endorsement"]
        written.CopyFrom(self.channel_group(sequence).groups["Application"].policies["Endorsement"])
        spoil_update(update)
        signed = configtx_pb2.ConfigUpdateEnvelope(config_update=raw(update))
        for each in self.admins[:2] if signers is None else signers:
            header = raw(common_pb2.SignatureHeader(creator=each.serialized, nonce=b"n" * 24))
            signature = configtx_pb2.ConfigSignature(
                signature_header=header, signature=each.sign(header + signed.config_update)
            )
            spoil_signature(signature)
            signed.signatures.append(signature)
        channel_header = raw(common_pb2.ChannelHeader(type=header_type, channel_id=CHANNEL))
        payload = common_pb2.Payload(header=common_pb2.Header(channel_header=channel_header), data=raw(signed))
        return common_pb2.Envelope(payload=raw(payload))

    def block(
        self,
        number: int,
        envelopes: Sequence[bytes],
        *,
        signers: Sequence[int] = (0,),
        previous_hash: bytes = b"p" * 32,
        last_config: int = 0,
        spoil_signature: Spoil = keep,
    ) -> Any:  # noqa: ANN401
        """Return an official block, signed by the orderers with these indexes in the form of the consensus."""
        data_hash = hashlib.sha256(b"".join(envelopes)).digest()
        header = common_pb2.BlockHeader(number=number, previous_hash=previous_hash, data_hash=data_hash)
        value = raw(common_pb2.OrdererBlockMetadata(last_config={"index": last_config}))
        metadata = common_pb2.Metadata(value=value)
        for signer in signers:
            signature = self._orderer_signature(signer, value, header_der(header))
            spoil_signature(signature)
            metadata.signatures.append(signature)
        block = common_pb2.Block(header=header, data=common_pb2.BlockData(data=envelopes))
        block.metadata.metadata.append(raw(metadata))
        return block

    def _orderer_signature(self, signer: int, value: bytes, der: bytes) -> Any:  # noqa: ANN401
        orderer = self.orderers[signer]
        nonce = bytes([signer]) * 24
        if self.consensus == "BFT":
            header = raw(common_pb2.IdentifierHeader(identifier=signer + 1, nonce=nonce))
            return common_pb2.MetadataSignature(identifier_header=header, signature=orderer.sign(value + header + der))
        header = raw(common_pb2.SignatureHeader(creator=orderer.serialized, nonce=nonce))
        return common_pb2.MetadataSignature(signature_header=header, signature=orderer.sign(value + header + der))

    def transaction(self, *, endorsers: Sequence[Member] | None = None, **spoil: Spoil) -> Any:  # noqa: ANN401
        """Return an endorsed transaction as an official envelope, signed by the client.

        `spoil` names a message of `_Parts` and how to change it before it is serialised (and hashed, and signed).
        """
        return _Parts(self.client, self.peers[:2] if endorsers is None else endorsers, spoil).envelope()


def header_der(header: Any) -> bytes:  # noqa: ANN401
    """Encode a block header as ASN.1 by hand; only for numbers below 2^31."""
    parts = b""
    number = header.number.to_bytes(header.number.bit_length() // 8 + 1, "big")
    for tag, content in ((2, number), (4, header.previous_hash), (4, header.data_hash)):
        parts += bytes([tag, len(content)]) + content
    return bytes([0x30, len(parts)]) + parts


@dataclass
class _Parts:
    """A transaction from the inside out; every part passes through `_spoilt` under its own name."""

    client: Member
    endorsers: Sequence[Member]
    spoil: Mapping[str, Spoil]

    def _spoilt(self, name: str, message: Any) -> Any:  # noqa: ANN401
        self.spoil.get(name, keep)(message)
        return message

    def _raw(self, name: str, message: Any) -> bytes:  # noqa: ANN401
        return raw(self._spoilt(name, message))

    def envelope(self) -> Any:  # noqa: ANN401
        nonce = b"n" * 24
        tx_id = hashlib.sha256(nonce + self.client.serialized).hexdigest()
        signature_header = raw(common_pb2.SignatureHeader(creator=self.client.serialized, nonce=nonce))
        channel_header = self._channel_header(tx_id)
        proposal = self._proposal()
        proposal_hash = hashlib.sha256(channel_header + signature_header + proposal).digest()
        response = self._response(tx_id, proposal_hash)
        endorsements = [
            self._spoilt(
                "endorsement",
                proposal_response_pb2.Endorsement(
                    endorser=each.serialized, signature=each.sign(response + each.serialized)
                ),
            )
            for each in self.endorsers
        ]
        action = transaction_pb2.ChaincodeActionPayload(
            chaincode_proposal_payload=proposal,
            action={"proposal_response_payload": response, "endorsements": endorsements},
        )
        one = transaction_pb2.TransactionAction(header=signature_header, payload=self._raw("action_payload", action))
        transaction = transaction_pb2.Transaction(actions=[self._spoilt("action", one)])
        header = common_pb2.Header(channel_header=channel_header, signature_header=signature_header)
        payload = common_pb2.Payload(header=header, data=self._raw("transaction", transaction))
        signed = self._raw("payload", payload)
        return self._spoilt("envelope", common_pb2.Envelope(payload=signed, signature=self.client.sign(signed)))

    def _channel_header(self, tx_id: str) -> bytes:
        extension = proposal_pb2.ChaincodeHeaderExtension(chaincode_id={"name": CHAINCODE})
        header = common_pb2.ChannelHeader(
            type=3, channel_id=CHANNEL, tx_id=tx_id, extension=self._raw("extension", extension)
        )
        header.timestamp.seconds, header.timestamp.nanos = 1_767_225_600, 5
        return self._raw("channel_header", header)

    def _proposal(self) -> bytes:
        spec = chaincode_pb2.ChaincodeSpec(
            type=1, chaincode_id={"name": CHAINCODE}, input={"args": [b"get_shipment", b"{}"]}
        )
        invocation = self._raw("invocation", chaincode_pb2.ChaincodeInvocationSpec(chaincode_spec=spec))
        return self._raw("proposal", proposal_pb2.ChaincodeProposalPayload(input=invocation))

    def _response(self, tx_id: str, proposal_hash: bytes) -> bytes:
        event = chaincode_event_pb2.ChaincodeEvent(chaincode_id=CHAINCODE, tx_id=tx_id, event_name="e", payload=b"{}")
        action = proposal_pb2.ChaincodeAction(
            results=self._results(),
            events=self._raw("event", event),
            response={"status": 200, "payload": b"answer"},
            chaincode_id={"name": CHAINCODE, "version": "1.0"},
        )
        response = proposal_response_pb2.ProposalResponsePayload(
            proposal_hash=proposal_hash, extension=self._raw("chaincode_action", action)
        )
        return self._raw("response_payload", response)

    def _results(self) -> bytes:
        own = kv_rwset_pb2.KVRWSet(
            reads=[{"key": "a", "version": {"block_num": 4, "tx_num": 1}}, {"key": "b"}],
            writes=[{"key": "c", "value": b"v"}, {"key": "d", "is_delete": True}],
        )
        hashed = kv_rwset_pb2.HashedRWSet(hashed_writes=[{"key_hash": b"k", "value_hash": b"v"}])
        lifecycle = kv_rwset_pb2.KVRWSet(reads=[{"key": "namespaces/fields/wayproof/Sequence", "version": {}}])
        results = rwset_pb2.TxReadWriteSet(
            ns_rwset=[
                {"namespace": "_lifecycle", "rwset": raw(lifecycle)},
                {
                    "namespace": CHAINCODE,
                    "rwset": self._raw("rwset", own),
                    "collection_hashed_rwset": [{"collection_name": "secret", "hashed_rwset": raw(hashed)}],
                },
            ]
        )
        return self._raw("results", results)
