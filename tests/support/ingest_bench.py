"""What ingest is measured with: a plain broker, a durable database, ours and its rivals as processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from support.database import RunningCluster
from support.embedded_network import free_port
from support.go_program import missing
from support.ingest_load import Load
from support.ingest_world import LOG_ID, ORGANISATION, register_log
from support.telemetry_device import published_key
from wayproof.database.programs import program
from wayproof.settings import DatabaseSettings
from wayproof.store import schema
from wayproof.store.connection import Connection, connect

TOPICS = f"wayproof/v1/{ORGANISATION}/+/messages"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "wayproof"
TELEGRAF = "github.com/influxdata/telegraf/cmd/telegraf@v1.37.0"
TELEGRAF_PARTS = "custom,inputs.mqtt_consumer,outputs.postgresql,parsers.json_v2,parsers.json"
MOSQUITTO_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
PATIENCE_S = 300.0

Processes = Sequence[subprocess.Popen[bytes]]


@contextmanager
def started(*command: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process for a while."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass(frozen=True, slots=True)
class PlainBroker:
    """A Mosquitto without persistence, TLS or limits: nothing but its speed counts here."""

    port: int
    process: subprocess.Popen[bytes]


@contextmanager
def plain_broker(folder: Path) -> Iterator[PlainBroker]:
    """Run a Mosquitto. Its window of messages is as large as MQTT allows: its default, 20, is too small."""
    name = shutil.which("mosquitto", path=MOSQUITTO_PATH)
    if name is None:
        raise SystemExit("Mosquitto is not on this machine (Debian, Ubuntu: apt install mosquitto mosquitto-clients)")
    port = free_port()
    configuration = folder / "mosquitto.conf"
    lines = (
        f"listener {port} 127.0.0.1", "allow_anonymous true", "persistence false", "max_inflight_messages 0",
        "max_queued_messages 0", "log_dest none", "set_tcp_nodelay true",
    )  # fmt: skip
    configuration.write_text("\n".join(lines) + "\n", "utf-8")
    with started(name, "-c", str(configuration), log=folder / "mosquitto.log") as process:
        deadline = time.monotonic() + 15
        while not psutil.Process(process.pid).net_connections():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("Mosquitto did not start")
            time.sleep(0.05)
        yield PlainBroker(port, process)


def telegraf() -> str | None:
    """Return the path of Telegraf, built into the cache where Go is there; None without it."""
    path = CACHE / "bin" / "telegraf"
    if not path.exists() and not missing():
        folders = {"GOBIN": str(path.parent), "GOPATH": str(CACHE / "go-path")}
        command = ["go", "install", "-tags", TELEGRAF_PARTS, TELEGRAF]
        subprocess.run(command, env={**os.environ, **folders}, check=True, cwd=Path.home())
    return str(path) if path.exists() else None


@dataclass(frozen=True, slots=True)
class Target:
    """A fresh database with the tables, the fleet and the log registered."""

    dsn: str
    connection: Connection

    def count(self, table: str) -> int:
        """Return how many rows are committed."""
        row = self.connection.execute(f"SELECT count(*) AS count FROM {table}".encode()).fetchone()  # noqa: S608 - ours
        assert row is not None
        return int(str(row["count"]))


@contextmanager
def target(cluster: RunningCluster, load: Load) -> Iterator[Target]:
    """Make a database for one run."""
    dsn = cluster.new_database()
    with connect(DatabaseSettings(dsn=SecretStr(dsn)), application="benchmark") as connection:
        schema.apply(connection)
        register_log(connection)
        load.register(connection)
        yield Target(dsn, connection)


@contextmanager
def ours(folder: Path, dsn: str, port: int, **ingest: object) -> Iterator[Processes]:
    """Run ingest and a sealer, as in production but for the ledger."""
    pem = published_key("receipts").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "receipt.pem").write_bytes(pem)
    settings = folder / "settings.toml"
    settings.write_text(_settings(dsn, port, ingest), "utf-8")
    with (
        started(
            sys.executable, "-m", "wayproof", "ingest", "--settings", str(settings), log=folder / "ingest.log"
        ) as one,
        started(
            sys.executable, "-m", "support.sealing", dsn, log=folder / "seal.log", PYTHONPATH=":".join(sys.path)
        ) as two,
    ):
        _until_logged(folder / "ingest.log", '"subscribed"', one)
        yield one, two


@contextmanager
def telegraf_running(folder: Path, dsn: str, port: int, *, path: str) -> Iterator[Processes]:
    """Run Telegraf: the same topics into its own table of the same database."""
    configuration = folder / "telegraf.conf"
    configuration.write_text(_telegraf(dsn, port), "utf-8")
    with started(path, "--config", str(configuration), log=folder / "telegraf.log") as process:
        _until_logged(folder / "telegraf.log", "Connected [tcp", process)
        yield (process,)


@contextmanager
def mosquitto_sub_running(folder: Path, dsn: str, port: int, *, count: int) -> Iterator[Processes]:
    """Run `mosquitto_sub | psql COPY`, which commits once, at the end, and checks nothing."""
    subprocess.run([str(program("psql")), dsn, "-qc", "CREATE TABLE raw (payload text)"], check=True)
    command = ["mosquitto_sub", "-p", str(port), "-q", "1", "-c", "-i", "rival", "-t", TOPICS, "-C", str(count)]
    with (folder / "sub.log").open("ab") as log:
        first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        second = subprocess.Popen(
            [str(program("psql")), dsn, "-c", "COPY raw FROM STDIN"], stdin=first.stdout, stdout=log
        )
    assert first.stdout is not None
    first.stdout.close()
    time.sleep(1.0)  # until it has subscribed
    try:
        yield first, second
    finally:
        for process in (first, second):
            process.kill()
            process.wait()


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds of a process with its children, those that have ended too."""
    times = process.cpu_times()
    total = float(times.user + times.system + times.children_user + times.children_system)
    return total + sum(float(sum(it.cpu_times()[:2])) for it in process.children(recursive=True))


def _until_logged(log: Path, text: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not log.exists() or text not in log.read_text("utf-8"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"it did not start: {log.read_text('utf-8')}")
        time.sleep(0.05)


def _settings(dsn: str, port: int, ingest: dict[str, object]) -> str:
    more = "".join(f"{name} = {json.dumps(value)}\n" for name, value in ingest.items())
    return f"""
organisation = "{ORGANISATION}"
[database]
dsn = "{dsn}"
[ledger]
kind = "embedded"
endpoint = "127.0.0.1:1"
tls_ca = "unused.pem"
channel = "unused"
contract = "unused"
users = "unused"
[broker]
kind = "mosquitto"
host = "127.0.0.1"
port = {port}
[log]
log_id = "{LOG_ID}"
origin = "shipper.example/log"
checkpoint_key = "unused.pem"
receipt_key = "receipt.pem"
[ingest]
client_id = "ingest"
{more}"""


def _telegraf(dsn: str, port: int) -> str:
    return f"""
[agent]
  interval = "1s"
  flush_interval = "1s"
  metric_batch_size = 10000
  metric_buffer_limit = 1000000
  omit_hostname = true
[[inputs.mqtt_consumer]]
  servers = ["tcp://127.0.0.1:{port}"]
  topics = ["{TOPICS}"]
  qos = 1
  max_undelivered_messages = 20000
  persistent_session = true
  client_id = "telegraf"
  data_format = "json"
  name_override = "rival"
  tag_keys = ["n", "u"]
  json_time_key = "t"
  json_time_format = "unix"
[[outputs.postgresql]]
  connection = "{dsn}"
"""
