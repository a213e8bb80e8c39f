"""What of the Gateway client only peers of Fabric can confirm: kinds of keys, binding to TLS, what they skip."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from aiofabric.errors import EndorseError, EvaluateError, EventStreamError
from aiofabric.gateway import Contract, Gateway, Position
from aiofabric.gateway.connection import Message
from aiofabric.identity import (
    AsyncSigner,
    CertificateAuthority,
    Identity,
    PrivateKey,
    Signer,
    in_thread,
    load_identity,
    private_key_signer,
)
from aiofabric.identity.pkcs11 import Pkcs11Token
from aiofabric.network import Binaries, Organisation
from support.fabric_network import CHAINCODE, RAFT_ORDERERS, FabricNetwork, running_fabric
from support.softhsm import IS_MISSING, LABEL, PIN, REASON, soft_token

WAIT_S = 30
SILENCE_S = 2
MSP_ID = "Org1MSP"


def authority(fabric: FabricNetwork, kind: str = "ca") -> CertificateAuthority:
    home = fabric.directory / "organisations" / MSP_ID / kind
    return CertificateAuthority((home / "cert.pem").read_bytes(), key_pem=(home / "key.pem").read_bytes())


@asynccontextmanager
async def contract_for(
    fabric: FabricNetwork, certificate_pem: bytes, signer: Signer | AsyncSigner
) -> AsyncIterator[Contract]:
    endpoint = fabric.endpoint(MSP_ID)
    identity = Identity(MSP_ID, certificate_pem)
    async with Gateway.connect(
        endpoint.address, tls_ca=endpoint.tls_ca_pem, identity=identity, signer=signer
    ) as gateway:
        yield gateway.network(fabric.channel).contract(CHAINCODE)


async def submit_with(fabric: FabricNetwork, key: PrivateKey) -> bytes:
    certificate = authority(fabric).issue_for(key.public_key(), "other", role="client")
    async with contract_for(fabric, certificate, private_key_signer(key)) as contract:
        return await contract.submit("put", "other-key", "x")


async def test_a_p384_key_submits(fabric: FabricNetwork) -> None:
    assert await submit_with(fabric, ec.generate_private_key(ec.SECP384R1())) == b"x"


async def test_an_ed25519_key_submits_where_the_channel_has_v3_0(fabric_bft: FabricNetwork) -> None:
    assert await submit_with(fabric_bft, ed25519.Ed25519PrivateKey.generate()) == b"x"


async def test_an_ed25519_key_is_refused_where_it_has_not(fabric_raft: FabricNetwork) -> None:
    with pytest.raises(EndorseError):
        await submit_with(fabric_raft, ed25519.Ed25519PrivateKey.generate())


async def test_ecdsa_is_over_sha256_on_every_curve(fabric: FabricNetwork) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    certificate = authority(fabric).issue_for(key.public_key(), "other", role="client")
    async with contract_for(fabric, certificate, private_key_signer(key, hash_name="sha384")) as contract:
        with pytest.raises(EvaluateError) as raised:
            await contract.evaluate("get", "anything")
    assert raised.value.code == "FAILED_PRECONDITION"


@pytest.mark.skipif(IS_MISSING, reason=REASON)
async def test_a_key_in_a_token_submits(fabric: FabricNetwork, tmp_path: Path) -> None:
    with soft_token(tmp_path / "softhsm") as soft:
        async with Pkcs11Token.opened(soft.library, token_label=LABEL, pin=PIN) as token:
            certificate = authority(fabric).issue_for(await token.generate_key("alice"), "alice", role="client")
            async with contract_for(fabric, certificate, await token.signer(certificate)) as contract:
                assert await contract.submit("put", "hsm", "x") == b"x"


async def test_an_encrypted_key_from_a_file_in_a_thread_submits(fabric: FabricNetwork, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(authority(fabric).issue_for(key.public_key(), "alice", role="client"))
    encryption = BestAvailableEncryption(b"secret")
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    identity, signer = load_identity(MSP_ID, certificate=certificate, key=key_file, password=b"secret")
    async with contract_for(fabric, identity.certificate_pem, in_thread(signer)) as contract:
        await asyncio.gather(*(contract.submit("put", f"thread-{number}", "x") for number in range(5)))


async def test_a_checkpoint_without_an_event_silences_the_peer_and_not_the_client(fabric: FabricNetwork) -> None:
    async with fabric.gateway(MSP_ID) as gateway:
        network = gateway.network(fabric.channel)
        contract = network.contract(CHAINCODE)
        commit = await contract.submit_async("put", "no-event", "x")
        position = Position((await commit.status()).block_number, commit.transaction_id)
        await contract.submit("event", "Said", "after")
        async with network.chaincode_events(CHAINCODE, checkpoint=position) as events:
            assert (await asyncio.wait_for(anext(events), WAIT_S)).payload == b"after"
        async with network.chaincode_events_request(CHAINCODE, checkpoint=position).events() as events:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), SILENCE_S)


async def test_every_step_and_a_stream_are_signed_for_elsewhere(fabric: FabricNetwork) -> None:
    identity, sign = fabric.user(MSP_ID)
    endpoint = fabric.endpoint(MSP_ID)
    async with Gateway.connect(endpoint.address, tls_ca=endpoint.tls_ca_pem, identity=identity) as gateway:
        network = gateway.network(fabric.channel)
        proposal = network.contract(CHAINCODE).proposal("event", "Said", "signed elsewhere")
        transaction = await gateway.signed_proposal(proposal.bytes, sign(proposal.message)).endorse()
        commit = await gateway.signed_transaction(transaction.bytes, sign(transaction.message)).submit()
        status = await gateway.signed_commit(commit.bytes, sign(commit.message)).status()
        assert status.successful
        request = network.chaincode_events_request(CHAINCODE, start_block=status.block_number)
        async with gateway.signed_chaincode_events_request(request.bytes, sign(request.message)).events() as events:
            assert (await asyncio.wait_for(anext(events), WAIT_S)).payload == b"signed elsewhere"


async def test_transient_data_goes_to_the_organisations_that_are_named(fabric: FabricNetwork) -> None:
    async with fabric.gateway(MSP_ID) as gateway:
        contract = gateway.network(fabric.channel).contract(CHAINCODE)
        proposal = contract.proposal(
            "transient", transient={"secret": b"nobody sees this"}, endorsing_organizations=[MSP_ID, "Org3MSP"]
        )
        transaction = await proposal.endorse()
        assert b"Org3MSP" in transaction.payload
        assert b"Org2MSP" not in transaction.payload
        assert b"nobody sees this" not in transaction.payload
        assert (await (await transaction.submit()).status()).successful


@pytest.mark.parametrize("kind", ["block_events", "filtered_block_events", "block_and_private_data_events"])
async def test_blocks_are_signed_for_elsewhere(fabric: FabricNetwork, kind: str) -> None:
    identity, sign = fabric.user(MSP_ID)
    endpoint = fabric.endpoint(MSP_ID)
    async with Gateway.connect(endpoint.address, tls_ca=endpoint.tls_ca_pem, identity=identity) as gateway:
        request = getattr(gateway.network(fabric.channel), f"{kind}_request")(start_block=0)
        rebuild = getattr(gateway, f"signed_{kind}_request")
        async with rebuild(request.bytes, sign(request.message)).events() as blocks:
            assert number_of(await asyncio.wait_for(anext(blocks), WAIT_S)) == 0
        with pytest.raises(EventStreamError) as raised:
            await asyncio.wait_for(anext(rebuild(request.bytes, sign(b"something else")).events()), WAIT_S)
    assert raised.value.code == "PERMISSION_DENIED"


def number_of(item: Message) -> int:
    """Return the number of a block of any of the three kinds."""
    if hasattr(item, "number"):  # filtered
        return int(item.number)
    return int((item.block if hasattr(item, "block") else item).header.number)


async def test_a_peer_that_asks_for_client_certificates(fabric_binaries: Binaries, tmp_path: Path) -> None:
    """Streams of blocks are bound to the connection's certificate, and the peer looks."""
    async with running_fabric(
        tmp_path / "network",
        binaries=fabric_binaries,
        orderers=RAFT_ORDERERS,
        organisations=[Organisation(MSP_ID)],
        chaincode=None,
    ) as fabric:
        await ask_for_client_certificates(fabric)
        identity, signer = fabric.user(MSP_ID)
        endpoint = fabric.endpoint(MSP_ID)
        issued = authority(fabric, "tlsca").issue_tls("client")
        async with Gateway.connect(
            endpoint.address,
            tls_ca=endpoint.tls_ca_pem,
            identity=identity,
            signer=signer,
            tls_certificate_pem=issued.certificate_pem,
            tls_key_pem=issued.key_pem,
        ) as gateway:
            network = gateway.network(fabric.channel)
            assert (await network.newest_block()).header.number == 0
            unbound = Gateway(gateway._connection.channel, identity=identity, signer=signer)
            with pytest.raises(EventStreamError) as raised:
                await unbound.network(fabric.channel).newest_block()
            assert raised.value.code == "INVALID_ARGUMENT"
        async with Gateway.connect(
            endpoint.address, tls_ca=endpoint.tls_ca_pem, identity=identity, signer=signer
        ) as gateway:
            with pytest.raises(EventStreamError) as raised:
                await gateway.network(fabric.channel).newest_block()
        assert raised.value.code == "UNAVAILABLE"


async def ask_for_client_certificates(fabric: FabricNetwork) -> None:
    """Change the peer's settings and start it again."""
    (name,) = [name for name in fabric.network.processes if "peer" in name]
    (settings,) = fabric.directory.glob(f"**/{name}/core.yaml")
    document = yaml.safe_load(settings.read_bytes())
    roots = [document["peer"]["tls"]["rootcert"]["file"]]
    document["peer"]["tls"] |= {"clientAuthRequired": True, "clientRootCAs": {"files": roots}}
    settings.write_text(yaml.safe_dump(document))
    await fabric.network.restart(name)
