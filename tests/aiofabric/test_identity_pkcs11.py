"""Keys that stay in a token: SoftHSM signs for the client, on the embedded ledger."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from aiofabric.errors import IdentityError, SigningError
from aiofabric.gateway import Gateway
from aiofabric.identity import CertificateAuthority, Identity
from aiofabric.identity.pkcs11 import Pkcs11Token, key_identifier
from aiofabric.identity.signing import P256_ORDER
from support.embedded_network import running_ledger
from support.softhsm import IS_MISSING, LABEL, PIN, REASON, SoftToken, soft_token

pytestmark = pytest.mark.skipif(IS_MISSING, reason=REASON)


@pytest.fixture(scope="module")
def soft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftToken]:
    with soft_token(tmp_path_factory.mktemp("softhsm")) as soft:
        yield soft


@pytest_asyncio.fixture
async def token(soft: SoftToken) -> AsyncIterator[Pkcs11Token]:
    async with Pkcs11Token.opened(soft.library, token_label=LABEL, pin=PIN) as token:
        yield token


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority.create("Org1MSP")


def certificate(authority: CertificateAuthority, key: ec.EllipticCurvePublicKey) -> bytes:
    return authority.issue_for(key, "alice", role="client")


async def test_a_key_that_never_left_the_token_submits_and_evaluates(token: Pkcs11Token, tmp_path: Path) -> None:
    async with running_ledger(tmp_path / "trade") as ledger:
        home = ledger.directory / "organisations" / "Org1MSP" / "ca"
        authority = CertificateAuthority((home / "cert.pem").read_bytes(), key_pem=(home / "key.pem").read_bytes())
        identity = Identity("Org1MSP", certificate(authority, await token.generate_key("alice")))
        signer = await token.signer(identity.certificate_pem)
        async with Gateway.connect(
            ledger.address, tls_ca=ledger.tls_ca_pem, identity=identity, signer=signer
        ) as gateway:
            network = gateway.network(ledger.channel)
            contract = network.contract(ledger.chaincode)
            assert await contract.submit("put", "hsm", "signed in a token") == b"signed in a token"
            assert await contract.evaluate("get", "hsm") == b"signed in a token"
            await asyncio.gather(*(contract.submit("put", f"hsm-{number}", "x") for number in range(10)))
            await contract.submit("event", "Said", "hello")
            async with network.chaincode_events(ledger.chaincode, start_block=0) as events:
                assert (await asyncio.wait_for(anext(events), 20)).payload == b"hello"


async def test_signatures_are_the_certificates_and_have_a_low_s(
    token: Pkcs11Token, authority: CertificateAuthority
) -> None:
    key = await token.generate_key("alice")
    signer = await token.signer(certificate(authority, key))
    messages = [str(number).encode() for number in range(32)]  # half of a token's signatures have a high S
    for message, signature in zip(messages, await asyncio.gather(*map(signer, messages)), strict=True):
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        assert decode_dss_signature(signature)[1] <= P256_ORDER // 2


async def test_the_hash_is_the_callers_choice(token: Pkcs11Token, authority: CertificateAuthority) -> None:
    key = await token.generate_key("alice")
    signer = await token.signer(certificate(authority, key), hash_name="sha3_256")
    key.verify(await signer(b"message"), b"message", ec.ECDSA(hashes.SHA3_256()))


async def test_a_key_is_found_by_its_label_or_its_id(token: Pkcs11Token, authority: CertificateAuthority) -> None:
    anna, ben = await token.generate_key("anna"), await token.generate_key("ben")
    for name, key in (("anna", anna), ("ben", ben)):
        by_label = await token.signer(certificate(authority, key), key_label=name)
        by_id = await token.signer(certificate(authority, key), key_id=key_identifier(key))
        for signer in (by_label, by_id):
            key.verify(await signer(b"message"), b"message", ec.ECDSA(hashes.SHA256()))


async def test_a_key_in_the_token_cannot_be_read(token: Pkcs11Token) -> None:
    import pkcs11  # noqa: PLC0415 - only this test looks into the token

    await token.generate_key("secret")
    template = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.Attribute.LABEL: "secret"}
    (key,) = list(token._session.get_objects(template))
    with pytest.raises(pkcs11.AttributeSensitive):
        key[pkcs11.Attribute.VALUE]


async def test_another_certificates_key_is_refused(token: Pkcs11Token, authority: CertificateAuthority) -> None:
    await token.generate_key("ours")
    other = await token.generate_key("theirs")
    with pytest.raises(IdentityError) as raised:
        await token.signer(certificate(authority, other), key_label="ours")
    assert raised.value.code == "KEY_MISMATCH"


async def test_a_key_that_is_not_there_is_said(token: Pkcs11Token, authority: CertificateAuthority) -> None:
    elsewhere = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(IdentityError, match=key_identifier(elsewhere).hex()) as raised:
        await token.signer(certificate(authority, elsewhere))
    assert raised.value.code == "KEY_NOT_FOUND"


async def test_two_keys_of_one_label_are_not_chosen_between(
    token: Pkcs11Token, authority: CertificateAuthority
) -> None:
    first, _ = await token.generate_key("twice"), await token.generate_key("twice")
    with pytest.raises(IdentityError) as raised:
        await token.signer(certificate(authority, first), key_label="twice")
    assert raised.value.code == "KEY_NOT_FOUND"


async def test_a_token_that_fails_is_a_signing_error(token: Pkcs11Token, authority: CertificateAuthority) -> None:
    signer = await token.signer(certificate(authority, await token.generate_key("alice")))
    token._session.close()
    with pytest.raises(SigningError, match="open it again"):
        await signer(b"message")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(lambda given: given | {"pin": "9999"}, "TOKEN_REFUSED", id="wrong-pin"),
        pytest.param(lambda given: given | {"token_label": "elsewhere"}, "TOKEN_NOT_FOUND", id="no-such-token"),
        pytest.param(lambda given: given | {"library": "/nowhere.so"}, "LIBRARY_UNUSABLE", id="no-library"),
    ],
)
async def test_what_cannot_be_opened_is_said(
    soft: SoftToken, change: Callable[[dict[str, str]], dict[str, str]], code: str
) -> None:
    given = change({"library": soft.library, "token_label": LABEL, "pin": PIN})
    with pytest.raises(IdentityError) as raised:
        async with Pkcs11Token.opened(given.pop("library"), **given):
            pass
    assert raised.value.code == code


async def test_a_token_is_opened_once_and_again_after_it_is_closed(soft: SoftToken, token: Pkcs11Token) -> None:
    with pytest.raises(IdentityError, match="share that one") as raised:
        async with Pkcs11Token.opened(soft.library, token_label=LABEL, pin=PIN):
            pass
    assert raised.value.code == "TOKEN_REFUSED"
    await token.generate_key("alice")  # the refused one did not log out the open one


async def test_closing_makes_room_for_opening_again(soft: SoftToken) -> None:
    for label in ("first", "second"):
        async with Pkcs11Token.opened(soft.library, token_label=LABEL, pin=PIN) as token:
            await token.generate_key(label)


async def test_giving_up_while_it_opens_leaves_nothing_open(soft: SoftToken) -> None:
    async def open_and_stay() -> None:
        async with Pkcs11Token.opened(soft.library, token_label=LABEL, pin=PIN):
            await asyncio.sleep(60)

    opening = asyncio.create_task(open_and_stay())
    await asyncio.sleep(0)  # the login is with the thread now, and cannot be taken back
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    async with Pkcs11Token.opened(soft.library, token_label=LABEL, pin=PIN) as token:
        await token.generate_key("after")
