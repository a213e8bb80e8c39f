"""Fixtures that tests of every folder may ask for; what they are stands in `support`."""

pytest_plugins = ["support.database", "support.fabric_network", "support.scenario_ledger"]
