"""The monitor on a real ledger and a real database: what it records, once, and what people see."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from aiofabric.embedded import DevelopmentLedgerWarning
from support.database import RunningCluster
from support.embedded_network import free_port
from support.journey import CONSIGNEE, ORGANISATIONS, SHIPPER
from support.memory_story import GLNS
from support.world import World, projecting, world
from wayproof.monitor import worker
from wayproof.settings import MonitorSettings, Settings
from wayproof.store.measured import Measured
from wayproof.store.messages import NewMessage, Numbers, add_messages
from wayproof.store.watch import Gap, Interval, Watch, interval_state, watches
from wayproof_verifier.coldchain import standing
from wayproof_verifier.telemetry import Reading

pytestmark = pytest.mark.filterwarnings(f"ignore::{DevelopmentLedgerWarning.__module__}.DevelopmentLedgerWarning")

PATIENCE_S = 30.0
STEP_MS = 60_000
DEVICE, STREAM = "logger-7", "cargo"
ALL = Interval(DEVICE, STREAM, (0, 0), None)


@dataclass
class Trade:
    """A shipment under way, and what is held of its device's messages: one temperature each, in tenths of a degree."""

    world: World
    begin_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000 - 60 * STEP_MS)

    @property
    def gsin(self) -> str:
        return self.world.journey.gsin

    async def begin(self) -> None:
        """Create the shipment, between 2.0 and 8.0 °C, and attach one stream, of which nothing is held yet."""
        journey = self.world.journey
        roles = ("consignor", "carrier", "consignee")
        parties = zip(roles, ORGANISATIONS, strict=True)
        shipment = {
            "gsin": self.gsin,
            "parties": [{"role": role, "msp_id": msp_id, "party_gln": GLNS[msp_id]} for role, msp_id in parties],
            "lane": {"origin_gln": GLNS[SHIPPER], "destination_gln": GLNS[CONSIGNEE], "mode": "road"},
            "due_at_ms": self.at_ms(10_000),
            "limits": [{"name": "temperature", "unit": "CEL", "scale": 1, "low": 20, "high": 80}],
            "units": [{"sscc": "095060001111111119", "contents": [], "assets": []}],
        }
        ledger = journey.ledger(SHIPPER)
        await ledger.submit("create_shipment", shipment)
        start = {"gsin": self.gsin, "position": journey.device.position(STREAM), "anchor": journey.log.reference()}
        await ledger.submit("attach_device", start)

    async def close(self) -> None:
        """Hand the shipment over to the consignee, who closes it."""
        journey = self.world.journey
        condition = {
            "positions": [journey.device.position(STREAM)],
            "anchors": [journey.log.reference()],
            "latest": [],
            "remark": "",
        }
        offer = {"gsin": self.gsin, "to": CONSIGNEE, "condition": condition}
        offered = await journey.ledger(SHIPPER).submit("offer_custody", offer)
        version = offered["offer"]["version"]
        taker = journey.ledger(CONSIGNEE)
        await taker.submit("accept_custody", {"gsin": self.gsin, "offer": version, "condition": condition})
        await taker.submit("close_shipment", {"gsin": self.gsin, "condition": condition})

    @property
    def settings(self) -> Settings:
        settings = self.world.settings[SHIPPER]
        return settings.model_copy(update={"monitor": MonitorSettings(interval_s=0.05)})

    def at_ms(self, sequence: int) -> int:
        return self.begin_ms + sequence * STEP_MS

    def hold(self, *messages: NewMessage) -> None:
        numbers = Numbers()
        with self.world.connect(SHIPPER) as connection:
            numbers.learn(connection, messages)
            with connection.transaction():
                add_messages(connection, messages, numbers=numbers)

    def read(self, temperatures: dict[int, int]) -> None:
        """Hold the messages of these sequences, in this order of arrival."""
        self.hold(*[self.message(sequence, value) for sequence, value in temperatures.items()])

    def message(self, sequence: int, value: int, *, boot: int = 1, after: tuple[int, int] | None = None) -> NewMessage:
        name = f"{boot} {sequence} {value}".encode()
        return NewMessage(
            device_id=DEVICE,
            received_at_ms=time.time_ns() // 1_000_000,
            topic="topic",
            payload=name,
            salt=bytes(32),
            entry=bytes(32),
            message_hash=sha256(name).digest(),
            stream=STREAM,
            boot=boot,
            sequence=sequence,
            previous=bytes(32),
            after=after,
            measured=Measured.of([Reading("temperature", value, 1, "CEL", self.at_ms(sequence))]),
        )

    async def recorded(self) -> list[dict[str, Any]]:
        head = await self.world.journey.ledger(SHIPPER).query("get_shipment", {"gsin": self.gsin})
        excursions: list[dict[str, Any]] = head["excursions"]
        return excursions

    def watch(self) -> Watch | None:
        with self.world.connect(SHIPPER) as connection:
            return watches(connection, [self.gsin]).get(self.gsin)

    def codes(self) -> list[str]:
        watch = self.watch()
        return [it["code"] for it in watch.reasons] if watch else []

    async def until_recorded(self, count: int) -> list[dict[str, Any]]:
        """Wait until the ledger has so many verdicts; return them."""
        deadline = time.monotonic() + PATIENCE_S
        while len(recorded := await self.recorded()) < count:
            assert time.monotonic() < deadline, recorded
            await asyncio.sleep(0.05)
        return recorded

    async def judged_again(self) -> None:
        """Wait until the monitor has judged the shipment as it is held and projected now."""
        await self.world.projected(SHIPPER)
        now_ms = time.time_ns() // 1_000_000
        self.hold(self.message(10_000 + now_ms % 10**9, 45, boot=1))
        await until(lambda: (watch := self.watch()) is not None and watch.judged_at_ms > now_ms)


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.05)


@pytest.fixture
async def trade(tmp_path: Path, postgres: RunningCluster) -> AsyncIterator[Trade]:
    """Yield a shipment between 2.0 and 8.0 °C, created, its device attached, followed by the projection."""
    async with world(tmp_path, postgres=postgres) as made, projecting(made.settings[SHIPPER]):
        ledger = made.journey.ledger(SHIPPER)
        shipment = await ledger.submit("create_shipment", made.journey._shipment())
        position = {"device_id": DEVICE, "stream": STREAM, "boot": 0, "sequence": 0, "hash": "0" * 64}
        attached = {"gsin": shipment["gsin"], "position": position, "anchor": made.journey.log.reference()}
        await ledger.submit("attach_device", attached)
        await made.projected(SHIPPER)
        yield Trade(made)


@asynccontextmanager
async def monitoring(settings: Settings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(settings, stop=stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait([task])
    await task


def spans(trade: Trade, records: Sequence[dict[str, Any]]) -> list[tuple[str, int, int | None, int]]:
    """Return direction, first and last sequence and peak of verdicts, in tenths of a degree."""

    def tenths(peak: dict[str, int]) -> int:
        return int(peak["value"] * 10 ** (1 - peak["scale"]))

    def sequence(at_ms: int | None) -> int | None:
        return None if at_ms is None else (at_ms - trade.begin_ms) // STEP_MS

    return [
        (it["direction"], sequence(it["started_at_ms"]) or 0, sequence(it.get("ended_at_ms")), tenths(it["peak"]))
        for it in records
    ]


async def test_excursions_are_recorded_when_found_when_ended_and_when_late_data_move_them(trade: Trade) -> None:
    async with monitoring(trade.settings):
        trade.read({1: 45, 2: 90, 3: 94})
        (found,) = await trade.until_recorded(1)
        assert spans(trade, [found]) == [("high", 2, None, 94)]
        assert found["as_of_ms"] == trade.at_ms(3)
        await trade.world.projected(SHIPPER)
        await until(lambda: trade.codes() == ["outside_limits", "excursion_unresolved"])

        trade.read({5: 45})
        found, ended = await trade.until_recorded(2)
        assert spans(trade, [ended]) == [("high", 2, 5, 94)]
        await trade.world.projected(SHIPPER)
        await until(lambda: trade.codes() == ["excursion_unresolved", "gap"])

        trade.read({4: 101})
        *earlier, moved = await trade.until_recorded(3)
        assert earlier == [found, ended]
        assert spans(trade, [moved]) == [("high", 2, 5, 101)]
        assert standing(await trade.recorded()) == (moved,)

        trade.read({7: 15, 6: 19, 8: 45})
        cold = (await trade.until_recorded(4))[3]
        assert spans(trade, [cold]) == [("low", 6, 8, 15)]

        trade.read({3: 94, 5: 45, 4: 101})
        await trade.judged_again()
        assert len(await trade.recorded()) == 4


async def test_the_order_of_arrival_changes_no_verdict(trade: Trade) -> None:
    trade.read({5: 45, 3: 94, 1: 45, 4: 101, 2: 90})
    async with monitoring(trade.settings):
        (found,) = await trade.until_recorded(1)
        assert spans(trade, [found]) == [("high", 2, 5, 101)]
        await trade.judged_again()
    assert len(await trade.recorded()) == 1


async def test_gaps_and_equivocations_are_those_of_the_streams_rules(trade: Trade) -> None:
    trade.read({2: 45, 3: 46, 7: 45})
    trade.hold(trade.message(7, 44), trade.message(1, 45, boot=3, after=(1, 9)), trade.message(4, 45, boot=3))
    with trade.world.connect(SHIPPER) as connection:
        held = interval_state(connection, ALL)
        assert held.gaps == (Gap(1, 1, 1), Gap(1, 4, 6), Gap(1, 8, 9), Gap(3, 2, 3))
        assert (held.messages, held.equivocations) == (6, 1)
        within = interval_state(connection, Interval(DEVICE, STREAM, (1, 2), (1, 8)))
        assert within.gaps == (Gap(1, 4, 6), Gap(1, 8, 8))
        assert interval_state(connection, Interval(DEVICE, "unheard", (1, 2), (2, 4))).gaps == (Gap(2, 1, 4),)
        assert interval_state(connection, Interval(DEVICE, STREAM, (1, 7), (1, 7))).gaps == ()
    async with monitoring(trade.settings):
        await until(lambda: trade.codes() == ["equivocation", "gap"])
        await until(lambda: (worker.GAPS.values(), worker.MISSING.values()) == ({(): 4.0}, {(): 8.0}))
        watch = trade.watch()
    assert watch is not None
    assert (watch.missing, watch.urgency) == (8, 1)


@pytest.mark.parametrize("place", ["monitor.before_submit", "monitor.after_submit"])
async def test_a_monitor_killed_around_a_submission_records_each_verdict_once(
    trade: Trade, tmp_path: Path, place: str
) -> None:
    trade.read({1: 45, 2: 90, 3: 45, 4: 10, 5: 45})
    file = tmp_path / "settings.toml"
    file.write_text(toml(trade.settings), "utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wayproof", "monitor", "--settings", str(file),
        env={**os.environ, "WAYPROOF_FAILPOINT": place},
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == -signal.SIGKILL
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert len(await trade.recorded()) == (place == "monitor.after_submit")
    async with monitoring(trade.settings):
        await trade.until_recorded(2)
        await trade.judged_again()
    assert sorted(spans(trade, await trade.recorded())) == [("high", 2, 3, 90), ("low", 4, 5, 10)]


async def test_while_the_ledger_is_away_people_see_and_verdicts_wait(
    trade: Trade, caplog: pytest.LogCaptureFixture
) -> None:
    trade.read({1: 45, 2: 90})
    address, port = trade.settings.ledger.endpoint, free_port()
    away = trade.settings.ledger.model_copy(update={"endpoint": f"127.0.0.1:{port}"})
    with caplog.at_level("INFO", logger="wayproof.monitor.worker"):
        async with monitoring(trade.settings.model_copy(update={"ledger": away})):
            await until(lambda: trade.codes() == ["outside_limits"])
            await until(lambda: "waiting" in caplog.messages)
            trade.read({3: 91})
            await until(lambda: (watch := trade.watch()) and watch.latest["measurements"][0]["value"] == 91)
            assert await trade.recorded() == []
            async with forwarding(port, to=address):
                await trade.until_recorded(1)
                await until(lambda: "going on" in caplog.messages)
    said = [record.getMessage() for record in caplog.records if record.name == "wayproof.monitor.worker"]
    assert said == ["waiting", "going on", "stopped"]


async def test_what_is_found_after_a_shipment_was_closed_is_refused_and_the_others_go_on(
    tmp_path: Path, postgres: RunningCluster, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path, postgres=postgres) as made:
        trade = Trade(made)
        async with projecting(made.settings[SHIPPER]):
            await trade.begin()
            await made.projected(SHIPPER)
        await trade.close()
        trade.read({1: 90})
        with caplog.at_level("INFO", logger="wayproof.monitor"):
            async with monitoring(trade.settings):
                await until(lambda: "excursion refused" in caplog.messages)
                assert "outside_limits" in trade.codes()
                async with projecting(made.settings[SHIPPER]):
                    await until(lambda: trade.watch() is None)
        assert await trade.recorded() == []
        assert caplog.messages.count("excursion refused") == 1
        assert [it.__dict__["code"] for it in caplog.records if it.message == "excursion refused"] == [
            "shipment_closed"
        ]


def toml(settings: Settings) -> str:
    return f"""
organisation = "{settings.organisation}"
[database]
dsn = "{settings.database.dsn.get_secret_value()}"
[ledger]
kind = "embedded"
endpoint = "{settings.ledger.endpoint}"
tls_ca = "{settings.ledger.tls_ca}"
channel = "{settings.ledger.channel}"
contract = "{settings.ledger.contract}"
users = "{settings.ledger.users}"
[monitor]
interval_s = 0.05
"""


@asynccontextmanager
async def forwarding(port: int, *, to: str) -> AsyncIterator[None]:
    """Answer on a port what another one answers: the ledger is back."""
    host, _, number = to.rpartition(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(host, int(number))
        await asyncio.gather(pump(reader, forth), pump(back, writer), return_exceptions=True)

    server = await asyncio.start_server(connect, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
