"""A device's certificate from the claim to the revocation: real HTTP, a real ledger, a real database."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from aiofabric.embedded import DevelopmentLedgerWarning
from support.api_world import Office, api_world, serving
from support.database import RunningCluster
from support.embedded_network import free_port
from support.journey import SHIPPER
from support.world import World
from wayproof.cli import main
from wayproof.enrolment import folder as folders
from wayproof.enrolment.authority import Authority, new_key, pem
from wayproof.enrolment.certificate import DeviceName, name_of, now_utc
from wayproof.enrolment.errors import EnrolmentError
from wayproof.enrolment.folder import Folder
from wayproof.enrolment.request import public_key_of
from wayproof.settings import ApiSettings, EnrolmentSettings
from wayproof.simulate import enrolling
from wayproof.simulate.identity import CERTIFICATE

pytestmark = pytest.mark.filterwarnings(f"ignore::{DevelopmentLedgerWarning.__module__}.DevelopmentLedgerWarning")


@dataclass(frozen=True, slots=True)
class Desk:
    """The shipper's API with an authority behind it."""

    world: World
    office: Office
    folder: Folder
    maker: Authority

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.office.port}"

    async def claim(self, device_id: str, **more: object) -> dict[str, Any]:
        body = {"device_id": device_id, "model": "logger 3", **more}
        answer = await self.office.client.post("/api/v1/enrolment/claims", json=body)
        assert answer.status_code == 201, answer.text
        claimed: dict[str, Any] = answer.json()
        return claimed

    async def enrol(self, directory: Path, **how: Any) -> x509.Certificate:  # noqa: ANN401 - as `enrolling.enrol`
        device = await asyncio.to_thread(lambda: enrolling.enrol(directory, api=self.api, **how))
        device.close()
        return x509.load_pem_x509_certificate((directory / CERTIFICATE).read_bytes())

    async def refused(self, directory: Path, **how: Any) -> str:  # noqa: ANN401 - as `enrolling.enrol`
        with pytest.raises(EnrolmentError) as refusal:
            await self.enrol(directory, **how)
        return refusal.value.code


@pytest.fixture
async def desk(tmp_path: Path, postgres: RunningCluster) -> AsyncIterator[Desk]:
    folder = Folder.at(tmp_path / "enrolment")
    folders.complete(folder, organisation=SHIPPER, hosts=["127.0.0.1"], now=now_utc())
    maker = Authority.make("maker", organisation="Maker", now=now_utc())
    (tmp_path / "makers.pem").write_bytes(pem(maker.certificate))
    async with api_world(tmp_path, postgres=postgres) as made, AsyncExitStack() as stack:
        told = made[SHIPPER].settings.model_copy(
            update={
                "api": ApiSettings(port=free_port()),
                "enrolment": EnrolmentSettings(
                    directory=folder.directory, devices_host="127.0.0.1", manufacturer_ca=tmp_path / "makers.pem"
                ),
            }
        )
        yield Desk(made.world, await stack.enter_async_context(serving(told)), folder, maker)


async def test_a_device_comes_once_with_a_token_and_is_on_the_ledger(desk: Desk, tmp_path: Path) -> None:
    claimed = await desk.claim("reefer-9")
    with desk.world.connect(SHIPPER) as connection:
        (kept,) = connection.execute("SELECT * FROM device_claim").fetchall()
    assert claimed["token"].encode() not in b"".join(it for it in kept.values() if isinstance(it, bytes))
    certificate = await desk.enrol(tmp_path / "reefer-9", token=claimed["token"], algorithm="EdDSA")
    assert name_of(certificate) == DeviceName(SHIPPER, "reefer-9")
    certificate.verify_directly_issued_by(desk.folder.authority().certificate)
    head = await desk.world.journey.ledger(SHIPPER).query("get_device", {"device_id": "reefer-9"})
    assert (head["status"], head["model"], head["home_log"]) == ("active", "logger 3", "shipper-log")
    assert base64.b64decode(head["keys"][0]["public_key"]) == public_key_of(certificate)

    # The token is spent: for another key nothing, for this one (whose answer may have been lost) the same again.
    assert await desk.refused(tmp_path / "thief", token=claimed["token"]) == "claim_used"
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "device.key").write_bytes((tmp_path / "reefer-9" / "device.key").read_bytes())
    again = await desk.enrol(tmp_path / "again", token=claimed["token"])
    assert again.serial_number != certificate.serial_number
    listed = (await desk.office.client.get("/api/v1/certificates")).json()["items"]
    assert [(it["device_id"], it["revoked"]) for it in listed] == [("reefer-9", False)]


async def test_tokens_that_are_unknown_ended_or_replaced_are_refused(desk: Desk, tmp_path: Path) -> None:
    first = await desk.claim("reefer-9")
    second = await desk.claim("reefer-9")
    assert await desk.refused(tmp_path / "a", token="nobody's") == "claim_unknown"  # noqa: S106 - no secret
    assert await desk.refused(tmp_path / "a", token=first["token"]) == "claim_expired"
    with desk.world.connect(SHIPPER) as connection:
        connection.execute("UPDATE device_claim SET expires_at_ms = 1")
    assert await desk.refused(tmp_path / "a", token=second["token"]) == "claim_expired"
    neither = await desk.office.client.post("/api/v1/enrolment/certificates", json={"csr": "x"})
    assert (neither.status_code, neither.json()["code"]) == (400, "malformed_argument")


async def test_a_registered_device_is_not_taken_over_by_a_claim(desk: Desk, tmp_path: Path) -> None:
    theirs = desk.world.journey.device.device_id
    claimed = await desk.claim(theirs)
    assert await desk.refused(tmp_path / "thief", token=claimed["token"]) == "device_exists"


def made_by(maker: Authority, *, serial: str) -> tuple[list[bytes], bytes]:
    """Return a manufacturer's certificate for a device, and its key."""
    key, now = new_key(), now_utc()
    certificate = maker.sign(
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, serial)]))
        .issuer_name(maker.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9000))
    )
    return [pem(certificate)], key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


async def test_a_device_comes_with_its_manufacturers_certificate_where_a_person_expects_it(
    desk: Desk, tmp_path: Path
) -> None:
    assert await desk.refused(tmp_path / "a", manufacturer=made_by(desk.maker, serial="SN 1")) == "claim_unknown"
    claimed = await desk.claim("reefer-10", serial="SN 1")
    assert "token" not in claimed
    stranger = Authority.make("maker", organisation="Maker", now=now_utc())
    assert await desk.refused(tmp_path / "a", manufacturer=made_by(stranger, serial="SN 1")) == "proof_refused"
    chain, _ = made_by(desk.maker, serial="SN 1")
    _, other_key = made_by(desk.maker, serial="SN 2")
    assert await desk.refused(tmp_path / "a", manufacturer=(chain, other_key)) == "proof_refused"
    assert await desk.refused(tmp_path / "a", manufacturer=made_by(desk.maker, serial="SN 2")) == "claim_unknown"
    certificate = await desk.enrol(tmp_path / "a", manufacturer=made_by(desk.maker, serial="SN 1"))
    assert name_of(certificate) == DeviceName(SHIPPER, "reefer-10")


async def test_a_certificate_is_renewed_by_its_key_until_it_ends_or_the_device_is_revoked(
    desk: Desk, tmp_path: Path
) -> None:
    folder = tmp_path / "reefer-9"
    first = await desk.enrol(folder, token=(await desk.claim("reefer-9"))["token"])
    await desk.world.projected(SHIPPER)
    second = await asyncio.to_thread(lambda: enrolling.renew(folder, api=desk.api))
    assert second.serial_number != first.serial_number
    assert second.public_key() == first.public_key()

    async def refusal(**how: Any) -> str:  # noqa: ANN401 - as `enrolling.renew`
        with pytest.raises(EnrolmentError) as refused:
            await asyncio.to_thread(lambda: enrolling.renew(folder, api=desk.api, **how))
        return refused.value.code

    assert await refusal(now_ms=1_700_000_000_000) == "proof_refused"
    key = (folder / "device.key").read_bytes()
    (folder / "device.key").write_bytes(new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert await refusal() == "proof_refused"
    (folder / "device.key").write_bytes(key)
    with desk.world.connect(SHIPPER) as connection:
        connection.execute("UPDATE device_certificate SET not_after_ms = 1")
        assert await refusal() == "certificate_expired"
        connection.execute("DELETE FROM device_certificate")
        assert await refusal() == "certificate_unknown"


async def test_a_device_renews_by_itself_when_a_third_of_the_time_is_left(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "reefer-9"
    first = await desk.enrol(folder, token=(await desk.claim("reefer-9"))["token"])
    await desk.world.projected(SHIPPER)

    async def renewed(days_left: int) -> bool:
        at = first.not_valid_after_utc - timedelta(days=days_left)
        return await asyncio.to_thread(lambda: enrolling.renew_if_due(folder, api=desk.api, now=at))

    assert not await renewed(31)
    assert x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes()) == first
    assert await renewed(29)
    assert x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes()) != first


async def test_a_revoked_device_is_so_on_the_ledger_and_gets_no_certificate(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "reefer-9"
    await desk.enrol(folder, token=(await desk.claim("reefer-9"))["token"])
    await desk.world.projected(SHIPPER)
    at = "/api/v1/devices/reefer-9/revocation"
    answer = await desk.office.client.post(at, json={"reason": "lost on the A7"})
    assert (answer.status_code, answer.json()["revoked"]) == (201, True), answer.text
    head = await desk.world.journey.ledger(SHIPPER).query("get_device", {"device_id": "reefer-9"})
    assert head["status"] == "revoked"
    again = await desk.office.client.post(at, json={"reason": "twice"})
    assert (again.status_code, again.json()["code"]) == (409, "device_revoked")
    with pytest.raises(EnrolmentError) as refused:
        await asyncio.to_thread(lambda: enrolling.renew(folder, api=desk.api))
    assert refused.value.code == "device_revoked"
    assert await desk.refused(tmp_path / "b", token=(await desk.claim("reefer-9"))["token"]) == "device_revoked"
    listed = (await desk.office.client.get("/api/v1/certificates")).json()["items"]
    assert [(it["device_id"], it["revoked"]) for it in listed] == [("reefer-9", True)]


# --- the command line ------------------------------------------------------------------------------------------------


async def test_the_command_line_makes_claims_enrols_renews_lists_and_revokes(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        desk.world.settings_toml(SHIPPER)
        + '[broker]\nkind = "mosquitto"\nhost = "127.0.0.1"\nport = 8884\n'
        + '[enrolment]\ndirectory = "enrolment"\ndevices_host = "broker.example"\n'
    )
    folder, token = tmp_path / "reefer-9", tmp_path / "token"

    async def said(*arguments: str, status: int = 0) -> str:
        assert await asyncio.to_thread(main, ["device", *arguments]) == status, capsys.readouterr().err
        printed = capsys.readouterr()
        return printed.out if status == 0 else printed.err

    ours = ("--settings", str(settings))
    assert "nothing to do" in await said("authority", *ours)
    token.write_text(await said("claim", "reefer-9", "--model", "logger 3", *ours))
    enrol = ("enrol", str(folder), "--api", desk.api, "--token-file", str(token))
    assert "reefer-9 of ShipperMSP" in await said(*enrol)
    assert "device_exists" in await said(*enrol, status=1)
    await desk.world.projected(SHIPPER)
    assert "valid until 20" in await said("renew", str(folder), "--api", desk.api)
    assert "transaction " in await said("revoke", "reefer-9", "--reason", "lost", *ours)
    await desk.world.projected(SHIPPER)
    assert "device_unknown" in await said("revoke", "reefer-99", "--reason", "lost", *ours, status=1)
    rows = [line.split("\t") for line in (await said("list", *ours)).splitlines()]
    ours_and_theirs = {device_id: (state, bool(end != "-")) for device_id, _, state, end in rows}
    assert ours_and_theirs == {"reefer-9": ("revoked", True), desk.world.journey.device.device_id: ("active", False)}


async def test_the_command_line_takes_a_manufacturers_certificate(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.claim("reefer-10", serial="SN 1")
    (chain,), key = made_by(desk.maker, serial="SN 1")
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "maker.key").write_bytes(key)
    arguments = ["device", "enrol", str(tmp_path / "a"), "--api", desk.api, "--manufacturer"]
    status = await asyncio.to_thread(main, [*arguments, str(tmp_path / "chain.pem"), str(tmp_path / "maker.key")])
    assert (status, capsys.readouterr().out.partition(" in ")[0]) == (0, "reefer-10 of ShipperMSP")
