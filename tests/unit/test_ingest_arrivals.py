"""The queue between the network's thread and the worker's: order, groups, bounds."""

import threading

from wayproof.ingest.arrivals import Arrival, Arrivals, OverLong


def arrival(number: int, *, size: int = 1) -> Arrival:
    return Arrival("topic", bytes(size), 0, connection=1, packet_id=number, qos=1)


def take(arrivals: Arrivals, *, most: int = 100, most_bytes: int = 1_000, wait_s: float = 0.0) -> list[int]:
    group = arrivals.take(most=most, most_bytes=most_bytes, wait_s=wait_s, timeout_s=0.0)
    return [it.packet_id for it in group]


def filled(count: int, *, size: int = 1) -> Arrivals:
    arrivals = Arrivals(most=100, most_bytes=1_000)
    for number in range(count):
        arrivals.put(arrival(number, size=size))
    return arrivals


def test_nothing_came() -> None:
    assert take(filled(0)) == []


def test_groups_keep_the_order_and_their_bound_in_messages() -> None:
    arrivals = filled(7)
    assert [take(arrivals, most=3) for _ in range(4)] == [[0, 1, 2], [3, 4, 5], [6], []]


def test_groups_keep_their_bound_in_bytes_but_one_message_is_always_taken() -> None:
    arrivals = filled(4, size=100)
    assert [take(arrivals, most_bytes=250), take(arrivals, most_bytes=50), take(arrivals)] == [[0, 1], [2], [3]]


def test_there_is_room_until_either_bound_is_reached() -> None:
    assert filled(99).has_room
    assert not filled(100).has_room
    assert filled(9, size=100).has_room
    assert not filled(10, size=100).has_room
    assert not filled(10, size=100).wait_for_room(0.0)


def test_room_is_told_to_who_waits() -> None:
    arrivals = filled(100)
    waited: list[bool] = []
    waiting = threading.Thread(target=lambda: waited.append(arrivals.wait_for_room(30.0)))
    waiting.start()
    take(arrivals)
    waiting.join()
    assert waited == [True]
    assert len(arrivals) == 0


def test_who_waits_for_a_message_gets_it() -> None:
    arrivals = filled(0)
    putting = threading.Thread(target=lambda: arrivals.put(arrival(1)))
    putting.start()
    group = arrivals.take(most=1, most_bytes=1_000, wait_s=0.0, timeout_s=30.0)
    putting.join()
    assert [it.packet_id for it in group] == [1]


def test_an_over_long_payload_takes_no_room() -> None:
    arrivals = Arrivals(most=100, most_bytes=1)
    arrivals.put(Arrival("topic", OverLong(bytes(32), 10**9), 0, connection=1, packet_id=1, qos=1))
    assert arrivals.has_room
