"""A gRPC failure becomes ours: code, message, and the peers' details of ``grpc-status-details-bin``."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import grpc
from fabric_protos.gateway import gateway_pb2
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from aiofabric.errors import GatewayError, PeerDetail

DETAILS_KEY = "grpc-status-details-bin"


def _status_class() -> Any:  # noqa: ANN401 - a generated message class has no static type
    """Build ``google.rpc.Status``: one small message, in a pool of its own, instead of one more dependency."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="google/rpc/status.proto",
        package="google.rpc",
        syntax="proto3",
        dependency=["google/protobuf/any.proto"],
    )
    message = file.message_type.add(name="Status")
    message.field.add(name="code", number=1, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    message.field.add(name="message", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    message.field.add(
        name="details",
        number=3,
        type=field.TYPE_MESSAGE,
        type_name=".google.protobuf.Any",
        label=field.LABEL_REPEATED,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("google.rpc.Status"))


RpcStatus = _status_class()
"""The message ``google.rpc.Status``: code, message, and details of any type."""


def peer_details(error: grpc.aio.AioRpcError) -> tuple[PeerDetail, ...]:
    """Return what each peer answered, from the call's trailing metadata; nothing if there is none to read."""
    trailer = error.trailing_metadata()
    # The embedding of the code in the details is not compared with the call's own: Node does not either, Go does.
    encoded = (trailer or {}).get(DETAILS_KEY, b"")
    try:
        status = RpcStatus.FromString(encoded)
        return tuple(_detail(entry.value) for entry in status.details if entry.type_url.endswith("gateway.ErrorDetail"))
    except DecodeError:
        return ()


def _detail(encoded: bytes) -> PeerDetail:
    detail = gateway_pb2.ErrorDetail.FromString(encoded)
    return PeerDetail(address=detail.address, msp_id=detail.msp_id, message=detail.message)


@contextmanager
def failures_as(kind: type[GatewayError], *, transaction_id: str = "") -> Generator[None]:
    """Raise gRPC's own failures inside the block as an error of this kind, with the peers' details."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise kind(
            error.details() or "no message",
            code=error.code().name,
            transaction_id=transaction_id,
            details=peer_details(error),
        ) from error
    except grpc.aio.UsageError as error:
        raise kind(f"the gateway is closed: {error}", code="CANCELLED", transaction_id=transaction_id) from error
    except asyncio.CancelledError as error:
        # Closing the channel cancels its calls. Only a task that was itself asked to stop passes that on.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise kind("the gateway was closed", code="CANCELLED", transaction_id=transaction_id) from error
