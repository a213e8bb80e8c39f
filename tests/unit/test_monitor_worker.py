"""The monitor outlives a database that goes away, whatever it was just doing."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from wayproof.monitor import worker
from wayproof.store.errors import StoreUnavailable


async def test_a_database_that_goes_away_at_a_commit_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class GoingAway:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def due(self, *, now_ms: int) -> list[str]:
            raise psycopg.OperationalError(f"server closed the connection unexpectedly at {now_ms}")

    monkeypatch.setattr(worker, "connect", lambda *_, **__: nullcontext())
    monkeypatch.setattr(worker, "Rounds", GoingAway)
    monkeypatch.setattr("wayproof.store.schema.require_current", lambda _: None)
    settings: Any = SimpleNamespace(database=None, organisation="ShipperMSP")
    ledger: Any = None
    with pytest.raises(StoreUnavailable):
        await worker._Monitor(settings)._follow(ledger)
