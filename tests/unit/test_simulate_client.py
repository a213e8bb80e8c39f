"""A device's client against a broker: brokers that die and forget, receipts that do not come, weeks offline."""

import itertools
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.broker import RunningBroker, running_broker
from support.device_platform import OBSERVED_AT_MS, Platform, assert_unbroken, by_place, provisioned, serving
from support.embedded_network import free_port
from wayproof.simulate import misbehaviour
from wayproof.simulate.client import DeviceClient
from wayproof.simulate.device import Device
from wayproof.simulate.errors import DeviceError
from wayproof.simulate.pack import Measured, records
from wayproof_verifier.telemetry import Message, decode, messages_topic

WITHIN_S = 60.0
NUMBERS = itertools.count(1)
WARM: Sequence[Measured] = records({"temperature": 21.0})


@dataclass(frozen=True, slots=True)
class Route:
    """A device, a broker, and the platform behind it."""

    device: Device
    broker: RunningBroker
    platform: Platform

    def record(self, count: int, *, stream: str = "conditions") -> None:
        for number in range(count):
            measured = records({"temperature": 4.5 + number % 10})
            self.device.record(stream, measured=measured, observed_at_ms=OBSERVED_AT_MS + number)

    def assert_all_there(self) -> None:
        assert self.device.spool.tally().waiting == 0
        assert self.platform.hashes() == by_place(self.device.spool.send_log())
        for stream in {sent.stream for sent in self.device.spool.send_log()}:
            assert_unbroken(self.platform.walk(stream))


def client(device: Device, *, window: int = 100, resend_after_s: float = 10.0) -> DeviceClient:
    return DeviceClient(
        device, window=window, resend_after_s=resend_after_s, reconnect_after_s=0.1, reconnect_at_most_s=0.5
    )


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    with running_broker() as running:
        yield running


@pytest.fixture
def route(tmp_path: Path, broker: RunningBroker) -> Iterator[Route]:
    """A device of its own for each test, behind one broker that nobody kills."""
    name = f"reefer-{next(NUMBERS)}"
    with provisioned(tmp_path / "device", port=broker.port, device_id=name) as device:
        yield Route(device, broker, Platform.of(device))


def test_everything_recorded_is_receipted(route: Route) -> None:
    with serving(route.platform, port=route.broker.port), client(route.device) as sender:
        route.record(300)
        route.record(100, stream="position")
        assert sender.wait_until_receipted(WITHIN_S)
        assert sender.pending() == 0
    route.assert_all_there()


def test_messages_arrive_in_the_order_of_recording(route: Route) -> None:
    route.record(300)
    with serving(route.platform, port=route.broker.port), client(route.device, window=20, resend_after_s=60) as sender:
        assert sender.wait_until_receipted(WITHIN_S)
    decoded = [decode(payload, topic=route.platform.topic) for payload in route.platform.arrivals]
    assert [it.sequence for it in decoded if isinstance(it, Message)] == list(range(1, 301))


def test_no_more_than_the_window_is_sent_ahead_of_receipts(route: Route) -> None:
    route.record(50)
    with serving(route.platform, port=route.broker.port, receipt_every=10**9, receipt_soon=False):
        with client(route.device, window=20, resend_after_s=0.5) as sender:
            assert not sender.wait_until_receipted(2.0)
        assert len(set(route.platform.arrivals)) == 20
        assert len(route.platform.arrivals) > 20  # and sent again while no receipt comes
        assert sender.pending() == 50


def test_a_broker_killed_and_restarted_empty_loses_nothing(tmp_path: Path) -> None:
    with running_broker() as mortal, provisioned(tmp_path / "device", port=mortal.port) as device:
        route = Route(device, mortal, Platform.of(device))
        with serving(route.platform, port=mortal.port), client(device, resend_after_s=1.0) as sender:
            for _ in range(2):
                route.record(200)
                mortal.kill()
                route.record(50)
                mortal.start()
            assert sender.wait_until_receipted(WITHIN_S)
        route.assert_all_there()


def test_what_a_forgetful_broker_acknowledged_is_sent_again(route: Route) -> None:
    route.platform.deaf = True
    with serving(route.platform, port=route.broker.port), client(route.device, resend_after_s=0.5) as sender:
        route.record(20)
        assert not sender.wait_until_receipted(1.0)
        route.platform.deaf = False
        assert sender.wait_until_receipted(WITHIN_S)
    route.assert_all_there()


def test_a_device_that_was_offline_for_long_delivers_late(tmp_path: Path, broker: RunningBroker) -> None:
    directory, port = tmp_path / "device", broker.port
    with provisioned(directory, port=port) as device:
        platform = Platform.of(device)
    for _ in range(4):  # boots without a connection
        with Device.open(directory) as device:
            Route(device, broker, platform).record(150)
    with serving(platform, port=port), Device.open(directory) as device:
        assert device.spool.tally().waiting == 600
        with client(device) as sender:
            assert sender.wait_until_receipted(WITHIN_S)
        Route(device, broker, platform).assert_all_there()


def test_a_closed_client_leaves_the_rest_in_the_spool(route: Route) -> None:
    with serving(route.platform, port=route.broker.port):
        with client(route.device):
            route.record(200)
        with client(route.device) as again:
            assert again.wait_until_receipted(WITHIN_S)
    route.assert_all_there()


def test_a_port_that_never_answers_is_waited_for_and_left(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", free_port())) as silent,
        provisioned(tmp_path / "device", port=silent.getsockname()[1]) as device,
    ):
        device.record("conditions", measured=WARM, observed_at_ms=OBSERVED_AT_MS)
        threads = set(threading.enumerate())
        with client(device) as sender:
            assert not sender.wait_until_receipted(0.5)
        assert set(threading.enumerate()) <= threads
        assert sender.pending() == 1


def test_a_receipt_from_somebody_else_does_not_stop_the_client(route: Route) -> None:
    with serving(route.platform, port=route.broker.port), client(route.device) as sender:
        for rubbish in (b"", b"{}", b"\xd2\x84\xff"):
            misbehaviour.publish(
                rubbish, topic=route.platform.receipts_topic, broker_host="127.0.0.1", broker_port=route.broker.port
            )
        route.record(10)
        assert sender.wait_until_receipted(WITHIN_S)
    route.assert_all_there()


def test_a_platform_sees_misbehaviour_for_what_it_is(route: Route) -> None:
    device, platform = route.device, route.platform
    message = device.record("conditions", measured=WARM, observed_at_ms=OBSERVED_AT_MS)
    second = misbehaviour.equivocation(device, message, measured=WARM, observed_at_ms=OBSERVED_AT_MS + 1)
    forged = misbehaviour.forgery(device, message, measured=WARM, observed_at_ms=OBSERVED_AT_MS + 2)
    for payload in (message.payload, message.payload, second, forged):
        platform.receive(payload)
    assert {place: len(hashes) for place, hashes in platform.hashes().items()} == {("conditions", 1, 1): 2}
    assert [refused.reason for refused in platform.refused] == ["bad_signature"]


def test_misbehaviour_reaches_any_topic(route: Route) -> None:
    message = route.device.record("conditions", measured=WARM, observed_at_ms=OBSERVED_AT_MS)
    other = messages_topic("ShipperMSP", device_id="reefer-8")
    somebody = Platform("ShipperMSP", "reefer-8", route.platform.key, other, other.replace("/messages", "/receipts"))
    arrived = threading.Event()
    with serving(somebody, port=route.broker.port, on_arrival=arrived.set):
        misbehaviour.publish(message.payload, topic=other, broker_host="127.0.0.1", broker_port=route.broker.port)
        assert arrived.wait(WITHIN_S)
    assert somebody.arrivals == [message.payload]


def test_misbehaviour_without_a_broker_is_an_error() -> None:
    with pytest.raises(DeviceError) as refusal:
        misbehaviour.publish(b"", topic="wayproof/v1/a/b/messages", broker_host="127.0.0.1", broker_port=free_port())
    assert refusal.value.code == "device_broker"
