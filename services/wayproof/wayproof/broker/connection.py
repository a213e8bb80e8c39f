"""One client's connection, from its first byte to its end.

What a client sends is read packet by packet, and a client that does not read its answers is not read from: nothing
piles up between the two. What it subscribed to is sent by a task of its own, as fast as it reads. A client that breaks
the protocol or a limit loses its connection, with one line in the log.
"""

import asyncio
import logging
from contextlib import suppress

from wayproof.broker import wire
from wayproof.broker.errors import ClientRefusedError
from wayproof.broker.exchange import Exchange
from wayproof.broker.limits import Limits
from wayproof.broker.session import Session
from wayproof.broker.wire import Connect, ConnectCode, Frame, Kind

logger = logging.getLogger(__name__)

_KEEP_ALIVE_FACTOR = 1.5  # [MQTT-3.1.2-24]
_PACKETS_IN_A_ROW = 32  # then others have their turn: what is in the buffer already is read without waiting
_ANSWERS = {
    "unacceptable_protocol": ConnectCode.UNACCEPTABLE_PROTOCOL,
    "identifier_rejected": ConnectCode.IDENTIFIER_REJECTED,
    "will_unsupported": ConnectCode.NOT_AUTHORISED,
}


class Connection:
    """A connection; it is its session's listener."""

    def __init__(
        self, exchange: Exchange, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, limits: Limits
    ) -> None:
        self._exchange = exchange
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """Let the sender look for messages."""
        self._awake.set()

    def replace(self) -> None:
        """End: another connection has the session."""
        self._writer.transport.abort()

    async def run(self) -> None:
        """Serve the client until it ends, is refused, or is silent for too long."""
        try:
            connect = await self._read_connect()
            await self._serve(connect)
        except ClientRefusedError as error:
            self._log("client refused", code=error.code, reason=str(error))
        except TimeoutError:
            self._log("client silent", code="timeout", reason="no whole packet came in time")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it went without DISCONNECT, as devices do
        finally:
            self._writer.transport.abort()

    async def _read_connect(self) -> Connect:
        async with asyncio.timeout(self._limits.connect_timeout_s):
            frame = await wire.read_frame(self._reader, max_bytes=self._limits.max_connect_bytes)
        if frame.kind is not Kind.CONNECT:
            raise ClientRefusedError(f"the first packet is {frame.kind.name}")
        try:
            return await wire.read_connect(frame)
        except ClientRefusedError as error:
            if error.code in _ANSWERS:
                await self._last_words(wire.connack(_ANSWERS[error.code]))
            raise

    async def _serve(self, connect: Connect) -> None:
        session, is_present = self._exchange.enter(connect, self)
        self._writer.write(wire.connack(ConnectCode.ACCEPTED, session_present=is_present))
        sender = asyncio.create_task(self._send(session))
        try:
            idle_s = connect.keep_alive_s * _KEEP_ALIVE_FACTOR if connect.keep_alive_s else None
            await self._receive(session, idle_s=idle_s)
        finally:
            self._exchange.leave(session, self)
            sender.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await sender

    async def _receive(self, session: Session, *, idle_s: float | None) -> None:
        packets = 0
        while True:
            async with asyncio.timeout(idle_s):
                frame = await wire.read_frame(self._reader, max_bytes=self._limits.max_packet_bytes)
                if frame.kind is Kind.DISCONNECT or session.listener is not self:
                    return
                self._writer.write(await self._answer(session, frame))
                await self._writer.drain()
            packets += 1
            if packets % _PACKETS_IN_A_ROW == 0:
                await asyncio.sleep(0)

    async def _answer(self, session: Session, frame: Frame) -> bytes:
        match frame.kind:
            case Kind.PUBLISH:
                return await self._take(frame)
            case Kind.PUBACK:
                session.acknowledge(wire.read_puback(frame))
                return b""
            case Kind.SUBSCRIBE:
                wanted = await wire.read_subscribe(frame)
                granted = [self._exchange.subscribe(session, name, qos=qos) for name, qos in wanted.filters]
                return wire.suback(wanted.packet_id, granted=granted)
            case Kind.UNSUBSCRIBE:
                unwanted = await wire.read_unsubscribe(frame)
                for name in unwanted.filters:
                    self._exchange.unsubscribe(session, name)
                return wire.unsuback(unwanted.packet_id)
            case Kind.PINGREQ:
                return wire.pingresp()
            case _:
                raise ClientRefusedError(f"{frame.kind.name} came a second time")

    async def _take(self, frame: Frame) -> bytes:
        message = await wire.read_publish(frame)
        if len(message.topic.encode()) > self._limits.max_topic_bytes:
            raise ClientRefusedError("the topic is too long", code="topic_too_long")
        if len(message.payload) > self._limits.max_payload_bytes:
            raise ClientRefusedError("the payload is too long", code="packet_too_long")
        self._exchange.publish(message)
        return b"" if message.packet_id is None else wire.puback(message.packet_id)

    async def _send(self, session: Session) -> None:
        while session.listener is self:
            following = session.next_to_send()
            if following is None:
                self._awake.clear()
                await self._awake.wait()
                continue
            message, is_duplicate = following
            self._writer.write(wire.publish(message, is_duplicate=is_duplicate))
            await self._writer.drain()

    async def _last_words(self, answer: bytes) -> None:
        self._writer.write(answer)
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(self._limits.connect_timeout_s):
                self._writer.close()
                await self._writer.wait_closed()

    def _log(self, what: str, *, code: str, reason: str) -> None:
        logger.info(what, extra={"peer": self._writer.get_extra_info("peername"), "code": code, "reason": reason})
