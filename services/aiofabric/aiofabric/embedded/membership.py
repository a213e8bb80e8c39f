"""The organisations of a channel, and who is one of theirs: what Fabric calls the MSP.

Source: Fabric's ``msp/mspimplvalidate.go`` and ``msp/mspimplsetup.go``: one chain to a root of the organisation, a leaf
that is no authority, exactly one NodeOU. Expiry is no part of it: it is checked where a proposal arrives.
"""

import datetime as dt
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID
from fabric_protos.common import configtx_pb2
from fabric_protos.msp import identities_pb2, msp_config_pb2

from aiofabric.embedded.errors import IdentityRefusedError
from aiofabric.identity.signing import P256_ORDER

ROLES = ("client", "peer", "admin", "orderer")
CACHED_IDENTITIES = 10_000
_ECDSA = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """An identity that an organisation of the channel vouches for. There is one object for each."""

    msp_id: str
    role: str
    serialized: bytes
    not_after: dt.datetime
    public_key: ec.EllipticCurvePublicKey

    def verifies(self, signature: bytes, *, message: bytes) -> bool:
        """Tell whether this member signed the message (ECDSA, SHA-256, DER, low S only)."""
        try:
            if decode_dss_signature(signature)[1] > P256_ORDER // 2:
                return False
            self.public_key.verify(signature, message, _ECDSA)
        except (InvalidSignature, ValueError):
            return False
        return True


class Membership:
    """All organisations of a channel, read from its configuration."""

    def __init__(self, channel_group: configtx_pb2.ConfigGroup) -> None:
        self._roots: dict[str, tuple[x509.Certificate, ...]] = {}
        self._members: dict[bytes, Member] = {}
        for section in ("Orderer", "Application"):
            for group in channel_group.groups[section].groups.values():
                self._add(group)

    def _add(self, group: configtx_pb2.ConfigGroup) -> None:
        msp = msp_config_pb2.MSPConfig.FromString(group.values["MSP"].value)
        config = msp_config_pb2.FabricMSPConfig.FromString(msp.config)
        self._roots[config.name] = tuple(x509.load_pem_x509_certificate(pem) for pem in config.root_certs)

    def member(self, creator: bytes) -> Member:
        """Return who ``msp.SerializedIdentity`` bytes are; raise IdentityRefusedError if nobody vouches."""
        known = self._members.get(creator)
        if known is None:
            known = self._validate(creator)
            if len(self._members) >= CACHED_IDENTITIES:
                self._members.clear()
            self._members[creator] = known
        return known

    def _validate(self, creator: bytes) -> Member:
        try:
            identity = identities_pb2.SerializedIdentity.FromString(creator)
            certificate = x509.load_pem_x509_certificate(identity.id_bytes)
        except Exception as error:  # the decoders raise many kinds, and all of them mean: not an identity
            raise IdentityRefusedError("the creator is not a serialized X.509 identity") from error
        roots = self._roots.get(identity.mspid)
        if roots is None:
            raise IdentityRefusedError(f"MSP {identity.mspid} is unknown")
        msp_id = identity.mspid
        if not any(_issued_by(certificate, root) for root in roots):
            raise IdentityRefusedError(f"the certificate was not issued by {msp_id}")
        return Member(
            msp_id=msp_id,
            role=_role(certificate, msp_id=msp_id),
            serialized=creator,
            not_after=certificate.not_valid_after_utc,
            public_key=_p256_key(certificate, msp_id=msp_id),
        )


def _issued_by(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _p256_key(certificate: x509.Certificate, *, msp_id: str) -> ec.EllipticCurvePublicKey:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise IdentityRefusedError("the embedded ledger takes P-256 identities only", msp_id=msp_id)
    return key


def _role(certificate: x509.Certificate, *, msp_id: str) -> str:
    try:
        if certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise IdentityRefusedError("the certificate of an authority is no identity", msp_id=msp_id)
    except x509.ExtensionNotFound:
        pass
    units = [unit.value for unit in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)]
    roles = [role for role in ROLES if role in units]
    if len(roles) != 1:
        words = "the certificate's subject must name exactly one of client, peer, admin, orderer"
        raise IdentityRefusedError(words, msp_id=msp_id)
    return roles[0]
