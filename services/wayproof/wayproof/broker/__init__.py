"""The embedded MQTT broker: a stand-in for Mosquitto on one machine, in one process, with everything bounded.

It speaks MQTT 3.1.1, QoS 0 and 1, on loopback, to anyone who is there; sessions live in memory and end with it. That is
enough, because nobody relies on it: a device keeps every message until the platform's receipt names it.

The packets are amqtt's, the sessions are ours. amqtt 0.12.1 has a broker too; by its source it cannot carry this:

- a QoS 1 message that its subscriber has not acknowledged within 5 s is dropped, and so is every unacknowledged message
  when the connection ends (`ProtocolHandler._handle_qos1_message_flow`): nothing is ever redelivered to an ingest that
  was killed, or whose database is down;
- the session of an anonymous client is not kept while it is away, whatever it asked for (`Broker._run_broadcast`);
- a packet of any declared size is read into memory, CONNECT may take forever, connections over the limit are accepted
  and left waiting, and a keep-alive that ran out closes nothing (`BrokerProtocolHandler.handle_read_timeout`);
- each delivery is a task of its own in queues without bounds, reaped in order: a subscriber that does not read makes
  them grow, and everyone's deliveries stay in memory behind its own (`Broker._broadcast_loop`);
- after a malformed packet the connection goes on in the middle of the stream (`ProtocolHandler._reader_loop`).

    limits         what a client may make the broker do
    wire           bytes <-> packets: framing, and amqtt's codecs held to what they read
    session        a client's filters, queue and unacknowledged messages
    subscriptions  topic -> sessions
    exchange       all sessions: who is there, who gets what, whose messages make room
    connection     one client's connection, from CONNECT to its end
    server         the listening socket and the process
"""

from wayproof.broker.errors import BrokerError
from wayproof.broker.limits import Limits
from wayproof.broker.server import STAND_IN, serve

__all__ = ["STAND_IN", "BrokerError", "Limits", "serve"]
