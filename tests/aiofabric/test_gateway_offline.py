"""Signatures made elsewhere: bytes go out, a signature comes back."""

from fabric_protos.gateway import gateway_pb2

from support.gateway_peer import SIGNER, Peer, serving


async def test_a_proposal_is_evaluated_with_a_signature_from_elsewhere() -> None:
    peer = Peer()
    async with serving(peer, signer=None) as gateway:
        unsigned = gateway.network("channel").contract("assets").proposal("get", "a")
        signature = SIGNER(unsigned.message)
        assert await gateway.signed_proposal(unsigned.bytes, signature).evaluate() == b"get|a"
    (request,) = peer.asked("Evaluate")
    assert request.proposed_transaction.signature == signature
    assert request.proposed_transaction.proposal_bytes == unsigned.message


async def test_every_step_of_a_transaction_is_signed_elsewhere() -> None:
    peer = Peer()
    async with serving(peer, signer=None) as gateway:
        proposal = gateway.network("channel").contract("assets").proposal("put", endorsing_organizations=["Org2MSP"])
        signed_proposal = gateway.signed_proposal(proposal.bytes, SIGNER(proposal.message))
        assert signed_proposal.transaction_id == proposal.transaction_id
        transaction = await signed_proposal.endorse()
        signed_transaction = gateway.signed_transaction(transaction.bytes, SIGNER(transaction.message))
        assert signed_transaction.result == b"result"
        commit = await signed_transaction.submit()
        assert not commit.is_signed
        status = await gateway.signed_commit(commit.bytes, SIGNER(commit.message)).status()

    assert status.successful
    endorse, submit, asked = (request for _, request in peer.requests)
    assert list(endorse.endorsing_organizations) == ["Org2MSP"]
    assert submit.prepared_transaction.payload == transaction.payload
    assert submit.prepared_transaction.signature == signed_transaction.signature
    assert gateway_pb2.CommitStatusRequest.FromString(asked.request).transaction_id == proposal.transaction_id


async def test_a_signed_object_keeps_its_signature_in_its_bytes() -> None:
    async with serving(Peer()) as gateway:
        transaction = await gateway.network("channel").contract("assets").proposal("put").endorse()
        commit = await transaction.submit()
        again = gateway_pb2.SignedCommitStatusRequest.FromString(commit.bytes)
    assert (again.request, again.signature) == (commit.message, commit.signature)
    prepared = gateway_pb2.PreparedTransaction.FromString(transaction.bytes)
    assert prepared.transaction_id == transaction.transaction_id
    assert prepared.envelope.signature == transaction.signature
