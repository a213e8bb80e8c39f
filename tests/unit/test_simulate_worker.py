"""`wayproof simulate`: a walk from a seed, a replay of a file, delivery of what is left, and an end by signal."""

import argparse
import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.broker import RunningBroker, running_broker
from support.device_platform import Platform, provisioned, serving
from wayproof.enrolment.errors import EnrolmentError
from wayproof.simulate import worker
from wayproof.simulate.device import Device
from wayproof.simulate.errors import DeviceError
from wayproof.simulate.pack import by_stream
from wayproof.simulate.replay import read_file, rows
from wayproof.simulate.walk import walk
from wayproof_verifier.telemetry import Reading

NAMES = itertools.count(1)


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    with running_broker() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, broker: RunningBroker) -> Path:
    with provisioned(tmp_path / "device", port=broker.port, device_id=f"walker-{next(NAMES)}"):
        return tmp_path / "device"


def platform_of(folder: Path) -> Platform:
    with Device.open(folder) as device:
        return Platform.of(device)


def run(*arguments: object, stop: threading.Event | None = None) -> tuple[int, list[str]]:
    parser = argparse.ArgumentParser()
    worker.add_arguments(parser)
    said: list[str] = []
    options = parser.parse_args([str(argument) for argument in arguments])
    return worker.run(options, stop=stop or threading.Event(), say=said.append), said


def test_devices_measure_deliver_and_end(tmp_path: Path, folder: Path, broker: RunningBroker) -> None:
    other = tmp_path / "other"
    provisioned(other, port=broker.port, device_id="walker-0").close()
    one, two = platform_of(folder), platform_of(other)
    with serving(one, port=broker.port), serving(two, port=broker.port):
        status, said = run(folder, other, "--count", 20, "--interval-s", 0)
    assert status == 0
    assert said[-1] == "80 messages: 80 receipted, 0 waiting"
    assert len(one.held) == len(two.held) == 40


def test_a_file_is_replayed_with_its_own_times(tmp_path: Path, folder: Path, broker: RunningBroker) -> None:
    csv = tmp_path / "trace.csv"
    csv.write_text("time,temperature,door\n2026-01-05T10:00:00Z,4.50,false\n1767607260.5,-18.25,\n", "utf-8")
    platform = platform_of(folder)
    with serving(platform, port=broker.port):
        status, _ = run(folder, "--csv", csv, "--interval-s", 0)
    assert status == 0
    messages = [next(iter(messages.values())) for _, messages in sorted(platform.held.items())]
    found = [[(it.name, it.observed_at_ms) for it in message.readings] for message in messages]
    assert found == [
        [("temperature", 1_767_607_200_000), ("door", 1_767_607_200_000)],
        [("temperature", 1_767_607_260_500)],
    ]
    first, last = messages[0].readings[0], messages[1].readings[0]
    assert isinstance(first, Reading)
    assert isinstance(last, Reading)
    assert [(it.value, it.scale) for it in (first, last)] == [(45, 1), (-1825, 2)]


def test_a_stopped_simulation_says_what_waits_and_count_0_delivers_it(folder: Path, broker: RunningBroker) -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    status, said = run(folder, "--interval-s", 0.01, stop=stop)
    assert status == 1
    assert "deliver it with --count 0" in said[-1]
    platform = platform_of(folder)
    with serving(platform, port=broker.port):
        status, said = run(folder, "--count", 0)
    assert status == 0
    with Device.open(folder) as device:
        assert device.spool.tally().receipted == device.spool.tally().recorded == len(platform.held)


def test_the_same_seed_walks_the_same_way() -> None:
    one, again, other = (list(itertools.islice(walk(seed), 500)) for seed in ("1/a", "1/a", "2/a"))
    assert one == again
    assert one != other


def test_a_walk_is_plausible_and_measures_everything() -> None:
    for values in itertools.islice(walk("1/a"), 20_000):
        assert set(by_stream(values)) == {"conditions", "position"}
        assert set(values) >= {"temperature", "humidity", "battery", "shock", "light", "door", "latitude", "longitude"}
        assert -5 < values["temperature"] < 25
        assert 0 <= values["humidity"] <= 100
        assert 0 < values["battery"] <= 100
        assert -90 <= values["latitude"] <= 90


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("when,temperature\n", 1),
        ("time,temperature\nyesterday,4.5\n", 2),
        ("time,temperature\n2026-01-05,4.5\nnan,4.5\n", 3),
        ("time,temperature\n2026-01-05,4.5\n1e999999999,4.5\n", 3),
        ("time,temperature\n2026-01-05,warm\n", 2),
        ("time,temperature\n2026-01-05,inf\n", 2),
        ("time,temperature\n2026-01-05,4.5,6\n", 2),
        ("time,temperature,humidity\n2026-01-05,4.5\n", 2),
    ],
)
def test_an_unreadable_line_is_named(tmp_path: Path, text: str, line: int) -> None:
    csv = tmp_path / "trace.csv"
    csv.write_text(text, "utf-8")
    with pytest.raises(DeviceError, match=rf"line {line}: ") as refusal:
        read_file(csv)
    assert refusal.value.code == "device_replay"


@pytest.mark.parametrize("content", [None, b"time,temperature\n\xff,1\n"])
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    csv = tmp_path / "trace.csv"
    if content is not None:
        csv.write_bytes(content)
    with pytest.raises(DeviceError, match=r"trace\.csv") as refusal:
        read_file(csv)
    assert refusal.value.code == "device_replay"


def test_times_without_an_offset_are_utc_and_others_are_brought_there() -> None:
    lines = ["time,temperature", "2026-01-05T10:00:00,1", "2026-01-05T11:00:00.001+01:00,2", "1767607200.0009,3"]
    assert [at_ms for at_ms, _ in rows(lines)] == [1_767_607_200_000, 1_767_607_200_001, 1_767_607_200_000]


def test_a_row_without_a_value_is_left_out() -> None:
    assert list(rows(["time,temperature,door", "1767607200,,", "1767607201, ,true"])) == [
        (1_767_607_201_000, {"door": True})
    ]


def test_certificates_are_looked_at_once_an_hour_and_a_failure_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    looked: list[Path] = []

    def fail(directory: Path, *, api: str, now: datetime) -> bool:
        assert (api, now.tzinfo) == ("http://127.0.0.1:1", UTC)
        looked.append(directory)
        raise EnrolmentError("nobody answers", code="api_unreachable")

    monkeypatch.setattr(worker, "renew_if_due", fail)
    with provisioned(tmp_path / "logger") as device:
        silent = worker.Renewal([device], None)
        silent.look(now_s=0.0)
        assert looked == []
        renewal = worker.Renewal([device], "http://127.0.0.1:1")
        for now_s in (0.0, 1.0, worker.RENEW_EVERY_S, worker.RENEW_EVERY_S + 1):
            renewal.look(now_s=now_s)
    assert looked == [tmp_path / "logger"] * 2
