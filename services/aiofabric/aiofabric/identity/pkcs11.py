"""Keys that stay in a token: a hardware security module, a smart card, SoftHSM. Needs ``aiofabric[pkcs11]``.

The library is ``python-pkcs11``: MIT, maintained, wheels for Linux (x86-64, ARM; glibc, musl), macOS and Windows, type
hints, and it releases the interpreter while the token works. ``PyKCS11`` is GPL (docs/adr/0014).

Two rules of PKCS#11 shape this module. The library is initialised for callers that never overlap (``C_Initialize``
without arguments, as ``python-pkcs11`` does), so each library has one thread of ours and everything goes through it;
the event loop goes on meanwhile. A login belongs to the whole process, and closing a session logs out, so a token is
opened once and shared by all its signers.

    async with Pkcs11Token.opened("/usr/lib/softhsm/libsofthsm2.so", token_label="fabric", pin=pin) as token:
        signer = await token.signer(identity.certificate_pem)
        async with Gateway.connect(address, tls_ca=pem, identity=identity, signer=signer) as gateway:
            ...
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from aiofabric.errors import IdentityError, SigningError
from aiofabric.identity.files import load_certificate
from aiofabric.identity.hashing import ALGORITHMS, HashName, digest
from aiofabric.identity.signing import ORDERS, AsyncSigner, low_s

try:
    import pkcs11
    from pkcs11.types import SignMixin
    from pkcs11.util import ec as token_keys
except ImportError as error:  # pragma: no cover - the tests have the extra
    raise ImportError("keys in tokens need python-pkcs11: pip install 'aiofabric[pkcs11]'") from error

__all__ = ["Pkcs11Token", "key_identifier"]

T = TypeVar("T")

# PKCS#11 libraries are global to the process, and so is the one thread that may call each.
_THREADS: dict[str, ThreadPoolExecutor] = {}
_PROBE = b"aiofabric: does this key belong to its certificate?"


class Pkcs11Token:
    """An open token, logged in. Any number of signers use it, one signature after the other."""

    def __init__(self, session: pkcs11.Session, *, library: str) -> None:
        """Take an open session; `opened` makes one."""
        self._session = session
        self._thread = _thread(library)

    @classmethod
    @asynccontextmanager
    async def opened(cls, library: str, *, token_label: str, pin: str) -> AsyncIterator["Pkcs11Token"]:
        """Open a token for as long as the block lasts; its signers end with it.

        Args:
            library: path of the PKCS#11 library that the token's maker supplies.
            token_label: the token's label.
            pin: the user's PIN.

        Raises IdentityError: the library cannot be used, there is no such token, or it refuses the login (also because
        this process has it open already).
        """
        thread = _thread(library)
        opening = thread.submit(_login, library, token_label=token_label, pin=pin)
        try:
            session = await asyncio.wrap_future(opening)
        except asyncio.CancelledError:
            thread.submit(_abandon, opening)  # nobody would close it, and nobody could open the token again
            raise
        try:
            yield cls(session, library=library)
        finally:
            with suppress(pkcs11.PKCS11Error):  # a token that was pulled out has closed it already
                await _in(thread, session.close)

    async def signer(
        self,
        certificate_pem: bytes,
        *,
        key_label: str | None = None,
        key_id: bytes | None = None,
        hash_name: HashName = "sha256",
    ) -> AsyncSigner:
        """Return a signer with the key of a certificate: ECDSA, DER, low S.

        Args:
            certificate_pem: the identity's certificate, P-256 or P-384.
            key_label: the key's ``CKA_LABEL``.
            key_id: its ``CKA_ID``. Without both it is `key_identifier`, as Fabric's own tools set it.
            hash_name: what the message's digest is computed with (here, not in the token).

        The key signs once at once, to see that it is the certificate's.

        Raises IdentityError: there is no such key, more than one, or it is another certificate's. The signer raises
        `SigningError` when the token fails; open it again then.
        """
        if hash_name not in ALGORITHMS:
            raise ValueError(f"ECDSA signs a digest: {hash_name!r} is not one of {', '.join(ALGORITHMS)}")
        public_key = load_certificate(certificate_pem).public_key()
        if not isinstance(public_key, ec.EllipticCurvePublicKey) or public_key.curve.name not in ORDERS:
            raise IdentityError("keys in tokens are P-256 or P-384; this certificate's is not", code="KEY_UNSUPPORTED")
        if key_label is None and key_id is None:
            key_id = key_identifier(public_key)
        key = await _in(self._thread, lambda: _private_key(self._session, label=key_label, key_id=key_id))
        order = ORDERS[public_key.curve.name]

        async def sign(message: bytes) -> bytes:
            hashed = digest(message, hash_name=hash_name)
            try:
                raw = await _in(self._thread, lambda: key.sign(hashed, mechanism=pkcs11.Mechanism.ECDSA))
            except pkcs11.PKCS11Error as error:
                raise SigningError(f"the token did not sign ({_said(error)}): open it again") from error
            return low_s(_der(raw), order=order)

        try:
            public_key.verify(await sign(_PROBE), _PROBE, ec.ECDSA(ALGORITHMS[hash_name]))
        except InvalidSignature as error:
            raise IdentityError("the token's key is not the certificate's", code="KEY_MISMATCH") from error
        return sign

    async def generate_key(self, label: str) -> ec.EllipticCurvePublicKey:
        """Make a P-256 key that never leaves the token, with `key_identifier` as its id; return the public half.

        Raises IdentityError if the token refuses.
        """
        try:
            return await _in(self._thread, lambda: _generate(self._session.token, label=label))
        except pkcs11.PKCS11Error as error:
            raise IdentityError(f"the token made no key: {_said(error)}", code="TOKEN_REFUSED") from error


def key_identifier(public_key: ec.EllipticCurvePublicKey) -> bytes:
    """Return SHA-256 of the uncompressed point: the ``CKA_ID`` of keys that Fabric's tools make in a token."""
    return hashlib.sha256(public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)).digest()


def _thread(library: str) -> ThreadPoolExecutor:
    if library not in _THREADS:
        _THREADS[library] = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pkcs11")
    return _THREADS[library]


async def _in(thread: ThreadPoolExecutor, function: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, function)


def _login(library: str, *, token_label: str, pin: str) -> pkcs11.Session:
    try:
        loaded = pkcs11.lib(library)
    except pkcs11.PKCS11Error as error:
        raise IdentityError(f"{library} cannot be used: {_said(error)}", code="LIBRARY_UNUSABLE") from error
    try:
        return loaded.get_token(token_label=token_label).open(user_pin=pin)
    except (pkcs11.NoSuchToken, pkcs11.MultipleTokensReturned) as error:
        message = f"not exactly one token is labelled {token_label!r} in {library}"
        raise IdentityError(message, code="TOKEN_NOT_FOUND") from error
    except pkcs11.UserAlreadyLoggedIn as error:
        message = f"token {token_label!r} is open in this process already: share that one"
        raise IdentityError(message, code="TOKEN_REFUSED") from error
    except pkcs11.PKCS11Error as error:
        message = f"token {token_label!r} refuses the login: {_said(error)}"
        raise IdentityError(message, code="TOKEN_REFUSED") from error


def _abandon(opening: Future[pkcs11.Session]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _private_key(session: pkcs11.Session, *, label: str | None, key_id: bytes | None) -> SignMixin:
    wanted = f"label {label!r}, id {key_id.hex() if key_id else 'any'}"
    template: dict[pkcs11.Attribute, object] = {
        pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY,
        pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC,
    }
    if label is not None:
        template[pkcs11.Attribute.LABEL] = label
    if key_id is not None:
        template[pkcs11.Attribute.ID] = key_id
    try:
        # Not session.get_key: it can leave a search open, which is then ended whenever, and in whichever thread,
        # garbage is collected. A list runs to the search's end.
        found = list(session.get_objects(template))
    except pkcs11.PKCS11Error as error:
        raise IdentityError(f"the token does not look for a key: {_said(error)}", code="TOKEN_REFUSED") from error
    if len(found) != 1:
        raise IdentityError(f"{len(found)} private keys have {wanted}; one must", code="KEY_NOT_FOUND")
    (key,) = found
    if not isinstance(key, SignMixin):
        raise IdentityError(f"the private key of {wanted} may not sign", code="KEY_UNSUPPORTED")
    return key


def _generate(token: pkcs11.Token, *, label: str) -> ec.EllipticCurvePublicKey:
    curve = {pkcs11.Attribute.EC_PARAMS: token_keys.encode_named_curve_parameters("secp256r1")}
    # The login is the process's, so this second session has it too, and closing it does not log out.
    with token.open(rw=True) as session:
        parameters = session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
        public, private = parameters.generate_keypair(store=True, label=label)
        key = load_der_public_key(token_keys.encode_ec_public_key(public))
        assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 - what was asked for
        for half in (public, private):
            half[pkcs11.Attribute.ID] = key_identifier(key)
    return key


def _der(raw: bytes) -> bytes:
    """Return DER of a token's signature: R and S, each half of the bytes (PKCS#11, CKM_ECDSA)."""
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


def _said(error: pkcs11.PKCS11Error) -> str:
    return str(error) or type(error).__name__
