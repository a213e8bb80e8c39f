"""Traces to a collector: OpenTelemetry's SDK and its OTLP exporter over HTTP (the extra `otel`).

Spans wait in a bounded queue and are sent from a thread; while the collector is away they are dropped, and nothing
else is slower for it.
"""

from collections.abc import Mapping
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context

from wayproof.observability.tracing import FIRST, SPAN_ID_BYTES, TRACE_ID_BYTES


class OpenTelemetryRecorder:
    """Makes spans with ids that follow from the message, for one process of one organisation."""

    def __init__(self, processor: SpanProcessor, *, process: str, organisation: str) -> None:
        resource = Resource.create(
            {
                "service.name": f"wayproof-{process}",
                "service.namespace": "wayproof",
                "wayproof.organisation": organisation,
            }
        )
        self._ids = _GivenIds()
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, id_generator=self._ids)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("wayproof")

    def record(
        self, step: str, message_hash: bytes, *, start_ns: int, end_ns: int, facts: Mapping[str, int | str]
    ) -> None:
        """Take one span of one message."""
        trace_id, span_id = ids(message_hash)
        attributes = {"wayproof.message_hash": message_hash.hex()} | {f"wayproof.{it}": facts[it] for it in facts}
        if step == FIRST:
            with self._ids.giving(trace_id, span_id):
                span = self._tracer.start_span(
                    step, context=Context(), kind=SpanKind.CONSUMER, attributes=attributes, start_time=start_ns
                )
        else:
            root = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
            context = set_span_in_context(NonRecordingSpan(root), Context())
            span = self._tracer.start_span(step, context=context, attributes=attributes, start_time=start_ns)
        span.end(end_ns)

    def close(self) -> None:
        """Send what waits, and end the thread."""
        self._provider.shutdown()


def to_collector(endpoint: str, *, process: str, organisation: str) -> OpenTelemetryRecorder:
    """Return a recorder that sends to a collector: the whole URL, which ends in /v1/traces as a rule."""
    processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint))
    return OpenTelemetryRecorder(processor, process=process, organisation=organisation)


def ids(message_hash: bytes) -> tuple[int, int]:
    """Return a message's trace id and the id of its first span."""
    trace_id = message_hash[:TRACE_ID_BYTES]
    span_id = message_hash[TRACE_ID_BYTES : TRACE_ID_BYTES + SPAN_ID_BYTES]
    return int.from_bytes(trace_id), int.from_bytes(span_id)


class _GivenIds(RandomIdGenerator):
    """Gives the ids that are asked for, else random ones."""

    def __init__(self) -> None:
        self._given: ContextVar[tuple[int, int] | None] = ContextVar("given", default=None)

    def giving(self, trace_id: int, span_id: int) -> "_Giving":
        """Give these within a block."""
        return _Giving(self._given, (trace_id, span_id))

    def generate_trace_id(self) -> int:
        given = self._given.get()
        return given[0] if given else super().generate_trace_id()

    def generate_span_id(self) -> int:
        given = self._given.get()
        return given[1] if given else super().generate_span_id()


class _Giving:
    def __init__(self, variable: ContextVar[tuple[int, int] | None], ids: tuple[int, int]) -> None:
        self._variable, self._ids = variable, ids

    def __enter__(self) -> None:
        self._token = self._variable.set(self._ids)

    def __exit__(self, *_: object) -> None:
        self._variable.reset(self._token)
