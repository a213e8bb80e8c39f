"""The audit sees what is lost, doubled, and in no send log."""

from dataclasses import replace
from hashlib import sha256

from pydantic import SecretStr

from support.database import RunningCluster
from wayproof.settings import DatabaseSettings
from wayproof.store import log, schema
from wayproof.store.audit import Audit, Sent, audit
from wayproof.store.connection import Connection, connect
from wayproof.store.measured import Measured
from wayproof.store.messages import NewMessage, Numbers, add_messages
from wayproof_contract.merkle import EMPTY_ROOT
from wayproof_verifier.telemetry import Reading

LOG = "log-1"


def message(sequence: int) -> NewMessage:
    return NewMessage(
        device_id="device-1",
        received_at_ms=1_700_000_000_000 + sequence,
        topic="topic",
        payload=b"payload",
        salt=bytes(16),
        entry=sha256(b"%d" % sequence).digest(),
        message_hash=hash_of(sequence),
        stream="conditions",
        boot=1,
        sequence=sequence,
        previous=bytes(32),
        after=None,
        measured=Measured.of([Reading("temperature", 45, 1, "CEL", 1_700_000_000_000)]),
    )


def hash_of(sequence: int) -> bytes:
    return sha256(b"message %d" % sequence).digest()


def sent(sequence: int, *, is_receipted: bool = True) -> Sent:
    return Sent("device-1", "conditions", 1, sequence, hash_of(sequence), is_receipted)


def hold(connection: Connection, *sequences: int) -> None:
    messages, numbers = [message(sequence) for sequence in sequences], Numbers()
    numbers.learn(connection, messages)
    with connection.transaction():
        add_messages(connection, messages, numbers=numbers)


def anchor(connection: Connection, size: int) -> None:
    connection.execute(
        "INSERT INTO anchor VALUES (%s, 1, %s, %s, %s, 'tx', 0, %s, 0)", [LOG, size, size, EMPTY_ROOT, size]
    )


def test_what_is_receipted_and_not_anchored_is_lost(postgres: RunningCluster) -> None:
    settings = DatabaseSettings(dsn=SecretStr(postgres.new_database()))
    with connect(settings, application="test") as connection:
        schema.apply(connection)
        log.begin_epoch(connection, log_id=LOG, epoch=1)
        hold(connection, 1, 2, 3, 4)
        lines = [sent(1), sent(2), sent(3, is_receipted=False), sent(5), sent(6, is_receipted=False)]
        assert audit(connection, log_id=LOG, sent=lines) == Audit(
            sent=5,
            receipted=3,
            stored=3,
            unreceipted=1,
            logged=0,
            anchored=0,
            unexpected=1,
            rejected=0,
            refused=0,
            lost=3,
            duplicate_rows=0,
            duplicate_leaves=0,
        )
        with connection.transaction():
            log.seal(connection, epoch=1, limit=100)
        anchor(connection, 1)
        half = audit(connection, log_id=LOG, sent=lines)
        assert (half.logged, half.anchored, half.lost) == (3, 1, 2)
        anchor(connection, 4)
        whole = audit(connection, log_id=LOG, sent=lines)
        assert (whole.anchored, whole.lost, whole.duplicated) == (3, 1, 0)


def test_a_message_with_two_rows_is_doubled(postgres: RunningCluster) -> None:
    settings = DatabaseSettings(dsn=SecretStr(postgres.new_database()))
    with connect(settings, application="test") as connection:
        schema.apply(connection)
        hold(connection, 1)
        hold(connection, 1)  # the same again: the store leaves it alone
        assert audit(connection, log_id=LOG, sent=[sent(1)]).duplicated == 0
        connection.execute("DROP INDEX message_position")
        connection.execute(
            "INSERT INTO message (device_id, received_at_ms, entry, message_hash, stream_id, boot, sequence) "
            "SELECT device_id, received_at_ms, entry, message_hash, stream_id, boot, sequence FROM message"
        )
        found = audit(connection, log_id=LOG, sent=[sent(1)])
        assert (found.duplicate_rows, found.duplicate_leaves, found.duplicated) == (1, 0, 1)


def test_a_message_with_two_leaves_is_doubled(postgres: RunningCluster) -> None:
    settings = DatabaseSettings(dsn=SecretStr(postgres.new_database()))
    with connect(settings, application="test") as connection:
        schema.apply(connection)
        log.begin_epoch(connection, log_id=LOG, epoch=1)
        hold(connection, 1)
        with connection.transaction():
            log.seal(connection, epoch=1, limit=100)
        connection.execute("ALTER TABLE log_leaf DROP CONSTRAINT log_leaf_ingest_id_key")
        connection.execute("INSERT INTO log_leaf SELECT epoch, leaf_index + 1, ingest_id FROM log_leaf")
        found = audit(connection, log_id=LOG, sent=[sent(1)])
        assert (found.duplicate_rows, found.duplicate_leaves) == (0, 1)


def test_what_an_honest_device_was_refused_is_counted(postgres: RunningCluster) -> None:
    settings = DatabaseSettings(dsn=SecretStr(postgres.new_database()))
    with connect(settings, application="test") as connection:
        schema.apply(connection)
        lines = [sent(1, is_receipted=False), replace(sent(2, is_receipted=False), is_refused=True)]
        assert audit(connection, log_id=LOG, sent=lines).refused == 1
