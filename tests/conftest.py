"""Fixtures that tests of every folder may ask for; what they are stands in `support`."""

from hypothesis import settings

# A busy machine takes its time: how fast something is, benchmarks tell, not tests.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

pytest_plugins = ["support.database", "support.fabric_network", "support.scenario_ledger"]
