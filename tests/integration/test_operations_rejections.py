"""Refused payloads keep to their limit: the oldest go first, and whatever goes is counted."""

import random
from collections.abc import Iterator
from hashlib import sha256

import pytest
from pydantic import SecretStr

from support.database import RunningCluster
from wayproof.settings import DatabaseSettings
from wayproof.store import schema
from wayproof.store.connection import Connection, connect
from wayproof.store.rejection_limit import CUT, ROW_BYTES, RejectionLimit
from wayproof.store.rejections import NewRejection, count_rejections
from wayproof.store.totals import totals

PAYLOAD_BYTES = 10_000
COUNT = 60


@pytest.fixture
def settings(postgres: RunningCluster) -> DatabaseSettings:
    return DatabaseSettings(dsn=SecretStr(postgres.new_database()))


@pytest.fixture
def connection(settings: DatabaseSettings) -> Iterator[Connection]:
    with connect(settings, application="test") as opened:
        schema.apply(opened)
        yield opened


def fill(connection: Connection, *, count: int = COUNT, payload_bytes: int = PAYLOAD_BYTES) -> None:
    """Let strangers fill the table, one payload a second; every tenth came twice."""
    noise = random.Random(1)  # noqa: S311 - the database could compress anything else
    for number in range(count):
        payload = noise.randbytes(payload_bytes)
        new = NewRejection(
            topic="wayproof/v1/ShipperMSP/nobody/messages",
            payload_hash=sha256(payload).digest(),
            payload_size=len(payload),
            payload=payload,
            code="unknown_device",
            detail="not registered",
            received_at_ms=number * 1000,
        )
        count_rejections(connection, [new] * (2 if number % 10 == 0 else 1))


def kept(connection: Connection) -> list[tuple[int, bool]]:
    """Return when each came, and whether its payload is there, the oldest first."""
    rows = connection.execute(
        "SELECT last_received_at_ms, payload IS NOT NULL AS has_payload FROM rejection ORDER BY last_received_at_ms"
    )
    return [(int(str(row["last_received_at_ms"])), bool(row["has_payload"])) for row in rows]


def cut_counts(connection: Connection) -> list[dict[str, object]]:
    return connection.execute("SELECT code, payloads, rows, times FROM rejection_cut").fetchall()


def work_off(limit: RejectionLimit, connection: Connection) -> int:
    steps = 1
    while not limit.cut(connection):
        steps += 1
        assert steps < 100, "it does not come to an end"
    return steps


def test_within_the_limit_nothing_goes(connection: Connection) -> None:
    fill(connection)
    assert work_off(RejectionLimit(256 << 20), connection) == 1
    assert kept(connection) == [(number * 1000, True) for number in range(COUNT)]
    assert cut_counts(connection) == []


def test_the_oldest_payloads_go_first_and_their_rows_stay(connection: Connection) -> None:
    fill(connection)
    before, all_of_them = CUT.values().get(("payload",), 0), totals(connection).rejections
    keep_bytes = COUNT * (PAYLOAD_BYTES + ROW_BYTES) // 2
    work_off(RejectionLimit(keep_bytes), connection)
    seen = kept(connection)
    assert len(seen) == COUNT
    gone = [at for at, has_payload in seen if not has_payload]
    assert gone == [number * 1000 for number in range(len(gone))], "only the oldest"
    payload_bytes = (COUNT - len(gone)) * PAYLOAD_BYTES
    assert 0.8 * keep_bytes < payload_bytes + COUNT * ROW_BYTES < keep_bytes
    assert cut_counts(connection) == [{"code": "unknown_device", "payloads": len(gone), "rows": 0, "times": 0}]
    assert CUT.values()["payload",] - before == len(gone)
    assert totals(connection).rejections == all_of_them


def test_rows_go_when_no_payload_is_left_and_what_they_counted_stays_counted(connection: Connection) -> None:
    fill(connection)
    counted = totals(connection).rejections
    assert counted == COUNT + COUNT // 10
    work_off(RejectionLimit(20 * ROW_BYTES), connection)
    seen = kept(connection)
    assert 0 < len(seen) <= 20
    assert not any(has_payload for _, has_payload in seen)
    assert [at for at, _ in seen] == [number * 1000 for number in range(COUNT - len(seen), COUNT)], "the newest stay"
    (cut,) = cut_counts(connection)
    assert (cut["payloads"], cut["rows"]) == (COUNT, COUNT - len(seen))
    assert totals(connection).rejections == counted


def test_what_others_write_now_is_passed_by(connection: Connection, settings: DatabaseSettings) -> None:
    fill(connection)
    with connect(settings, application="other") as other, other.transaction():
        other.execute("SELECT FROM rejection WHERE last_received_at_ms = 0 FOR UPDATE")
        RejectionLimit(COUNT * ROW_BYTES).cut(connection)  # does not wait for it
    assert [has_payload for _, has_payload in kept(connection)] == [True] + [False] * (COUNT - 1)


def test_it_looks_now_and_then_only(connection: Connection) -> None:
    now_s = [0.0]
    limit = RejectionLimit(0, clock=lambda: now_s[0])
    limit.keep(connection)
    fill(connection, count=3)
    limit.keep(connection)
    assert len(kept(connection)) == 3
    now_s[0] += 31
    for _ in range(3):
        limit.keep(connection)
    assert kept(connection) == []
