"""What ingest says while its database is away: each reason once, and again in the next outage."""

import logging
import threading
from unittest.mock import MagicMock

import pytest
from pydantic import SecretStr

from wayproof.ingest import worker
from wayproof.settings import DatabaseSettings
from wayproof.store.errors import StoreFull, StoreUnavailable

FULL, GONE = StoreFull("its log cannot grow"), StoreUnavailable("the server has ended")


def test_a_full_disk_and_the_end_of_the_server_that_follows_are_both_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "RETRY_S", 0.0)
    monkeypatch.setattr(worker, "connect", MagicMock())
    monkeypatch.setattr("wayproof.store.schema.require_current", MagicMock())
    store = worker.PatientStore(DatabaseSettings(dsn=SecretStr("dbname=none")), stop=threading.Event())
    with caplog.at_level(logging.INFO, worker.logger.name):
        for outage in ([FULL, GONE, GONE, FULL, "stored"], [GONE, "stored"], ["stored"]):
            assert store.do(MagicMock(side_effect=outage)) == "stored"
    said = [getattr(record, "code", record.message) for record in caplog.records]
    back = "the database is back"
    assert said == ["store_full", "store_unavailable", back, "store_unavailable", back]
