"""Reading as peers do: whatever the official library takes, and the same out of it."""

from typing import Any

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.peer import proposal_pb2, transaction_pb2
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from wayproof_verifier.errors import EncodingError
from wayproof_verifier.fabric import config_messages, messages
from wayproof_verifier.fabric.lenient import read_leniently
from wayproof_verifier.fabric.protobuf import MAX_DEPTH, Message

OFFICIAL: dict[type[Message], Any] = {
    messages.Payload: common_pb2.Payload,
    messages.ChannelHeader: common_pb2.ChannelHeader,
    messages.SignatureHeader: common_pb2.SignatureHeader,
    messages.ChaincodeHeaderExtension: proposal_pb2.ChaincodeHeaderExtension,
    messages.Transaction: transaction_pb2.Transaction,
    messages.ChaincodeActionPayload: transaction_pb2.ChaincodeActionPayload,
}
"""What a client writes, but for the two messages with maps: libraries differ on entries with something else in them."""

KINDS = list(OFFICIAL)


def varint(value: int, *, padding: int = 0) -> bytes:
    """Encode a number, with so many bytes more than needed."""
    parts = []
    while value >> 7:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    if padding:
        parts[-1] |= 0x80
        parts += [0x80] * (padding - 1) + [0]
    return bytes(parts)


@st.composite
def part(draw: st.DrawFn, content: st.SearchStrategy[bytes]) -> bytes:
    """Draw one field as anybody might write it."""
    number, wire_type = draw(st.integers(1, 9)), draw(st.sampled_from([0, 0, 2, 2, 2, 2, 1, 5, 3]))
    key = varint(number << 3 | wire_type, padding=draw(st.integers(0, 2)))
    if wire_type == 0:
        number_written = draw(st.sampled_from([0, 1, 3, 2**31, 2**32 + 5, 2**63, 2**64 - 1]))
        return key + varint(number_written)
    if wire_type == 3:
        return key + draw(content.filter(_is_whole)) + varint(number << 3 | 4)
    if wire_type in {1, 5}:
        return key + bytes(8 if wire_type == 1 else 4)
    inner = draw(content)
    return key + varint(len(inner), padding=draw(st.integers(0, 1))) + inner


def _is_whole(data: bytes) -> bool:
    try:
        common_pb2.Envelope.FromString(b"\xfb\x3e" + data + b"\xfc\x3e")  # as a group of a field that it has not
    except DecodeError:
        return False
    return True


TEXT = st.sampled_from([b"", b"wayproof", b"\xff"])
ENCODED = st.recursive(TEXT, lambda inner: st.lists(part(inner), max_size=4).map(b"".join), max_leaves=12)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(KINDS), st.one_of(ENCODED, st.binary(max_size=60)))
def test_what_the_official_library_takes_and_nothing_else(kind: type[Message], data: bytes) -> None:
    try:
        official = OFFICIAL[kind].FromString(data)
    except DecodeError:
        with pytest.raises(EncodingError):
            read_leniently(kind, data)
        return
    official.DiscardUnknownFields()
    assert read_leniently(kind, data) == kind.read(official.SerializeToString(deterministic=True))


def test_the_one_encoding_is_read_alike() -> None:
    header = common_pb2.ChannelHeader(type=3, channel_id="wayproof", tx_id="ab", epoch=7)
    header.timestamp.seconds = 5
    data = header.SerializeToString()
    assert read_leniently(messages.ChannelHeader, data) == messages.ChannelHeader.read(data)


def test_the_last_one_counts_and_parts_are_merged() -> None:
    data = b"\x0a\x02\x0a\x00" + b"\x12\x01a" + b"\x0a\x03\x12\x01s" + b"\x12\x01b" + b"\xfa\x3e\x01x"
    with pytest.raises(EncodingError):
        messages.Payload.read(data)
    read = read_leniently(messages.Payload, data)
    assert read == messages.Payload(header=messages.Header(signature_header=b"s"), data=b"b")


def test_a_member_of_a_oneof_clears_the_others() -> None:
    kind = config_messages.SignaturePolicy
    assert read_leniently(kind, b"\x12\x02\x08\x01" + b"\x08\x05") == kind(signed_by=5)
    assert read_leniently(kind, b"\x08\x05" + b"\x12\x02\x08\x01") == kind(n_out_of=config_messages.NOutOf(n=1))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (b"\x0a\x01k\x12\x01v", {"k": b"v"}),
        (b"\x12\x01v\x0a\x01k", {"k": b"v"}),
        (b"\x0a\x01j\x0a\x01k\x12\x01u\x12\x01v", {"k": b"v"}),
        (b"\x12\x01v", {"": b"v"}),
        (b"\x08\x00\x0a\x01k", {"k": b""}),
        (b"", {"": b""}),
    ],
)
def test_map_entries_as_go_reads_them(entry: bytes, expected: dict[str, bytes]) -> None:
    kind, official = messages.ChaincodeProposalPayload, proposal_pb2.ChaincodeProposalPayload
    data = b"\x12" + bytes([len(entry)]) + entry
    assert read_leniently(kind, data).TransientMap == expected
    if b"\x08" not in entry:
        assert dict(official.FromString(data).TransientMap) == expected
    assert read_leniently(kind, data + data).TransientMap == expected


@pytest.mark.parametrize(
    "data",
    [
        b"\x02\x00",  # field 0
        b"\x0a\x05x",  # longer than the message
        b"\x0c",  # the end of a group that did not begin
        b"\x0b\x14",  # the end of another group
        b"\x0e\x00",  # wire type 6
        b"\x0a",  # ends in a varint
        b"\x0b" * (MAX_DEPTH * 4),  # groups without end
        b"\x80" * 11,
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(EncodingError):
        read_leniently(messages.Payload, data)
