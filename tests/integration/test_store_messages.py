"""Messages added to the store: what came twice is left out, what contradicts another one is told, whichever way."""

import secrets
from collections.abc import Iterator
from hashlib import sha256

import pytest

from support.database import RunningCluster
from support.log_store import AT_MS, TOPIC, opened
from wayproof.store.connection import Connection
from wayproof.store.messages import NewMessage, Numbers, add_messages


@pytest.fixture
def connection(postgres: RunningCluster) -> Iterator[Connection]:
    with opened(postgres.new_database(), apply=True) as connection:
        yield connection


def message(sequence: int, *, said: str = "") -> NewMessage:
    return NewMessage(
        device_id="reefer-7",
        received_at_ms=AT_MS,
        topic=TOPIC,
        payload=b"",
        salt=secrets.token_bytes(16),
        entry=secrets.token_bytes(32),
        message_hash=sha256(f"{sequence}{said}".encode()).digest(),
        stream="conditions",
        boot=1,
        sequence=sequence,
        previous=bytes(32),
    )


def added(connection: Connection, *messages: NewMessage) -> list[tuple[int, bool]]:
    numbers = Numbers()
    numbers.learn(connection, messages)
    with connection.transaction():
        return [(it.message.sequence, it.contradicts) for it in add_messages(connection, messages, numbers=numbers)]


def test_in_a_group_of_new_messages_the_second_of_one_place_contradicts(connection: Connection) -> None:
    assert added(connection, message(1), message(2), message(1, said="else")) == [(1, False), (2, False), (1, True)]


def test_so_it_does_where_the_group_has_a_message_that_is_there_already(connection: Connection) -> None:
    added(connection, message(1))
    group = (message(1), message(2), message(2, said="else"), message(1, said="else"), message(2))
    assert added(connection, *group) == [(2, False), (2, True), (1, True)]


def test_a_message_contradicts_one_that_another_writer_added_with_a_higher_number(connection: Connection) -> None:
    added(connection, message(1))
    connection.execute("ALTER TABLE message ALTER COLUMN ingest_id RESTART WITH 1000")
    added(connection, message(2, said="the other writer's"))
    connection.execute("ALTER TABLE message ALTER COLUMN ingest_id RESTART WITH 500")
    assert added(connection, message(2)) == [(2, True)]
