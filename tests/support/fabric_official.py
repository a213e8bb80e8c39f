"""The official bindings beside our messages: pairs, random values, and deterministic bytes."""

from typing import Any

from fabric_protos.common import common_pb2, configtx_pb2, configuration_pb2, policies_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import identities_pb2, msp_config_pb2, msp_principal_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from fabric_protos.peer import chaincode_event_pb2, chaincode_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

from wayproof_verifier.fabric import config_messages, messages
from wayproof_verifier.fabric.protobuf import Message

_FILES: tuple[Any, ...] = (
    common_pb2,
    configtx_pb2,
    configuration_pb2,
    policies_pb2,
    rwset_pb2,
    kv_rwset_pb2,
    identities_pb2,
    msp_config_pb2,
    msp_principal_pb2,
    orderer_pb2,
    chaincode_event_pb2,
    chaincode_pb2,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)
_OFFICIAL: dict[str, Descriptor] = {
    descriptor.full_name: descriptor for file in _FILES for descriptor in file.DESCRIPTOR.message_types_by_name.values()
}
_OFFICIAL["google.protobuf.Timestamp"] = Timestamp.DESCRIPTOR
_OFFICIAL["common.SignaturePolicy.NOutOf"] = _OFFICIAL["common.SignaturePolicy"].nested_types_by_name["NOutOf"]

OURS: tuple[type[Message], ...] = tuple(
    value
    for module in (messages, config_messages)
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, Message) and value.__module__ == module.__name__
)

_INTEGERS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}


def official(ours: type[Message]) -> Descriptor:
    """Return the official descriptor of one of our messages."""
    return _OFFICIAL[ours.NAME]


def is_map(field: Any) -> bool:  # noqa: ANN401 - the stubs know less of a descriptor than it has
    """Tell whether a field is a map."""
    return bool(field.message_type is not None and field.message_type.GetOptions().map_entry)


@st.composite
def official_messages(draw: st.DrawFn, descriptor: Descriptor, depth: int = 3) -> Any:  # noqa: ANN401
    """Draw a random official message: every field may be set, oneofs keep the last one set."""
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if draw(st.booleans()) or (field.message_type is not None and not depth):
            continue
        _set(draw, message, field, depth)
    return message


def _set(draw: st.DrawFn, message: Any, field: Any, depth: int) -> None:  # noqa: ANN401
    if is_map(field):
        value_field = field.message_type.fields_by_name["value"]
        for key in draw(st.sets(st.text(max_size=4), max_size=2)):
            target = getattr(message, field.name)
            if value_field.message_type is not None:
                target[key].CopyFrom(draw(official_messages(value_field.message_type, depth - 1)))
            else:
                target[key] = draw(_scalars(value_field))
    elif field.message_type is not None:
        values = official_messages(field.message_type, depth - 1)
        if field.label == FieldDescriptor.LABEL_REPEATED:
            getattr(message, field.name).extend(draw(st.lists(values, max_size=2)))
        else:
            getattr(message, field.name).CopyFrom(draw(values))
            getattr(message, field.name).SetInParent()
    elif field.label == FieldDescriptor.LABEL_REPEATED:
        getattr(message, field.name).extend(draw(st.lists(_scalars(field), max_size=3)))
    else:
        setattr(message, field.name, draw(_scalars(field)))


def _scalars(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.type in _INTEGERS:
        return st.integers(*_INTEGERS[field.type])
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    return {
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_STRING: st.text(max_size=8),
        FieldDescriptor.TYPE_BYTES: st.binary(max_size=200),
    }[field.type]
