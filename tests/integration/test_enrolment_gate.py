"""The gate as it is looked at: what Mosquitto drops is counted, whom it could not close is said, and its health."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.mosquitto import ORGANISATION, RunningMosquitto, needs_mosquitto, running_mosquitto, until
from wayproof.enrolment import gate
from wayproof.enrolment.certificate import now_utc
from wayproof.enrolment.dropped import MESSAGES_DROPPED, DroppedMessages
from wayproof.observability.health import HEALTH
from wayproof_verifier.telemetry import messages_topic

pytestmark = needs_mosquitto

TOPIC = messages_topic(ORGANISATION, device_id="reefer-1")
SAYS_AFTER_S = 40.0
"""Mosquitto says every ten seconds what it dropped."""


@pytest.fixture(autouse=True)
def health() -> Iterator[None]:
    HEALTH.forget()
    yield
    HEALTH.forget()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningMosquitto]:
    with running_mosquitto(tmp_path) as running:
        yield running


def watching(broker: RunningMosquitto) -> DroppedMessages:
    return DroppedMessages(broker.settings("gate"), files=broker.folder.service("gate"))


def test_what_a_full_queue_drops_is_counted(broker: RunningMosquitto) -> None:
    broker.stop()
    told = broker.directory / "mosquitto.conf"
    told.write_text(re.sub(r"max_queued_messages \d+", "max_queued_messages 5", told.read_text("utf-8")), "utf-8")
    broker.start()
    before = sum(MESSAGES_DROPPED.values().values())
    dropped = watching(broker)
    try:
        with broker.client(broker.folder.service("ingest"), client_id="ingest", services=True, clean=False) as ingest:
            until(lambda: ingest.is_connected)
            ingest.subscribe(TOPIC)
        with broker.client(broker.device("reefer-1")) as device:
            until(lambda: device.is_connected)
            for number in range(12):
                device.publish(TOPIC, str(number).encode())
            until(lambda: device.acknowledged == 12)  # every one of them, the seven that are gone too
        until(lambda: sum(MESSAGES_DROPPED.values().values()) == before + 7, within_s=SAYS_AFTER_S)
    finally:
        dropped.close()


def test_health_sees_a_broker_that_is_lost_and_back(broker: RunningMosquitto) -> None:
    dropped = watching(broker)
    try:
        assert HEALTH.missing() == ["broker: it has not begun"]
        until(lambda: HEALTH.missing() == [])
        broker.kill()
        until(lambda: HEALTH.missing() == ["broker: the broker is away"])
        broker.start()
        until(lambda: HEALTH.missing() == [])
    finally:
        dropped.close()


def test_a_revoked_device_waits_until_its_connection_could_be_closed(broker: RunningMosquitto) -> None:
    broker.device("reefer-1")
    kept = gate.Gate(broker.folder, organisation=ORGANISATION, broker=broker.settings(), pid=broker.pid_file)
    broker.kill()
    kept.follow([broker.issued["reefer-1"]], now=now_utc())
    assert gate.STILL_CONNECTED.values() == {(): 1.0}
    assert [it.partition(":")[0] for it in HEALTH.missing()] == ["lists"]
    broker.start()

    def is_closed() -> bool:
        kept.follow([broker.issued["reefer-1"]], now=now_utc())
        return not HEALTH.missing() and gate.STILL_CONNECTED.values() == {(): 0.0}

    until(is_closed)
    assert gate.STILL_CONNECTED.values() == {(): 0.0}
    assert gate.DENIED.values() == {(): 1.0}
    assert HEALTH.missing() == []
    assert broker.process is not None
    assert broker.process.poll() is None


def test_a_broker_that_does_not_catch_sighup_yet_is_not_ended_by_it(broker: RunningMosquitto, tmp_path: Path) -> None:
    program = shutil.which("sleep")
    assert program is not None
    broker.device("reefer-1")
    pid_file = tmp_path / "starting.pid"
    kept = gate.Gate(broker.folder, organisation=ORGANISATION, broker=broker.settings(), pid=pid_file)
    named_like_it = shutil.copy(program, tmp_path / gate.PROGRAM)
    with subprocess.Popen([named_like_it, "60"]) as starting:
        try:
            until(lambda: Path(f"/proc/{starting.pid}/comm").read_text("ascii").strip() == gate.PROGRAM)
            pid_file.write_text(str(starting.pid), "ascii")
            kept.follow([broker.issued["reefer-1"]], now=now_utc())
            assert not kept.is_heeded
            assert "still starting" in HEALTH.missing()[0]
            with pytest.raises(subprocess.TimeoutExpired):
                starting.wait(0.5)
        finally:
            starting.kill()
