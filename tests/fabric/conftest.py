"""Without Fabric's programs nothing here is collected: one line in the header of the run says so."""

import os

from support.fabric_network import binaries_missing

collect_ignore_glob = ["test_*.py"] if binaries_missing() and os.environ.get("WAYPROOF_REQUIRE_FABRIC") != "1" else []
