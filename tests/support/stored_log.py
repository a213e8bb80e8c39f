"""A log that a test follows in memory while it goes into an organisation's database, through ingest's own functions."""

from dataclasses import dataclass, field

from support.journey import ErasableLog
from wayproof.log import LogTree
from wayproof.store.connection import Connection
from wayproof.store.log import begin_epoch, seal, tree
from wayproof.store.measured import Measured
from wayproof.store.messages import NewMessage, Numbers, add_messages
from wayproof_verifier.entry import entry_hash
from wayproof_verifier.telemetry import Message, decode

EPOCH = 1


@dataclass(slots=True)
class StoredLog(ErasableLog):
    """Each message and each sealing happens twice: here, and in the store. Their roots must be equal."""

    connection: Connection = field(kw_only=True)

    def __post_init__(self) -> None:
        begin_epoch(self.connection, log_id=self.log_id, epoch=EPOCH)

    def receive(self, payload: bytes, *, topic: str, received_at_ms: int) -> None:
        ErasableLog.receive(self, payload, topic=topic, received_at_ms=received_at_ms)
        salt = self._arrived[-1].salt
        message = decode(payload, topic=topic)
        assert isinstance(message, Message)
        new = NewMessage(
            device_id=message.device_id,
            received_at_ms=received_at_ms,
            topic=topic,
            payload=payload,
            salt=salt,
            entry=entry_hash(salt, topic=topic, payload=payload, received_at_ms=received_at_ms),
            message_hash=message.message_hash,
            stream=message.stream,
            boot=message.boot,
            sequence=message.sequence,
            previous=message.previous,
            after=message.after,
            measured=Measured.of(message.readings),
        )
        numbers = Numbers()
        numbers.learn(self.connection, [new])
        with self.connection.transaction():
            assert len(add_messages(self.connection, [new], numbers=numbers)) == 1

    def seal(self) -> int:
        size = ErasableLog.seal(self)
        with self.connection.transaction():
            assert seal(self.connection, epoch=EPOCH, limit=100_000)[1] == size
        assert self.stored_tree().root() == self.subtrees.tree().root()
        return size

    def stored_tree(self) -> LogTree:
        return tree(self.connection, epoch=EPOCH)

    def erase(self, index: int) -> None:
        """Erase a message in the store as the law asks: its entry and its place stay."""
        place = {"epoch": EPOCH, "index": index}
        with self.connection.transaction():
            self.connection.execute(
                "DELETE FROM reading USING log_leaf WHERE reading.ingest_id = log_leaf.ingest_id"
                " AND epoch = %(epoch)s AND leaf_index = %(index)s",
                place,
            )
            self.connection.execute(
                "UPDATE message SET topic = NULL, payload = NULL, salt = NULL, first_observed_at_ms = NULL,"
                " last_observed_at_ms = NULL FROM log_leaf"
                " WHERE message.ingest_id = log_leaf.ingest_id AND epoch = %(epoch)s AND leaf_index = %(index)s",
                place,
            )
