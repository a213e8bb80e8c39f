"""Weeks of readings: each has a partition or chunk of its own while it is near to now. Pure.

A device's clock can be decades off, and a hostile one names any time. So weeks are made for the deployment's own times
only, by the platform's clock: as many as it is old, and a few ahead. All other times lie together.
"""

from collections.abc import Collection

WEEK_MS = 7 * 86_400_000
"""Counted from 1970-01-01 (a Thursday), as `date_bin` and TimescaleDB count."""

BACK = 1
"""Weeks before the first message came: a device may bring what it measured before."""

AHEAD = 4
"""Weeks after this one. `wayproof store maintain` makes more as time goes on; without it, they lie with other times."""


def week_of(at_ms: int) -> int:
    """Return the number of the week that a time lies in."""
    return at_ms // WEEK_MS


def wanted(*, oldest_received_at_ms: int | None, now_ms: int, dropped: Collection[int] = ()) -> range:
    """Return the weeks that are kept apart: from when the oldest message was received, after all that were dropped."""
    oldest = now_ms if oldest_received_at_ms is None else min(oldest_received_at_ms, now_ms)
    first = max(week_of(oldest) - BACK, max(dropped, default=-1) + 1)
    return range(first, week_of(now_ms) + AHEAD + 1)
