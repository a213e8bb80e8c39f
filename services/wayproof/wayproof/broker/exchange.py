"""All sessions: who is there, who gets a message, and who makes room. No I/O; called from one event loop.

A message goes into its subscribers' queues before its sender gets the PUBACK. A queue without room does not hold back
the sender, who may have other subscribers: the message is dropped for that one session, counted, and said. The device
publishes it again, because no receipt names it.
"""

import logging
import secrets
from collections import OrderedDict

from wayproof.broker.limits import Limits
from wayproof.broker.session import Budget, Listener, Message, Session
from wayproof.broker.subscriptions import Subscriptions, is_filter
from wayproof.broker.wire import Connect, Publish

logger = logging.getLogger(__name__)

HIGHEST_QOS = 1


class Exchange:
    """The sessions of a broker."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._budget = Budget(limits.max_held_bytes)
        self._sessions: OrderedDict[str, Session] = OrderedDict()  # those left longest ago first
        self._subscriptions: Subscriptions[Session] = Subscriptions()

    def enter(self, connect: Connect, listener: Listener) -> tuple[Session, bool]:
        """Return the client's session and whether it was there before; a connection that has it is replaced."""
        client_id = connect.client_id or f"wayproof-{secrets.token_hex(8)}"
        session = self._sessions.get(client_id)
        if session is not None and session.listener is not None:
            session.listener.replace()
        if session is not None and (connect.is_clean or not session.is_persistent):
            self._end(session)
            session = None
        is_present = session is not None
        if session is None:
            self._make_room()
            session = Session(client_id, not connect.is_clean, self._limits, self._budget)
            self._sessions[client_id] = session
        self._sessions.move_to_end(client_id)
        session.attach(listener)
        return session, is_present

    def leave(self, session: Session, listener: Listener) -> None:
        """Note that a connection has ended; one that was replaced has nothing to say."""
        if session.listener is not listener:
            return
        session.listener = None
        if session.is_persistent:
            self._sessions.move_to_end(session.client_id)
        else:
            self._end(session)

    def subscribe(self, session: Session, topic_filter: str, *, qos: int) -> int | None:
        """Subscribe and return the QoS granted; None if the filter is none or one too many."""
        if not is_filter(topic_filter) or len(topic_filter.encode()) > self._limits.max_topic_bytes:
            return None
        if topic_filter not in session.filters and len(session.filters) >= self._limits.max_filters_per_session:
            return None
        granted = min(qos, HIGHEST_QOS)
        session.filters.add(topic_filter)
        self._subscriptions.add(topic_filter, session, qos=granted)
        return granted

    def unsubscribe(self, session: Session, topic_filter: str) -> None:
        """Unsubscribe; what waits already still comes."""
        session.filters.discard(topic_filter)
        self._subscriptions.remove(topic_filter, session)

    def publish(self, message: Publish) -> None:
        """Put a message into the queues of its subscribers."""
        for session, qos in self._subscriptions.of(message.topic).items():
            dropped = session.dropped
            session.offer(Message(message.topic, message.payload, min(qos, message.qos)))
            if session.dropped != dropped and _is_power_of_two(session.dropped):
                logger.warning(
                    "messages dropped: their subscriber is too far behind",
                    extra={"client_id": session.client_id, "dropped": session.dropped},
                )

    def _make_room(self) -> None:
        while len(self._sessions) >= self._limits.max_sessions:
            away = next((session for session in self._sessions.values() if session.listener is None), None)
            if away is None:
                return  # everyone is connected, and connections have their own limit
            logger.warning(
                "session ended to make room", extra={"client_id": away.client_id, "dropped": self._end(away)}
            )

    def _end(self, session: Session) -> int:
        for topic_filter in session.filters:
            self._subscriptions.remove(topic_filter, session)
        session.listener = None
        del self._sessions[session.client_id]
        return session.discard()


def _is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0
