"""What is refused, with which code: proposals, transactions, policies."""

import asyncio
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import chaincode_event_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2

from aiofabric.embedded import EmbeddedLedger, Organisation, RequestRefusedError, issue_client, load_user
from aiofabric.identity import CertificateAuthority, Identity, IssuedIdentity, private_key_signer
from aiofabric.identity.signing import P256_ORDER
from support.embedded_client import Client, action_payload, commit_together, opened, transaction_id, with_action
from support.embedded_network import provision


def high_s(signature: bytes) -> bytes:
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, P256_ORDER - s)


def client_of(msp_id: str, issued: IssuedIdentity) -> Client:
    key = load_pem_private_key(issued.key_pem, password=None)
    return Client(Identity(msp_id, issued.certificate_pem), private_key_signer(key))  # type: ignore[arg-type]


def authority_of(directory: Path, msp_id: str) -> CertificateAuthority:
    home = directory / "organisations" / msp_id / "ca"
    return CertificateAuthority((home / "cert.pem").read_bytes(), key_pem=(home / "key.pem").read_bytes())


async def refused(
    ledger: EmbeddedLedger, client: Client, tx_id: str, signed: proposal_pb2.SignedProposal
) -> tuple[str, str, str]:
    """Return the codes on evaluate and on endorse, and the peer's words."""
    evaluate = client.evaluate_request(tx_id, signed)
    with pytest.raises(RequestRefusedError) as on_evaluate:
        await ledger.evaluate(evaluate)
    endorse = gateway_pb2.EndorseRequest(transaction_id=tx_id, channel_id=client.channel, proposed_transaction=signed)
    with pytest.raises(RequestRefusedError) as on_endorse:
        await ledger.endorse(endorse)
    details = on_evaluate.value.details
    return on_evaluate.value.code.name, on_endorse.value.code.name, details[0].message if details else ""


DENIED = ("FAILED_PRECONDITION", "ABORTED")
DROPPED = ("UNAVAILABLE", "ABORTED")  # a peer drops the connection of a client whose clock or certificate is wrong
INVALID = ("INVALID_ARGUMENT", "INVALID_ARGUMENT")


async def test_a_changed_proposal_is_denied(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        tx_id, signed = client.proposal("put", "k", "v")
        position = signed.proposal_bytes.index(b"put")
        changed = signed.proposal_bytes[:position] + b"get" + signed.proposal_bytes[position + 3 :]
        forged = proposal_pb2.SignedProposal(proposal_bytes=changed, signature=signed.signature)
        *codes, message = await refused(ledger, client, tx_id, forged)
        assert tuple(codes) == DENIED
        assert message == "error validating proposal: access denied: channel [trade] creator org [Org1MSP]"


async def test_high_s_is_denied(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        tx_id, signed = client.proposal("put", "k", "v")
        signed.signature = high_s(signed.signature)
        *codes, message = await refused(ledger, client, tx_id, signed)
        assert tuple(codes) == DENIED
        assert "access denied" in message


@pytest.mark.parametrize("signature", [b"", b"not DER"])
async def test_a_proposal_without_a_signature_is_denied(tmp_path: Path, signature: bytes) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        tx_id, signed = client.proposal("get", "k")
        signed.signature = signature
        assert (await refused(ledger, client, tx_id, signed))[:2] == DENIED


@pytest.mark.parametrize(
    ("bent", "codes", "words"),
    [
        ({"age_s": 16 * 60}, DROPPED, "request unauthorized due to incorrect timestamp"),
        ({"age_s": -16 * 60}, DROPPED, "request unauthorized due to incorrect timestamp"),
        ({"epoch": 1}, DENIED, "epoch is non-zero"),
        ({"nonce": b""}, DENIED, "nonce is empty"),
        ({"tx_id": "00" * 32}, DENIED, "incorrectly computed txid"),
        ({"creator": b"garbage"}, DENIED, "creator org unknown, creator is malformed"),
    ],
)
async def test_bent_headers_are_refused(
    tmp_path: Path, bent: dict[str, object], codes: tuple[str, str], words: str
) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        tx_id, signed = client.proposal("put", "k", "v", **bent)  # type: ignore[arg-type]
        *found, message = await refused(ledger, client, tx_id, signed)
        assert tuple(found) == codes
        assert words in message


async def test_a_transaction_id_that_is_on_the_ledger_is_not_endorsed_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        tx_id, signed = client.proposal("put", "k", "v", nonce=b"n" * 24)
        envelope = await ledger.endorse(
            gateway_pb2.EndorseRequest(transaction_id=tx_id, channel_id="trade", proposed_transaction=signed)
        )
        await client.commit(ledger, client.signed(envelope))
        *codes, message = await refused(ledger, client, *client.proposal("get", "k", nonce=b"n" * 24))
        assert tuple(codes) == DENIED
        creator = client.identity.serialized().hex()
        assert message == f"duplicate transaction found [{tx_id}]. Creator [{creator}]"


async def test_malformed_requests_are_invalid(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        tx_id, signed = client.proposal("get", "k")
        garbage = proposal_pb2.SignedProposal(proposal_bytes=b"\xff\xff", signature=signed.signature)
        for proposed in (garbage, proposal_pb2.SignedProposal()):
            assert (await refused(ledger, client, tx_id, proposed))[:2] == INVALID
        assert (await refused(ledger, client, "11" * 32, signed))[:2] == INVALID
        nameless = Client(client.identity, client.sign, chaincode="")
        assert (await refused(ledger, nameless, *nameless.proposal("get", "k")))[:2] == INVALID


async def test_unknown_channel_and_chaincode(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        admin = Client.of(tmp_path / "ledger")
        elsewhere = Client(admin.identity, admin.sign, channel="elsewhere")
        codes = await refused(ledger, elsewhere, *elsewhere.proposal("get", "k"))
        assert codes[:2] == ("UNAVAILABLE", "FAILED_PRECONDITION")
        absent = Client(admin.identity, admin.sign, chaincode="absent")
        codes = await refused(ledger, absent, *absent.proposal("get", "k"))
        assert codes[:2] == ("FAILED_PRECONDITION", "FAILED_PRECONDITION")


async def test_an_expired_identity_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        authority = authority_of(tmp_path / "ledger", "Org1MSP")
        client = client_of("Org1MSP", authority.issue("late", role="client", valid_for=dt.timedelta(seconds=-5)))
        *codes, message = await refused(ledger, client, *client.proposal("get", "k"))
        assert tuple(codes) == DROPPED
        assert "expired" in message


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("stranger", "creator org unknown, creator is malformed"),
        ("impostor", "creator org unknown, creator is malformed"),
        ("peer", "this policy requires 1 of the 'Writers' sub-policies"),
        ("authority", "access denied: channel [trade] creator org [Org1MSP]"),
        ("unknown", "access denied: channel [trade] creator org [Org1MSP]"),
    ],
)
async def test_only_clients_and_admins_of_the_channels_organisations_may_propose(
    tmp_path: Path, case: str, words: str
) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        authority = authority_of(tmp_path / "ledger", "Org1MSP")
        strangers = CertificateAuthority.create("Org3MSP")
        issued = {
            "stranger": strangers.issue("eve", role="client"),
            "impostor": strangers.issue("eve", role="client"),
            "peer": authority.issue("another peer", role="peer"),
            "authority": IssuedIdentity(authority.certificate_pem, authority.key_pem),
            "unknown": authority.issue("eve", role="auditor"),  # type: ignore[arg-type]
        }
        client = client_of("Org3MSP" if case == "stranger" else "Org1MSP", issued[case])
        *codes, message = await refused(ledger, client, *client.proposal("get", "k"))
        assert tuple(codes) == DENIED
        assert words in message


async def test_a_user_added_later_is_known_at_once_with_its_attributes(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    async with opened(directory) as ledger:
        issue_client(directory, msp_id="Org2MSP", name="carol", attributes={"role": "clerk"})
        carol = Client.of(directory, "Org2MSP", "carol")
        assert (await carol.submit(ledger, "put", "k", "v"))[1] == 0


async def test_the_callers_own_organisation_endorses_first_then_as_many_as_needed(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    provision(directory, organisations=[Organisation(f"Org{number}MSP") for number in (1, 2, 3, 4)])
    async with opened(directory) as ledger:
        client = Client.of(directory, "Org3MSP")
        envelope = await client.endorse(ledger, "put", "k", "v")
        assert endorsers(envelope) == ["Org3MSP", "Org1MSP", "Org2MSP"]  # a majority of four is three
        assert (await client.commit(ledger, envelope))[1] == transaction_pb2.VALID


async def test_given_organisations_endorse_and_too_few_are_found_at_commit(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    async with opened(directory) as ledger:
        client = Client.of(directory)
        envelope = await client.endorse(ledger, "put", "k", "v", organisations=["Org2MSP"])
        assert endorsers(envelope) == ["Org2MSP"]
        assert (await client.commit(ledger, envelope))[1] == transaction_pb2.ENDORSEMENT_POLICY_FAILURE
        with pytest.raises(RequestRefusedError, match="404"):
            await client.evaluate(ledger, "get", "k")
        with pytest.raises(
            RequestRefusedError, match=r"failed to find any endorsing peers for org\(s\): Org9MSP"
        ) as no:
            await client.endorse(ledger, "put", "k", "v", organisations=["Org1MSP", "Org9MSP"])
        assert no.value.code.name == "UNAVAILABLE"


def endorsers(envelope: common_pb2.Envelope) -> list[str]:
    identities = [entry.endorser for entry in action_payload(envelope).action.endorsements]
    return [identity[2 : 2 + identity[1]].decode() for identity in identities]


Change = Callable[[transaction_pb2.ChaincodeActionPayload], None]


def same_endorser_twice(action: transaction_pb2.ChaincodeActionPayload) -> None:
    action.action.endorsements[1].CopyFrom(action.action.endorsements[0])


def one_endorsement_less(action: transaction_pb2.ChaincodeActionPayload) -> None:
    del action.action.endorsements[1]


def high_s_endorsement(action: transaction_pb2.ChaincodeActionPayload) -> None:
    action.action.endorsements[0].signature = high_s(action.action.endorsements[0].signature)


def foreign_signature(action: transaction_pb2.ChaincodeActionPayload) -> None:
    action.action.endorsements[0].signature = action.action.endorsements[1].signature


def changed_result(action: transaction_pb2.ChaincodeActionPayload) -> None:
    changed = action.action.proposal_response_payload.replace(b"value-v", b"value-w")
    action.action.proposal_response_payload = changed


def changed_arguments(action: transaction_pb2.ChaincodeActionPayload) -> None:
    action.chaincode_proposal_payload = action.chaincode_proposal_payload.replace(b"value-v", b"value-w")


def foreign_event(action: transaction_pb2.ChaincodeActionPayload) -> None:
    response = proposal_response_pb2.ProposalResponsePayload.FromString(action.action.proposal_response_payload)
    inner = proposal_pb2.ChaincodeAction.FromString(response.extension)
    inner.events = chaincode_event_pb2.ChaincodeEvent(chaincode_id="other", tx_id="x").SerializeToString()
    response.extension = inner.SerializeToString()
    action.action.proposal_response_payload = response.SerializeToString()


def other_chaincode(action: transaction_pb2.ChaincodeActionPayload) -> None:
    response = proposal_response_pb2.ProposalResponsePayload.FromString(action.action.proposal_response_payload)
    inner = proposal_pb2.ChaincodeAction.FromString(response.extension)
    inner.chaincode_id.name = "other"
    response.extension = inner.SerializeToString()
    action.action.proposal_response_payload = response.SerializeToString()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (same_endorser_twice, transaction_pb2.ENDORSEMENT_POLICY_FAILURE),
        (one_endorsement_less, transaction_pb2.ENDORSEMENT_POLICY_FAILURE),
        (high_s_endorsement, transaction_pb2.ENDORSEMENT_POLICY_FAILURE),
        (foreign_signature, transaction_pb2.ENDORSEMENT_POLICY_FAILURE),
        (changed_result, transaction_pb2.ENDORSEMENT_POLICY_FAILURE),
        (changed_arguments, transaction_pb2.INVALID_ENDORSER_TRANSACTION),
        (foreign_event, transaction_pb2.INVALID_OTHER_REASON),
        (other_chaincode, transaction_pb2.INVALID_CHAINCODE),
    ],
)
async def test_a_changed_transaction_gets_the_code_that_fabric_gives(tmp_path: Path, change: Change, code: int) -> None:
    directory = tmp_path / "ledger"
    async with opened(directory) as ledger:
        client = Client.of(directory)
        envelope = await client.endorse(ledger, "put", "k", "value-v")
        action = action_payload(envelope)
        change(action)
        changed = client.signed(with_action(envelope, action))
        assert (await client.commit(ledger, changed))[1] == code
        with pytest.raises(RequestRefusedError, match="404"):
            await client.evaluate(ledger, "get", "k")
    async with opened(directory) as ledger:  # and a restart comes to the same codes
        status = await ledger.commit_status(client.status_request(transaction_id(envelope)))
        assert status == (1, code)


async def test_two_actions_and_another_signature_header_are_invalid(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    async with opened(directory) as ledger:
        client = Client.of(directory)
        for bend in ("two actions", "header"):
            envelope = await client.endorse(ledger, "put", "k", "v")
            payload = common_pb2.Payload.FromString(envelope.payload)
            transaction = transaction_pb2.Transaction.FromString(payload.data)
            if bend == "header":
                transaction.actions[0].header += b"\x0a\x00"
            else:
                transaction.actions.append(transaction.actions[0])
            payload.data = transaction.SerializeToString()
            changed = client.signed(common_pb2.Envelope(payload=payload.SerializeToString()))
            assert (await client.commit(ledger, changed))[1] == transaction_pb2.INVALID_ENDORSER_TRANSACTION


async def test_a_transaction_id_that_is_not_its_creators_is_flagged(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    async with opened(directory) as ledger:
        client = Client.of(directory)
        envelope = await client.endorse(ledger, "put", "k", "v")
        payload = common_pb2.Payload.FromString(envelope.payload)
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        header.tx_id = "ab" * 32
        payload.header.channel_header = header.SerializeToString()
        changed = client.signed(common_pb2.Envelope(payload=payload.SerializeToString()))
        assert (await client.commit(ledger, changed))[1] == transaction_pb2.BAD_PROPOSAL_TXID


async def test_a_second_copy_is_a_duplicate_and_the_first_keeps_its_status(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    async with opened(directory) as ledger:
        client = Client.of(directory)
        envelope = await client.endorse(ledger, "add", "k", "1")
        assert await commit_together(client, ledger, envelope, envelope) == [(1, 0), (1, 0)]
        await ledger.submit(client.submit_request(envelope))
        codes = [(await ledger.block(number)).metadata.metadata[2] for number in (1, 2)]
        assert codes == [bytes([0, 9]), bytes([9])]
        assert await client.evaluate(ledger, "get", "k") == b"1"
        assert await ledger.commit_status(client.status_request(transaction_id(envelope))) == (1, 0)


async def test_what_an_orderer_refuses_is_aborted_and_never_in_a_block(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    async with opened(directory) as ledger:
        client = Client.of(directory)
        envelope = await client.endorse(ledger, "put", "k", "v")
        unsigned = common_pb2.Envelope(payload=envelope.payload)
        forged = common_pb2.Envelope(payload=envelope.payload, signature=high_s(envelope.signature))
        garbage = common_pb2.Envelope(payload=b"\xff\xff", signature=b"x")
        identity, sign = load_user(directory, msp_id="Org2MSP", name="bob")
        stolen = common_pb2.Envelope(payload=envelope.payload, signature=sign(envelope.payload))
        for wrong, code, words in (
            (unsigned, "INVALID_ARGUMENT", "must be signed"),
            (forged, "ABORTED", "FORBIDDEN"),
            (stolen, "ABORTED", "FORBIDDEN"),
            (garbage, "ABORTED", "BAD_REQUEST"),
        ):
            request = gateway_pb2.SubmitRequest(channel_id="trade", prepared_transaction=wrong)
            with pytest.raises(RequestRefusedError, match=words) as refusal:
                await ledger.submit(request)
            assert refusal.value.code.name == code
        assert identity.msp_id == "Org2MSP"
        assert ledger.height == 1


async def test_a_transaction_too_large_for_a_block_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        envelope = await client.endorse(ledger, "put", "k", "v" * (4 * 1024 * 1024))
        with pytest.raises(RequestRefusedError, match="exceed the maximum"):
            await client.commit(ledger, envelope)


async def test_the_status_of_an_unknown_transaction_waits(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        envelope = await client.endorse(ledger, "put", "k", "v")
        asked = asyncio.create_task(ledger.commit_status(client.status_request(transaction_id(envelope))))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(asked), 0.1)
        await ledger.submit(client.submit_request(envelope))
        assert await asked == (1, 0)


async def test_status_and_events_need_a_reader_of_the_channel(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as ledger:
        client = Client.of(tmp_path / "ledger")
        elsewhere = Client(client.identity, client.sign, channel="elsewhere")
        stranger = client_of("Org1MSP", CertificateAuthority.create("Org1MSP").issue("eve", role="client"))
        forged = client.status_request("00" * 32)
        forged.signature = high_s(forged.signature)
        requests = [forged, elsewhere.status_request("00" * 32), stranger.status_request("00" * 32)]
        for request in requests:
            with pytest.raises(RequestRefusedError) as refusal:
                await ledger.commit_status(request)
            assert refusal.value.code.name == "PERMISSION_DENIED"
        with pytest.raises(RequestRefusedError) as refusal:
            await anext(ledger.chaincode_events(stranger.events_request()))
        assert refusal.value.code.name == "PERMISSION_DENIED"
        with pytest.raises(RequestRefusedError) as refusal:
            await ledger.commit_status(client.status_request(""))
        assert refusal.value.code.name == "INVALID_ARGUMENT"
