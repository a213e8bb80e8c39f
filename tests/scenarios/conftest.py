"""The scenarios that the official Gateway clients are tested with, by their names; see `support.scenario_ledger`."""

from uuid import uuid4

import pytest


@pytest.fixture
def key() -> str:
    """A key that no other scenario writes to: they share a ledger."""
    return uuid4().hex
