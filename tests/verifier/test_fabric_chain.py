"""Blocks, configuration and orderer signatures, from a pinned genesis block on."""

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from support.fabric_certificates import Authority, Member, raw
from support.fabric_channel import CHANNEL, Channel, header_der, organisation_group
from wayproof_verifier.errors import BlockError, ConfigError, EncodingError, PolicyError, SignatureError
from wayproof_verifier.errors import VerificationError as Refused
from wayproof_verifier.fabric.block import Block, header_bytes, header_hash, read_block
from wayproof_verifier.fabric.chain import ConfigChain, check_block, check_orderer_signatures, read_config_chain
from wayproof_verifier.fabric.config import ChannelConfig, read_config
from wayproof_verifier.fabric.messages import BlockHeader

RAFT = Channel()
BFT = Channel(consensus="BFT")
GENESIS = RAFT.config_block()


def pin(genesis: Any) -> bytes:  # noqa: ANN401 - an official block
    return hashlib.sha256(header_der(genesis.header)).digest()


def walk(channel: Channel, *later: Any) -> ConfigChain:  # noqa: ANN401
    genesis = channel.config_block()
    blocks = [raw(genesis), *map(raw, later)]
    return read_config_chain(blocks, channel_id=CHANNEL, genesis_hash=pin(genesis))


def config_of(channel: Channel) -> ChannelConfig:
    return walk(channel).latest


# --- blocks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256, 2**31, 2**63, 2**64 - 1])
def test_header_bytes_are_der(number: int) -> None:
    header = BlockHeader(number=number, previous_hash=b"p" * 32, data_hash=b"d" * 32)
    der = header_bytes(header)
    assert der[0] == 0x30
    assert der[1] == len(der) - 2
    assert der[2] == 0x02
    assert int.from_bytes(der[4 : 4 + der[3]], "big", signed=True) == number
    assert header_hash(header) == hashlib.sha256(der).digest()


def test_long_hashes_use_long_lengths() -> None:
    assert header_bytes(BlockHeader(previous_hash=b"p" * 200, data_hash=b"")).hex().startswith("3081d00201000481c8")


def test_reading_a_block() -> None:
    block = read_block(raw(RAFT.block(7, [raw(RAFT.transaction())], last_config=3)))
    assert (block.number, len(block.envelopes), block.last_config) == (7, 1, 3)


def _spoilt(name: str) -> Any:  # noqa: ANN401
    block = RAFT.block(7, [raw(RAFT.transaction())])
    if name == "another_envelope":
        block.data.data[0] = raw(RAFT.transaction(envelope=lambda envelope: envelope.ClearField("signature")))
    elif name == "no_metadata":
        block.ClearField("metadata")
    elif name == "second_metadata_slot":
        block.metadata.metadata.append(b"")
    elif name == "no_header":
        block.ClearField("header")
    elif name == "no_last_config":
        block.metadata.metadata[0] = b""
    return block


@pytest.mark.parametrize(
    "name", ["another_envelope", "no_metadata", "second_metadata_slot", "no_header", "no_last_config"]
)
def test_spoilt_block_is_refused(name: str) -> None:
    with pytest.raises(BlockError):
        read_block(raw(_spoilt(name)))


def test_an_entry_that_is_no_envelope_is_refused() -> None:
    envelope = raw(RAFT.transaction())
    with pytest.raises(EncodingError, match=r"common\.Envelope"):
        read_block(raw(RAFT.block(7, [envelope[:10], envelope[10:]])))


def test_genesis_metadata_is_what_fabric_writes_and_nothing_else() -> None:
    for slot in (b"", b"\x0a\x02\x0a\x00\x12\x00", b"\x0a\x04\x0a\x00\x12\x00", b"\x0a\x04\x0a\x02\x08\x01"):
        genesis = RAFT.config_block()
        genesis.metadata.metadata[0] = slot
        with pytest.raises(Refused):
            read_block(raw(genesis))


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_any_changed_byte_of_a_signed_block_is_refused(index: int, value: int) -> None:
    data = BLOCK[: index % len(BLOCK)] + bytes([value]) + BLOCK[index % len(BLOCK) + 1 :]
    if data == BLOCK:
        return
    with pytest.raises(Refused):
        check_block(read_block(data), config=CONFIG, previous=PREVIOUS)


PREVIOUS = BlockHeader(number=6, previous_hash=b"p" * 32, data_hash=b"d" * 32)
BLOCK = raw(RAFT.block(7, [raw(RAFT.transaction())], previous_hash=header_hash(PREVIOUS)))
CONFIG = config_of(RAFT)


def test_a_block_follows_the_one_before() -> None:
    check_block(read_block(BLOCK), config=CONFIG, previous=PREVIOUS)
    later = BlockHeader(number=7, previous_hash=b"p" * 32, data_hash=b"d" * 32)
    with pytest.raises(BlockError, match="does not follow"):
        check_block(read_block(BLOCK), config=CONFIG, previous=later)
    other = raw(RAFT.block(7, [raw(RAFT.transaction())], previous_hash=header_hash(PREVIOUS), last_config=5))
    with pytest.raises(BlockError, match="last config block is 5"):
        check_block(read_block(other), config=CONFIG, previous=PREVIOUS)


# --- orderer signatures --------------------------------------------------------------------------------------------


def signed(channel: Channel, **options: Any) -> Block:  # noqa: ANN401
    return read_block(raw(channel.block(7, [raw(channel.transaction())], **options)))


def _set(name: str, value: bytes) -> Any:  # noqa: ANN401
    return lambda signature: setattr(signature, name, value)


def test_raft_one_valid_signature_is_enough_and_every_one_must_be_valid() -> None:
    check_orderer_signatures(signed(RAFT), config=CONFIG)
    check_orderer_signatures(signed(RAFT, signers=(0, 1)), config=CONFIG)
    with pytest.raises(PolicyError, match="nobody"):
        check_orderer_signatures(signed(RAFT, signers=()), config=CONFIG)
    with pytest.raises(BlockError, match="signed twice"):
        check_orderer_signatures(signed(RAFT, signers=(0, 0)), config=CONFIG)
    with pytest.raises(SignatureError):
        check_orderer_signatures(signed(RAFT, spoil_signature=_set("signature", b"")), config=CONFIG)
    with pytest.raises(BlockError, match="does not use"):
        check_orderer_signatures(signed(RAFT, spoil_signature=_set("identifier_header", b"x")), config=CONFIG)


def test_raft_signature_of_someone_who_is_no_writer_is_refused() -> None:
    stranger = Channel(organisations=RAFT.organisations, orderer=RAFT.organisations[0])
    with pytest.raises(PolicyError, match="Org1MSP"):
        check_orderer_signatures(signed(stranger), config=CONFIG)


@pytest.mark.parametrize("signers", [(0, 1, 2), (0, 1, 2, 3), (3, 1, 2)])
def test_bft_quorum(signers: tuple[int, ...]) -> None:
    check_orderer_signatures(signed(BFT, signers=signers), config=config_of(BFT))


@pytest.mark.parametrize("signers", [(), (0,), (0, 1)])
def test_bft_too_few(signers: tuple[int, ...]) -> None:
    with pytest.raises(PolicyError):
        check_orderer_signatures(signed(BFT, signers=signers), config=config_of(BFT))


def test_bft_counts_a_consenter_once_and_needs_every_signature_valid() -> None:
    config = config_of(BFT)
    with pytest.raises(BlockError, match="signed twice"):
        check_orderer_signatures(signed(BFT, signers=(0, 1, 1)), config=config)
    with pytest.raises(SignatureError):
        check_orderer_signatures(signed(BFT, spoil_signature=_set("identifier_header", b"\x08\x02")), config=config)
    with pytest.raises(BlockError, match="no consenter 9"):
        check_orderer_signatures(signed(BFT, spoil_signature=_set("identifier_header", b"\x08\x09")), config=config)
    with pytest.raises(BlockError, match="does not use"):
        check_orderer_signatures(signed(BFT, spoil_signature=_set("signature_header", b"x")), config=config)


# --- the chain of configurations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", [RAFT, BFT], ids=["raft", "bft"])
def test_config_chain(channel: Channel) -> None:
    signers = (0, 1, 2) if channel is BFT else (0,)
    later = [channel.config_block(number, sequence=seq, signers=signers) for seq, number in enumerate((5, 9), start=1)]
    chain = walk(channel, *later)
    assert [config.block_number for config in chain.configs] == [0, 5, 9]
    assert [chain.in_force(number).block_number for number in (1, 5, 6, 9, 10, 99)] == [0, 0, 5, 5, 9, 9]
    assert chain.latest.sequence == 2
    with pytest.raises(ConfigError):
        chain.in_force(0)


def test_what_a_configuration_says() -> None:
    config = config_of(BFT)
    assert config.channel_id == CHANNEL
    assert config.consensus == "BFT"
    assert sorted(config.consenters) == [1, 2, 3, 4]
    assert config.application_organisations == {"Org1MSP", "Org2MSP", "Org3MSP"}
    assert config.orderer_organisations == {"OrdererMSP"}


def test_genesis_is_pinned() -> None:
    with pytest.raises(ConfigError, match="pinned"):
        read_config_chain([raw(RAFT.config_block())], channel_id=CHANNEL, genesis_hash=bytes(32))
    with pytest.raises(ConfigError, match="another channel"):
        read_config_chain([raw(GENESIS)], channel_id="other", genesis_hash=pin(GENESIS))
    with pytest.raises(ConfigError, match="no genesis block"):
        read_config_chain([], channel_id=CHANNEL, genesis_hash=bytes(32))
    with pytest.raises(ConfigError, match="not block 0"):
        read_config_chain([raw(RAFT.config_block(5))], channel_id=CHANNEL, genesis_hash=pin(GENESIS))


def _impostor() -> Channel:
    return Channel(organisations=RAFT.organisations, orderer=Authority("OrdererMSP"))


def _config_signed_by_nobody() -> Any:  # noqa: ANN401
    other = Channel(organisations=RAFT.organisations, orderer=RAFT.orderer)
    other.orderers[0] = Member("OrdererMSP", RAFT.orderers[0].certificate, ec.generate_private_key(ec.SECP256R1()))
    content = other.config_block(5, sequence=1).data.data[0]
    return RAFT.block(5, [content], last_config=5)


BROKEN: dict[str, tuple[type[Refused], Any]] = {
    "sequence_skipped": (ConfigError, lambda: RAFT.config_block(5, sequence=2)),
    "sequence_repeated": (ConfigError, lambda: RAFT.config_block(5, sequence=0)),
    "number_not_later": (ConfigError, lambda: RAFT.config_block(0)),
    "names_another_config": (ConfigError, lambda: RAFT.config_block(5, sequence=1, last_config=0)),
    "not_signed": (PolicyError, lambda: RAFT.config_block(5, sequence=1, signers=())),
    "signed_under_its_own_rules": (Refused, lambda: _impostor().config_block(5, sequence=1)),
    "creator_did_not_sign": (SignatureError, _config_signed_by_nobody),
    "header_type": (
        ConfigError,
        lambda: RAFT.config_block(5, sequence=1, spoil_header=lambda header: setattr(header, "type", 3)),
    ),
    "no_configuration": (
        ConfigError,
        lambda: RAFT.config_block(5, sequence=1, spoil_config=lambda config: config.ClearField("channel_group")),
    ),
    "no_orderers": (
        ConfigError,
        lambda: RAFT.config_block(
            5, sequence=1, spoil_config=lambda config: config.channel_group.groups.pop("Orderer")
        ),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_config_chain(name: str) -> None:
    error, make = BROKEN[name]
    with pytest.raises(error):
        walk_from(GENESIS, make())


def walk_from(genesis: Any, *later: Any) -> ConfigChain:  # noqa: ANN401
    return read_config_chain(map(raw, (genesis, *later)), channel_id=CHANNEL, genesis_hash=pin(genesis))


def test_an_organisation_in_two_ways_is_refused() -> None:
    def twice(config: Any) -> None:  # noqa: ANN401
        fake = organisation_group(Authority("Org1MSP"))
        config.channel_group.groups["Orderer"].groups["Org1MSP"].CopyFrom(fake)

    with pytest.raises(ConfigError, match="in two ways"):
        read_config(read_block(raw(RAFT.config_block(spoil_config=twice))))


def test_two_envelopes_in_a_config_block_are_refused() -> None:
    content = GENESIS.data.data[0]
    with pytest.raises(ConfigError, match="exactly one envelope"):
        read_config(read_block(raw(RAFT.block(5, [content, content]))))


def test_missing_block_validation_policy() -> None:
    def remove(config: Any) -> None:  # noqa: ANN401
        del config.channel_group.groups["Orderer"].policies["BlockValidation"]

    config = read_config(read_block(raw(RAFT.config_block(spoil_config=remove))))
    with pytest.raises(PolicyError, match="no such policy"):
        check_orderer_signatures(signed(RAFT), config=config)
