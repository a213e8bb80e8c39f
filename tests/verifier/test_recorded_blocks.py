"""The verifier's Fabric side on blocks that real peers and orderers made (`tests/fixtures/fabric`)."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from fabric_protos.common import common_pb2, configtx_pb2

from aiofabric.blocks import signed_part
from support.fabric_tampering import high_s
from support.recorded import LEDGERS
from support.recorded_channel import Channel, channel
from wayproof_verifier.errors import (
    BlockError,
    ConfigError,
    EncodingError,
    PolicyError,
    SignatureError,
)
from wayproof_verifier.fabric.block import header_hash, read_block
from wayproof_verifier.fabric.chain import check_block
from wayproof_verifier.fabric.config import read_config_envelope
from wayproof_verifier.fabric.config_update import check_update
from wayproof_verifier.fabric.messages import Envelope

FABRIC = ("bft", "raft", "raft-2.5")
SMALLEST = {"bft": 3, "raft": 1, "raft-2.5": 1, "embedded": 1}
"""How many orderers must have signed a block: 3 of 4 with BFT, one otherwise."""


@pytest.fixture(params=LEDGERS)
def any_channel(request: pytest.FixtureRequest) -> Channel:
    return channel(request.param)


@pytest.fixture(params=FABRIC)
def fabric_channel(request: pytest.FixtureRequest) -> Channel:
    return channel(request.param)


def test_every_block_follows_from_the_pinned_genesis_block(any_channel: Channel) -> None:
    read = [read_block(part) for part in any_channel.parts]
    assert header_hash(read[0].header) == any_channel.recorded.trust.genesis
    for previous, block in pairwise(read):
        check_block(block, config=any_channel.chain.in_force(block.number), previous=previous.header)
        assert len(block.signatures.signatures) >= SMALLEST[any_channel.recorded.ledger]
    assert len(read) > 10


def test_metadata_that_a_peer_added_is_not_accepted(any_channel: Channel) -> None:
    for block in any_channel.recorded.blocks[1:]:
        with pytest.raises(BlockError, match="slot 0 and no other"):
            read_block(block)


def test_fewer_orderers_than_the_policy_asks_are_refused(any_channel: Channel) -> None:
    smallest = SMALLEST[any_channel.recorded.ledger]
    for keep in range(smallest):
        with pytest.raises(PolicyError, match="/Channel/Orderer/BlockValidation is not satisfied"):
            check(any_channel, _orderers(_first(keep)))


def test_an_orderer_that_signs_twice_counts_once(any_channel: Channel) -> None:
    with pytest.raises(BlockError, match="an orderer has signed twice"):
        check(any_channel, _orderers(lambda signatures: [signatures[0], *signatures]))


def test_an_orderers_signature_in_its_second_form_is_refused(any_channel: Channel) -> None:
    with pytest.raises(SignatureError, match="high S"):
        check(any_channel, _orderers(lambda signatures: [_with_high_s(signatures[0]), *signatures[1:]]))


def test_an_orderers_signature_is_for_one_block(any_channel: Channel) -> None:
    other = common_pb2.Block.FromString(any_channel.parts[4])
    foreign = common_pb2.Metadata.FromString(other.metadata.metadata[0]).signatures[0]
    with pytest.raises(SignatureError, match="does not fit"):
        check(any_channel, _orderers(lambda signatures: [foreign, *signatures[1:]]))


def test_what_orderers_signed_about_the_configuration_cannot_be_changed(any_channel: Channel) -> None:
    def rewrite(block: Any) -> None:  # noqa: ANN401 - a protobuf message
        metadata = common_pb2.Metadata.FromString(block.metadata.metadata[0])
        value = common_pb2.OrdererBlockMetadata.FromString(metadata.value)
        value.last_config.index = block.header.number
        metadata.value = value.SerializeToString()
        block.metadata.metadata[0] = metadata.SerializeToString()

    with pytest.raises(SignatureError, match="does not fit"):
        check(any_channel, rewrite)


@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_changed_byte_of_a_transaction_changes_the_data_hash(any_channel: Channel, place: int) -> None:
    def flip(block: Any) -> None:  # noqa: ANN401 - a protobuf message
        envelope = bytearray(block.data.data[0])
        envelope[place] ^= 1
        block.data.data[0] = bytes(envelope)

    with pytest.raises((BlockError, EncodingError)) as refused:
        check(any_channel, flip)
    assert place != 100 or "data hash" in str(refused.value)


@pytest.mark.parametrize("member", ["previous_hash", "data_hash", "number"])
def test_a_changed_header_is_refused(any_channel: Channel, member: str) -> None:
    def change(block: Any) -> None:  # noqa: ANN401 - a protobuf message
        value = getattr(block.header, member)
        setattr(block.header, member, value + 1 if member == "number" else bytes([value[0] ^ 1]) + value[1:])

    with pytest.raises(BlockError):
        check(any_channel, change)


def test_a_header_made_to_fit_changed_data_has_no_signature(any_channel: Channel) -> None:
    """Whoever rewrites a block file can compute hashes again, but not the orderers' signatures."""
    other = common_pb2.Block.FromString(any_channel.parts[4])

    def replace(block: Any) -> None:  # noqa: ANN401 - a protobuf message
        block.data.CopyFrom(other.data)
        block.header.data_hash = other.header.data_hash

    with pytest.raises(SignatureError, match="does not fit"):
        check(any_channel, replace)


def test_a_block_that_is_left_out_is_missed(any_channel: Channel) -> None:
    before, after = any_channel.block(3), any_channel.block(5)
    with pytest.raises(BlockError, match="it does not follow block 3"):
        check_block(after, config=any_channel.chain.in_force(5), previous=before.header)


# --- configuration ------------------------------------------------------------------------------------------


def test_the_configuration_is_followed_through_a_new_organisation_and_a_revocation(fabric_channel: Channel) -> None:
    three, four, revoking = fabric_channel.chain.configs
    assert (three.sequence, four.sequence, revoking.sequence) == (0, 1, 2)
    assert four.application_organisations - three.application_organisations == {"InspectorMSP"}
    assert revoking.application_organisations == four.application_organisations
    assert three.consensus == {"bft": "BFT"}.get(fabric_channel.recorded.ledger, "etcdraft")
    assert len(three.consenters) == {"bft": 4}.get(fabric_channel.recorded.ledger, 0)


def test_no_config_block_can_be_left_out_or_moved(fabric_channel: Channel) -> None:
    genesis, adding, revoking = fabric_channel.config_parts()
    for parts in ([genesis, revoking], [genesis, revoking, adding], [genesis, adding, adding, revoking]):
        with pytest.raises(ConfigError):
            fabric_channel.read_chain(parts)
    with pytest.raises(ConfigError, match="the first config block is not block 0"):
        fabric_channel.read_chain([adding, revoking])


def test_another_channels_genesis_block_is_refused(fabric_channel: Channel) -> None:
    with pytest.raises(ConfigError, match="not the pinned one"):
        fabric_channel.read_chain(fabric_channel.config_parts(), genesis=bytes(32))
    other = channel("raft" if fabric_channel.recorded.ledger == "bft" else "bft")
    with pytest.raises(ConfigError, match="not the pinned one"):
        fabric_channel.read_chain(other.config_parts())


def test_a_config_block_needs_its_orderers(fabric_channel: Channel) -> None:
    smallest = SMALLEST[fabric_channel.recorded.ledger]
    genesis, adding, revoking = fabric_channel.config_parts()
    for keep in range(smallest):
        short = _bent(adding, _orderers(_first(keep)))
        with pytest.raises(PolicyError, match="BlockValidation is not satisfied"):
            fabric_channel.read_chain([genesis, short, revoking])


def test_a_config_update_without_enough_admins_is_refused(fabric_channel: Channel) -> None:
    """Signed by the orderers all the same: with Raft a single one could write anything."""
    three, four, _ = fabric_channel.chain.configs
    _, adding, _ = fabric_channel.config_parts()
    update = read_config_envelope(read_block(adding))[1].last_update
    assert update is not None
    for keep in (0, 1):
        with pytest.raises(PolicyError, match="/Channel/Application/Admins is not satisfied"):
            check_update(_signed_by_first(update, keep), before=three, after=four)
    check_update(_signed_by_first(update, 2), before=three, after=four)


def check(recorded: Channel, bend: Callable[[Any], None], *, number: int = 3) -> None:
    """Check a block of the channel, bent, against the one before it; the genuine block passes."""
    previous = recorded.block(number - 1).header
    config = recorded.chain.in_force(number)
    check_block(recorded.block(number), config=config, previous=previous)
    check_block(read_block(_bent(recorded.parts[number], bend)), config=config, previous=previous)


def _bent(part: bytes, bend: Callable[[Any], None]) -> bytes:
    block = common_pb2.Block.FromString(part)
    bend(block)
    return signed_part(block.SerializeToString())


def _orderers(choose: Callable[[list[Any]], list[Any]]) -> Callable[[Any], None]:
    def bend(block: Any) -> None:  # noqa: ANN401 - a protobuf message
        metadata = common_pb2.Metadata.FromString(block.metadata.metadata[0])
        chosen = choose(list(metadata.signatures))
        kept = common_pb2.Metadata(value=metadata.value, signatures=chosen)
        block.metadata.metadata[0] = kept.SerializeToString()

    return bend


def _with_high_s(signature: Any) -> Any:  # noqa: ANN401 - a protobuf message
    second = common_pb2.MetadataSignature.FromString(signature.SerializeToString())
    second.signature = high_s(signature.signature)
    return second


def _signed_by_first(update: Envelope, keep: int) -> Envelope:
    payload = common_pb2.Payload.FromString(update.payload)
    signed = configtx_pb2.ConfigUpdateEnvelope.FromString(payload.data)
    del signed.signatures[keep:]
    payload.data = signed.SerializeToString()
    return Envelope(payload=payload.SerializeToString(), signature=update.signature)


def _first(keep: int) -> Callable[[list[Any]], list[Any]]:
    return lambda signatures: signatures[:keep]
