"""The page about metrics, the alerts and the places to look at speak of metrics and processes that there are."""

import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from wayproof.observability import metrics

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "services/wayproof/wayproof"
PAGE = (ROOT / "docs/reference/metrics.md").read_text("utf-8")
PROMETHEUS = ROOT / "infra/prometheus"
ROW = re.compile(r"^\| `(wayproof_\w+)` \| (counter|gauge|histogram) \| (.*?) \| (.+) \|$", re.MULTILINE)
OTHERS = {"up", "process_start_time_seconds"}
ADDED = {"instance", "job", "organisation", "process", "le"}
"""Labels that Prometheus adds."""


@pytest.fixture(scope="module")
def defined() -> Mapping[str, metrics.Metric]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if re.search(r"\bmetrics\.(counter|gauge|histogram)\(", path.read_text("utf-8")):
            importlib.import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    return {name: it for name, it in metrics.defined().items() if it.__class__.__module__ == metrics.__name__}


def alerts() -> Iterator[dict[str, Any]]:
    for path in sorted((PROMETHEUS / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            yield from group["rules"]


def test_the_page_has_every_metric_as_it_is(defined: Mapping[str, metrics.Metric]) -> None:
    listed = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)), text) for name, kind, labels, text in ROW.findall(PAGE)
    }
    assert listed == {name: (it.kind, it.labels, it.text) for name, it in defined.items()}


def test_every_metric_is_named_as_prometheus_asks(defined: Mapping[str, metrics.Metric]) -> None:
    for name, metric in defined.items():
        assert re.fullmatch(r"wayproof_[a-z][a-z_]*", name)
        assert name.endswith("_total") == (metric.kind == "counter"), name
        assert name.endswith("_seconds") or metric.kind != "histogram", name


def test_alerts_ask_for_metrics_and_labels_that_there_are(defined: Mapping[str, metrics.Metric]) -> None:
    labels = ADDED | {label for metric in defined.values() for label in metric.labels}
    found = list(alerts())
    assert len(found) >= 10
    for alert in found:
        expression = str(alert["expr"])
        asked = set(re.findall(r"\b(wayproof_\w+|process_\w+|up)\b", expression))
        names = {re.sub(r"_(bucket|sum|count)$", "", it) for it in asked}
        assert names, alert["alert"]
        assert names <= defined.keys() | OTHERS, alert["alert"]
        by = {
            label.strip() for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression) for label in group.split(",")
        }
        said = set(re.findall(r"\$labels\.(\w+)", str(alert["annotations"])))
        assert by | said <= labels, alert["alert"]
        assert {"summary", "action"} == alert["annotations"].keys(), alert["alert"]
        assert alert["labels"]["severity"] in {"critical", "warning"}


def test_what_is_looked_at_is_a_service_of_ours() -> None:
    services: set[str] = set()
    for organisation in ("shipper", "carrier", "consignee"):
        services |= yaml.safe_load((ROOT / f"infra/compose/{organisation}.yml").read_text("utf-8"))["services"].keys()
    (job,) = yaml.safe_load((PROMETHEUS / "scrape/wayproof.yml").read_text("utf-8"))["scrape_configs"]
    targets = [target for group in job["static_configs"] for target in group["targets"]]
    assert {target.partition(":")[0] for target in targets} <= services
    assert len(set(targets)) == len(targets)
    workers = {it for it in services if it.partition("-")[0] in {"ingest", "anchor", "projection", "monitor", "api"}}
    assert {target.partition(":")[0] for target in targets} >= workers
    read = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))
    for key, folder in (("rule_files", "rules"), ("scrape_config_files", "scrape")):
        assert [path.partition("/")[0] for path in read[key]] == [folder]
