"""The short forms of `make faults`, in one world, which `wayproof fsck` computes again in the end.

WAYPROOF_SEED sets another seed.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from faults.catalogue import FAULTS

from support.fault_world import SHORT_INTERVAL_S, World, running_world
from support.faults import Fault, Trial
from support.mosquitto import needs_mosquitto

SEED = int(os.environ.get("WAYPROOF_SEED", "7"))

pytestmark = [needs_mosquitto, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("world"), seed=SEED, interval_s=SHORT_INTERVAL_S) as made:
        yield made
        assert await made.fsck() == ""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.number)
async def test_nothing_is_lost_or_doubled(fault: Fault, world: World, tmp_path: Path) -> None:
    @asynccontextmanager
    async def shared() -> AsyncIterator[World]:
        yield world

    findings = await fault.run(Trial(tmp_path, SEED, is_long=False, world=shared, say=print))
    if findings.left_out:
        pytest.skip(findings.left_out)
    assert findings.failures == []
