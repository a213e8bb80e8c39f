"""A checkpoint in the caller's transaction: SQLite of the standard library, psycopg, and asyncio's psycopg."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from aiofabric.errors import CheckpointError
from aiofabric.gateway import ChaincodeEvent, Position, SqlCheckpoint
from support.database import RunningCluster

CHECKPOINT = SqlCheckpoint("reader", paramstyle="qmark")
EVENT = ChaincodeEvent(block_number=7, transaction_id="tx", chaincode_name="assets", event_name="Put", payload=b"")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(CHECKPOINT.schema)
        connection.execute("CREATE TABLE work (done text)")
        connection.commit()
        yield connection


def test_positions_are_values() -> None:
    assert Position() == Position(0, "")
    assert Position.after_block(6) == Position(7, "")
    assert Position.after_event(EVENT) == Position(7, "tx")


def test_a_new_reader_is_at_the_beginning(connection: sqlite3.Connection) -> None:
    assert CHECKPOINT.load(connection.cursor()) == Position()


def test_a_position_is_written_over_and_over(connection: sqlite3.Connection) -> None:
    cursor = connection.cursor()
    for position in (Position.after_event(EVENT), Position.after_block(7), Position.after_block(7)):
        CHECKPOINT.save(cursor, position)
        assert CHECKPOINT.load(cursor) == position
    assert cursor.execute("SELECT count(*) FROM fabric_checkpoint").fetchone() == (1,)


def test_position_and_work_are_committed_together_or_not_at_all(connection: sqlite3.Connection) -> None:
    cursor = connection.cursor()
    for block, is_committed in ((3, True), (4, False)):
        cursor.execute("INSERT INTO work VALUES (?)", (str(block),))
        CHECKPOINT.save(cursor, Position.after_block(block))
        connection.commit() if is_committed else connection.rollback()
    assert CHECKPOINT.load(cursor) == Position(4)
    assert cursor.execute("SELECT done FROM work").fetchall() == [("3",)]


def test_readers_have_names(connection: sqlite3.Connection) -> None:
    cursor = connection.cursor()
    CHECKPOINT.save(cursor, Position(3))
    other = SqlCheckpoint("another'; DROP TABLE work", paramstyle="numeric")
    other.save(cursor, Position(5, "tx"))
    assert (CHECKPOINT.load(cursor), other.load(cursor)) == (Position(3), Position(5, "tx"))


def test_another_table(connection: sqlite3.Connection) -> None:
    elsewhere = SqlCheckpoint("reader", paramstyle="qmark", table="main.positions")
    connection.execute(elsewhere.schema)
    elsewhere.save(connection.cursor(), Position(1))
    assert elsewhere.load(connection.cursor()) == Position(1)
    assert CHECKPOINT.load(connection.cursor()) == Position()


@pytest.mark.parametrize("table", ["", "a b", "a;drop", "a.b.c", "1a", 'a"'])
def test_a_table_is_named_by_a_name(table: str) -> None:
    with pytest.raises(ValueError, match="name of a table"):
        SqlCheckpoint("reader", table=table)


def test_a_placeholder_that_is_not_known() -> None:
    with pytest.raises(ValueError, match="'format' for pyformat"):
        SqlCheckpoint("reader", paramstyle="pyformat")  # type: ignore[arg-type]


@pytest.mark.parametrize("row", [(-1, ""), ("seven", "")])
def test_a_row_that_is_no_position_is_refused(connection: sqlite3.Connection, row: tuple[object, str]) -> None:
    connection.execute("INSERT INTO fabric_checkpoint VALUES ('reader', ?, ?)", row)
    with pytest.raises(CheckpointError, match="'reader'"):
        CHECKPOINT.load(connection.cursor())


def test_psycopg(postgres: RunningCluster) -> None:
    checkpoint = SqlCheckpoint("reader")
    with psycopg.connect(postgres.new_database()) as connection, connection.cursor() as cursor:
        cursor.execute(checkpoint.schema)
        assert checkpoint.load(cursor) == Position()
        checkpoint.save(cursor, Position(3, "tx"))
        connection.commit()
        checkpoint.save(cursor, Position(4))
        connection.rollback()
        assert checkpoint.load(cursor) == Position(3, "tx")


async def test_psycopg_with_asyncio(postgres: RunningCluster) -> None:
    checkpoint = SqlCheckpoint("reader")
    dsn = postgres.new_database()
    async with await psycopg.AsyncConnection.connect(dsn) as connection, connection.cursor() as cursor:
        await cursor.execute(checkpoint.schema)
        assert await checkpoint.load_async(cursor) == Position()
        await checkpoint.save_async(cursor, Position(3, "tx"))
        await connection.commit()
        await checkpoint.save_async(cursor, Position(4))
        await connection.rollback()
        assert await checkpoint.load_async(cursor) == Position(3, "tx")
