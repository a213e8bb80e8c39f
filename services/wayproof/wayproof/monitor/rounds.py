"""What to look at, and looking at one shipment: only what has changed is read again.

rounds = Rounds(connection, organisation="ShipperMSP")
for gsin in rounds.due(now_ms=now_ms):
    found = rounds.look(gsin, now_ms=now_ms)
"""

from collections.abc import Iterable
from dataclasses import dataclass

from wayproof.monitor.facts import Facts, StreamFacts, as_of_ms, intervals
from wayproof.monitor.judge import judge
from wayproof.store import watch as store
from wayproof.store.connection import Connection
from wayproof.store.watch import StreamKey
from wayproof_verifier.coldchain import Excursion, excursions, unrecorded

EVERYTHING_EVERY_MS = 30_000
"""How often every shipment is judged again, from what is known of it: time alone makes it silent or overdue."""

OVERLAP = 2_000
"""Numbers below the newest that are looked at again: a message may be committed after one with a higher number."""


@dataclass(frozen=True, slots=True)
class _Known:
    changed_block: int
    facts: Facts
    streams: frozenset[StreamKey]


class Rounds:
    """What one connection has shown so far: begins with nothing, so everything is due at first."""

    def __init__(self, connection: Connection, *, organisation: str) -> None:
        self._connection = connection
        self._organisation = organisation
        self._known: dict[str, _Known] = {}
        self._above = max(store.latest_ingest_id(connection) - OVERLAP, 0)
        self._seen: set[int] = set()
        self._everything_at_ms = 0

    @property
    def gaps(self) -> int:
        """Gaps in the intervals of open shipments that were read, each counted for its shipment."""
        return sum(known.facts.gaps for known in self._known.values())

    @property
    def missing(self) -> int:
        """Messages missing in them."""
        return sum(known.facts.missing for known in self._known.values())

    def due(self, *, now_ms: int) -> list[str]:
        """Return the open shipments to read again: new, changed on the ledger, or with new messages in their streams.

        Now and then all others are judged again here, from what is known.
        """
        arrived = self._arrived()
        shipments = store.open_shipments(self._connection)
        if self._known.keys() - shipments.keys() or not self._known:
            store.forget_closed(self._connection)
        self._known = {gsin: known for gsin, known in self._known.items() if gsin in shipments}
        due = []
        for gsin, changed_block in shipments.items():
            known = self._known.get(gsin)
            if known is None or known.changed_block != changed_block or known.streams & arrived:
                due.append(gsin)
                self._known.pop(gsin, None)  # until it has been read
        if now_ms - self._everything_at_ms >= EVERYTHING_EVERY_MS:
            self._everything_at_ms = now_ms
            for known in self._known.values():
                self._judge(known.facts, now_ms=now_ms)
        return due

    def look(self, gsin: str, *, now_ms: int) -> tuple[Excursion, ...]:
        """Read and judge a shipment; return its excursions if the ledger, as projected, does not say them all."""
        shipment = store.watched_shipment(self._connection, gsin)
        if shipment is None:
            return ()
        streams = tuple(
            StreamFacts(
                interval=interval,
                attached_at_ms=shipment.attached_at_ms.get(str(attached), shipment.created_at_ms),
                state=store.interval_state(self._connection, interval),
            )
            for attached, interval in intervals(shipment.head)
        )
        facts = Facts(shipment.head, streams)
        self._judge(facts, now_ms=now_ms)
        found = tuple(self._excursions(facts))
        self._known[gsin] = _Known(shipment.changed_block, facts, frozenset(it.key for it in streams))
        return found if unrecorded(found, gsin=gsin, recorded=facts.head["excursions"]) else ()

    def _judge(self, facts: Facts, *, now_ms: int) -> None:
        with self._connection.transaction():
            store.put_watch(self._connection, judge(facts, organisation=self._organisation, now_ms=now_ms))

    def _excursions(self, facts: Facts) -> Iterable[Excursion]:
        """Judge each stream, over all its intervals in this shipment, as of the newest time of its device."""
        measurements = [limit.name for limit in facts.limits]
        for device_id, stream in sorted({it.key for it in facts.streams}):
            parts = [it for it in facts.streams if it.key == (device_id, stream)]
            until_ms = as_of_ms(parts)
            if until_ms is None:
                continue
            readings = [
                reading
                for it in parts
                for reading in store.limited_readings(self._connection, it.interval, measurements=measurements)
            ]
            yield from excursions(readings, device_id=device_id, stream=stream, limits=facts.limits, as_of_ms=until_ms)

    def _arrived(self) -> set[StreamKey]:
        """Return the streams with messages since the last time."""
        arrivals = store.arrived(self._connection, above=self._above)
        new = {(it.device_id, it.stream) for it in arrivals if it.ingest_id not in self._seen}
        newest = max((it.ingest_id for it in arrivals), default=self._above)
        self._above = max(self._above, newest - OVERLAP)
        self._seen = {it.ingest_id for it in arrivals if it.ingest_id > self._above}
        return new
