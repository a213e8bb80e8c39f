"""A database with a log that devices fill, for the process that flags readings.

world = PlausibilityWorld(postgres)
world.hold(pack(1, temperature=4.0), pack(2, temperature=4.1))
world.judge()
world.flags()
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

from pydantic import SecretStr

from support.database import RunningCluster
from support.timescaledb import TimescaleServer
from wayproof.flags.follow import Follower
from wayproof.plausibility.profile import MOST_RUNS, Profile, rule_set
from wayproof.settings import DatabaseSettings, LedgerSettings, LogSettings, PlausibilitySettings, Settings
from wayproof.store import log, schema
from wayproof.store.connection import Connection, connect
from wayproof.store.measured import Measured
from wayproof.store.messages import NewMessage, Numbers, add_messages
from wayproof_verifier.telemetry import Reading, TextReading

LOG_ID, MODEL = "shipper-log", "TempTracker"
BEGIN_MS, MINUTE_MS = 1_760_000_000_000, 60_000
UNITS = {"temperature": "CEL", "humidity": "P1", "latitude": "DD", "longitude": "DD"}


def pack(
    sequence: int,
    measured: Mapping[str, str],
    *,
    device_id: str = "logger-7",
    stream: str = "conditions",
    boot: int = 1,
    after: tuple[int, int] | None = None,
    minute: float | None = None,
    received_minute: float | None = None,
) -> NewMessage:
    """Make a message as ingest stores it, of decimals by name, observed in the minute of its sequence or in another.

    It is received a second later, or in another minute.
    """
    minute = sequence if minute is None else minute
    received_minute = minute if received_minute is None else received_minute
    observed_at_ms = BEGIN_MS + int(minute * MINUTE_MS)
    name = f"{device_id} {stream} {boot} {sequence} {sorted(measured.items())} {observed_at_ms}".encode()
    return NewMessage(
        device_id=device_id,
        received_at_ms=BEGIN_MS + int(received_minute * MINUTE_MS) + 1000,
        topic="topic",
        payload=name,
        salt=bytes(16),
        entry=sha256(b"entry of " + name).digest(),
        message_hash=sha256(name).digest(),
        stream=stream,
        boot=boot,
        sequence=sequence,
        previous=bytes(32),
        after=after,
        measured=Measured.of(_reading(it, value, observed_at_ms) for it, value in measured.items()),
    )


@dataclass(slots=True)
class PlausibilityWorld:
    """One organisation's database, its log registered, and its settings."""

    postgres: RunningCluster | TimescaleServer
    profiles: tuple[Profile, ...] = ()
    most_runs: int = MOST_RUNS
    database: DatabaseSettings = field(init=False)
    connection: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.database = DatabaseSettings(dsn=SecretStr(self.postgres.new_database()))
        self.connection = connect(self.database, application="test")
        schema.apply(self.connection)
        log.begin_epoch(self.connection, log_id=LOG_ID, epoch=1)

    def close(self) -> None:
        """End the connection."""
        self.connection.close()

    def register(self, device_id: str, *, model: str = MODEL) -> None:
        """Register a device as the projection would."""
        self.connection.execute(
            "INSERT INTO device (device_id, organisation, home_log, model, status, head)"
            " VALUES (%s, 'ShipperMSP', %s, %s, 'active', '{}')",
            [device_id, LOG_ID, model],
        )

    def hold(self, *messages: NewMessage, seal: bool = True) -> None:
        """Store messages in this order, and seal them in the order of their arrival by our clock."""
        numbers = Numbers()
        numbers.learn(self.connection, messages)
        with self.connection.transaction():
            add_messages(self.connection, messages, numbers=numbers)
        if seal:
            self.seal()

    def seal(self) -> None:
        """Give what waits its place in the log."""
        with self.connection.transaction():
            log.seal(self.connection, epoch=log.epochs(self.connection)[-1].epoch, limit=10_000)

    def judge(self, *, limit: int = 100) -> int:
        """Judge everything that is sealed, by a process that has just begun; return the number of leaves."""
        follower = Follower(self.connection, rule_set(self.profiles, most_runs=self.most_runs))
        total = 0
        while (judged := follower.follow(limit=limit)[0]) > 0:
            total += judged
        return total

    def flags(self) -> list[tuple[int, int, str]]:
        """Return boot, sequence and code of every flag, in the order of observation."""
        rows = self.connection.execute(
            "SELECT boot, sequence, code FROM reading_flag JOIN message USING (ingest_id)"
            " ORDER BY reading_flag.observed_at_ms, reading_flag.ingest_id, ordinal, code"
        )
        return [(int(str(row["boot"])), int(str(row["sequence"])), str(row["code"])) for row in rows]

    def contents(self) -> Mapping[str, Sequence[object]]:
        """Return everything that judging wrote."""
        tables = ("reading_flag", "plausibility_checkpoint", "plausibility_memory", "plausibility_run")
        return {
            table: self.connection.execute(f"SELECT * FROM {table} AS it ORDER BY it".encode()).fetchall()  # noqa: S608
            for table in tables
        }

    @property
    def settings(self) -> Settings:
        """What the organisation's processes are told. Nothing here asks a ledger."""
        unused = Path("unused.pem")
        return Settings(
            organisation="ShipperMSP",
            database=self.database,
            ledger=LedgerSettings(
                kind="embedded",
                endpoint="127.0.0.1:1",
                tls_ca=unused,
                channel="wayproof",
                contract="wayproof",
                users=unused,
            ),
            log=LogSettings(log_id=LOG_ID, origin="shipper.example", checkpoint_key=unused, receipt_key=unused),
            plausibility=PlausibilitySettings(interval_s=0.05, profiles=self.profiles, most_runs=self.most_runs),
        )


def _reading(name: str, value: str, observed_at_ms: int) -> Reading | TextReading:
    measurement = name.rpartition("/")[2]
    if measurement not in UNITS:
        return TextReading(name, "vb", value, observed_at_ms)
    exponent = Decimal(value).as_tuple().exponent
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    return Reading(name, int(Decimal(value).scaleb(scale)), scale, UNITS[measurement], observed_at_ms)
