"""What the API refuses, and how: problems of one shape, nothing internal in them, whatever comes."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from aiofabric import embedded
from aiofabric.embedded import DevelopmentLedgerWarning
from support.api_world import Office, serving
from support.contract_world import shipment_argument
from support.database import RunningCluster
from support.embedded_network import free_port
from support.log_store import noise, opened
from wayproof.api import worker
from wayproof.ledger import CONTRACT, ENTRY_POINT, USERS
from wayproof.settings import ApiSettings, DatabaseSettings, LedgerSettings, Settings, SettingsError
from wayproof.store.messages import Numbers, add_messages

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings(f"ignore::{DevelopmentLedgerWarning.__module__}.DevelopmentLedgerWarning"),
]

MSP_ID = "NorthMSP"
GSIN = "00000000000000017"
AT = f"/api/v1/shipments/{GSIN}"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> LedgerSettings:
    """Return a ledger that nobody serves."""
    home = tmp_path_factory.mktemp("ledger") / "ledger"
    members = [embedded.Organisation(MSP_ID, USERS)]
    embedded.initialise(home, channel=CONTRACT, organisations=members, chaincodes={CONTRACT: ENTRY_POINT})
    return LedgerSettings(
        kind="embedded",
        endpoint="127.0.0.1:1",
        tls_ca=home / "tls" / "ca.pem",
        channel=CONTRACT,
        contract=CONTRACT,
        users=home / "organisations" / MSP_ID / "users",
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(postgres: RunningCluster, ledger: LedgerSettings) -> AsyncIterator[Office]:
    dsn = postgres.new_database()
    with opened(dsn, apply=True):
        pass
    async with serving(_settings(dsn, ledger)) as served:
        yield served


def _settings(dsn: str, ledger: LedgerSettings, **api: Any) -> Settings:  # noqa: ANN401 - the section's values
    return Settings(
        organisation=MSP_ID,
        database=DatabaseSettings(dsn=SecretStr(dsn)),
        ledger=ledger,
        api=ApiSettings(**{"port": free_port(), **api}),
    )


def problem(response: httpx.Response, status: int, code: str) -> str:
    """Assert that an answer is a problem; return its detail."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    told = response.json()
    assert sorted(told) == ["code", "detail", "status", "title", "type"]
    assert (response.status_code, told["status"], told["code"]) == (status, status, code), told
    assert told["detail"]
    assert response.headers["x-content-type-options"] == "nosniff"
    return str(told["detail"])


async def test_what_is_not_there_or_not_ours_is_not_found(office: Office) -> None:
    get = office.client.get
    for path in (AT, f"{AT}/trace", f"{AT}/readings", f"{AT}/evidence", "/api/v1/devices/reefer-7"):
        problem(await get(path), 404, "not_found")
    for path in ("/api/v1/nothing", "/api", "/log/1/checkpoint", "/log/1/tile/0/000", "/assets/..%2f..%2fworker.py"):
        problem(await get(path), 404, "not_found")
    problem(await get(f"{AT}/verification"), 503, "no_trust_root")
    for action in ("offers", "closure", "amendments", "offers/4/acceptance", "excursions/e1/resolution"):
        body = {"remark": "x"}
        body |= {"to": "SouthMSP"} if action == "offers" else {}
        body |= {"resolution": "false_alarm"} if action.startswith("excursions") else {}
        problem(await office.client.post(f"{AT}/{action}", json=body), 404, "not_found")
    problem(await office.client.delete(AT, headers=JSON), 405, "method_not_allowed")


async def test_another_host_is_refused_before_anything_is_looked_at(office: Office) -> None:
    for host in (
        "evil.example",
        f"evil.example:{office.port}",
        "127.0.0.1",
        "127.0.0.1:1",
        f"127.0.0.1:{office.port}.x",
    ):
        problem(await office.client.get("/api/v1/organisation", headers={"host": host}), 421, "unknown_host")
    for host in (f"localhost:{office.port}", f"[::1]:{office.port}"):
        assert (await office.client.get("/api/v1/organisation", headers={"host": host})).is_success


async def test_changes_come_as_json_only(office: Office) -> None:
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""):
        response = await office.client.post("/api/v1/shipments", content=b"{}", headers={"content-type": kind})
        problem(response, 415, "unsupported_media_type")
    response = await office.client.post("/api/v1/verifications", content=b"{}", headers=JSON)
    problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"gsin":' * 20_000,
        b"[" * 100_000,
        b'{"gsin": NaN}',
        b'{"gsin": "\\ud800"}',
        b'{"gsin": 17}',
    ],
    ids=["nothing", "cut", "array", "null", "no text", "deep maps", "deep arrays", "NaN", "surrogate", "number"],
)
async def test_a_body_that_is_no_shipment_is_malformed(office: Office, body: bytes) -> None:
    response = await office.client.post("/api/v1/shipments", content=body, headers=JSON)
    assert response.json()["code"] in {"malformed_argument", "malformed_request"}
    problem(response, 400, response.json()["code"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"gsin": "00000000000000018"}, "invalid_gs1_key"),
        ({"gsin": "1\x00"}, "invalid_gs1_key"),
        ({"lane": {"origin_gln": "9506000134353", "destination_gln": "", "mode": "sea"}}, "invalid_gs1_key"),
        ({"due_at_ms": "tomorrow"}, "malformed_argument"),
        ({"due_at_ms": 1.5}, "malformed_argument"),
        ({"due_at_ms": True}, "malformed_argument"),
        ({"due_at_ms": 2**70}, "malformed_argument"),
        ({"surprise": 1}, "malformed_argument"),
        ({"units": []}, "malformed_argument"),
    ],
)  # fmt: skip
async def test_a_shipment_that_the_contract_would_refuse_is_refused_with_its_code(
    office: Office, changes: dict[str, Any], code: str
) -> None:
    body = {**shipment_argument(), **changes}
    problem(await office.client.post("/api/v1/shipments", json=body), 400, code)


async def test_too_much_is_refused_announced_or_not(office: Office) -> None:
    large = b'"' + b"a" * (1 << 20) + b'"'
    problem(await office.client.post("/api/v1/shipments", content=large, headers=JSON), 413, "body_too_large")

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 65_536

    response = await office.client.post("/api/v1/shipments", content=parts(), headers=JSON)
    problem(response, 413, "body_too_large")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/shipments/1",
        "/api/v1/shipments/0000000000000001%00",
        "/api/v1/shipments?status=lost",
        "/api/v1/shipments?limit=0",
        "/api/v1/shipments?limit=201",
        "/api/v1/shipments?after=open:1",
        "/api/v1/shipments?status=closed&after=open:1:2:3",
        "/api/v1/rejections?after=x",
        "/api/v1/rejections?after=1:log:99999999999999999999",
        "/api/v1/devices/a%00b",
        "/log/0/checkpoint",
        "/log/x/tile/0/000",
    ],
)
async def test_a_question_that_cannot_be_read_is_malformed(office: Office, path: str) -> None:
    problem(await office.client.get(path), 400, "malformed_argument")


async def test_while_the_ledger_is_away_changes_are_refused_and_pages_go_on(office: Office) -> None:
    problem(await office.client.post("/api/v1/shipments", json=shipment_argument()), 503, "ledger_unavailable")
    assert (await office.client.get("/api/v1/shipments")).json() == {"items": []}
    assert "ledger" in problem(await office.client.get("/health/ready"), 503, "not_ready")


async def test_while_the_database_is_away_everything_but_life_is_refused(ledger: LedgerSettings) -> None:
    away = "postgresql://somebody:secret@127.0.0.1:1/nothing"
    async with serving(_settings(away, ledger)) as office:
        for path in ("/api/v1/shipments", AT, "/api/v1/organisation"):
            detail = problem(await office.client.get(path), 503, "store_unavailable")
            assert "somebody" not in detail
        assert "database" in problem(await office.client.get("/health/ready"), 503, "not_ready")
        assert (await office.client.get("/health/live")).json() == {"status": "live"}


async def test_places_have_names_for_good_glns_only(office: Office) -> None:
    put, at = office.client.put, "/api/v1/locations/9506000134352"
    dock = {"name": "Dock 7", "latitude": 40, "longitude": -73.5}
    assert (await put(at, json=dock)).json() == {"gln": "9506000134352", **dock}
    assert (await office.client.get("/api/v1/locations")).json()["items"] == [{"gln": "9506000134352", **dock}]
    problem(await put("/api/v1/locations/9506000134353", json=dock), 400, "invalid_gs1_key")
    for wrong in ({}, {"name": ""}, {"name": "a\0b"}, {"latitude": 91, "longitude": 0}, {"latitude": 1}):
        named = {"name": "x", **wrong} if wrong else wrong
        problem(await put(at, json=named), 400, "malformed_argument")
    response = await put(at, content=b'{"name":"x","latitude":NaN,"longitude":1}', headers=JSON)
    problem(response, 400, "malformed_argument")


async def test_refused_payloads_are_listed_by_pages_the_newest_first(office: Office) -> None:
    with opened(office.settings.database.dsn.get_secret_value()) as connection, connection.transaction():
        add_messages(connection, noise(5), numbers=Numbers())
    listed: list[dict[str, Any]] = []
    after = ""
    while True:
        page = (await office.client.get(f"/api/v1/rejections?limit=2{after}")).json()
        listed += page["items"]
        if "next" not in page:
            break
        after = f"&after={page['next']}"
    assert [it["code"] for it in listed] == ["malformed_json"] * 5
    assert len({it["rejection_id"] for it in listed}) == 5
    assert all(it["logged"] for it in listed)


async def test_pages_say_how_they_are_built_or_are_there(office: Office) -> None:
    response = await office.client.get("/shipments/123")
    if response.status_code == 503:
        assert "make web" in problem(response, 503, "pages_not_built")
    else:
        assert response.headers["content-type"].startswith("text/html")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


async def test_no_other_host_than_this_machine_and_no_taken_port(ledger: LedgerSettings) -> None:
    with pytest.raises(SettingsError, match="log-in"):
        await worker.run(_settings("", ledger, host="0.0.0.0"), stop=asyncio.Event())  # noqa: S104 - to be refused
    with socket.create_server(("127.0.0.1", free_port())) as taken, pytest.raises(SettingsError, match="listened"):
        await worker.run(_settings("", ledger, port=taken.getsockname()[1]), stop=asyncio.Event())
