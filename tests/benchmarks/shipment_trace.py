"""How long an organisation's API takes to answer one shipment's trace, the shipment, and the list, among many.

make bench-trace                                              # 10,000 shipments with 1,000 readings each
make bench-trace BENCH_ARGUMENTS="--shipments 1000"

The rows are those that ingest, sealer, projection and monitor would leave, messages interleaved as devices send them;
requests go to the real process over HTTP, one after the other, each shipment for the first time since it was loaded.
"""

import argparse
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
from pydantic import SecretStr

from aiofabric import embedded
from support.database import NOT_DURABLE, running_cluster
from support.embedded_network import free_port
from support.log_store import opened
from wayproof.ledger import CONTRACT, ENTRY_POINT, USERS
from wayproof.settings import DatabaseSettings
from wayproof.store import privileges, readings
from wayproof.store.connection import connect
from wayproof.store.logins import Login, admit_logins

LOADER = Path(__file__).with_suffix(".sql")
READINGS_PER_INSTANT = 2
ORGANISATION = "ShipperMSP"
SEED = 4
API = Login("api", user="trace_api", password=secrets.token_urlsafe())
"""The API sees the rows of its role only, as in a deployment."""


def main() -> None:
    """Load, serve, ask, print."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-trace-") as folder:
        directory = Path(folder)
        with running_cluster(directory / "database", arguments=NOT_DURABLE) as cluster:
            dsn = cluster.new_database()
            with opened(dsn, apply=True) as connection:
                privileges.belong_to(connection, ORGANISATION)
                admit_logins(connection, [API])
            _load(dsn, options)
            served = (
                dsn
                if options.as_superuser
                else psycopg.conninfo.make_conninfo(dsn, user=API.user, password=API.password)
            )
            with _serving(directory, served) as client:
                _measure(client, options)
            _explain(dsn)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shipments", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=100, help="of each shipment")
    parser.add_argument("--instants", type=int, default=5, help="of each message, two readings an instant")
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--as-superuser", action="store_true", help="not with the rights of the API's role")
    parser.add_argument("--without-monitor", action="store_true", help="no views of a monitor: judged when asked")
    return parser.parse_args()


def _load(dsn: str, options: argparse.Namespace) -> None:
    count = options.messages * options.instants * READINGS_PER_INSTANT
    print(f"{options.shipments:,} shipments, {options.messages} messages and {count:,} readings each")
    parameters = {
        "shipments": options.shipments,
        "messages": options.messages,
        "instants": options.instants,
        "is_monitored": not options.without_monitor,
        "start_ms": time.time_ns() // 1_000_000 - (options.messages + 1) * 600_000,
    }
    begun = time.monotonic()
    with psycopg.connect(dsn, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(LOADER.read_text("utf-8").encode(), parameters)
        connection.execute("VACUUM ANALYZE")
        row = connection.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchone()
    print(f"loaded in {time.monotonic() - begun:.0f} s, {row[0] if row else ''}")


@contextmanager
def _serving(directory: Path, dsn: str) -> Iterator[httpx.Client]:
    """Run `wayproof api` as the process that it is."""
    home, port = directory / "ledger", free_port()
    members = [embedded.Organisation(ORGANISATION, USERS)]
    embedded.initialise(home, channel=CONTRACT, organisations=members, chaincodes={CONTRACT: ENTRY_POINT})
    settings = directory / "settings.toml"
    settings.write_text(
        f'organisation = "{ORGANISATION}"\n[database]\ndsn = "{dsn}"\n[api]\nport = {port}\n[ledger]\n'
        f'kind = "embedded"\nendpoint = "127.0.0.1:1"\ntls_ca = "{home}/tls/ca.pem"\nchannel = "{CONTRACT}"\n'
        f'contract = "{CONTRACT}"\nusers = "{home}/organisations/{ORGANISATION}/users"\n'
    )
    command = [sys.executable, "-m", "wayproof", "api", "--settings", str(settings)]
    process = subprocess.Popen(command, env={**os.environ}, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _wait_until_live(client, process)
            yield client
    finally:
        process.terminate()
        process.wait()


def _wait_until_live(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    while True:
        if process.poll() is not None:
            raise SystemExit(f"the API ended with {process.returncode}")
        try:
            client.get("/health/live").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return


def _measure(client: httpx.Client, options: argparse.Namespace) -> None:
    chosen = random.Random(SEED).sample(  # noqa: S311 - which shipments are asked for is no secret
        range(1, options.shipments + 1), min(options.requests, options.shipments)
    )
    gsins = [f"{number:017d}" for number in chosen]
    points = sum(len(it["points"]) for it in client.get(f"/api/v1/shipments/{gsins[0]}/trace").json()["series"])
    print(f"{'':34}{'median':>10}{'p99':>10}{'worst':>10}")
    _print(f"trace ({points} points), first time", _timed(client, [f"/api/v1/shipments/{it}/trace" for it in gsins]))
    _print("trace, again", _timed(client, [f"/api/v1/shipments/{it}/trace" for it in gsins]))
    _print("shipment", _timed(client, [f"/api/v1/shipments/{it}" for it in gsins]))
    _print("readings, 50 newest", _timed(client, [f"/api/v1/shipments/{it}/readings" for it in gsins[:100]]))
    _print("list, first page of 50", _timed(client, ["/api/v1/shipments"] * 100))
    walked: list[float] = []
    after, listed = "", 0
    while True:
        begun = time.perf_counter()
        page = client.get(f"/api/v1/shipments?limit=200{after}").raise_for_status().json()
        walked.append(time.perf_counter() - begun)
        listed += len(page["items"])
        if "next" not in page:
            break
        after = f"&after={page['next']}"
    _print(f"list, all {listed:,} by pages of 200", walked)


def _timed(client: httpx.Client, paths: Sequence[str]) -> list[float]:
    return [_seconds(client, path) for path in paths]


def _seconds(client: httpx.Client, path: str) -> float:
    begun = time.perf_counter()
    client.get(path).raise_for_status()
    return time.perf_counter() - begun


def _print(what: str, seconds: Sequence[float]) -> None:
    p99 = sorted(seconds)[int(len(seconds) * 0.99)]
    numbers = (statistics.median(seconds), p99, max(seconds))
    print(f"{what:34}" + "".join(f"{1000 * number:7.1f} ms" for number in numbers))


def _explain(dsn: str) -> None:
    interval = readings.Interval(2, "logger-77", "conditions", (0, 0), readings.BEYOND)
    with connect(DatabaseSettings(dsn=SecretStr(dsn)), application="benchmark") as connection:
        asked = readings.spanned(connection, [interval])
        print("\nThe plan of the trace's series:")
        statement = "EXPLAIN (ANALYZE, BUFFERS) " + readings.QUERIES["interval_series"]
        for row in connection.execute(statement, asked):
            print(row["QUERY PLAN"])


if __name__ == "__main__":
    main()
