"""`wayproof ingest`: one group of messages after another, from the broker into the store.

`Ingest.take_in` is the whole way of a group: judge, one transaction, acknowledge, receipt. While one group is kept,
the next is judged. Nothing is acknowledged before the commit, so a crash anywhere only makes the broker, or the device,
send again.
"""

import gc
import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from wayproof import failpoint
from wayproof.ingest.arrivals import Arrival, Arrivals
from wayproof.ingest.disk import Disk
from wayproof.ingest.group import Group, assemble
from wayproof.ingest.group_judge import GroupJudge
from wayproof.ingest.judge import House
from wayproof.ingest.mqtt import Reader
from wayproof.ingest.receipts import ReceiptKey, receipts
from wayproof.ingest.signatures import Verifiers
from wayproof.ingest.subscriber import Subscriber
from wayproof.ingest.subscription import SHARED, SharedSubscriptionUnavailable, Subscription
from wayproof.ingest.tally import Tally
from wayproof.observability.health import HEALTH
from wayproof.settings import DatabaseSettings, IngestSettings, Settings
from wayproof.store import schema
from wayproof.store.connection import Connection, connect
from wayproof.store.errors import StoreUnavailable, store_errors
from wayproof.store.messages import Added, Numbers, add_messages, open_epoch
from wayproof.store.rejection_limit import RejectionLimit
from wayproof.store.rejections import count_rejections
from wayproof_verifier.telemetry import Receipt, messages_topic, receipts_topic

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

YOUNG_OBJECTS = 200_000
"""Objects between two looks for cyclic garbage. A group makes tens of thousands, and no garbage."""

SWITCH_S = 0.0005
"""How soon a thread that computes lets another one go on. It is asked at each answer of the database or the broker, a
dozen times a group: with Python's own 5 ms, those pauses would be most of a group's time."""

IDLE_S = 0.5
RETRY_S = 0.5
GROUP_BYTES = 8 << 20
QUEUE_BYTES = 4 * GROUP_BYTES
GROUPS_QUEUED = 4
ACKNOWLEDGED_AT_ONCE = 16
"""Messages; between two such parts a process can be told to die."""


def run(settings: Settings, *, stop: threading.Event) -> None:
    """Take messages in until `stop` is set, with Python tuned to it.

    Raises SettingsError where the settings do not do, SchemaError for other tables, SubscriberEnded if the broker's
    thread ends. While the database or the broker is away, it waits.
    """
    thresholds, interval_s = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(YOUNG_OBJECTS)
    sys.setswitchinterval(SWITCH_S)
    try:
        _run(settings, stop)
    finally:
        sys.setswitchinterval(interval_s)
        gc.set_threshold(*thresholds)


def _run(settings: Settings, stop: threading.Event) -> None:
    log, ingest = settings.require_log(), settings.require_ingest()
    key = ReceiptKey.read(log.receipt_key)
    arrivals = Arrivals(most=GROUPS_QUEUED * ingest.group_size, most_bytes=QUEUE_BYTES)
    disk = Disk(ingest.disk, min_free_bytes=ingest.min_free_bytes)
    subscriber = _subscription(settings, arrivals)
    store = PatientStore(settings.database, stop=stop)
    taking = Ingest(settings, store=store, subscriber=subscriber, key=key)
    try:
        if not _wait_for_log(store, log.log_id, stop=stop):
            return
        subscriber.start()
        while not stop.is_set():
            subscriber.require_alive()
            if disk.has_room:
                _turn(taking, arrivals, ingest)
            else:
                taking.settle()
                stop.wait(RETRY_S)
            taking.tally.turned(is_subscribed=subscriber.is_subscribed)
    finally:
        taking.close()
        subscriber.close()
        store.close()
        taking.tally.say()


def _turn(taking: "Ingest", arrivals: Arrivals, ingest: IngestSettings) -> None:
    """Take the next group in, if there is one."""
    if len(arrivals) < ingest.group_size // 2:
        taking.settle()  # a small group gains nothing from being judged early, and is larger then
    group = arrivals.take(
        most=ingest.group_size, most_bytes=GROUP_BYTES, wait_s=ingest.group_wait_ms / 1000, timeout_s=IDLE_S
    )
    if group:
        taking.take_in(group)
    else:
        taking.settle()


def _subscription(settings: Settings, arrivals: Arrivals) -> Subscription:
    """Return the client that the settings name, for the messages of all our devices."""
    broker, ingest = settings.require_broker(), settings.require_ingest()
    topic_filter = messages_topic(settings.organisation, device_id="any").replace("/any/", "/+/")
    if ingest.share:
        if broker.kind == "amqtt":
            raise SharedSubscriptionUnavailable("the embedded broker speaks MQTT 3.1.1")
        if ingest.client == "paho":
            raise SharedSubscriptionUnavailable("the client `paho` speaks MQTT 3.1.1, `lean` has them")
        topic_filter = f"{SHARED}{ingest.share}/{topic_filter}"
    client: type[Reader | Subscriber] = Reader if ingest.client == "lean" else Subscriber
    return client(broker, client_id=ingest.client_id, topic_filter=topic_filter, arrivals=arrivals)


class PatientStore:
    """The database connection of this process: opened when needed, again and again while the database is away."""

    def __init__(self, settings: DatabaseSettings, *, stop: threading.Event) -> None:
        self._settings = settings
        self.stop = stop
        self._connection: Connection | None = None
        self._said: set[str] = set()

    def do(self, work: Callable[[Connection], Result]) -> Result | None:
        """Return what `work` returns on an open connection; done anew if the database goes away. None once stopped."""
        while not self.stop.is_set():
            try:
                result = work(self._opened())
            except StoreUnavailable as error:
                self.close()
                if error.code not in self._said:  # a full disk may end the server, and somebody has to know of both
                    facts = {"code": error.code, "reason": str(error)}
                    logger.warning("the database is away; nothing is acknowledged", extra=facts)
                self._said.add(error.code)
                HEALTH.beat()  # this is where the main loop is then, on its thread or on the keeper's
                self.stop.wait(RETRY_S)
            else:
                if self._said:
                    logger.info("the database is back")
                self._said.clear()
                return result
        return None

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _opened(self) -> Connection:
        if self._connection is None:
            self._connection = connect(self._settings, application="ingest", role="ingest")
            schema.require_current(self._connection)
        return self._connection


@dataclass(frozen=True, slots=True)
class Kept:
    """A group that is committed: what became of it, which of its messages are new, the log's epoch; and when."""

    group: Group
    added: Sequence[Added]
    epoch: int
    began_ns: int
    committed_ns: int


@dataclass(frozen=True, slots=True)
class Done:
    """A group that is acknowledged too, and how many receipts its devices were sent."""

    kept: Kept
    arrivals: Sequence[Arrival]
    receipts: int


class Ingest:
    """Takes groups in: one is judged while the one before is kept. Not shared between threads."""

    def __init__(self, settings: Settings, *, store: PatientStore, subscriber: Subscription, key: ReceiptKey) -> None:
        self._log = settings.require_log()
        self._house = House(settings.organisation, self._log.log_id)
        self._store = store
        self._subscriber = subscriber
        self._key = key
        self._register = PatientStore(settings.database, stop=store.stop)
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="keeper")
        self._pending: Future[Done | None] | None = None
        self._verifiers = Verifiers(settings.require_ingest().verifiers)
        self._judge = GroupJudge(self._house, verifiers=self._verifiers)
        self._numbers = Numbers()
        self._limit = RejectionLimit(settings.rejections.keep_bytes)
        self.tally = Tally()

    def close(self) -> None:
        """Wait for the group that is being kept, and end the threads."""
        self._keeper.shutdown()
        self._verifiers.close()
        self._register.close()

    def take_in(self, arrivals: Sequence[Arrival]) -> None:
        """Judge a group while the one before is kept, then have it kept; what failed of the one before is raised.

        To keep is: commit, then acknowledge in order, then tell the devices. If stopped before the commit: nothing.
        """
        began_ns = time.time_ns()
        group = self._register.do(lambda connection: assemble(self._judge.judge(connection, arrivals)))
        self.settle()
        if group is not None:
            self._pending = self._keeper.submit(self._take_over, group, arrivals, began_ns)

    def settle(self) -> None:
        """Wait until the last group is kept, and count it. Raises what kept it from being kept."""
        pending, self._pending = self._pending, None
        done = pending.result() if pending else None
        if done is not None:
            self._count(done.kept, done.arrivals, receipts=done.receipts)

    def _take_over(self, group: Group, arrivals: Sequence[Arrival], began_ns: int) -> "Done | None":
        """Keep a judged group, on the keeper's thread."""
        kept = self._store.do(lambda connection: self._keep(connection, group, began_ns))
        if kept is None:
            return None
        failpoint.reach("ingest.before_ack")
        for start in range(0, len(arrivals), ACKNOWLEDGED_AT_ONCE):
            self._subscriber.acknowledge(arrivals[start : start + ACKNOWLEDGED_AT_ONCE])
            failpoint.reach("ingest.mid_ack")
        failpoint.reach("ingest.after_ack")
        return Done(kept, arrivals, self._tell(kept))

    def _keep(self, connection: Connection, group: Group, began_ns: int) -> Kept:
        """Commit what is to be kept of a group."""
        self._numbers.learn(connection, group.messages)
        with store_errors(), connection.transaction():
            epoch = open_epoch(connection, self._log.log_id)
            failpoint.reach("ingest.before_insert")
            added = add_messages(connection, group.messages, numbers=self._numbers)
            count_rejections(connection, group.rejections)
            failpoint.reach("ingest.before_commit")
        failpoint.reach("ingest.after_commit")
        return Kept(group, added, epoch or 0, began_ns, time.time_ns())

    def _tell(self, kept: Kept) -> int:
        """Publish the receipts of a group; return how many."""
        failpoint.reach("ingest.before_receipt")
        now_ms = time.time_ns() // 1_000_000
        count = 0
        for device_id, told in kept.group.told.items():
            blank = Receipt(
                log_id=self._log.log_id,
                epoch=kept.epoch,
                device_id=device_id,
                issued_at_ms=now_ms,
                anchored_by_ms=now_ms + self._log.anchored_within_s * 1000,
                held=(),
            )
            topic = receipts_topic(self._house.organisation, device_id=device_id)
            for receipt in receipts(told, blank=blank):
                count += self._subscriber.publish(topic, self._key.encode(receipt))
        return count

    def _count(self, kept: Kept, arrivals: Sequence[Arrival], *, receipts: int) -> None:
        contradictions = [it.message for it in kept.added if it.contradicts]
        for message in contradictions:
            logger.warning(
                "equivocation: a second message at one place; both are kept",
                extra={
                    "device_id": message.device_id,
                    "stream": message.stream,
                    "boot": message.boot,
                    "sequence": message.sequence,
                    "message_hash": message.message_hash.hex(),
                },
            )
        self.tally.add(
            rejected=kept.group.refused,
            received=len(arrivals),
            stored=len(kept.added),
            duplicates=len(kept.group.messages) - len(kept.added),
            equivocations=len(contradictions),
            receipted=sum(len(told.held) for told in kept.group.told.values()),
            receipts=receipts,
        )
        self.tally.follow(
            [it.message for it in kept.added],
            first_received_at_ms=arrivals[0].received_at_ms,
            began_ns=kept.began_ns,
            committed_ns=kept.committed_ns,
        )
        if kept.group.rejections:
            self._store.do(self._limit.keep)


def _wait_for_log(store: PatientStore, log_id: str, *, stop: threading.Event) -> bool:
    """Wait until the log is registered and known here; False if stopped before."""
    has_said = False
    while not stop.is_set():
        if store.do(lambda connection: open_epoch(connection, log_id) or 0):
            return True
        if not has_said:
            logger.warning("waiting for the log to be registered (`wayproof log register`)", extra={"log_id": log_id})
            has_said = True
        stop.wait(RETRY_S)
    return False
