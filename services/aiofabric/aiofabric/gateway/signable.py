"""What a client signs: here and now with the gateway's signer, or elsewhere and later."""

from aiofabric.gateway.connection import Connection
from aiofabric.identity import digest

Octets = bytes
"""The built-in type, for classes that have a property of that name, as the official API wants."""


class Signable:
    """Bytes that need the client's signature before they can be sent.

    With a signer the signature is made when it is needed. Without one, sign `digest` (or `message`, if the key's
    algorithm hashes by itself) elsewhere, and hand `bytes` and the signature to the gateway's ``signed_…`` method.
    """

    def __init__(self, connection: Connection, *, message: Octets, signature: Octets = b"") -> None:
        self._connection = connection
        self._message = message
        self._signature = signature

    @property
    def message(self) -> Octets:
        """The bytes that the signature covers."""
        return self._message

    @property
    def digest(self) -> Octets:
        """The digest of `message` by the gateway's ``hash_name``: SHA-256, unless it was connected with another."""
        return digest(self._message, hash_name=self._connection.hash_name)

    @property
    def signature(self) -> Octets:
        """The signature, empty as long as there is none."""
        return self._signature

    @property
    def is_signed(self) -> bool:
        """Whether the signature is there."""
        return bool(self._signature)

    async def _sign(self) -> Octets:
        """Return the signature, made now if need be. Raises `UnsignedError` without one and without a signer."""
        if not self._signature:
            self._signature = await self._connection.sign(self._message)
        return self._signature
