"""`wayproof init --broker mosquitto` and `wayproof up`: certificates, Mosquitto and the gate, nothing by hand."""

import asyncio
from pathlib import Path

import httpx
import pytest

from support.mosquitto import needs_mosquitto, until
from support.platform import MEMBERS, SHIPPER, free_ports
from wayproof.simulate import enrolling
from wayproof.simulate.client import DeviceClient
from wayproof.simulate.pack import records
from wayproof.up import provision, services
from wayproof.up.provision import DeploymentError, Member

pytestmark = needs_mosquitto

WITHIN_S = 60.0


async def test_a_device_enrols_is_receipted_and_once_revoked_gets_no_receipt_more(tmp_path: Path) -> None:
    made = provision.initialise(
        tmp_path / "site", members=MEMBERS, first_port=free_ports(6), broker="mosquitto", intervals_s={"anchor": 0.5}
    )
    deployment = provision.read(made.directory)
    assert deployment == made
    assert deployment.ports[-1] == deployment.broker_services_port
    api = f"http://127.0.0.1:{deployment.api_port(SHIPPER)}"
    async with (
        services.running(deployment, say=lambda _: None) as supervisor,
        httpx.AsyncClient(base_url=api, timeout=WITHIN_S) as http,
    ):
        assert supervisor.pid(f"gate-{SHIPPER}") is not None
        claimed = await http.post("/api/v1/enrolment/claims", json={"device_id": "reefer-1", "model": "logger"})
        token = claimed.json()["token"]
        device = await asyncio.to_thread(lambda: enrolling.enrol(tmp_path / "reefer-1", api=api, token=token))
        with device, DeviceClient(device, reconnect_after_s=0.1, reconnect_at_most_s=0.5) as client:
            device.record("conditions", measured=records({"temperature": 4.5}), observed_at_ms=1_750_000_000_000)
            assert await asyncio.to_thread(client.wait_until_receipted, WITHIN_S)
            revoked = await http.post("/api/v1/devices/reefer-1/revocation", json={"reason": "stolen"})
            assert revoked.status_code == 201, revoked.text
            denied = deployment.settings(SHIPPER).parent / "enrolment" / "broker" / "acl"
            await asyncio.to_thread(until, lambda: "user reefer-1" in denied.read_text("utf-8"), within_s=WITHIN_S)
            await asyncio.to_thread(until, lambda: not client._is_subscribed, within_s=WITHIN_S)
            device.record("conditions", measured=records({"temperature": 4.5}), observed_at_ms=1_750_000_060_000)
            assert not await asyncio.to_thread(client.wait_until_receipted, 2.0)


def test_mosquitto_serves_the_devices_of_one_organisation(tmp_path: Path) -> None:
    both = (Member("AMSP", "A", keeps_log=True), Member("BMSP", "B", keeps_log=True))
    with pytest.raises(DeploymentError, match="one organisation"):
        provision.initialise(tmp_path / "site", members=both, broker="mosquitto")
