"""What the verifier says of recorded transactions is what the peers of their channel said."""

import pytest

from support.recorded import LEDGERS
from support.recorded_channel import Channel, Committed, channel
from wayproof_verifier.errors import IdentityError, PolicyError
from wayproof_verifier.fabric.transaction import (
    check_creator,
    check_endorsements,
    check_transaction_id,
    void_endorsements,
)

FABRIC = ("bft", "raft", "raft-2.5")
VALID, DUPLICATE_TXID, ENDORSEMENT_POLICY_FAILURE, MVCC_READ_CONFLICT = 0, 9, 10, 11
ENDORSEMENT = "/Channel/Application/Endorsement"
LIFECYCLE_ENDORSEMENT = "/Channel/Application/LifecycleEndorsement"


@pytest.fixture(params=LEDGERS)
def any_channel(request: pytest.FixtureRequest) -> Channel:
    return channel(request.param)


@pytest.fixture(params=FABRIC)
def fabric_channel(request: pytest.FixtureRequest) -> Channel:
    return channel(request.param)


def test_peers_and_verifier_agree_on_every_transaction(any_channel: Channel) -> None:
    codes = set()
    for committed in any_channel.transactions():
        codes.add(committed.code)
        if committed.code == ENDORSEMENT_POLICY_FAILURE:
            with pytest.raises(PolicyError):
                check_transaction(committed, any_channel)
        else:
            check_transaction(committed, any_channel)
    expected = {
        "bft": {VALID, ENDORSEMENT_POLICY_FAILURE, MVCC_READ_CONFLICT},  # BFT orderers refuse a transaction's double
        "embedded": {VALID},
    }
    everything = {VALID, DUPLICATE_TXID, ENDORSEMENT_POLICY_FAILURE, MVCC_READ_CONFLICT}
    assert codes == expected.get(any_channel.recorded.ledger, everything)


def test_too_few_endorsements_and_a_forged_one_are_told_apart(fabric_channel: Channel) -> None:
    too_few, forged = [item for item in fabric_channel.transactions() if item.code == ENDORSEMENT_POLICY_FAILURE]
    with pytest.raises(PolicyError, match="/Channel/Application/Endorsement is not satisfied by ShipperMSP"):
        check_transaction(too_few, fabric_channel)
    with pytest.raises(PolicyError, match="void endorsements: the signature does not fit its message and key"):
        check_transaction(forged, fabric_channel)


def test_a_revoked_identity_counts_no_more_after_the_revoking_block(fabric_channel: Channel) -> None:
    signed_by = _creators(fabric_channel, "relief@CarrierMSP")
    revoking = fabric_channel.chain.latest.block_number
    assert signed_by
    for committed in signed_by:
        assert committed.block < revoking
        for number in range(committed.block, revoking + 1):  # the revoking block itself is under the one before
            membership = fabric_channel.chain.in_force(number).membership
            check_creator(committed.transaction, membership=membership)
        with pytest.raises(IdentityError, match="revoked"):
            check_creator(committed.transaction, membership=fabric_channel.chain.in_force(revoking + 1).membership)


def test_a_new_organisation_counts_from_its_config_block_on(fabric_channel: Channel) -> None:
    adding = fabric_channel.chain.configs[1].block_number
    endorsed_by_it = [
        item
        for item in fabric_channel.transactions()
        if any(b"InspectorMSP" in each.endorser for each in item.transaction.endorsements)
    ]
    assert endorsed_by_it
    for committed in endorsed_by_it:
        assert committed.block > adding
        before = fabric_channel.chain.in_force(adding).membership
        reason = "the channel has no organisation 'InspectorMSP'"
        assert set(void_endorsements(committed.transaction, membership=before)) == {reason}
        now = fabric_channel.chain.in_force(committed.block).membership
        assert void_endorsements(committed.transaction, membership=now) == ()


def test_the_same_transaction_twice_has_one_id(fabric_channel: Channel) -> None:
    doubles = [item for item in fabric_channel.transactions() if item.code == DUPLICATE_TXID]
    assert bool(doubles) == (fabric_channel.recorded.ledger != "bft")
    for double in doubles:
        first = next(item for item in fabric_channel.transactions() if item.envelope == double.envelope)
        assert first.code == VALID
        assert first.block <= double.block


def check_transaction(committed: Committed, recorded: Channel) -> None:
    config = recorded.chain.in_force(committed.block)
    check_transaction_id(committed.transaction)
    check_creator(committed.transaction, membership=config.membership)
    check_endorsements(committed.transaction, config=config, policy=_policy(committed))


def _policy(committed: Committed) -> str:
    """Return which policy the peers asked: the lifecycle has its own, and approvals are their organisation's alone."""
    if committed.transaction.chaincode != "_lifecycle":
        return ENDORSEMENT
    if committed.transaction.writes:
        return LIFECYCLE_ENDORSEMENT
    (collection,) = committed.transaction.namespaces["_lifecycle"].collections
    return f"/Channel/Application/{collection.removeprefix('_implicit_org_')}/Endorsement"


def _creators(recorded: Channel, name: str) -> list[Committed]:
    membership = recorded.chain.configs[0].membership
    return [
        item
        for item in recorded.transactions()
        if b"InspectorMSP" not in item.transaction.creator
        and name in membership.identity(item.transaction.creator).certificate.parsed.subject.rfc4514_string()
    ]
