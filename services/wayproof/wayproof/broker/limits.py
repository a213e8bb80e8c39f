"""What a client may make the broker do. Every default is far above what devices and ingest need."""

from dataclasses import dataclass

from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES

_HEADERS_BYTES = 4  # of a PUBLISH, besides topic and payload: the topic's length and the packet identifier


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on clients.

    Attributes:
        max_payload_bytes: longest payload. Above what a message may have, so that ingest sees what is too long, keeps
            its digest and refuses it by name. A packet that declares more closes the connection, none of it read.
        max_topic_bytes: longest topic and topic filter.
        max_connect_bytes: longest CONNECT packet.
        connect_timeout_s: how long a connection has to send the whole of it.
        max_connections: connections over this number are closed as they come.
        max_sessions: sessions, connected or not; a new one ends the one that was left longest ago.
        max_filters_per_session: further ones are refused in the SUBACK.
        max_in_flight_messages: QoS 1 messages sent to one client and not acknowledged yet. Above the size of ingest's
            groups: it acknowledges a group when its transaction is committed.
        max_in_flight_bytes: the same, in bytes; one message may always be sent.
        max_held_bytes: messages waiting in all sessions together, acknowledgements included. Once it is reached, a
            session with more than an equal share gets no more, so that memory stays below twice this.
    """

    max_payload_bytes: int = 4 * MAX_PAYLOAD_BYTES
    max_topic_bytes: int = 1_024
    max_connect_bytes: int = 4_096
    connect_timeout_s: float = 10.0
    max_connections: int = 1_000
    max_sessions: int = 1_000
    max_filters_per_session: int = 8
    max_in_flight_messages: int = 1_000
    max_in_flight_bytes: int = 16 * 2**20
    max_held_bytes: int = 256 * 2**20

    @property
    def max_packet_bytes(self) -> int:
        """Longest remaining length of a packet after CONNECT."""
        return self.max_payload_bytes + self.max_topic_bytes + _HEADERS_BYTES
