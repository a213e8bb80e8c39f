"""The embedded broker's pure parts: filters, queues and their bounds, and what bytes can be read as."""

import asyncio
import random

import pytest

from support import mqtt_bytes
from wayproof.broker import Limits, wire
from wayproof.broker.errors import ClientRefusedError
from wayproof.broker.exchange import Exchange
from wayproof.broker.session import Budget, Message, Session
from wayproof.broker.subscriptions import Subscriptions, is_filter
from wayproof.broker.wire import Connect, Frame, Kind, Publish


class Here:
    """A connection that only counts."""

    def __init__(self) -> None:
        self.woken = 0
        self.replaced = False

    def wake(self) -> None:
        self.woken += 1

    def replace(self) -> None:
        self.replaced = True


def a_session(limits: Limits | None = None, budget: Budget | None = None) -> Session:
    limits = limits or Limits()
    return Session("someone", is_persistent=True, limits=limits, budget=budget or Budget(limits.max_held_bytes))


def message(number: int, *, qos: int = 1) -> Message:
    return Message("topic", b"%d" % number, qos)


def all_to_send(session: Session) -> list[tuple[bytes, int | None, bool]]:
    found = []
    while (following := session.next_to_send()) is not None:
        found.append((following[0].payload, following[0].packet_id, following[1]))
    return found


@pytest.mark.parametrize(
    ("topic", "topic_filter", "does_match"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/+", True),
        ("a/b", "+/+", True),
        ("a/b", "#", True),
        ("a/b", "a/#", True),
        ("a", "a/#", True),
        ("a/b", "a/b/#", True),
        ("/b", "+/b", True),
        ("a/b", "+", False),
        ("a/b", "a", False),
        ("a", "a/+", False),
        ("a/b/c", "a/+", False),
        ("A/b", "a/+", False),
        ("$SYS/a", "#", False),
        ("$SYS/a", "+/a", False),
        ("$SYS/a", "$SYS/#", True),
    ],
)
def test_a_topic_matches_a_filter(topic: str, topic_filter: str, does_match: bool) -> None:  # noqa: FBT001 - a table
    subscriptions: Subscriptions[str] = Subscriptions()
    subscriptions.add(topic_filter, "someone", qos=1)
    assert dict(subscriptions.of(topic)) == ({"someone": 1} if does_match else {})
    subscriptions.remove(topic_filter, "someone")
    assert dict(subscriptions.of(topic)) == {}


def test_overlapping_filters_deliver_once_with_the_highest_qos() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    for topic_filter, qos in (("a/b", 0), ("a/+", 1), ("#", 0)):
        subscriptions.add(topic_filter, "someone", qos=qos)
    assert dict(subscriptions.of("a/b")) == {"someone": 1}


@pytest.mark.parametrize("text", ["", "#/a", "a#", "a/b#", "+a", "a/+b/c", "a/#/b", "++"])
def test_wildcards_fill_a_level_and_nothing_follows_the_last(text: str) -> None:
    assert not is_filter(text)


def test_no_more_is_in_flight_than_the_window_and_acknowledging_opens_it() -> None:
    session = a_session(Limits(max_in_flight_messages=2))
    session.attach(Here())
    for number in range(4):
        assert session.offer(message(number))
    assert all_to_send(session) == [(b"0", 1, False), (b"1", 2, False)]
    session.acknowledge(77)
    assert all_to_send(session) == []
    session.acknowledge(1)
    assert all_to_send(session) == [(b"2", 3, False)]


def test_one_message_is_sent_however_long_and_the_window_counts_bytes() -> None:
    session = a_session(Limits(max_in_flight_bytes=10))
    session.attach(Here())
    session.offer(Message("topic", bytes(1000), 1))
    session.offer(message(2))
    assert len(all_to_send(session)) == 1
    session.acknowledge(1)
    assert all_to_send(session) == [(b"2", 2, False)]


def test_unacknowledged_messages_come_first_after_reconnecting_with_their_identifiers() -> None:
    session = a_session()
    session.attach(Here())
    for number in range(3):
        session.offer(message(number))
    all_to_send(session)
    session.acknowledge(2)
    session.listener = None
    assert session.offer(message(3))
    assert not session.offer(message(4, qos=0))
    session.attach(Here())
    assert all_to_send(session) == [(b"0", 1, True), (b"2", 3, True), (b"3", 4, False)]


def test_packet_identifiers_go_round_and_pass_by_those_in_flight() -> None:
    session = a_session()
    session.attach(Here())
    session.offer(message(0))
    assert all_to_send(session) == [(b"0", 1, False)]
    for _ in range(65_534):
        session.offer(message(1))
        following = session.next_to_send()
        assert following is not None
        assert following[0].packet_id is not None
        session.acknowledge(following[0].packet_id)
    session.offer(message(2))
    assert all_to_send(session) == [(b"2", 2, False)]


def test_a_full_budget_drops_for_the_greedy_and_leaves_others_their_share() -> None:
    size_bytes = message(0).size_bytes
    limits = Limits(max_held_bytes=10 * size_bytes)
    budget = Budget(limits.max_held_bytes)
    greedy, modest = a_session(limits, budget), a_session(limits, budget)
    for session in (greedy, modest):
        session.attach(Here())
    assert [greedy.offer(message(0)) for _ in range(12)] == [True] * 10 + [False] * 2
    assert greedy.dropped == 2
    assert [modest.offer(message(0)) for _ in range(6)] == [True] * 5 + [False]
    assert greedy.discard() + modest.discard() == 15
    assert (budget.held_bytes, budget.holders) == (0, 0)


def test_acknowledged_and_qos_0_messages_give_their_room_back() -> None:
    budget = Budget(10_000)
    session = a_session(budget=budget)
    session.attach(Here())
    session.offer(message(0))
    session.offer(message(1, qos=0))
    assert budget.holders == 1
    all_to_send(session)
    session.acknowledge(1)
    assert (budget.held_bytes, budget.holders) == (0, 0)


def test_a_new_session_ends_the_one_left_longest_ago_and_never_a_connected_one() -> None:
    exchange = Exchange(Limits(max_sessions=3))
    connections = {}
    for name in ("connected", "first left", "second left"):
        connections[name] = Here()
        session, _ = exchange.enter(Connect(name, is_clean=False, keep_alive_s=0), connections[name])
        if name != "connected":
            exchange.leave(session, connections[name])
    exchange.enter(Connect("new", is_clean=False, keep_alive_s=0), Here())
    assert not connections["connected"].replaced
    present = {
        name: exchange.enter(Connect(name, is_clean=False, keep_alive_s=0), Here())[1]
        for name in ("second left", "connected", "first left")
    }
    assert present == {"second left": True, "connected": True, "first left": False}


def test_a_replaced_connection_neither_ends_the_session_nor_gets_its_messages() -> None:
    exchange = Exchange(Limits())
    old, new = Here(), Here()
    connect = Connect("twice", is_clean=False, keep_alive_s=0)
    session, _ = exchange.enter(connect, old)
    exchange.subscribe(session, "topic", qos=1)
    assert exchange.enter(connect, new) == (session, True)
    exchange.leave(session, old)
    exchange.publish(Publish("topic", b"payload", 1, 1))
    assert (old.replaced, old.woken, new.woken) == (True, 0, 1)


def test_a_clean_session_takes_its_subscriptions_and_messages_with_it() -> None:
    exchange = Exchange(Limits())
    kept = Connect("someone", is_clean=False, keep_alive_s=0)
    here = Here()
    session, _ = exchange.enter(kept, here)
    exchange.subscribe(session, "topic", qos=1)
    exchange.publish(Publish("topic", b"payload", 1, 1))
    clean, is_present = exchange.enter(Connect("someone", is_clean=True, keep_alive_s=0), Here())
    exchange.publish(Publish("topic", b"payload", 1, 1))
    assert (is_present, all_to_send(clean), all_to_send(session)) == (False, [], [])


GOOD = (
    mqtt_bytes.connect("someone", keep_alive_s=60),
    mqtt_bytes.publish("a/topic", b"payload"),
    mqtt_bytes.subscribe("a/+", "b/#"),
    mqtt_bytes.packet(0xA2, b"\x00\x01" + mqtt_bytes.text("a/+")),
    mqtt_bytes.puback(7),
)


async def read(data: bytes) -> object:
    """Read a packet as a connection does."""
    stream = asyncio.StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    frame = await wire.read_frame(stream, max_bytes=10_000)
    readers = {
        Kind.CONNECT: wire.read_connect,
        Kind.PUBLISH: wire.read_publish,
        Kind.SUBSCRIBE: wire.read_subscribe,
        Kind.UNSUBSCRIBE: wire.read_unsubscribe,
    }
    if frame.kind in readers:
        return await readers[frame.kind](frame)
    return wire.read_puback(frame) if frame.kind is Kind.PUBACK else frame


async def test_whatever_the_bytes_a_packet_is_read_or_refused() -> None:
    chance = random.Random(20_261_126)  # noqa: S311 - a seed, so that a failure can be repeated
    outcomes = {"read": 0, "refused": 0, "ended": 0}
    for _ in range(6_000):
        data = bytearray(chance.choice(GOOD))
        for _ in range(chance.randint(0, 3)):
            position = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    data[position] = chance.randrange(256)
                case 1:
                    data.insert(position, chance.randrange(256))
                case _ if len(data) > 1:
                    del data[position]
                case _:
                    pass
        try:
            await read(bytes(data))
            outcomes["read"] += 1
        except ClientRefusedError:
            outcomes["refused"] += 1
        except asyncio.IncompleteReadError:
            outcomes["ended"] += 1
    assert all(count > 300 for count in outcomes.values()), outcomes


async def test_what_is_written_is_read_again() -> None:
    sent = Publish("a/topic", bytes(range(256)), 1, 65_535)
    assert await read(wire.publish(sent)) == sent
    assert await read(wire.publish(Publish("a/topic", b"", 0, None))) == Publish("a/topic", b"", 0, None)
    assert await wire.read_publish(Frame(Kind.PUBLISH, 0, b"\x00\x01ax")) == Publish("a", b"x", 0, None)
