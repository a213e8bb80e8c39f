"""A request for a stream of events: signed here when the stream is opened, or elsewhere and before."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic

from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2

from aiofabric.gateway.connection import Connection, Message
from aiofabric.gateway.event import ChaincodeEvent
from aiofabric.gateway.signable import Octets, Signable
from aiofabric.gateway.streams import Call, EventStream, Item, chaincode_events, deliver_response


@dataclass(frozen=True, slots=True)
class Service(Generic[Item]):
    """One of a peer's four streams: the message that asks for it, the call, and how its answers are read.

    Attributes:
        encode: makes the signed message of the bytes to sign and the signature.
        decode: takes a serialized signed message apart again.
        call: sends it; the last argument is the seconds until the stream must have ended, or None.
        read: reads items from one response.
    """

    encode: Callable[[bytes, bytes], Message]
    decode: Callable[[bytes], tuple[bytes, bytes]]
    call: Callable[[Connection, Message, float | None], Call]
    read: Callable[[Message], Iterable[Item]]


class EventsRequest(Signable, Generic[Item]):
    """What opens a stream of events. Its position is fixed when it is made; it may be opened more than once."""

    def __init__(
        self, connection: Connection, *, service: Service[Item], message: Octets, signature: Octets = b""
    ) -> None:
        super().__init__(connection, message=message, signature=signature)
        self._service = service

    @property
    def bytes(self) -> Octets:
        """The serialized request for signing elsewhere, in the official clients' form.

        A ``gateway.SignedChaincodeEventsRequest``, or for blocks a ``common.Envelope``.
        """
        encoded: Octets = self._service.encode(self.message, self.signature).SerializeToString()
        return encoded

    def events(self, *, timeout_s: float | None = None) -> EventStream[Item]:
        """Open the stream; with ``timeout_s`` it ends after so many seconds, by an `EventStreamError`.

        Its code is ``DEADLINE_EXCEEDED``, or ``CANCELLED`` where the peer's clock was first.

        Raises `UnsignedError` without a signature and without a signer.
        """
        if not self.is_signed:
            self._connection.require_signer()
        return EventStream(self._open(timeout_s), read=self._service.read)

    async def _open(self, timeout_s: float | None) -> Call:
        signed = self._service.encode(self.message, await self._sign())
        return self._service.call(self._connection, signed, timeout_s)


def _chaincode_request(message: bytes, signature: bytes) -> Message:
    return gateway_pb2.SignedChaincodeEventsRequest(request=message, signature=signature)


def _chaincode_parts(encoded: bytes) -> tuple[bytes, bytes]:
    signed = gateway_pb2.SignedChaincodeEventsRequest.FromString(encoded)
    gateway_pb2.ChaincodeEventsRequest.FromString(signed.request)
    return signed.request, signed.signature


def _envelope(message: bytes, signature: bytes) -> Message:
    return common_pb2.Envelope(payload=message, signature=signature)


def _envelope_parts(encoded: bytes) -> tuple[bytes, bytes]:
    envelope = common_pb2.Envelope.FromString(encoded)
    common_pb2.Payload.FromString(envelope.payload)
    return envelope.payload, envelope.signature


CHAINCODE_EVENTS: Service[ChaincodeEvent] = Service(
    encode=_chaincode_request,
    decode=_chaincode_parts,
    call=lambda connection, signed, timeout: connection.gateway.ChaincodeEvents(signed, timeout=timeout),
    read=chaincode_events,
)
BLOCKS: Service[Message] = Service(
    encode=_envelope,
    decode=_envelope_parts,
    call=lambda connection, signed, timeout: connection.deliver.Deliver([signed], timeout=timeout),
    read=deliver_response("block"),
)
FILTERED_BLOCKS: Service[Message] = Service(
    encode=_envelope,
    decode=_envelope_parts,
    call=lambda connection, signed, timeout: connection.deliver.DeliverFiltered([signed], timeout=timeout),
    read=deliver_response("filtered_block"),
)
BLOCKS_AND_PRIVATE_DATA: Service[Message] = Service(
    encode=_envelope,
    decode=_envelope_parts,
    call=lambda connection, signed, timeout: connection.deliver.DeliverWithPrivateData([signed], timeout=timeout),
    read=deliver_response("block_and_private_data"),
)
