"""The short form of `make fabric-kills`. WAYPROOF_FABRIC_KILLS and WAYPROOF_SEED set another number and seed."""

import os
from pathlib import Path

import pytest
from faults.fabric_kills import PLANS, plan_of, run

from aiofabric.network import Binaries
from support.fabric_audit import Chain, Recorded, against_blocks
from support.fabric_journal import Journal, Request, requests

KILLS = int(os.environ.get("WAYPROOF_FABRIC_KILLS", "4"))
SEED = int(os.environ.get("WAYPROOF_SEED", "33"))


def test_every_round_of_kills_has_every_plan_once_and_can_be_repeated() -> None:
    plans = [plan_of(SEED, number)[:2] for number in range(2 * len(PLANS))]
    assert sorted(plans[: len(PLANS)]) == sorted(plans[len(PLANS) :]) == sorted(PLANS)
    assert plans == [plan_of(SEED, number)[:2] for number in range(2 * len(PLANS))]


@pytest.mark.timeout(240 + 60 * KILLS)
async def test_nothing_is_lost_doubled_or_wrong_whoever_is_killed(tmp_path: Path, fabric_binaries: Binaries) -> None:
    if not fabric_binaries.can_order_bft:
        pytest.skip(f"Fabric {fabric_binaries.version} has no BFT ordering: take Fabric 3.1")
    tally = await run(tmp_path, binaries=fabric_binaries, kills=range(KILLS), seed=SEED, audit_every=KILLS)
    assert tally.kills + len(tally.not_reached) == KILLS
    assert tally.kills >= KILLS // 2
    assert tally.audits[-1].requests > 50
    assert tally.audits[-1].reads > 10


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, Request]:
    """A request that was sent twice: the first transaction met a conflict."""
    journal, request = Journal(tmp_path / "journal"), Request("r", ("add", "counter", "1"))
    journal.begun(request)
    for tx_id, code in (("t1", 11), ("t2", 0)):
        journal.sent(request, tx_id=tx_id, encoded=b"signed")
        journal.told(request, tx_id=tx_id, code=code, block=5, was_unknown=False)
    return requests(tmp_path / "journal")


def recorded(*codes: tuple[str, int]) -> Chain:
    return Chain((b"",), {tx_id: [Recorded(5, code, ("add", "counter", "1"))] for tx_id, code in codes})


def test_the_audit_accepts_one_valid_transaction(wanted: dict[str, Request]) -> None:
    assert list(against_blocks(wanted, recorded(("t1", 11), ("t2", 0)))) == []


@pytest.mark.parametrize(
    ("chain", "wrong"),
    [
        (recorded(("t1", 11)), "0 valid"),
        (recorded(("t1", 0), ("t2", 0)), "2 valid"),
        (recorded(("t1", 12), ("t2", 0)), "t1 was told"),
        (recorded(("t1", 11), ("t2", 0), ("t3", 0)), "t3 in block 5 was never sent"),
    ],
)
def test_the_audit_sees_what_is_lost_doubled_told_wrong_or_never_sent(
    wanted: dict[str, Request], chain: Chain, wrong: str
) -> None:
    assert any(wrong in line for line in against_blocks(wanted, chain))
