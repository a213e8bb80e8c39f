r"""Services of docker-compose.yml as plain processes: the same commands, environment, files and names, no containers.

    unshare --mount --net --pid --fork --kill-child --mount-proc \
      python -m support.composed PROJECT_JSON FOLDER FABRIC_HOME

Run as root in a mount and a network namespace of its own, which this empties and renames: every service gets an
address of 127.0.0.0/8 in the place of a container's own, and its name in /etc/hosts leads there. Folders stand for
volumes. What is not shown: images, users, read-only roots, limits, and that networks keep services apart.
PostgreSQL without TimescaleDB stands for the shipper's database, Debian's Mosquitto without the plugin for a later one,
and a script for the chaincode builder that Fabric's image brings.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from support.database_roles import make_roles
from support.dockerfile import run_checked
from wayproof.database import Cluster

ROOT = Path(__file__).parents[2]
HEALTHY_WITHIN_S, READY_WITHIN_S, STOP_WITHIN_S = 60.0, 60.0, 15.0
POLL_S = 0.25
FIRST_ADDRESS = 10
STANDING_IN = ("database-shipper",)
"""Services for which something else runs, on 127.0.0.1: the embedded PostgreSQL."""
ENROLMENT = "/etc/wayproof/enrolment"
BY_HAND = ("audit-shipper", "devices-shipper", "rejections-shipper")
ONLY_IN_MOSQUITTO_2_1 = ("global_plugin ", "plugin_opt_")

BUILDER = {
    "detect": 'grep -q ccaas "$2/metadata.json"',
    "build": 'cp "$1/connection.json" "$3"',
    "release": """mkdir -p "$2/chaincode/server"
address=$(printf %s "$CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG" | sed 's/.*"address":"\\([^"]*\\)".*/\\1/')
sed "s/{{.address}}/$address/" "$1/connection.json" >"$2/chaincode/server/connection.json\"""",
}
"""Does what the builder in Fabric's peer image does with a package of type ccaas whose address is a template."""


@dataclass(slots=True)
class Composed:
    """The services of a resolved Compose project, as processes."""

    services: Mapping[str, Any]
    folder: Path
    fabric_home: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def address(self, service: str) -> str:
        """Return the address that stands for a service's container."""
        if service in STANDING_IN:
            return "127.0.0.1"
        return f"127.0.1.{FIRST_ADDRESS + sorted(self.services).index(service)}"

    def prepare(self) -> None:
        """Set up the namespace, the volumes, the secrets, and Fabric's sample configuration."""
        run_checked(["ip", "link", "set", "lo", "up"], cwd=ROOT, environment=os.environ)
        # A peer looks for an address that is not loopback, whatever it is told.
        run_checked(["ip", "address", "add", "10.99.0.1/32", "dev", "lo"], cwd=ROOT, environment=os.environ)
        hosts = ["127.0.0.1 localhost", *(f"{self.address(name)} {name}" for name in self.services)]
        (self.folder / "hosts").write_text("\n".join(hosts) + "\n", "ascii")
        run_checked(["mount", "--bind", str(self.folder / "hosts"), "/etc/hosts"], cwd=ROOT, environment=os.environ)
        for volume in ("identities", "ledgers"):
            (self.folder / volume).mkdir()
        run_checked(
            ["sh", str(ROOT / "infra/compose/secrets.sh"), str(self.folder / "secrets")],
            cwd=ROOT,
            environment=os.environ,
        )
        builder = self.folder / "builder" / "bin"
        builder.mkdir(parents=True)
        for name, script in BUILDER.items():
            (builder / name).write_text(f"#!/bin/sh\nset -e\n{script}\n", "ascii")
            (builder / name).chmod(0o755)
        shutil.copytree(self.fabric_home / "config", self.folder / "config")
        core = self.folder / "config" / "core.yaml"
        core.write_text(core.read_text("utf-8").replace("/opt/hyperledger/ccaas_builder", str(builder.parent)), "utf-8")

    def once(self, service: str, *arguments: str) -> str:
        """Run a service that ends, with more arguments, and return what it printed."""
        command = [*self.command(service), *arguments]
        return run_checked(command, cwd=self.folder, environment=self.environment(service))

    def start(self, *names: str) -> None:
        """Start services, and return when their own health checks pass."""
        for name in names:
            log = (self.folder / f"{name}.log").open("wb")
            self.running[name] = subprocess.Popen(
                self.command(name), cwd=self.folder, env=self.environment(name), stdout=log, stderr=log
            )
        for name in names:
            self._wait_healthy(name)

    def stop(self) -> None:
        """End everything that was started, last first."""
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def command(self, service: str) -> list[str]:
        """Return a service's command; where the model leaves it to the image, what that image runs."""
        model = self.services[service]
        words = [*(model["entrypoint"] or []), *(model["command"] or [])]
        if "fabric-orderer" in model["image"]:
            words = [str(self.fabric_home / "bin/orderer")]
        elif "fabric-peer" in model["image"]:
            words = [str(self.fabric_home / "bin/peer"), "node", "start"]
        elif model["image"].startswith("eclipse-mosquitto:"):
            words = ["mosquitto", "-c", "/mosquitto/config/mosquitto.conf"]
        elif model["image"].startswith("wayproof:") and not model["entrypoint"]:
            words = ["wayproof", *words]
        return [self._outside(service, word) for word in words]

    def environment(self, service: str) -> dict[str, str]:
        """Return a service's environment, with this machine's paths and addresses."""
        model = self.services[service].get("environment") or {}
        own = {name: self._outside(service, value or "") for name, value in model.items()}
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": str(ROOT / "infra"),
            "FABRIC_CFG_PATH": str(self.folder / "config"),
            **own,
        }

    def _outside(self, service: str, text: str) -> str:
        """Replace paths in a container by those that they lead to, and the container's own address."""
        for mount in self.services[service].get("volumes") or []:
            if mount["type"] == "volume":
                source = self.folder / mount["source"] / (mount.get("volume") or {}).get("subpath", "")
            elif mount["target"].endswith(("settings.toml", "mosquitto.conf")):
                source = self._configuration(service, Path(mount["source"]))
            else:
                continue
            text = text.replace(mount["target"], str(source).rstrip("/"))
        text = text.replace("0.0.0.0", self.address(service))  # noqa: S104 - it is what is replaced
        return text if service.startswith("api-") else text.replace("127.0.0.1", self.address(service))

    def _configuration(self, service: str, path: Path) -> Path:
        """Return a copy of a file whose paths lead to the folders that stand for the service's volumes."""
        copy = self.folder / f"{service}-{path.name}"
        if copy.exists():  # the service may be reading it
            return copy
        text = path.read_text("utf-8")
        for mount in self.services[service]["volumes"]:
            if mount["type"] == "volume":
                folder = self.folder / mount["source"] / (mount.get("volume") or {}).get("subpath", "")
                text = text.replace(mount["target"], str(folder))
        text = text.replace(ENROLMENT, str(self._enrolment(service)))
        if path.name == "mosquitto.conf":
            lines = [line for line in text.splitlines() if not line.startswith(ONLY_IN_MOSQUITTO_2_1)]
            text = "\n".join([*lines, "user root", ""])
        copy.write_text(text, "utf-8")
        return copy

    def _enrolment(self, service: str) -> Path:
        """Return a folder that leads to all that is mounted in the folder of enrolment."""
        folder = self.folder / f"{service}-enrolment"
        folder.mkdir(exist_ok=True)
        for mount in self.services[service]["volumes"]:
            link = folder / Path(mount["target"]).name
            if mount["target"].startswith(f"{ENROLMENT}/") and not link.is_symlink():
                link.symlink_to(self.folder / mount["source"] / mount["volume"]["subpath"])
        return folder

    def _wait_healthy(self, name: str) -> None:
        kind, *test = self.services[name]["healthcheck"]["test"]
        if kind != "CMD":
            raise AssertionError(f"{name}: a health check is a command, not a shell's line")
        command = [self._outside(name, word) for word in test]
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while subprocess.run(
            command, env=self.environment(name), cwd=self.folder, capture_output=True, check=False
        ).returncode:
            if self.running[name].poll() is not None or time.monotonic() > deadline:
                log = (self.folder / f"{name}.log").read_text("utf-8", "replace")
                raise AssertionError(f"{name} is not healthy:\n{log[-4000:]}")
            time.sleep(POLL_S)


def say(text: str) -> None:
    """Print a line at once: somebody may wait for it."""
    sys.stdout.write(text.rstrip() + "\n")
    sys.stdout.flush()


def _database(composed: Composed) -> tuple[Cluster, subprocess.Popen[bytes]]:
    """Start PostgreSQL in the place of the shipper's, with the roles that its first start would make."""
    cluster = Cluster(composed.folder / "postgres", 5432)
    cluster.initialise()
    cluster.prepare()
    with (composed.folder / "postgres.log").open("wb") as log:
        process = subprocess.Popen(cluster.command(ends_with_parent=True), stdout=log, stderr=log)
    cluster.wait_until_ready(HEALTHY_WITHIN_S)
    cluster.create_database("wayproof")
    made = composed.folder / "identities/organisations/ShipperMSP/database"
    make_roles(cluster, database="wayproof", secrets=composed.folder / "secrets", logins=made, organisation="shipper")
    return cluster, process


def _wait_connected(cluster: Cluster, composed: Composed, service: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while f"wayproof {service.partition('-')[0]}" not in _users(cluster):
        if time.monotonic() > deadline:
            log = (composed.folder / f"{service}.log").read_text("utf-8", "replace")
            raise AssertionError(f"{service} is not in the database: {log[-4000:]}")
        time.sleep(POLL_S)


def _users(cluster: Cluster) -> dict[str, str]:
    """Return who is connected: the login by the process's own word for itself."""
    with psycopg.connect(cluster.dsn("wayproof")) as connection:
        return dict(
            connection.execute(
                "SELECT application_name, usename::text FROM pg_stat_activity WHERE application_name LIKE 'wayproof %'"
            ).fetchall()
        )


def _wait_said(composed: Composed, service: str, words: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while words not in (log := (composed.folder / f"{service}.log").read_text("utf-8", "replace")):
        if time.monotonic() > deadline:
            raise AssertionError(f"{service} never said {words!r}: {log[-4000:]}")
        time.sleep(POLL_S)


def _wait_ready(url: str) -> None:
    deadline, last = time.monotonic() + READY_WITHIN_S, ""
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - ours, on this machine
                return
        except urllib.error.HTTPError as error:
            last = error.read().decode("utf-8", "replace")
        time.sleep(POLL_S)
    raise AssertionError(f"the API does not become ready: {last}")


def main(arguments: Sequence[str]) -> int:
    """Bring Fabric and the shipper up as docker-compose.yml says, and print what was seen."""
    project, folder, fabric_home = map(Path, arguments)
    composed = Composed(json.loads(project.read_bytes())["services"], folder, fabric_home)
    composed.prepare()
    volumes = ("--identities", str(folder / "identities"))
    provision = (*volumes, "--ledgers", str(folder / "ledgers"), "--fabric-home", str(fabric_home))
    orderers = [name for name in composed.services if name.startswith("orderer")]
    peers = [name for name in composed.services if name.startswith("peer-")]
    servers = [name for name in composed.services if name.startswith("chaincode-")]
    standing_in: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(2):  # the second time there is nothing to do
            say(composed.once("provision", *provision))
        composed.start(*orderers, *peers, *servers)
        say(f"healthy: {', '.join(composed.running)}")
        for _ in range(2):
            say(composed.once("channel", *volumes))
        cluster, process = _database(composed)
        standing_in.append(process)
        say(composed.once("schema-shipper"))
        composed.start("projection-shipper")
        say(composed.once("log-shipper").splitlines()[-1])
        composed.start("mosquitto")
        composed.start(
            "ingest-shipper",
            "gate-shipper",
            "anchor-shipper",
            "monitor-shipper",
            "plausibility-shipper",
            "maintain-shipper",
            "api-shipper",
        )
        _wait_said(composed, "ingest-shipper", '"connected"')
        say("ingest is connected to Mosquitto")
        _wait_ready("http://127.0.0.1:18080/health/ready")
        say("the shipper's API is ready")
        for name in BY_HAND:
            say(f"{name}: {composed.once(name)}")
        _wait_connected(cluster, composed, "gate-shipper")
        say(f"in the database: {_users(cluster)}")
        log = (composed.folder / "postgres.log").read_text("utf-8", "replace")
        refused = [line for line in log.splitlines() if "permission denied" in line or "row-level" in line]
        say("\n".join(refused) or "PostgreSQL refused nothing")
    finally:
        composed.stop()
        for process in standing_in:
            process.terminate()
            process.wait(STOP_WITHIN_S)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
