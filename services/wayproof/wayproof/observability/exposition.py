"""Metrics in the formats that Prometheus reads, by its own library (the extra `metrics`)."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from wayproof.observability import metrics
from wayproof.observability.metrics import Histogram, Metric, Numbers


class Ours(Collector):
    """Shows what this process counts; asked anew each time."""

    def __init__(self, defined: Mapping[str, Metric]) -> None:
        self._defined = defined

    def collect(self) -> Iterator[Family]:
        """Yield every metric with its numbers."""
        for metric in list(self._defined.values()):
            yield _family(metric)


class Exposition:
    """What is shown: our metrics, and memory, processor time, open files and garbage collection of the process."""

    def __init__(self, defined: Mapping[str, Metric] | None = None) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(Ours(metrics.defined() if defined is None else defined))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the page and its content type, in the format that `accept` (the HTTP header) asks for."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self._registry), content_type


def _family(metric: Metric) -> Family:
    if isinstance(metric, Histogram):
        histogram = HistogramMetricFamily(metric.name, metric.text, labels=metric.labels)
        for labels, seen in metric.spreads().items():
            below, buckets = 0, []
            for bound, count in zip([*map(floatToGoString, metric.bounds), "+Inf"], seen.counts, strict=True):
                below += count
                buckets.append((bound, below))
            histogram.add_metric(labels, buckets, seen.total)
        return histogram
    if not isinstance(metric, Numbers):
        raise TypeError(f"{metric.name} is of no kind that can be shown")
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.text, labels=metric.labels)
    for labels, value in metric.values().items():
        family.add_metric(labels, value)
    return family
