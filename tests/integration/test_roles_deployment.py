"""A whole deployment, each process with its own login: everything works, and PostgreSQL refused nothing."""

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import paho.mqtt.publish
import pytest
from pydantic import SecretStr

from support.database import RunningCluster
from support.mosquitto import needs_mosquitto
from support.platform import GLNS, SHIPPER, Platform, running_platform
from wayproof import settings
from wayproof.log.keys import generate_key
from wayproof.settings import DatabaseSettings
from wayproof.simulate.client import DeviceClient
from wayproof.simulate.device import Device
from wayproof.simulate.pack import records
from wayproof.store import flags, log
from wayproof.store.connection import connect
from wayproof.store.errors import LoginMissing
from wayproof.up import logins

WITHIN_S = 60.0
PAGES = (
    "organisation",
    "shipments/{gsin}",
    "shipments/{gsin}/trace",
    "shipments/{gsin}/readings",
    "shipments/{gsin}/verification",
    "devices",
    "devices/device-0",
    "rejections",
    "locations",
    "certificates",
)
PEOPLE = (
    ("schema", "status"),
    ("schema", "apply"),
    ("log", "register"),
    ("device", "list"),
    ("rejections", "list"),
    ("rejections", "show", "other:1"),
    ("fsck",),
)
FOLLOWERS: Mapping[str, str] = {
    f"wayproof {name}": f"shippermsp_{name}"
    for name in ("ingest", "anchor", "projection", "monitor", "plausibility", "maintain")
}


async def test_every_process_works_with_the_rights_of_its_role(tmp_path: Path) -> None:
    async with running_platform(tmp_path, pages=True) as platform:
        read = settings.load(platform.deployment.settings(SHIPPER))
        await asyncio.to_thread(_publish, platform)
        found = await platform.settled(within_s=WITHIN_S)
        assert found.lost == 0
        assert found.anchored == found.sent == 3
        gsin = await _look_at_all_pages(platform)
        await asyncio.to_thread(_wait_until_judged, read.database)
        users = await asyncio.to_thread(_users, read.database)
        assert {name: users.get(name) for name in FOLLOWERS} == FOLLOWERS
        assert users["wayproof api"] == "shippermsp_api"
        for arguments in (*PEOPLE, ("evidence", gsin, "--output", str(tmp_path / "evidence"))):
            assert await _command(platform, *arguments) == 0, arguments
        assert await _command(platform, "rejections", "replay", "other:1", "--wait", "5") == 1  # it is refused again
        assert _refused(platform) == []


@needs_mosquitto
async def test_people_at_devices_and_at_a_retired_log_have_the_rights_of_their_roles(tmp_path: Path) -> None:
    async with running_platform(tmp_path, broker="mosquitto") as platform:
        read = settings.load(platform.deployment.settings(SHIPPER))
        device = platform.devices[0]
        await asyncio.to_thread(_send, device)
        await _anchored_once(read.database)
        assert await _command(platform, "device", "claim", "reefer-9", "--model", "logger") == 0
        assert await _command(platform, "device", "claim", "reefer-10", "--serial", "SN 1", "--model", "logger") == 0
        assert await _command(platform, "device", "revoke", device.name, "--reason", "lost") == 0

        await platform.supervisor.stop(f"anchor-{SHIPPER}")
        await asyncio.to_thread(_send, platform.devices[1])
        with connect(read.database, application="test", role="anchor") as connection, connection.transaction():
            assert log.seal(connection, epoch=1, limit=10)  # sealed, and never anchored: what a retirement cuts off
        next_keys = [str(tmp_path / name) for name in ("checkpoint.pem", "receipt.pem")]
        for path in next_keys:
            generate_key(Path(path))
        retire = ("log", "retire", "--epoch", "1", "--reason", "restored too old", "--next-keys", *next_keys)
        for _ in range(2):  # once more, as after a crash in between
            assert await _command(platform, *retire) == 0
        with connect(read.database, application="test", role="audit") as connection:
            assert [(it.epoch, it.size) for it in log.epochs(connection)] == [(1, 1), (2, 0)]
            claims = connection.execute("SELECT device_id FROM device_claim ORDER BY device_id").fetchall()
            assert [it["device_id"] for it in claims] == ["reefer-10", "reefer-9"]
        assert _refused(platform) == []


async def _anchored_once(database: DatabaseSettings) -> None:
    """Wait until the log's one leaf is anchored, and the ledger's tables say so."""
    deadline = time.monotonic() + WITHIN_S
    with connect(database, application="test", role="audit") as connection:
        while [it["size"] for it in connection.execute("SELECT size FROM anchor").fetchall()] != [1]:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


def _refused(platform: Platform) -> list[str]:
    """Return what PostgreSQL said of statements for which a login has no right."""
    said = (platform.deployment.directory / "logs/database.log").read_text("utf-8")
    return [line for line in said.splitlines() if "permission denied" in line or "row-level" in line]


def _publish(platform: Platform) -> None:
    """Let each device send a message, and a stranger too."""
    for folder in platform.devices:
        _send(folder)
    topic = f"wayproof/v1/{SHIPPER}/stranger/messages"
    paho.mqtt.publish.single(topic, b"?", qos=1, hostname="127.0.0.1", port=platform.deployment.broker_port)


def _send(folder: Path) -> None:
    with Device.open(folder) as device, DeviceClient(device) as client:
        device.record("conditions", measured=records({"temperature": 4.5}), observed_at_ms=_now_ms())
        assert client.wait_until_receipted(WITHIN_S)


async def _look_at_all_pages(platform: Platform) -> str:
    """Ask the API for everything once it has a shipment that is watched; return the shipment."""
    api = f"http://127.0.0.1:{platform.deployment.api_port(SHIPPER)}/api/v1/"
    async with httpx.AsyncClient(base_url=api, timeout=WITHIN_S) as http:
        deadline = time.monotonic() + WITHIN_S
        while True:
            shipments = (await http.get("shipments")).json()["items"]
            if len(shipments) == 3 and all(it["latest"] for it in shipments):
                break
            assert time.monotonic() < deadline, shipments
            await asyncio.sleep(0.2)
        gsin = str(shipments[0]["gsin"])
        place = await http.put(f"locations/{GLNS[0]}", json={"name": "Warehouse"})
        assert place.status_code == 200, place.text
        for page in PAGES:
            answer = await http.get(page.format(gsin=gsin))
            assert answer.status_code == 200, f"{page}: {answer.text}"
        return gsin


def _wait_until_judged(database: DatabaseSettings) -> None:
    deadline = time.monotonic() + WITHIN_S
    with connect(database, application="test", role="audit") as connection:
        while flags.waiting(connection):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def _users(database: DatabaseSettings) -> dict[str, str]:
    """Return who is connected: the login by the process's own word for itself."""
    with connect(database, application="test") as connection:
        rows = connection.execute(
            "SELECT application_name, usename::text FROM pg_stat_activity WHERE datname = current_database()"
        )
        return {str(row["application_name"]): str(row["usename"]) for row in rows}


async def _command(platform: Platform, *arguments: str) -> int:
    given = ("--settings", str(platform.deployment.settings(SHIPPER)))
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "wayproof", *arguments, *given)
    return await process.wait()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_a_role_without_a_login_is_named(tmp_path: Path) -> None:
    asked = DatabaseSettings.model_validate({"dsn": "host=127.0.0.1", "logins": tmp_path})
    with pytest.raises(LoginMissing, match=r"gate\.conninfo cannot be read") as missing:
        connect(asked, application="test", role="gate")
    assert missing.value.code == "database_login_missing"
    only = asked.model_copy(update={"role": "api"})
    with pytest.raises(LoginMissing, match=r"api\.conninfo cannot be read"):
        connect(only, application="test", role="gate")


def test_a_role_that_is_newer_than_a_deployment_gets_its_login(postgres: RunningCluster, tmp_path: Path) -> None:
    logins.generate(tmp_path, database="wayproof_older")
    (tmp_path / "logins/maintain.conninfo").unlink()
    kept = (tmp_path / "logins/ingest.conninfo").read_text("utf-8")
    dsn = postgres.new_database()
    logins.admit(tmp_path, superuser=dsn)
    assert (tmp_path / "logins/maintain.conninfo").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "logins/ingest.conninfo").read_text("utf-8") == kept
    read = DatabaseSettings(dsn=SecretStr(dsn), logins=tmp_path / "logins")
    with connect(read, application="test", role="maintain") as connection:
        assert connection.execute("SELECT current_user::text AS name").fetchone() == {"name": "older_maintain"}
