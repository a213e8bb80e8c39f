"""docker-compose.yml, as far as it can be checked without a container engine.

The Compose model is read by compose-go, the reader of Docker Compose itself, with every profile active.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml
from fabric import logins
from psycopg.conninfo import conninfo_to_dict

from aiofabric.network import Binaries
from support import dockerfile, go_program
from support.database import NOT_DURABLE, running_cluster
from support.database_roles import make_roles
from wayproof import settings
from wayproof.enrolment.mosquitto import Listeners, Places, configuration
from wayproof.store import schema
from wayproof.store.connection import connect
from wayproof.store.roles import OWNER

if TYPE_CHECKING:
    from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
ORGANISATIONS = ("carrier", "consignee", "shipper")
OUTSIDE = "/opt/fabric"
"""The one mount that an operator brings: Fabric's programs."""

ALONE = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Namespaces of their own: names and addresses stay inside, and every process ends with the first one."""

NO_GO = go_program.missing()
needs_go = pytest.mark.skipif(
    bool(NO_GO), reason=f"left out: docker-compose.yml was not read by Compose's own reader, because {NO_GO}"
)

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="left out: passwords were not made, because openssl is not on PATH"
)


@cache
def project() -> Mapping[str, Any]:
    """Return the resolved model, read in an empty environment: it must not depend on the machine."""
    program = go_program.build(Path(__file__).parent / "compose_check")
    done = subprocess.run(
        [program, ROOT / "docker-compose.yml"], capture_output=True, env={}, check=False, timeout=60, text=True
    )
    assert done.returncode == 0, done.stderr
    model: dict[str, Any] = json.loads(done.stdout)
    return model


def services() -> Mapping[str, dict[str, Any]]:
    """Return the services by name."""
    found: dict[str, dict[str, Any]] = project()["services"]
    return found


@pytest.fixture
def only_in_the_long_form(request: pytest.FixtureRequest) -> None:
    if "long" not in request.config.getoption("-m"):
        pytest.skip("the long form, about a minute each: pytest -m long tests/integration/test_containers.py")


def is_one_shot(service: Mapping[str, Any]) -> bool:
    return service.get("restart") == "no" and "healthcheck" not in service


def mounts() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, service in services().items():
        for mount in service.get("volumes") or []:
            yield name, mount


@needs_go
def test_the_three_profiles_bring_up_what_they_say() -> None:
    of: dict[str, set[str]] = {}
    for name, service in services().items():
        for profile in service["profiles"]:
            of.setdefault(profile, set()).add(name)
    assert set(of) == {"demo", "fabric", "observability", "by-hand"}
    assert of["by-hand"] == {f"audit-{organisation}" for organisation in ORGANISATIONS} | {
        "devices-shipper",
        "rejections-shipper",
    }
    assert of["demo"] == {"demo", "demo-pages"}
    assert of["observability"] == {"prometheus", "grafana"}
    assert {name for name in of["fabric"] if name.startswith("orderer")} == {f"orderer{n}" for n in (1, 2, 3, 4)}
    for organisation in ORGANISATIONS:
        own = {f"{part}-{organisation}" for part in ("peer", "chaincode", "database", "projection", "api", "pages")}
        assert own <= of["fabric"]
    assert {
        "mosquitto",
        "gate-shipper",
        "ingest-shipper",
        "anchor-shipper",
        "monitor-shipper",
        "plausibility-shipper",
        "maintain-shipper",
    } <= of["fabric"]


@needs_go
def test_nothing_waits_for_a_service_of_another_profile() -> None:
    for name, service in services().items():
        for other in service.get("depends_on") or {}:
            assert set(service["profiles"]) <= set(services()[other]["profiles"]), f"{name} waits for {other}"


@needs_go
def test_no_service_has_more_rights_than_it_needs() -> None:
    for name, service in services().items():
        user = service.get("user", "").partition(":")[0]
        assert user.isdecimal(), f"{name}: a number, so that it is the same whatever the image says"
        assert int(user) > 0, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert service.get("privileged") is not True, name
        assert int(service["mem_limit"]) > 0, name
        assert service["pids_limit"] > 0, name
        assert service["logging"]["options"]["max-size"], name


@needs_go
def test_every_service_says_whether_it_is_well_or_ends() -> None:
    for name, service in services().items():
        if is_one_shot(service):
            assert not service.get("ports"), name
        else:
            assert service["healthcheck"]["test"][0] == "CMD", f"{name} has no health check of its own"


@needs_go
def test_who_waits_for_a_step_waits_for_its_end_and_for_the_rest_until_it_is_well() -> None:
    for name, service in services().items():
        for other, how in (service.get("depends_on") or {}).items():
            ends = is_one_shot(services()[other])
            wanted = "service_completed_successfully" if ends else "service_healthy"
            assert how["condition"] == wanted, f"{name} waits for {other}"


@needs_go
def test_ports_are_published_on_this_machine_only_and_each_once() -> None:
    ports = [port for service in services().values() for port in service.get("ports") or []]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    assert all(int(port["published"]) < 32_768 for port in ports)
    for profiles in ({"demo"}, {"fabric", "observability"}):
        together = [
            port["published"]
            for service in services().values()
            if set(service["profiles"]) & profiles
            for port in service.get("ports") or []
        ]
        assert len(together) == len(set(together))


@needs_go
def test_images_are_pinned() -> None:
    for name, service in services().items():
        image, _, digest = service["image"].partition("@")
        tag = image.rpartition(":")[2]
        assert re.fullmatch(r"v?\d+\.\d+\.\d+(-[a-z0-9.-]+)?", tag), f"{name}: {image}"
        assert not digest or re.fullmatch(r"sha256:[0-9a-f]{64}", digest), name
        assert ("build" in service) == image.startswith("wayproof"), f"{name}: what is ours is built, never fetched"


@needs_go
def test_every_file_that_is_mounted_is_there() -> None:
    for name, mount in mounts():
        if mount["type"] == "bind" and mount["target"] != OUTSIDE:
            source = Path(mount["source"])
            assert source.exists(), f"{name}: {source}"
            assert source.is_relative_to(INFRA), f"{name} sees more of this machine than its own files"
            assert mount["read_only"] is True, f"{name}: {source}"


@needs_go
@needs_openssl
def test_every_secret_is_made_and_seen_by_nobody_else(tmp_path: Path) -> None:
    subprocess.run(["sh", INFRA / "compose/secrets.sh", tmp_path / "secrets"], check=True, capture_output=True)
    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    files = {
        Path(secret["file"]).relative_to(INFRA / "compose/secrets").name for secret in project()["secrets"].values()
    }
    assert files <= made
    assert made - files == {f"{organisation}_pages_password" for organisation in ORGANISATIONS}  # for people
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    texts = {path.read_text("ascii") for path in (tmp_path / "secrets").iterdir()}
    assert len(texts) == len(made), "no two secrets are the same"

    subprocess.run(["sh", INFRA / "compose/secrets.sh", tmp_path / "secrets"], check=True, capture_output=True)
    assert {path.read_text("ascii") for path in (tmp_path / "secrets").iterdir()} == texts, "made once, kept"


@needs_go
def test_no_secret_is_in_the_environment() -> None:
    for name, service in services().items():
        for variable, value in (service.get("environment") or {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|DSN", variable):
                assert value.startswith("/run/secrets/"), f"{name}: {variable}"


@needs_go
def test_a_service_sees_only_the_keys_of_its_own() -> None:
    everything = {name for name, mount in mounts() if mount.get("source") == "identities" and "volume" not in mount}
    everything |= {
        name
        for name, mount in mounts()
        if mount.get("source") == "identities" and not (mount.get("volume") or {}).get("subpath")
    }
    assert everything == {"provision", "channel"}
    for name, mount in mounts():
        folder = (mount.get("volume") or {}).get("subpath", "")
        owner = re.fullmatch(r"organisations/(\w+?)MSP/.*", folder)
        if owner:
            assert name.endswith(f"-{owner[1].lower()}") or name == owner[1].lower(), f"{name} sees {folder}"
            assert mount["read_only"] is True, name


@needs_go
def test_a_process_has_the_login_of_its_role_and_no_other() -> None:
    seen: dict[str, set[str]] = {organisation: set() for organisation in ORGANISATIONS}
    for name, service in services().items():
        folders = [(it.get("volume") or {}).get("subpath", "") for it in service.get("volumes") or []]
        found = [it.split("/") for it in folders if "/logins" in it]
        role = (service.get("environment") or {}).get("WAYPROOF_DATABASE__ROLE")
        organisation = name.rpartition("-")[2]
        if role is None:
            assert not found, name
            settings_of = [it for it in service.get("volumes") or [] if it["target"] == "/etc/wayproof/settings.toml"]
            assert not settings_of, f"{name} would ask for a login"
            continue
        assert found == [["organisations", f"{organisation.capitalize()}MSP", "logins", role]], name
        process = name.removesuffix(f"-{organisation}")
        assert role == {"schema": OWNER}.get(process, process)
        seen[organisation].add(role)
    for organisation, roles in seen.items():
        assert roles == set(logins.roles(keeps_log=organisation == "shipper")), "no login that nobody uses"


@needs_go
def test_only_the_gate_and_the_api_see_the_authority_of_devices_and_nobody_that_of_services() -> None:
    seen: dict[str, set[str]] = {}
    for name, mount in mounts():
        folder = (mount.get("volume") or {}).get("subpath", "")
        if "/enrolment" in folder:
            seen.setdefault(folder.rpartition("/")[2], set()).add(name)
    assert seen == {"devices": {"api-shipper", "gate-shipper"}, "gate": {"gate-shipper"}, "ingest": {"ingest-shipper"}}
    gate, broker = services()["gate-shipper"], services()["mosquitto"]
    assert (gate["pid"], gate["user"]) == ("service:mosquitto", broker["user"]), "it signals the broker"


def test_mosquitto_in_a_container_is_told_what_everybody_s_is() -> None:
    places = Places("/mosquitto/files", "/mosquitto/data", sqlite_plugin="/usr/lib/mosquitto_persist_sqlite.so")
    written = (INFRA / "mosquitto/mosquitto.conf").read_text("utf-8")
    assert written == configuration(Listeners(8883, 8884), places), (
        "wayproof.enrolment.mosquitto is where it comes from"
    )


@needs_go
def test_an_image_never_fills_a_folder_of_a_shared_volume() -> None:
    shared = [mount["volume"] for _, mount in mounts() if (mount.get("volume") or {}).get("subpath")]
    assert shared
    assert all(volume["nocopy"] is True for volume in shared)


@needs_go
def test_volumes_and_networks_are_used_and_zones_keep_apart() -> None:
    used = {mount["source"] for _, mount in mounts() if mount["type"] == "volume"}
    assert used == set(project()["volumes"])
    joined: dict[str, set[str]] = {network: set() for network in project()["networks"]}
    for name, service in services().items():
        for network in service.get("networks") or {}:
            joined[network].add(name)
    assert all(joined.values())
    for organisation in ORGANISATIONS:
        strangers = {name for name in joined[organisation] if not name.endswith(organisation)}
        assert strangers == {"prometheus"} | ({"mosquitto", "grafana"} if organisation == "shipper" else set())
        assert project()["networks"][organisation]["internal"] is True
    assert all(
        not service.get("networks") or any(network.endswith("-edge") for network in service["networks"])
        for service in services().values()
        if service.get("ports")
    )


@needs_go
def test_every_name_in_the_environment_is_one_that_our_settings_know() -> None:
    seen = {
        variable
        for service in services().values()
        for variable in service.get("environment") or {}
        if variable.startswith("WAYPROOF_")
    }
    assert seen
    unknown = {variable for variable in seen if not _is_setting(variable.removeprefix("WAYPROOF_").lower())}
    assert unknown == set()


def _is_setting(path: str) -> bool:
    model: type[BaseModel] = settings.Settings
    *sections, name = path.split("__")
    for section in sections:
        found = model.model_fields.get(section)
        kinds = getattr(found.annotation, "__args__", (found.annotation,)) if found else ()
        models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, settings.Section)]
        if not models:
            return False
        model = models[0]
    return name in model.model_fields


@needs_go
def test_every_name_in_fabric_s_environment_is_a_key_of_its_samples(fabric_binaries: Binaries) -> None:
    samples = fabric_binaries.samples
    keys = {"CORE": _keys(samples / "core.yaml"), "ORDERER": _keys(samples / "orderer.yaml")}
    seen, unknown = set(), set()
    for service in services().values():
        for variable in service.get("environment") or {}:
            prefix, _, path = variable.partition("_")
            if prefix in keys:
                seen.add(prefix)
                if path.lower() not in keys[prefix]:
                    unknown.add(variable)
    assert seen == {"CORE", "ORDERER"}
    # Known to the peer, and in its sample as a comment only.
    assert "# chaincodeListenAddress: " in (samples / "core.yaml").read_text("utf-8")
    assert unknown == {"CORE_PEER_CHAINCODELISTENADDRESS"}


def _keys(path: Path) -> set[str]:
    """Return the paths to all values of a YAML file as an environment would name them."""

    def walk(node: object, before: tuple[str, ...]) -> Iterator[str]:
        if isinstance(node, dict):
            for name, value in node.items():
                yield from walk(value, (*before, str(name).lower()))
        yield "_".join(before)

    return set(walk(yaml.safe_load(path.read_bytes()), ()))


@pytest.mark.parametrize("organisation", ORGANISATIONS)
def test_the_settings_of_an_organisation_are_complete_and_hold_no_secret(organisation: str) -> None:
    path = INFRA / "compose/settings" / f"{organisation}.toml"
    read = settings.load(path)
    assert read.organisation == f"{organisation.capitalize()}MSP"
    assert read.ledger.kind == "fabric"
    assert "password=" not in read.database.dsn.get_secret_value()
    if organisation == "shipper":
        read.require_log(), read.require_broker(), read.require_ingest()
    assert tomllib.loads(path.read_text("utf-8"))["api"]["port"] == read.require_api().port


@needs_go
def test_pages_are_published_under_the_number_that_their_api_knows() -> None:
    for organisation in ORGANISATIONS:
        port = settings.load(INFRA / "compose/settings" / f"{organisation}.toml").require_api().port
        api = services()[f"api-{organisation}"]
        assert [(int(it["published"]), it["target"]) for it in api["ports"]] == [(port, port + 10_000)]
        assert services()[f"pages-{organisation}"]["network_mode"] == f"service:api-{organisation}"
        pages = (INFRA / "pages/pages.conf").read_text("utf-8")
        server = next(it for it in pages.split("server {") if f"listen {port + 10_000};" in it)
        assert f"location / {{ proxy_pass http://127.0.0.1:{port};" in server


@needs_go
def test_prometheus_reads_every_node_of_fabric() -> None:
    configuration = yaml.safe_load((INFRA / "prometheus/prometheus.yml").read_bytes())
    targets = {
        target
        for job in configuration["scrape_configs"]
        if job["job_name"].startswith("fabric")
        for target in job["static_configs"][0]["targets"]
    }
    nodes = {name for name in services() if re.match(r"orderer\d|peer-", name)}
    assert targets == {f"{name}:8443" for name in nodes}
    for name in nodes:
        environment = services()[name]["environment"]
        listens = environment.get("CORE_OPERATIONS_LISTENADDRESS") or environment.get(
            "ORDERER_OPERATIONS_LISTENADDRESS"
        )
        assert listens == "0.0.0.0:8443"
        assert "operations" in services()[name]["networks"]


@needs_go
def test_prometheus_reaches_every_long_running_process_of_ours() -> None:
    (job,) = yaml.safe_load((INFRA / "prometheus/scrape/wayproof.yml").read_bytes())["scrape_configs"]
    targets = {target for group in job["static_configs"] for target in group["targets"]}
    shown = {
        f"{name}:{service['environment']['WAYPROOF_METRICS__PORT']}"
        for name, service in services().items()
        if "WAYPROOF_METRICS__PORT" in (service.get("environment") or {})
    }
    assert targets == shown
    prometheus = services()["prometheus"]
    for target in targets:
        service = services()[target.partition(":")[0]]
        assert service["environment"]["WAYPROOF_METRICS__HOST"] == "0.0.0.0"  # noqa: S104 - within the network
        assert set(service["networks"]) & set(prometheus["networks"])
    mounted = {volume["target"] for volume in prometheus["volumes"]}
    assert mounted >= {"/etc/prometheus/prometheus.yml", "/etc/prometheus/rules", "/etc/prometheus/scrape"}


@needs_go
def test_grafana_reads_the_store_and_prometheus() -> None:
    found = yaml.safe_load((INFRA / "grafana/provisioning/datasources/wayproof.yml").read_bytes())
    by_uid = {source["uid"]: source for source in found["datasources"]}
    assert by_uid["store"]["url"] == "database-shipper:5432"
    assert by_uid["store"]["user"] == "wayproof_reader"
    secret = re.fullmatch(r"\$__file\{/run/secrets/(\w+)\}", by_uid["store"]["secureJsonData"]["password"])
    assert secret is not None
    grafana = services()["grafana"]
    assert secret[1] in {it["source"] for it in grafana["secrets"]}
    assert by_uid["prometheus"]["url"] == "http://prometheus:9090"
    assert set(grafana["networks"]) & set(services()["prometheus"]["networks"])
    assert "shipper" in grafana["networks"]


@needs_openssl
def test_the_database_s_first_start_makes_an_owner_and_a_reader(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    subprocess.run(["sh", INFRA / "compose/secrets.sh", secrets], check=True, capture_output=True)
    with running_cluster(tmp_path / "postgres", arguments=NOT_DURABLE) as running:
        running.cluster.create_database("wayproof")
        home = tmp_path / "ShipperMSP"
        logins.write(home, organisation="shipper", keeps_log=True)
        make_roles(
            running.cluster, database="wayproof", secrets=secrets, logins=home / "database", organisation="shipper"
        )

        dsn = f"host=127.0.0.1 port={running.cluster.port} dbname=wayproof"
        for role in logins.roles(keeps_log=True):  # the owner first: it makes the tables
            seen = settings.DatabaseSettings.model_validate({"dsn": dsn, "logins": home / "logins" / role})
            with connect(seen, application="test", role=role) as connection:
                if role == OWNER:
                    assert schema.apply(connection)  # all roles are there: the owner may make none
                schema.require_current(connection)
                assert connection.info.user == logins.user("shipper", role)
        for path in home.rglob("*.conninfo"):
            assert path.stat().st_mode & 0o777 == 0o600
            password = conninfo_to_dict(path.read_text("utf-8"))["password"]
            assert str(password) not in (home / "database/logins.sql").read_text("utf-8")
        password = (secrets / "shipper_database_reader").read_text("ascii")
        reader = settings.DatabaseSettings.model_validate({"dsn": f"{dsn} user=wayproof_reader password={password}"})
        with connect(reader, application="test") as connection:
            schema.require_current(connection)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("DELETE FROM schema_migration")
            connection.execute("SET default_transaction_read_only = off")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DELETE FROM schema_migration")
            for statement in ("SELECT payload FROM message", "SELECT FROM device_claim"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)


@pytest.mark.long
@needs_go
@pytest.mark.usefixtures("only_in_the_long_form")
def test_fabric_and_a_shipper_come_up_as_composed_without_containers(fabric_binaries: Binaries, tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("left out: names and addresses of containers need root, unshare and ip")
    if shutil.which("mosquitto") is None or shutil.which("mosquitto_sub") is None:
        pytest.skip(
            "left out: Mosquitto is not on this machine (Debian, Ubuntu: apt install mosquitto mosquitto-clients)"
        )
    home = fabric_binaries.programs.parent
    if not (home / "config").samefile(fabric_binaries.samples):
        pytest.skip("left out: Fabric's programs and samples are not in one folder, which the container mounts whole")
    model = tmp_path / "project.json"
    model.write_text(json.dumps(project()), "utf-8")
    folder = tmp_path / "composed"
    folder.mkdir()
    python = Path(sys.executable)
    said = dockerfile.run_checked(
        [*ALONE, str(python), "-m", "support.composed", str(model), str(folder), str(home)],
        cwd=ROOT,
        environment={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
    )
    assert "nothing to do: the network is provisioned" in said
    assert said.count("contract wayproof is committed") == 2
    assert "ingest is connected to Mosquitto" in said
    assert "the shipper's API is ready" in said
    for name in ("ingest", "anchor", "projection", "monitor", "plausibility", "maintain", "gate", "api"):
        assert f"'wayproof {name}': 'shipper_{name}'" in said
    assert "PostgreSQL refused nothing" in said
