"""Fixtures that tests of every folder may ask for; what they are stands in `support`."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from support.root_log import kept_root_log
from wayproof.observability.health import HEALTH

# A busy machine takes its time: how fast something is, benchmarks tell, not tests.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

pytest_plugins = ["support.database", "support.timescaledb", "support.fabric_network", "support.scenario_ledger"]

LONGEST = "verifier/test_verify_bytes.py"
"""It begins first: one of two workers would be left alone with it at the end."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest file begin first; the others stay in their order."""
    items.sort(key=lambda item: not item.path.match(LONGEST))


@pytest.fixture(autouse=True)
def _root_log() -> Iterator[None]:
    """Leave the log as it was, where a test runs a command in its own process."""
    with kept_root_log():
        yield


@pytest.fixture(autouse=True)
def _health() -> None:
    """Forget what parts of the platform, run in this process by an earlier test, said of themselves."""
    HEALTH.forget()
