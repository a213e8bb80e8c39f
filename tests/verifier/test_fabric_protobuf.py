"""The strict reader: equal to the official bindings on what they write, and refusing every second encoding."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fabric_official import OURS, is_map, official, official_messages
from wayproof_verifier.errors import EncodingError, VerificationError
from wayproof_verifier.fabric.config_messages import ConfigGroup, SignaturePolicy
from wayproof_verifier.fabric.messages import Block as BlockMessage
from wayproof_verifier.fabric.messages import BlockHeader, ChaincodeProposalPayload, ChannelHeader, Envelope, KVWrite
from wayproof_verifier.fabric.protobuf import MAX_BYTES, MAX_DEPTH, Message, Scalar, wire_fields

_TYPES = {
    value: name.removeprefix("TYPE_") for name, value in vars(FieldDescriptor).items() if name.startswith("TYPE_")
}


def same(ours: Message, theirs: Any) -> bool:  # noqa: ANN401 - an official message
    """Compare every field, presence included."""
    return all(_same_field(getattr(ours, field.name), theirs, field.name) for field in fields(ours))  # type: ignore[arg-type]


def _same_field(value: object, theirs: Any, name: str) -> bool:  # noqa: ANN401
    descriptor = theirs.DESCRIPTOR.fields_by_name[name]
    if descriptor.label != FieldDescriptor.LABEL_REPEATED and descriptor.has_presence:
        if (value is not None) != theirs.HasField(name):
            return False
        if value is None:
            return True
    return _same_value(value, getattr(theirs, name))


def _same_value(value: object, other: Any) -> bool:  # noqa: ANN401
    if isinstance(value, Message):
        return same(value, other)
    if isinstance(value, Mapping):
        return value.keys() == other.keys() and all(_same_value(value[key], other[key]) for key in value)
    if isinstance(value, tuple):
        return len(value) == len(other) and all(map(_same_value, value, other))
    return bool(value == other)


@pytest.mark.parametrize("ours", OURS, ids=lambda ours: ours.NAME)
def test_schema_equals_the_official_descriptor(ours: type[Message]) -> None:
    declared = {name: _describe(field.kind, field) for name, field in wire_fields(ours).items()}
    assert declared == {field.name: _describe_official(field) for field in official(ours).fields}


def _describe(kind: Any, field: Any) -> tuple[object, ...]:  # noqa: ANN401
    name = kind.name if isinstance(kind, Scalar) else field.message.NAME
    return (field.number, name, field.repeated, field.mapping, field.oneof)


def _describe_official(field: Any) -> tuple[object, ...]:  # noqa: ANN401
    value = field.message_type.fields_by_name["value"] if is_map(field) else field
    name = value.message_type.full_name if value.message_type is not None else _TYPES[value.type]
    oneof = field.containing_oneof.name if field.containing_oneof is not None else None
    return (field.number, name, field.label == FieldDescriptor.LABEL_REPEATED, is_map(field), oneof)


@pytest.mark.parametrize("ours", OURS, ids=lambda ours: ours.NAME)
def test_reads_what_the_official_bindings_write(ours: type[Message]) -> None:
    @settings(max_examples=25, deadline=None)
    @given(official_messages(official(ours)), st.booleans())
    def holds(theirs: Any, deterministic: bool) -> None:  # noqa: ANN401, FBT001
        assert same(ours.read(theirs.SerializeToString(deterministic=deterministic)), theirs)

    holds()


@pytest.mark.parametrize("ours", OURS, ids=lambda ours: ours.NAME)
def test_changed_bytes_are_refused_or_mean_something_else(ours: type[Message]) -> None:
    """One accepted encoding: what is accepted is exactly what the official encoder writes for the value read."""

    @settings(max_examples=25, deadline=None)
    @given(official_messages(official(ours)), st.data())
    def holds(theirs: Any, data: st.DataObject) -> None:  # noqa: ANN401
        raw = theirs.SerializeToString(deterministic=True)
        changed = bytearray(raw or b"\0")
        for _ in range(data.draw(st.integers(1, 3))):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
        try:
            read = ours.read(bytes(changed))
        except VerificationError:
            return
        again = type(theirs).FromString(bytes(changed))
        assert same(read, again)
        assert sorted(again.SerializeToString(deterministic=True)) == sorted(changed)  # maps may come in any order

    holds()


@given(st.binary(max_size=300))
def test_garbage_raises_nothing_but_ours(data: bytes) -> None:
    for ours in (BlockMessage, ChannelHeader, ConfigGroup, SignaturePolicy):
        try:
            ours.read(data)
        except VerificationError as error:
            assert error.diagnostics().startswith("encoding_refused: ")  # noqa: PT017 - any outcome but another error


HEADER = BlockHeader(number=7, previous_hash=b"p", data_hash=b"d")
SECOND_ENCODINGS: dict[str, tuple[type[Message], bytes]] = {
    "fields_reordered": (BlockHeader, b"\x12\x01p\x08\x07\x1a\x01d"),
    "field_twice": (BlockHeader, b"\x08\x07\x08\x07\x12\x01p\x1a\x01d"),
    "value_varint_not_minimal": (BlockHeader, b"\x08\x87\x00\x12\x01p\x1a\x01d"),
    "key_varint_not_minimal": (BlockHeader, b"\x88\x00\x07\x12\x01p\x1a\x01d"),
    "length_varint_not_minimal": (BlockHeader, b"\x08\x07\x12\x81\x00p\x1a\x01d"),
    "unknown_field": (BlockHeader, b"\x08\x07\x12\x01p\x1a\x01d\x20\x01"),
    "field_number_zero": (BlockHeader, b"\x00\x07"),
    "explicit_default_integer": (BlockHeader, b"\x08\x00\x12\x01p\x1a\x01d"),
    "explicit_default_bytes": (BlockHeader, b"\x08\x07\x12\x00\x1a\x01d"),
    "explicit_default_bool": (KVWrite, b"\x0a\x01k\x10\x00"),
    "bool_of_two": (KVWrite, b"\x0a\x01k\x10\x02"),
    "wire_type_fixed64": (BlockHeader, b"\x09\x07\x00\x00\x00\x00\x00\x00\x00"),
    "wire_type_group": (BlockHeader, b"\x0b\x0c"),
    "trailing_byte": (BlockHeader, b"\x08\x07\x12\x01p\x1a\x01d\x00"),
    "length_past_the_end": (BlockHeader, b"\x12\x02p"),
    "varint_past_the_end": (BlockHeader, b"\x08\x87"),
    "varint_of_eleven_bytes": (BlockHeader, b"\x08" + b"\xff" * 10 + b"\x01"),
    "varint_past_64_bits": (BlockHeader, b"\x08" + b"\xff" * 9 + b"\x02"),
    "negative_int32_in_five_bytes": (ChannelHeader, b"\x08\xff\xff\xff\xff\x0f"),
    "text_not_utf8": (ChannelHeader, b"\x22\x01\xff"),
    "two_members_of_a_oneof": (SignaturePolicy, b"\x08\x00\x12\x00"),
    "map_key_twice": (ChaincodeProposalPayload, b"\x12\x06\x0a\x01k\x12\x01v" * 2),
    "map_entry_without_value": (ChaincodeProposalPayload, b"\x12\x03\x0a\x01k"),
    "map_entry_without_key": (ChaincodeProposalPayload, b"\x12\x03\x12\x01v"),
    "map_entry_reordered": (ChaincodeProposalPayload, b"\x12\x06\x12\x01v\x0a\x01k"),
    "map_entry_with_more": (ChaincodeProposalPayload, b"\x12\x09\x0a\x01k\x12\x01v\x12\x01v"),
    "submessage_split_in_two": (BlockMessage, b"\x0a\x02\x08\x07\x0a\x03\x12\x01p"),
}


@pytest.mark.parametrize("name", SECOND_ENCODINGS)
def test_second_encoding_is_refused(name: str) -> None:
    ours, data = SECOND_ENCODINGS[name]
    with pytest.raises(EncodingError, match=ours.NAME):
        ours.read(data)


def test_the_first_encoding_is_read() -> None:
    assert BlockHeader.read(b"\x08\x07\x12\x01p\x1a\x01d") == HEADER


def test_explicit_presence_keeps_empty_and_zero() -> None:
    assert SignaturePolicy.read(b"\x08\x00") == SignaturePolicy(signed_by=0)
    assert BlockMessage.read(b"\x0a\x00") == BlockMessage(header=BlockHeader())


def test_map_entries_come_in_any_order_and_hold_defaults() -> None:
    read = ChaincodeProposalPayload.read(b"\x12\x06\x0a\x01z\x12\x01v\x12\x04\x0a\x00\x12\x00")
    assert read.TransientMap == {"z": b"v", "": b""}


def test_nesting_and_length_are_limited() -> None:
    data = b""
    for _ in range(MAX_DEPTH):
        entry = b"\x0a\x00\x12" + _length(data) + data
        data = b"\x12" + _length(entry) + entry
    with pytest.raises(EncodingError, match="nested deeper"):
        ConfigGroup.read(data)
    with pytest.raises(EncodingError, match="more than the"):
        Envelope.read(bytes(MAX_BYTES + 1))


def _length(data: bytes) -> bytes:
    low, high = len(data) & 0x7F, len(data) >> 7
    return bytes([low | 0x80, high]) if high else bytes([low])
