"""What whoever operates the platform sees: a message's trace through all processes, counters that add up, readiness."""

import asyncio
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from aiofabric.embedded import DevelopmentLedgerWarning
from support.api_world import api_world
from support.broker import running_broker
from support.database import RunningCluster
from support.embedded_network import free_port
from support.journey import SHIPPER
from support.root_log import kept_root_log
from support.world import World, projecting, world
from wayproof.anchor import worker as anchoring
from wayproof.cli import main
from wayproof.ingest import worker as ingesting
from wayproof.log.keys import generate_key
from wayproof.observability import metrics, tracing
from wayproof.observability.health import HEALTH
from wayproof.observability.metrics import Histogram, Numbers
from wayproof.settings import AnchorSettings, BrokerSettings, IngestSettings, LogSettings, Settings
from wayproof_verifier.telemetry import Message, decode

pytest.importorskip("opentelemetry.sdk", reason="left out: wayproof[otel] is not installed")
pytest.importorskip("prometheus_client", reason="left out: wayproof[metrics] is not installed")

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from wayproof.observability.tracing_export import OpenTelemetryRecorder

pytestmark = pytest.mark.filterwarnings(f"ignore::{DevelopmentLedgerWarning.__module__}.DevelopmentLedgerWarning")

STEPS = {"receive", "commit", "seal", "anchor", "project"}
PATIENCE_S = 120.0


def counted(name: str, *labels: str) -> float:
    metric = metrics.defined()[name]
    if isinstance(metric, Histogram):
        spread = metric.spreads().get(labels)
        return sum(spread.counts) if spread else 0
    assert isinstance(metric, Numbers)
    return metric.values().get(labels, 0)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    memory = InMemorySpanExporter()
    tracing.turn_on(OpenTelemetryRecorder(SimpleSpanProcessor(memory), process="all", organisation=SHIPPER), rate=1)
    yield memory
    tracing.turn_off()
    HEALTH.forget()


@pytest.fixture
def command_line() -> Iterator[None]:
    with kept_root_log():
        yield
    HEALTH.forget()


def settings_of(made: World, directory: Path, *, broker_port: int) -> Settings:
    for name in ("checkpoint", "receipt"):
        generate_key(directory / f"{name}.pem")
    return made.settings[SHIPPER].model_copy(
        update={
            "broker": BrokerSettings(kind="amqtt", host="127.0.0.1", port=broker_port),
            "ingest": IngestSettings(client_id="ingest-traced"),
            "anchor": AnchorSettings(interval_s=0.1, heartbeat_s=60.0),
            "log": LogSettings(
                log_id="shipper-log",
                origin="shipper.example/wayproof",
                checkpoint_key=directory / "checkpoint.pem",
                receipt_key=directory / "receipt.pem",
            ),
        }
    )


@asynccontextmanager
async def platform(read: Settings) -> AsyncIterator[None]:
    """Run ingest, anchor and projection of an organisation in this process."""
    stop, stop_thread = asyncio.Event(), threading.Event()
    ingest = asyncio.create_task(asyncio.to_thread(ingesting.run, read, stop=stop_thread))
    anchor = asyncio.create_task(anchoring.run(read, stop=stop))
    try:
        async with projecting(read):
            yield
    finally:
        stop.set()
        stop_thread.set()
        await asyncio.wait([ingest, anchor])
    await ingest
    await anchor


async def until(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.05)


async def test_a_message_is_followed_from_its_arrival_to_the_projected_anchor(
    tmp_path: Path, postgres: RunningCluster, spans: InMemorySpanExporter
) -> None:
    with running_broker() as broker:
        async with world(tmp_path, postgres=postgres) as made:
            read = settings_of(made, tmp_path, broker_port=broker.port)
            device = made.journey.device
            payloads = [
                device.publish(
                    "conditions", observed_at_s=1_750_000_000 + it, measured=[{"n": "t", "u": "Cel", "v": it}]
                )
                for it in range(3)
            ]
            messages = [decode(it, topic=device.topic) for it in payloads]
            before = {name: counted(f"wayproof_{name}_total") for name in ("ingest_messages_stored", "log_sealed")}
            publisher = paho.Client(CallbackAPIVersion.VERSION2)
            publisher.connect("127.0.0.1", broker.port)
            publisher.loop_start()
            try:
                async with platform(read):
                    await made.projected(SHIPPER)  # so that ingest knows the device
                    for payload in payloads:
                        await until(lambda: HEALTH.missing() == [])
                        publisher.publish(device.topic, payload, qos=1).wait_for_publish(PATIENCE_S)
                    await until(lambda: len(spans.get_finished_spans()) >= len(STEPS) * len(payloads))
                    assert counted("wayproof_anchored_size") == counted("wayproof_log_size") == len(payloads)
                    assert counted("wayproof_projection_height") == await made.height()
            finally:
                publisher.disconnect()
                publisher.loop_stop()
    for message in messages:
        assert isinstance(message, Message)
        trace = of(spans, message.message_hash)
        assert {it.name for it in trace} == STEPS
        assert len(trace) == len(STEPS)
        by_step = {it.name: it for it in trace}
        root = by_step["receive"]
        assert root.context is not None
        assert root.parent is None
        for step in STEPS - {"receive"}:
            parent = by_step[step].parent
            assert parent is not None
            assert parent.span_id == root.context.span_id
        sealed_ns = by_step["seal"].end_time or 0
        assert (by_step["commit"].end_time or 0) <= sealed_ns
        assert (by_step["anchor"].end_time or 0) >= sealed_ns
        assert (by_step["project"].start_time or 0) >= sealed_ns
    stored = counted("wayproof_ingest_messages_stored_total") - before["ingest_messages_stored"]
    assert stored == counted("wayproof_log_sealed_total") - before["log_sealed"] == len(payloads)


def of(spans: InMemorySpanExporter, message_hash: bytes) -> list[ReadableSpan]:
    trace_id = int.from_bytes(message_hash[:16])
    return [it for it in spans.get_finished_spans() if it.context is not None and it.context.trace_id == trace_id]


async def test_requests_are_counted_under_their_routes(tmp_path: Path, postgres: RunningCluster) -> None:
    route = ("GET", "/api/v1/shipments/{gsin}", "404")
    refused = ("GET", "none", "421")
    async with api_world(tmp_path, postgres=postgres) as trade:
        before = counted("wayproof_api_requests_total", *route), counted("wayproof_api_requests_total", *refused)
        office = trade[SHIPPER].client
        for gsin in ("09506000100000017", "09506000100000024"):
            assert (await office.get(f"/api/v1/shipments/{gsin}")).status_code == 404
        assert (await office.get("/api/v1/shipments", headers={"host": "elsewhere.example"})).status_code == 421
        assert (await office.get("/health/ready")).status_code == 200
    assert counted("wayproof_api_requests_total", *route) == before[0] + 2
    assert counted("wayproof_api_requests_total", *refused) == before[1] + 1
    assert counted("wayproof_api_request_seconds", "/api/v1/shipments/{gsin}") >= 2


async def test_a_process_shows_itself_where_its_settings_say(tmp_path: Path, postgres: RunningCluster) -> None:
    port = free_port()
    async with world(tmp_path, postgres=postgres) as made:
        path = tmp_path / "settings.toml"
        path.write_text(f"{made.settings_toml(SHIPPER)}\n[metrics.ports]\nprojection = {port}\n")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "wayproof", "projection", "--settings", str(path), stderr=asyncio.subprocess.DEVNULL
        )
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as asking:
                await ready(asking, process)
                height = await made.projected(SHIPPER)
                page = (await asking.get("/metrics")).text
                assert f"wayproof_projection_height {float(height)}" in page
                assert 'wayproof_part_works{part="database"} 1.0' in page
                assert (await asking.get("/health/live")).json() == {"status": "live"}
        finally:
            process.terminate()
            await process.wait()


@pytest.mark.usefixtures("command_line")
async def test_what_the_settings_ask_for_and_cannot_be_had_is_named(
    tmp_path: Path, postgres: RunningCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world(tmp_path, postgres=postgres) as made:
        path = tmp_path / "settings.toml"
        port = free_port()
        with socket.create_server(("127.0.0.1", port)):
            path.write_text(f"{made.settings_toml(SHIPPER)}\n[metrics]\nport = {port}\n")
            assert main(["projection", "--settings", str(path)]) == 1
            said = capsys.readouterr().err
            assert "port_in_use" in said
            assert str(port) in said
        path.write_text(f'{made.settings_toml(SHIPPER)}\n[traces]\nendpoint = "http://127.0.0.1:1/v1/traces"\n')
        monkeypatch.delitem(sys.modules, "wayproof.observability.tracing_export")
        monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
        assert main(["projection", "--settings", str(path)]) == 1
        said = capsys.readouterr().err
        assert "extra_missing" in said
        assert "wayproof[otel]" in said


async def ready(asking: httpx.AsyncClient, process: asyncio.subprocess.Process) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert process.returncode is None
        try:
            if (await asking.get("/health/ready")).is_success:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError("it does not get ready")
