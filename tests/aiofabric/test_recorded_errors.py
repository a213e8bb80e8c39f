"""Recorded refusals of real gateways: the client reads them, and the embedded ledger refuses the same way."""

from pathlib import Path

import grpc
import pytest

from aiofabric import embedded
from aiofabric.errors import GatewayError, PeerDetail, SubmitError
from aiofabric.gateway.rpc_status import DETAILS_KEY, failures_as
from aiofabric.identity import CertificateAuthority
from aiofabric.network.endorser import secure_channel
from support.embedded_network import provision
from support.gateway_situations import MEMBER, SITUATIONS, Failure, failure, peer
from support.recorded_errors import read, without_names

ORGANISATIONS = tuple(embedded.Organisation(f"Org{number}MSP") for number in (1, 2, 3))


@pytest.mark.parametrize("consensus", ["bft", "raft"])
def test_every_situation_is_recorded(consensus: str) -> None:
    assert list(read(consensus)) == list(SITUATIONS)


def test_the_client_reads_what_each_peer_said() -> None:
    details = _read(read("raft")["endorse: answers differ"]).details
    assert {detail.msp_id for detail in details} == {"Org2MSP", "Org3MSP"}
    assert {detail.message for detail in details} == {"ProposalResponsePayloads do not match"}
    assert all(detail.address.startswith("127.0.0.1:") for detail in details)

    refused = _read(read("raft")["endorse: the contract refuses"])
    assert (refused.code, refused.chaincode_status, refused.chaincode_message) == ("ABORTED", 404, "as asked")
    refused = _read(read("raft")["evaluate: the contract refuses"])
    assert (refused.code, refused.chaincode_status, refused.chaincode_message) == ("UNKNOWN", 404, "no not there")

    orderers = _read(read("bft")["submit: high S"]).details
    assert {detail.msp_id for detail in orderers} < {f"Orderer{number}MSP" for number in (1, 2, 3, 4)}
    assert all("status=FORBIDDEN" in detail.message for detail in orderers)

    in_the_gateway = _read(read("bft")["submit: unsigned"])
    assert (in_the_gateway.code, in_the_gateway.details) == ("INVALID_ARGUMENT", ())


@pytest.mark.parametrize("consensus", ["bft", "raft"])
def test_no_recorded_detail_is_lost(consensus: str) -> None:
    """Each detail has an address, an organisation and words; reading takes exactly those that are in the bytes."""
    for situation, recorded in read(consensus).items():
        error = _read(recorded)
        assert bool(error.details) == bool(recorded.details), situation
        for detail in error.details:
            assert all((detail.address, detail.msp_id, detail.message)), situation
            assert detail.message.encode() in recorded.details
        assert recorded.details.count(b"gateway.ErrorDetail") == len(error.details)
        assert error.message == recorded.message


@pytest.mark.filterwarnings("ignore::aiofabric.embedded.errors.DevelopmentLedgerWarning")
async def test_the_embedded_ledger_refuses_as_a_real_gateway_does(tmp_path: Path) -> None:
    """With the same code, and the same words of the gateway and of its peers."""
    home = provision(tmp_path / "ledger", organisations=ORGANISATIONS)
    expected = read("raft")  # one orderer, as the embedded ledger has
    async with (
        embedded.serve(home) as endpoint,
        secure_channel(endpoint.address, tls_ca_pem=endpoint.tls_ca_pem) as channel,
    ):
        ca = home / "organisations" / MEMBER / "ca"
        authority = CertificateAuthority((ca / "cert.pem").read_bytes(), key_pem=(ca / "key.pem").read_bytes())
        at = peer(channel, user=embedded.load_user(home, msp_id=MEMBER, name="admin"), authority=authority)
        for situation, recorded in expected.items():
            found = await failure(at, situation)
            assert found.code == recorded.code, situation
            assert _words(found) == _words(recorded), situation


def _read(recorded: Failure) -> GatewayError:
    """Let the client's own code read a recorded failure."""
    trailer = grpc.aio.Metadata(*([(DETAILS_KEY, recorded.details)] if recorded.details else []))
    error = grpc.aio.AioRpcError(grpc.StatusCode[recorded.code], grpc.aio.Metadata(), trailer, details=recorded.message)
    with pytest.raises(GatewayError) as caught, failures_as(SubmitError):
        raise error
    assert caught.value.code == recorded.code
    return caught.value


def _words(recorded: Failure) -> tuple[str, set[str]]:
    """Return what gateway and peers said; another organisation's peer repeats it after the gateway's own words."""
    details: tuple[PeerDetail, ...] = _read(recorded).details
    said = {without_names(detail.message).removeprefix("rpc error: code = Unknown desc = ") for detail in details}
    return without_names(recorded.message), said
