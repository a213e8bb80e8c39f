"""What a process counts, and how it is shown to Prometheus: names, labels and numbers."""

import threading
from collections.abc import Iterator

import httpx
import pytest

from support.embedded_network import free_port
from wayproof.observability import metrics
from wayproof.observability.health import Health
from wayproof.observability.metrics import Counter, Gauge, Histogram

client = pytest.importorskip("prometheus_client", reason="left out: wayproof[metrics] is not installed")
parser = pytest.importorskip("prometheus_client.parser")


def shown(*defined: metrics.Metric) -> dict[str, float]:
    """Return what Prometheus' own parser reads: value by name and labels."""
    from wayproof.observability.exposition import Exposition  # noqa: PLC0415 - the extra may be absent

    page, content_type = Exposition({it.name: it for it in defined}).render("text/plain")
    assert content_type.startswith("text/plain")
    return {
        sample.name + "".join(f"|{name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in parser.text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def test_counters_add_up_under_each_label() -> None:
    refused = Counter("refused_total", "Refused.", ["code"])
    refused.add(2, "bad_signature")
    refused.add(1, "bad_signature")
    refused.add(1, 'odd "code"\n')
    kept = Counter("kept_total", "Kept.", [])
    page = shown(refused, kept)
    assert page["refused_total|code=bad_signature"] == 3
    assert page['refused_total|code=odd "code"\n'] == 1
    assert page["kept_total"] == 0


def test_a_gauge_says_what_is_so_now() -> None:
    waiting = [1, 2, 3]
    queue, size = Gauge("queue", "Waiting.", []), Gauge("size", "Size.", [])
    queue.follow(lambda: len(waiting))
    size.put(7)
    size.put(5)
    assert (shown(queue, size)["queue"], shown(queue, size)["size"]) == (3, 5)
    waiting.pop()
    assert shown(queue)["queue"] == 2


def test_a_histogram_counts_up_to_each_bound() -> None:
    took = Histogram("took_seconds", "Took.", ["route"], bounds=(0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 3.0):
        took.observe(seconds, "/a")
    page = shown(took)
    assert [page[f"took_seconds_bucket|le={bound}|route=/a"] for bound in ("0.1", "1.0", "+Inf")] == [2, 3, 4]
    assert page["took_seconds_count|route=/a"] == 4
    assert page["took_seconds_sum|route=/a"] == pytest.approx(3.65)


def test_many_threads_count_every_one() -> None:
    counted = Counter("counted_total", "Counted.", [])

    def count() -> None:
        for _ in range(2_000):
            counted.add()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted.values() == {(): 16_000}


def test_a_name_is_defined_once_and_its_labels_are_all_given() -> None:
    name = "wayproof_test_total"
    try:
        defined = metrics.counter(name, "Defined.", labels=("code",))
        with pytest.raises(ValueError, match="twice"):
            metrics.gauge(name, "Defined again.")
        with pytest.raises(ValueError, match="labels"):
            defined.add(1)
    finally:
        del metrics._defined[name]


@pytest.fixture
def looked_at() -> Iterator[tuple[Health, httpx.Client]]:
    from wayproof.observability import endpoint  # noqa: PLC0415 - the extra may be absent

    port, health = free_port(), Health()
    with (
        endpoint.serving("127.0.0.1", port, health=health),
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as asking,
    ):
        yield health, asking


def test_a_process_is_ready_when_all_its_parts_work(looked_at: tuple[Health, httpx.Client]) -> None:
    health, asking = looked_at
    assert asking.get("/health/ready").status_code == 503
    health.expect("sealing")
    health.works("anchoring")
    answer = asking.get("/health/ready")
    assert (answer.status_code, answer.json()) == (
        503,
        {"status": "not_ready", "missing": ["sealing: it has not begun"]},
    )
    health.works("sealing")
    assert (asking.get("/health/ready").status_code, asking.get("/health/ready").json()) == (200, {"status": "ready"})
    health.fails("anchoring", "the ledger is away")
    assert asking.get("/health/ready").json()["missing"] == ["anchoring: the ledger is away"]
    assert asking.get("/health/live").status_code == 200


def test_metrics_are_served_with_the_process_itself(looked_at: tuple[Health, httpx.Client]) -> None:
    health, asking = looked_at
    health.fails("database", "away")
    answer = asking.get("/metrics")
    families = {it.name: it for it in parser.text_string_to_metric_families(answer.text)}
    assert "process_resident_memory_bytes" in families
    assert {tuple(it.labels.values()): it.value for it in families["wayproof_part_works"].samples}["database",] == 0
    assert asking.get("/other").status_code == 404
    assert asking.post("/metrics").status_code == 501


def test_a_part_that_is_asked_answers_for_a_while() -> None:
    now_s, answers = [0.0], ["away"]
    health = Health(clock=lambda: now_s[0])
    health.ask("database", lambda: answers[0])
    assert health.missing() == ["database: away"]
    answers[0] = ""
    assert health.missing() == ["database: away"]
    now_s[0] += 10
    assert health.missing() == []


def test_a_main_loop_that_does_not_turn_is_stuck() -> None:
    now_s = [0.0]
    health = Health(clock=lambda: now_s[0])
    seen = [health.is_live]  # nobody expects it before it has begun
    for passes_s in (0, 59, 2):
        if passes_s == 0:
            health.beat()
        now_s[0] += passes_s
        seen.append(health.is_live)
    health.beat()
    assert [*seen, health.is_live] == [True, True, True, False, True]
