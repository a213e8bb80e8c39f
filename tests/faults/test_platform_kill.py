"""The short form of `make kills`, everything audited. WAYPROOF_KILLS and WAYPROOF_SEED set another number and seed."""

import os
from pathlib import Path

import pytest
from faults.platform_kills import PLANS, run

KILLS = int(os.environ.get("WAYPROOF_KILLS", "8"))
SEED = int(os.environ.get("WAYPROOF_SEED", "7"))


@pytest.mark.timeout(300 + 60 * KILLS)
async def test_nothing_is_lost_or_doubled_whichever_process_is_killed(tmp_path: Path) -> None:
    tally = await run(tmp_path, kills=range(KILLS), seed=SEED, audit_every=KILLS, resume=False)
    assert sum(tally.kills.values()) + sum(tally.not_reached.values()) == KILLS
    assert sum(tally.kills.values()) >= min(KILLS, len(PLANS)) // 2
    assert tally.audits[-1].sent > 100
