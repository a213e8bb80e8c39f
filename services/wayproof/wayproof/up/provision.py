"""A deployment's folder: what `wayproof init` makes, once, in an empty place.

::

    deployment.toml                     ports and organisations
    database/ ledger/                   PostgreSQL's files, the ledger's
    organisations/MSP/settings.toml     what the organisation's processes are told
    organisations/MSP/logins/           who they are in the database: ROLE.conninfo for each role (0600)
    organisations/MSP/{checkpoint,receipt}.pem   keys of its log, where it keeps one (0600)
    organisations/MSP/enrolment/        authorities and certificates, where the broker asks for them
    broker/                             Mosquitto's configuration and data, where it is the broker
    trust-root.json                     what an auditor of this deployment would get elsewhere
    logs/                               one file for each process
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from aiofabric.network import Binaries
from wayproof.database.cluster import Cluster
from wayproof.errors import WayproofError
from wayproof.ledger import CONTRACT
from wayproof.log.keys import generate_key
from wayproof.up import brokers, ledgers, logins
from wayproof.up.ledgers import Access, Kind
from wayproof_verifier.trust import TrustRoot

DESCRIPTION = "deployment.toml"
FIRST_PORT = 18_080
"""Below the range of outgoing connections (32768 on), so that no connection of ours takes a port first."""


class DeploymentError(WayproofError):
    """A deployment's folder cannot be made or read."""

    code = "deployment_invalid"


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation of the deployment: its MSP id, its name for people, and whether it keeps a log of devices."""

    msp_id: str
    name: str
    keeps_log: bool


DEFAULT_MEMBERS = (
    Member("ShipperMSP", "Shipper", keeps_log=True),
    Member("CarrierMSP", "Carrier", keeps_log=False),
    Member("ConsigneeMSP", "Consignee", keeps_log=False),
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment's folder, its organisations, the first of its ports, and the kinds of its ledger and broker.

    The organisations' pages come first, then broker, database and the embedded ledger, and Mosquitto's listener for our
    own processes. Fabric has ports of its own.
    """

    directory: Path
    members: tuple[Member, ...]
    first_port: int
    ledger_kind: Kind = "embedded"
    broker_kind: brokers.Kind = "amqtt"

    def api_port(self, msp_id: str) -> int:
        """Where the organisation's pages are served."""
        return self.first_port + [member.msp_id for member in self.members].index(msp_id)

    @property
    def broker_port(self) -> int:
        """Where devices publish."""
        return self.first_port + len(self.members)

    @property
    def database_port(self) -> int:
        """Where PostgreSQL listens."""
        return self.broker_port + 1

    @property
    def ledger_port(self) -> int:
        """Where the embedded ledger's Gateway listens."""
        return self.broker_port + 2

    @property
    def broker_services_port(self) -> int:
        """Where our processes meet Mosquitto; the embedded broker has one port for all."""
        return self.broker_port if self.broker_kind == "amqtt" else self.ledger_port + 1

    @property
    def ports(self) -> range:
        """All ports."""
        return range(self.first_port, max(self.ledger_port, self.broker_services_port) + 1)

    @property
    def broker_directory(self) -> Path:
        """Mosquitto's folder."""
        return self.directory / "broker"

    @property
    def ledger_directory(self) -> Path:
        """The ledger's folder."""
        return self.directory / "ledger"

    @property
    def trust_root(self) -> Path:
        """The trust root of this deployment's channel."""
        return self.directory / "trust-root.json"

    @property
    def cluster(self) -> Cluster:
        """The embedded PostgreSQL."""
        return Cluster(self.directory / "database", self.database_port)

    def settings(self, msp_id: str) -> Path:
        """The settings file of an organisation."""
        return self.directory / "organisations" / msp_id / "settings.toml"


def initialise(
    directory: Path,
    *,
    members: Sequence[Member] = DEFAULT_MEMBERS,
    first_port: int = FIRST_PORT,
    fabric: Binaries | None = None,
    broker: brokers.Kind = "amqtt",
    intervals_s: Mapping[str, float] = MappingProxyType({}),
) -> Deployment:
    """Make a deployment in an absent or empty folder. Raises DeploymentError, and as its parts do.

    With `fabric` its ledger is a real network of these programs, otherwise the embedded one.
    With `broker` Mosquitto, which must be installed, one organisation keeps a log and issues certificates to devices.
    `intervals_s` are those of the processes `anchor` and `monitor`, where they shall not be the settings' own.
    """
    if directory.exists() and any(directory.iterdir()):
        raise DeploymentError(f"{directory} is not empty: a deployment is never made over anything")
    if broker == "mosquitto":
        brokers.find_mosquitto()
        if sum(member.keeps_log for member in members) != 1:
            raise DeploymentError("Mosquitto serves the devices of one organisation: one member keeps a log")
    deployment = Deployment(directory.resolve(), tuple(members), first_port, "fabric" if fabric else "embedded", broker)
    deployment.directory.mkdir(parents=True, exist_ok=True)
    deployment.cluster.initialise()
    msp_ids = [member.msp_id for member in members]
    made = (
        ledgers.make_fabric(deployment.ledger_directory, msp_ids, binaries=fabric)
        if fabric
        else ledgers.make_embedded(deployment.ledger_directory, msp_ids, port=deployment.ledger_port)
    )
    trust_root = TrustRoot(
        channel=made.channel,
        genesis=bytes.fromhex(made.genesis_hash),
        contract=CONTRACT,
        organisations=tuple(member.msp_id for member in members),
    )
    deployment.trust_root.write_bytes(trust_root.encode())
    for member in members:
        _write_settings(deployment, member, access=made.access[member.msp_id], intervals_s=intervals_s)
    (deployment.directory / DESCRIPTION).write_text(_description(deployment), "utf-8")  # last: now it is complete
    return deployment


def read(directory: Path) -> Deployment:
    """Return the deployment of a folder. Raises DeploymentError."""
    try:
        document = tomllib.loads((directory / DESCRIPTION).read_text("utf-8"))
        members = tuple(Member(**member) for member in document["organisations"])
        return Deployment(
            directory.resolve(), members, document["first_port"], document["ledger"], document.get("broker", "amqtt")
        )
    except FileNotFoundError as error:
        raise DeploymentError(f"{directory} holds no deployment; make one with `wayproof init {directory}`") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeploymentError(f"{directory / DESCRIPTION} cannot be read: {error}") from error


def _description(deployment: Deployment) -> str:
    lines = [f"first_port = {deployment.first_port}", f"ledger = {_text(deployment.ledger_kind)}"]
    lines.append(f"broker = {_text(deployment.broker_kind)}")
    for member in deployment.members:
        lines += ["", "[[organisations]]", f"msp_id = {_text(member.msp_id)}", f"name = {_text(member.name)}"]
        lines.append(f"keeps_log = {str(member.keeps_log).lower()}")
    return "\n".join(lines) + "\n"


def _write_settings(
    deployment: Deployment, member: Member, *, access: Access, intervals_s: Mapping[str, float]
) -> None:
    path = deployment.settings(member.msp_id)
    path.parent.mkdir(parents=True)
    logins.generate(path.parent, database=database_name(member))
    lines = [
        f"organisation = {_text(member.msp_id)}",
        f"name = {_text(member.name)}",
        "\n[database]",
        f"dsn = {_text(deployment.cluster.address(database_name(member)))}",
        f"logins = {_text(logins.FOLDER)}",
        "\n[ledger]",
        f"kind = {_text(deployment.ledger_kind)}",
        f"endpoint = {_text(access.endpoint)}",
        f"tls_ca = {_text(_within(deployment, access.tls_ca))}",
        f"channel = {_text(CONTRACT)}",
        f"contract = {_text(CONTRACT)}",
        f"users = {_text(_within(deployment, access.users))}",
        'trust_root = "../../trust-root.json"',
        "\n[api]",
        f"port = {deployment.api_port(member.msp_id)}",
    ]
    if member.keeps_log:
        lines += _log_sections(deployment, member, folder=path.parent)
    for process, interval_s in intervals_s.items():
        lines += [f"\n[{process}]", f"interval_s = {interval_s}"]
    path.touch(0o600)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _log_sections(deployment: Deployment, member: Member, *, folder: Path) -> list[str]:
    """Return the sections of an organisation with devices, having made the keys of its log."""
    for name in ("checkpoint", "receipt"):
        generate_key(folder / f"{name}.pem")
    short = member.msp_id.removesuffix("MSP").lower()
    return [
        "\n[broker]",
        f"kind = {_text(deployment.broker_kind)}",
        'host = "127.0.0.1"',
        f"port = {deployment.broker_services_port}",
        *(_certificates(deployment, member, folder=folder) if deployment.broker_kind == "mosquitto" else ()),
        "\n[log]",
        f"log_id = {_text(f'{short}-log')}",
        f"origin = {_text(f'{short}.example/wayproof')}",
        'checkpoint_key = "checkpoint.pem"',
        'receipt_key = "receipt.pem"',
        "\n[ingest]",
        f"client_id = {_text(f'wayproof-ingest-{short}')}",
        f"disk = {_text(_within(deployment, deployment.cluster.data))}",
    ]


def _certificates(deployment: Deployment, member: Member, *, folder: Path) -> list[str]:
    """Return what ingest shows the broker, and the section of device certificates, having made the authorities."""
    brokers.make_authorities(folder, organisation=member.msp_id)
    ours = f"{brokers.ENROLMENT}/ingest"
    return [
        f'tls_ca = "{ours}/broker-ca.pem"',
        f'certificate = "{ours}/certificate.pem"',
        f'key = "{ours}/key.pem"',
        "\n[enrolment]",
        f'directory = "{brokers.ENROLMENT}"',
        f'devices_host = "{brokers.HOST}"',
        f"devices_port = {deployment.broker_port}",
        f"broker_pid = {_text(_within(deployment, deployment.broker_directory / brokers.PID_FILE))}",
    ]


def _within(deployment: Deployment, path: Path) -> str:
    """Return a path of the deployment as a settings file says it: a deployment can be moved."""
    return f"../../{path.relative_to(deployment.directory)}"


def database_name(member: Member) -> str:
    """Return the name of an organisation's database."""
    return "wayproof_" + "".join(letter if letter.isalnum() else "_" for letter in member.msp_id.lower())


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a JSON string is a TOML basic string
