"""What a process is told: one frozen value, built once by the command line from a TOML file and the environment.

A file names everything of one organisation's deployment; `WAYPROOF_SECTION__NAME` in the environment replaces one value
(`WAYPROOF_DATABASE__DSN`). A missing key is an error that names it, and no kind of component is ever assumed.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from wayproof.errors import WayproofError
from wayproof.plausibility.profile import MOST_RUNS, Profile
from wayproof.tls import TlsFiles

Part = TypeVar("Part")

LOOPBACK = ("127.0.0.1", "localhost", "::1")
Port = Annotated[int, Field(ge=1, le=65535)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
MspId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$")]


class SettingsError(WayproofError):
    """The settings are not there, or not usable; the message names each value that is wrong."""

    code = "settings_invalid"


class Section(BaseModel):
    """A part of the settings: frozen, and without room for a name that nothing reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(Section):
    """PostgreSQL 15 or later."""

    dsn: SecretStr
    """libpq connection string. A secret: it may hold a password."""
    logins: Path | None = None
    """Folder with ROLE.conninfo for each role (docs/reference/roles.md): user and password in libpq's form, added to
    the dsn. Without it every process is whoever the dsn says."""
    role: Identifier | None = None
    """Which of them to be, whatever the command is: for a container that holds one login only."""
    pool_size: Annotated[int, Field(ge=1, le=100)] = 8
    """Connections that the API keeps; every other process needs one or two."""
    timescaledb: Literal["auto", "required", "off"] = "auto"
    """Whether readings become a hypertable when tables are made: where the server has the extension, always, never."""
    keep_readings_weeks: Annotated[int, Field(ge=5)] | None = None
    """How many whole weeks of readings are kept besides this one; without it, all. Messages are always kept."""
    compress_readings_after_weeks: Annotated[int, Field(ge=1)] | None = None
    """After how many whole weeks readings are compressed, where TimescaleDB has its own licence; without it, never."""


class BrokerSettings(Section):
    """The MQTT broker that devices publish to."""

    kind: Literal["amqtt", "mosquitto"]
    """`amqtt` is the embedded stand-in; its sessions do not outlive it. What needs MQTT 5 is asked of the kind."""
    host: str
    port: Port
    tls_ca: Path | None = None
    """PEM file with the authority of the broker's certificate. With it, we speak TLS 1.3 and show ours."""
    certificate: Path | None = None
    """PEM file with our own certificate: the broker takes our name from it."""
    key: Path | None = None
    """PEM file with its key, readable by its owner only."""

    @model_validator(mode="after")
    def _all_or_nothing(self) -> Self:
        given = [it is not None for it in (self.tls_ca, self.certificate, self.key)]
        if any(given) and not all(given):
            raise ValueError("give tls_ca, certificate and key together")
        if not any(given) and self.host not in LOOPBACK:
            raise ValueError(f"{self.host} is another machine: give tls_ca, certificate and key")
        return self

    @property
    def tls(self) -> TlsFiles | None:
        """The files of TLS; None where it is not spoken."""
        if self.tls_ca is None or self.certificate is None or self.key is None:
            return None
        return TlsFiles(self.tls_ca, self.certificate, self.key)


class LedgerSettings(Section):
    """The Gateway of one of our peers, and who we are there."""

    kind: Literal["embedded", "fabric"]
    endpoint: str
    """host:port."""
    tls_ca: Path
    """PEM file with the authority of the peer's TLS certificate."""
    channel: str
    contract: str
    users: Path
    """Folder with NAME/cert.pem and NAME/key.pem for each of operator, registrar, anchor, monitor and privacy."""
    trust_root: Path | None = None
    """What our own pages verify evidence with. An auditor takes theirs from elsewhere."""


class LogSettings(Section):
    """The organisation's own log. Organisations without devices have none."""

    log_id: Identifier
    origin: str
    """URL without scheme under which the log is published: the first part of its checkpoints' origin line."""
    checkpoint_key: Path
    """PEM file, Ed25519, readable by its owner only."""
    receipt_key: Path
    """PEM file, Ed25519 or P-256, readable by its owner only."""
    anchored_within_s: Annotated[int, Field(ge=1)] = 60
    """What a receipt promises: the message will be under an anchored head that soon."""


class IngestSettings(Section):
    """How messages are taken in."""

    client_id: str
    group_size: Annotated[int, Field(ge=1, le=20_000)] = 4_000
    """Most messages of one transaction."""
    group_wait_ms: Annotated[int, Field(ge=0, le=10_000)] = 50
    """How long the first message of a group waits for others."""
    verifiers: Annotated[int, Field(ge=1, le=64)] = 2
    """Threads that verify signatures."""
    client: Literal["lean", "paho"] = "lean"
    """Which MQTT client reads: our own, or paho, which costs several times the CPU."""
    share: Identifier | None = None
    """Name of a shared subscription: several ingest processes, each with its own client id, then take turns."""
    disk: Path | None = None
    """A folder on the file system of the database, where that is on this machine: its room is watched."""
    min_free_bytes: Annotated[int, Field(ge=0)] = 256 << 20
    """With less room than that there, nothing more is taken on: devices and the broker keep what they have."""


class AnchorSettings(Section):
    """How often the log's head goes on the ledger."""

    interval_s: Annotated[float, Field(gt=0)] = 5.0
    heartbeat_s: Annotated[float, Field(gt=0)] = 60.0
    """With nothing new, an anchor is recorded this often all the same."""


class EnrolmentSettings(Section):
    """Certificates of devices: who issues them, and which broker heeds them."""

    directory: Path
    """Folder of the authorities, which `wayproof device authority` makes."""
    devices_host: str
    """The broker as devices know it: a name or an address that stands in its certificate."""
    devices_port: Port = 8883
    valid_days: Annotated[int, Field(ge=1, le=90)] = 90
    """How long a device's certificate is valid. Devices renew it when a third is left."""
    claim_valid_s: Annotated[int, Field(ge=60, le=30 * 86_400)] = 86_400
    """How long a claim waits for its device."""
    manufacturer_ca: Path | None = None
    """PEM file with the authorities of manufacturers whose certificates are accepted in place of a token."""
    broker_files: Path | None = None
    """Folder of what Mosquitto reads; `broker` in `directory` unless it is elsewhere."""
    broker_pid: Path = Path("/run/mosquitto/mosquitto.pid")
    """Mosquitto's `pid_file`: it is signalled to read its lists anew."""
    check_every_s: Annotated[float, Field(gt=0, le=30)] = 5.0
    """How often the gate looks for revoked devices; a live connection ends a few seconds after that."""


class MonitorSettings(Section):
    """How often open shipments are judged."""

    interval_s: Annotated[float, Field(gt=0)] = 5.0


class PlausibilitySettings(Section):
    """The rules of how plausible readings are (docs/reference/plausibility.md), and how they are run."""

    interval_s: Annotated[float, Field(gt=0)] = 1.0
    """How often it looks for messages that the log has more."""
    group_size: Annotated[int, Field(ge=1, le=10_000)] = 2_000
    """Most messages of one transaction."""
    most_runs: Annotated[int, Field(ge=1)] = MOST_RUNS
    """Runs of numbers that are remembered to find copies of them: the newest ones, a row each."""
    profiles: tuple[Profile, ...] = ()
    """Rules of device models that differ from the default ones; without `models`, for every device."""


class MaintenanceSettings(Section):
    """How `wayproof store maintain` looks after the store."""

    interval_s: Annotated[float, Field(gt=0)] = 3600.0
    """How often it looks."""
    group_size: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    """Most messages that are summed up in one transaction."""


Process = Literal["ingest", "anchor", "projection", "monitor", "plausibility", "maintain", "api", "gate"]


class MetricsSettings(Section):
    """Where a process shows what it counts and whether it can work: off, unless it is given a port."""

    host: str = "127.0.0.1"
    """Address to listen on. There is no log-in: only monitoring may reach it."""
    port: Port | None = None
    """For deployments in which every process has an address of its own: the same port for each."""
    ports: Mapping[Process, Port] = Field(default_factory=dict)
    """A port for each process that shall be seen, where several have one address."""

    def port_of(self, process: str) -> int | None:
        """Return the port of a process, None where it shows nothing."""
        return next((port for name, port in self.ports.items() if name == process), self.port)


class TracesSettings(Section):
    """Traces of single messages, for an OpenTelemetry collector: off, unless one is named."""

    endpoint: str | None = None
    """The collector's URL for OTLP over HTTP, `http://127.0.0.1:4318/v1/traces` for instance."""
    rate: Annotated[float, Field(ge=0, le=1)] = 0.001
    """Share of all messages that are followed; which ones is decided by their hashes, alike in every process."""


class RejectionsSettings(Section):
    """How much of refused payloads that are no entries of the log is kept. What is an entry is always kept."""

    keep_bytes: Annotated[int, Field(ge=0)] = 256 << 20
    """Beyond it, the payloads of the oldest are dropped first, then their rows; both are counted."""


class ApiSettings(Section):
    """Where the pages and the API are served."""

    host: str = "127.0.0.1"
    port: Port


class Settings(Section):
    """Everything that one organisation's processes are told."""

    organisation: MspId
    name: str = ""
    """How pages call the organisation; its MSP id when empty."""
    database: DatabaseSettings
    ledger: LedgerSettings
    broker: BrokerSettings | None = None
    log: LogSettings | None = None
    ingest: IngestSettings | None = None
    enrolment: EnrolmentSettings | None = None
    anchor: AnchorSettings = AnchorSettings()
    monitor: MonitorSettings = MonitorSettings()
    plausibility: PlausibilitySettings = PlausibilitySettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
    api: ApiSettings | None = None
    metrics: MetricsSettings = MetricsSettings()
    traces: TracesSettings = TracesSettings()
    rejections: RejectionsSettings = RejectionsSettings()
    failpoint: str = ""
    """For tests of crash safety: `NAME:N` ends the process, as kill -9 does, when NAME is reached for the N-th time."""
    failpoints: Path | None = None
    """For the same tests: a folder in which a file named like a fail point arms it once, while the process runs."""

    def require_log(self) -> LogSettings:
        """Return the log's settings. Raises SettingsError if the organisation has none."""
        return _required(self.log, "log", "this organisation keeps no log; ingest and anchor need one")

    def require_broker(self) -> BrokerSettings:
        """Return the broker's settings. Raises SettingsError if there are none."""
        return _required(self.broker, "broker", "this process needs the broker that devices publish to")

    def require_ingest(self) -> IngestSettings:
        """Return ingest's settings. Raises SettingsError if there are none."""
        return _required(self.ingest, "ingest", "ingest needs a client id of its own at the broker")

    def require_enrolment(self) -> EnrolmentSettings:
        """Return the settings of device certificates. Raises SettingsError if there are none."""
        return _required(self.enrolment, "enrolment", "device certificates need an authority's folder")

    def require_api(self) -> ApiSettings:
        """Return the API's settings. Raises SettingsError if there are none."""
        return _required(self.api, "api", "the API needs a port to listen on")


def _required(part: Part | None, section: str, reason: str) -> Part:
    if part is None:
        raise SettingsError(f"[{section}] is missing: {reason}")
    return part


def load(path: Path) -> Settings:
    """Read a settings file, and what the environment replaces. Raises SettingsError.

    Relative paths in the file are relative to its folder.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error
    try:
        return Settings(**_replaced(_anchored(document, folder=path.parent.resolve()), os.environ))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, it['loc']))}: {it['msg']}" for it in error.errors(include_input=False)
        )
        raise SettingsError(f"{path}: {problems}") from None


_PATHS = {
    ("database", "logins"),
    ("ledger", "tls_ca"),
    ("ledger", "users"),
    ("ledger", "trust_root"),
    ("log", "checkpoint_key"),
    ("log", "receipt_key"),
    ("broker", "tls_ca"),
    ("broker", "certificate"),
    ("broker", "key"),
    ("ingest", "disk"),
    ("enrolment", "directory"),
    ("enrolment", "manufacturer_ca"),
    ("enrolment", "broker_files"),
    ("enrolment", "broker_pid"),
}


def _anchored(document: dict[str, Any], *, folder: Path) -> dict[str, Any]:
    """Return the document with its relative paths taken from the file's own folder."""
    for section, name in _PATHS:
        part = document.get(section)
        if isinstance(part, dict) and isinstance(part.get(name), str):
            part[name] = folder / part[name]
    return document


def _replaced(document: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the document with the values that the environment names; names that are no setting are left to others."""
    for name, value in environment.items():
        prefix, _, rest = name.lower().partition("_")
        first, *further = rest.split("__")
        if prefix != "wayproof" or first not in Settings.model_fields:
            continue
        part, place = document, first
        for inner in further:
            part = part.setdefault(place, {})
            if not isinstance(part, dict):
                raise SettingsError(f"{name}: {place} is a value, not a section")
            place = inner
        part[place] = value
    return document
