"""Traces whose ids follow from the message: the same from every process, and drawn alike."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from support.embedded_network import free_port
from wayproof.observability import tracing

HASHES = [sha256(str(number).encode()).digest() for number in range(4_000)]


@dataclass
class Heard:
    """A recorder that remembers."""

    spans: list[tuple[str, bytes]] = field(default_factory=list)

    def record(self, step: str, message_hash: bytes, **_: object) -> None:
        self.spans.append((step, message_hash))


@pytest.fixture
def heard() -> Iterator[Heard]:
    yield Heard()
    tracing.turn_off()


def test_off_is_off(heard: Heard) -> None:
    assert not tracing.is_on()
    tracing.record("seal", HASHES, start_ns=1, end_ns=2)
    tracing.turn_on(heard, rate=0)
    assert not tracing.is_on()
    tracing.record("seal", HASHES, start_ns=1, end_ns=2)
    assert heard.spans == []


def test_every_process_follows_the_same_share(heard: Heard) -> None:
    tracing.turn_on(heard, rate=0.1)
    for step in ("receive", "seal", "anchor"):
        tracing.record(step, HASHES, start_ns=1, end_ns=2)
    followed = {step: {it for of, it in heard.spans if of == step} for step in ("receive", "seal", "anchor")}
    assert followed["receive"] == followed["seal"] == followed["anchor"]
    assert 0.08 < len(followed["seal"]) / len(HASHES) < 0.12
    assert followed["seal"] == {it for it in HASHES if tracing.drawn(it) < tracing.below()}


def test_a_rate_of_one_follows_all(heard: Heard) -> None:
    tracing.turn_on(heard, rate=1)
    tracing.record("seal", [*HASHES, bytes(32), b"\xff" * 32], start_ns=1, end_ns=2)
    assert len(heard.spans) == len(HASHES) + 2


def test_spans_of_different_processes_meet_in_the_message() -> None:
    pytest.importorskip("opentelemetry.sdk", reason="left out: wayproof[otel] is not installed")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415 - the extra may be absent
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415

    from wayproof.observability.tracing_export import OpenTelemetryRecorder  # noqa: PLC0415

    memory = InMemorySpanExporter()
    message_hash = HASHES[0]
    for process, step in (("anchor", "seal"), ("ingest", tracing.FIRST)):
        recorder = OpenTelemetryRecorder(SimpleSpanProcessor(memory), process=process, organisation="ShipperMSP")
        recorder.record(step, message_hash, start_ns=10, end_ns=20, facts={"epoch": 1})
    sealed, received = memory.get_finished_spans()
    assert received.context is not None
    assert sealed.context is not None
    assert received.context.trace_id == sealed.context.trace_id == int.from_bytes(message_hash[:16])
    assert received.context.span_id == int.from_bytes(message_hash[16:24])
    assert received.parent is None
    assert sealed.parent is not None
    assert sealed.parent.span_id == received.context.span_id
    assert sealed.context.span_id != received.context.span_id
    assert (sealed.start_time, sealed.end_time) == (10, 20)
    assert sealed.attributes == {"wayproof.message_hash": message_hash.hex(), "wayproof.epoch": 1}
    assert sealed.resource.attributes["service.name"] == "wayproof-anchor"


def test_spans_reach_a_collector_as_otlp_over_http() -> None:
    pytest.importorskip("opentelemetry.sdk", reason="left out: wayproof[otel] is not installed")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415 - the extra may be absent
        ExportTraceServiceRequest,
    )

    from wayproof.observability.tracing_export import to_collector  # noqa: PLC0415

    posted: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    port = free_port()
    with HTTPServer(("127.0.0.1", port), Collector) as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        try:
            recorder = to_collector(f"http://127.0.0.1:{port}/v1/traces", process="ingest", organisation="ShipperMSP")
            recorder.record(tracing.FIRST, HASHES[0], start_ns=10, end_ns=20, facts={})
            recorder.close()
        finally:
            collector.shutdown()
            thread.join()
    ((path, body),) = posted
    assert path == "/v1/traces"
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    (span,) = resource.scope_spans[0].spans
    assert (span.trace_id, span.span_id, span.parent_span_id) == (HASHES[0][:16], HASHES[0][16:24], b"")
    assert "wayproof-ingest" in str(resource.resource)
