"""What the verifier raises: one tree, stable codes, reasons that name no check.

VerificationError          evidence, or a part of it, is not what it claims to be
├── EncodingError          bytes are not the one accepted encoding of anything we know
├── BlockError             a block's hashes, place or orderer signatures do not fit
├── ConfigError            a channel configuration is not usable, or does not follow from the one before
├── TransactionError       the parts of a transaction contradict each other
├── IdentityError          a certificate does not belong to the organisation it names
├── SignatureError         a signature does not fit its message and key
└── PolicyError            the identities that signed do not satisfy a policy

Garbage of every kind raises one of these and nothing else: a `ValueError` that escapes is a bug.
"""

from typing import ClassVar


class VerificationError(Exception):
    """Root of everything the verifier raises on purpose: a reason for a person, and a stable code for a program."""

    code: ClassVar[str] = "verification_failed"

    def diagnostics(self) -> str:
        """Return code and reason, and the reason underneath when there is one."""
        cause = f" (cause: {self.__cause__})" if self.__cause__ else ""
        return f"{self.code}: {self}{cause}"


class EncodingError(VerificationError):
    """Bytes are malformed, or a second encoding of something that has one accepted form."""

    code = "encoding_refused"


class BlockError(VerificationError):
    """A block's data hash, previous hash, number or orderer signatures do not fit."""

    code = "block_refused"


class ConfigError(VerificationError):
    """A config block is not usable, or does not follow from the configuration before it."""

    code = "config_refused"


class TransactionError(VerificationError):
    """The parts of a transaction contradict each other."""

    code = "transaction_refused"


class IdentityError(VerificationError):
    """A certificate is no valid member of the organisation it names."""

    code = "identity_refused"


class SignatureError(VerificationError):
    """A signature is malformed or does not fit its message and key."""

    code = "signature_refused"


class PolicyError(VerificationError):
    """A policy is missing, not understood, or not satisfied by the identities that signed."""

    code = "policy_not_satisfied"
