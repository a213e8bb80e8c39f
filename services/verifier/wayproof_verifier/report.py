"""What a verification ends in: named checks, findings, and the shipment as the evidence tells it."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

LedgerVersion = tuple[int, int]
"""`(block, transaction)`: when a record was written, in the ledger's order."""

CHECKS = {
    "file.format": "the file is read strictly, and no byte is left uncovered",
    "trust.root": "channel, contract and genesis block are the pinned ones",
    "config.chain": "configuration blocks follow from the genesis block, signed",
    "state.endorsements": "the state is endorsed by enough organisations of the trust root",
    "state.records": "the records are the ones endorsed, complete, and none too many",
    "transactions.id": "transaction ids are derived from nonce and creator, none twice",
    "transactions.creator": "every transaction is signed by its creator",
    "transactions.endorsements": "every transaction is endorsed as the policy wanted it then",
    "transactions.writes": "every record is what its transaction wrote, by the organisation it names",
    "records.history": "every version of every record is there and folds to the head",
    "anchors.consistency": "every anchored head of a log is a prefix of the next",
    "blocks.chain": "blocks chain by hash, are signed, and hold the transactions where the state says",
    "log.inclusion": "messages fold to the anchored root of their log",
    "messages.decoding": "every message decodes",
    "messages.signatures": "every message is signed under a key valid for its leaf",
    "messages.scope": "every message belongs to an interval of this shipment",
    "readings.derived": "the readings shown are what the messages say",
    "intervals.complete": "from bound to bound every message is there, or its gap is declared",
    "attachments.anchored": "what was anchored at each attachment is known",
    "erasures": "every erased message has its record, and the chain stays whole",
    "custody": "exactly one custodian at any time",
    "receipts": "everything that receipts promise is there",
    "height": "the evidence is as new as asked for",
    "closed": "the shipment is closed",
}
"""Every check by its stable name, in the order of the report, with what passing it says."""

MAX_PROBLEMS = 20
"""How many problems of one check are kept: the first ones tell what is wrong."""


class Status(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKABLE = "not_checkable"


class Exit(IntEnum):
    """Exit status of the program."""

    VERIFIED = 0
    FAILED = 1
    IMPOSSIBLE = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a check failed or could not be done, and where in the file (or in which record)."""

    reason: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One named check as it ended; `more` counts problems beyond those kept."""

    name: str
    status: Status
    problems: tuple[Problem, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact that a reader must know and that fails nothing. `kind` is a stable code."""

    kind: str
    text: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation in its role."""

    role: str
    msp_id: str
    party_gln: str


@dataclass(frozen=True, slots=True)
class CustodyPeriod:
    """Who had the goods, between two ledger versions; the times are the claims of the transactions' clients."""

    custodian: str
    since: LedgerVersion
    since_at_ms: int
    until: LedgerVersion | None
    until_at_ms: int | None


@dataclass(frozen=True, slots=True)
class ExcursionSummary:
    """An excursion as recorded on the ledger, resolved or not."""

    excursion_id: str
    device_id: str
    stream: str
    name: str
    direction: str
    peak: str
    started_at_ms: int
    ended_at_ms: int | None
    resolution: str


@dataclass(frozen=True, slots=True)
class IntervalSummary:
    """One attachment of a device's stream and what the file shows of it. Sizes count leaves of the home log."""

    device_id: str
    stream: str
    organisation: str
    attached: int
    attached_at_ms: int
    ended_at_ms: int | None
    messages: int
    readings: int
    first_observed_at_ms: int | None
    last_observed_at_ms: int | None
    gaps: tuple[tuple[int, int, int], ...]
    missing: int
    retrospective: int
    erased: int
    equivocations: int


@dataclass(frozen=True, slots=True)
class Shipment:
    """The shipment as endorsed state tells it."""

    gsin: str
    is_closed: bool
    due_at_ms: int
    parties: tuple[Party, ...]
    custody: tuple[CustodyPeriod, ...]
    excursions: tuple[ExcursionSummary, ...]
    intervals: tuple[IntervalSummary, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All checks that apply, all findings, and the shipment where it could be established."""

    checks: tuple[Check, ...]
    findings: tuple[Finding, ...] = ()
    shipment: Shipment | None = None
    ledger: str = ""
    channel: str = ""
    as_of_block: int | None = None

    @property
    def exit_status(self) -> Exit:
        """0 when every check passed, 1 when one failed, 2 when one was impossible."""
        if any(check.status is Status.FAILED for check in self.checks):
            return Exit.FAILED
        if any(check.status is Status.NOT_CHECKABLE for check in self.checks):
            return Exit.IMPOSSIBLE
        return Exit.VERIFIED

    def check(self, name: str) -> Check | None:
        """Return the check of this name, if it applied."""
        return next((check for check in self.checks if check.name == name), None)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the checks that failed, in order."""
        return tuple(check.name for check in self.checks if check.status is Status.FAILED)
