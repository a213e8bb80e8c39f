"""A whole deployment, each process with its own login: everything works, and PostgreSQL refused nothing."""

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import paho.mqtt.publish
import pytest

from support.platform import GLNS, SHIPPER, Platform, running_platform
from wayproof import settings
from wayproof.settings import DatabaseSettings
from wayproof.simulate.client import DeviceClient
from wayproof.simulate.device import Device
from wayproof.simulate.pack import records
from wayproof.store import flags
from wayproof.store.connection import connect
from wayproof.store.errors import LoginMissing

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
    f"wayproof {name}": f"shippermsp_{name}" for name in ("ingest", "anchor", "projection", "monitor", "plausibility")
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
        log = (platform.deployment.directory / "logs/database.log").read_text("utf-8")
        assert [line for line in log.splitlines() if "permission denied" in line or "row-level" in line] == []


def _publish(platform: Platform) -> None:
    """Let each device send a message, and a stranger too."""
    for folder in platform.devices:
        with Device.open(folder) as device, DeviceClient(device) as client:
            device.record("conditions", measured=records({"temperature": 4.5}), observed_at_ms=_now_ms())
            assert client.wait_until_receipted(WITHIN_S)
    topic = f"wayproof/v1/{SHIPPER}/stranger/messages"
    paho.mqtt.publish.single(topic, b"?", qos=1, hostname="127.0.0.1", port=platform.deployment.broker_port)


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
