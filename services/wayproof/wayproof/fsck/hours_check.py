"""Numbers by the hour, summed up again from the readings that are there."""

from wayproof.fsck.finding import Findings, Mismatch
from wayproof.store import fsck as stored
from wayproof.store import rollups
from wayproof.store.connection import Connection


def check_hours(connection: Connection, findings: Findings) -> None:
    """Compare all hours with the readings up to the leaf that they say. Within the transaction of a snapshot."""
    reached = rollups.checkpoint(connection)
    if reached is None:
        findings.unchecked.append("hours: the log was cut after they were summed up; `wayproof store maintain` goes on")
        return
    for hour in stored.hours(connection, reached):
        key = f"stream_id {hour.stream_id}, quantity_id {hour.quantity_id}, hour_ms {hour.hour_ms}"
        findings.add(Mismatch("reading_hour", key, "", hour.found or "no row", hour.expected or "no row"))
    count, kept = stored.count_hours(connection)
    findings.counts["hours"] += count
    if kept:
        findings.notes.append(f"{kept:,} hours are of weeks whose readings were dropped: they are not compared")
