"""Where a Fabric error becomes ours: each kind keeps what its reader needs."""

import json
from itertools import chain
from typing import Any

import pytest

from aiofabric.errors import (
    CommitError,
    EndorseError,
    EvaluateError,
    FabricError,
    PeerDetail,
    UnknownOutcomeError,
)
from aiofabric.status import Status
from wayproof.anchor.anchoring import ledger_head
from wayproof.errors import ContractRefusal, LedgerError, OutcomeUnknown, WayproofError
from wayproof.ledger import APART_ATTEMPTS, CONFLICT_ATTEMPTS, READ_RECORDS_LIMIT, Ledger
from wayproof.monitor.recorder import record

REFUSAL = 'chaincode response 409, {"code":"offer_pending","message":"withdraw it first"}'


class Answering:
    """A contract of the gateway's shape that answers, or fails, as told."""

    def __init__(self, answer: bytes | FabricError) -> None:
        self.answer = answer
        self.asked: list[tuple[str, bytes, int]] = []

    async def evaluate(self, name: str, argument: bytes) -> bytes:
        return await self.submit(name, argument, attempts=1)

    async def submit(self, name: str, argument: bytes, *, attempts: int) -> bytes:
        self.asked.append((name, argument, attempts))
        if isinstance(self.answer, FabricError):
            raise self.answer
        return self.answer


def ledger(answer: bytes | FabricError) -> Ledger:
    contract: Any = Answering(answer)
    return Ledger(contract)


async def test_arguments_are_canonical_and_conflicts_are_tried_again() -> None:
    asking = ledger(b'{"v":1}')
    assert await asking.submit("offer_custody", {"to": "B", "gsin": "A"}) == {"v": 1}
    contract: Any = asking.contract
    assert contract.asked == [("offer_custody", b'{"gsin":"A","to":"B"}', CONFLICT_ATTEMPTS)]


APART = EndorseError(
    "failed to collect enough transaction endorsements, see attached details for more info",
    code="ABORTED",
    details=[PeerDetail("peer:7051", "OrgMSP", "ProposalResponsePayloads do not match")],
)


async def test_peers_that_have_not_committed_the_same_blocks_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wayproof.ledger.APART_PAUSE_S", 0)
    asking = ledger(APART)
    contract: Any = asking.contract
    with pytest.raises(LedgerError, match="do not match"):
        await asking.submit("offer_custody", {})
    assert len(contract.asked) == APART_ATTEMPTS + 1

    answers: list[bytes | FabricError] = [APART, APART, b'{"v":1}']

    async def next_answer(*_: object, **__: object) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, FabricError):
            raise answer
        return answer

    monkeypatch.setattr(contract, "submit", next_answer)
    assert await asking.submit("offer_custody", {}) == {"v": 1}


@pytest.mark.parametrize(
    "error",
    [
        EndorseError("failed", code="ABORTED", details=[PeerDetail("peer", "OrgMSP", REFUSAL)]),
        EvaluateError(f"evaluate call to endorser returned error: {REFUSAL}", code="UNKNOWN"),
    ],
)
async def test_the_contracts_refusal_keeps_its_code(error: FabricError) -> None:
    with pytest.raises(ContractRefusal, match="withdraw it first") as refused:
        await ledger(error).submit("offer_custody", {})
    assert (refused.value.code, refused.value.status) == ("offer_pending", 409)
    assert refused.value.__cause__ is error


async def test_another_chaincodes_words_are_kept() -> None:
    error = EndorseError("chaincode response 500, out of cheese", code="ABORTED")
    with pytest.raises(ContractRefusal, match="out of cheese") as refused:
        await ledger(error).submit("put", {})
    assert refused.value.code == "chaincode_error"


@pytest.mark.parametrize(
    ("error", "expected", "code"),
    [
        (
            UnknownOutcomeError("gone", code="UNAVAILABLE", transaction_id="t", commit=None),  # type: ignore[arg-type]
            OutcomeUnknown,
            "ledger_outcome_unknown",
        ),
        (EndorseError("no peer", code="UNAVAILABLE"), LedgerError, "ledger_unavailable"),
        (
            CommitError(Status("t", code=10, code_name="ENDORSEMENT_POLICY_FAILURE", block_number=3)),
            LedgerError,
            "ledger_transaction_invalid",
        ),
    ],
)
async def test_everything_else_is_the_ledgers(error: FabricError, expected: type[WayproofError], code: str) -> None:
    with pytest.raises(expected) as raised:
        await ledger(error).submit("put", {})
    assert raised.value.code == code
    assert code in raised.value.diagnostics()


@pytest.mark.parametrize("answer", [b"[]", b"", b"{\xff", b'{"a": 1}'])
async def test_an_answer_that_is_no_object_is_an_error_of_the_ledger_and_ends_nothing(answer: bytes) -> None:
    with pytest.raises(LedgerError) as raised:
        await ledger(answer).query("get_shipment", {})
    assert raised.value.code == "ledger_answer_malformed"


async def test_what_is_no_anchor_is_an_error_of_the_ledger() -> None:
    for answer in (b"{}", b'{"counter":1,"epoch":1,"root":"no","size":1,"tx_timestamp_ms":1}'):
        with pytest.raises(LedgerError) as raised:
            await ledger_head(ledger(answer), log_id="log")
        assert raised.value.code == "ledger_answer_malformed"


async def test_what_is_no_shipment_is_an_error_of_the_ledger() -> None:
    with pytest.raises(LedgerError) as raised:
        await record(ledger(b"{}"), "gsin", found=[])
    assert raised.value.code == "ledger_answer_malformed"


async def test_endorsed_state_is_asked_for_in_ascending_pages() -> None:
    class Endorsing:
        keys: list[list[str]] = []  # noqa: RUF012 - this class lives for one test

        def proposal(self, name: str, argument: bytes) -> "Endorsing":
            assert name == "read_records"
            self.keys.append(json.loads(argument)["keys"])
            return self

        async def endorse(self) -> "Endorsing":
            return self

        payload = b"payload"

    contract: Any = Endorsing()
    wanted = [f"device/{number:05d}" for number in range(READ_RECORDS_LIMIT + 1, 0, -1)]
    assert await Ledger(contract).endorsed_records(wanted) == [b"payload"] * 2
    assert [len(page) for page in Endorsing.keys] == [READ_RECORDS_LIMIT, 1]
    assert list(chain.from_iterable(Endorsing.keys)) == sorted(wanted)
