"""The platform's errors: one tree, stable codes, and what to do.

WayproofError
├── LedgerError            the ledger could not be asked, or its answer is not known
│   └── OutcomeUnknown     a transaction may or may not be committed: ask, do not send another
├── ContractRefusal        the contract said no, with its own code
├── EvidenceError          evidence cannot be made from what is there
├── log.errors.LogError    the log was asked for something that it is not
│   ├── TileError          a tile is missing or damaged
│   └── CheckpointError    a checkpoint is not one that this key signed
├── settings.SettingsError                 the settings are not there, or not usable
│   └── ingest.subscription.SharedSubscriptionUnavailable   `ingest.share` with a broker or client that has none
├── store.errors.StoreError                the database refused
│   ├── StoreUnavailable                   it cannot be reached: try again
│   │   ├── StoreFull                      its disk has no room
│   │   └── StoreBusy                      others use a table that is wanted whole
│   └── SchemaError                        the tables are not those of this version
├── projected.ProjectionError              the ledger is not the one that was projected so far
├── anchor.errors.{NotRegistered, LogBehindLedger}   the log cannot be anchored: what to do is said
├── ingest.subscriber.SubscriberEnded      the thread that speaks MQTT is gone
├── simulate.errors.DeviceError            a device, its spool or its file
├── database.errors.DatabaseError, broker.errors.BrokerError   an embedded component does not start
├── up.provision.DeploymentError, up.supervisor.ServiceError   a deployment cannot be made, or does not come up
└── demo.…                                 the demo's records, its offices
"""


class WayproofError(Exception):
    """Root of everything the platform raises on purpose."""

    code = "wayproof_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        """Take what happened and what to do, for a person, and optionally a narrower code."""
        super().__init__(message)
        if code is not None:
            self.code = code

    def diagnostics(self) -> str:
        """Return code and message, and the cause when there is one: what a log line or a terminal shows."""
        cause = f" (cause: {self.__cause__})" if self.__cause__ else ""
        return f"{self.code}: {self}{cause}"


class LedgerError(WayproofError):
    """The ledger could not be reached or did not answer as it should. Nothing was committed by this call."""

    code = "ledger_unavailable"


class OutcomeUnknown(LedgerError):  # noqa: N818 - it names a state of knowledge, not a fault
    """The transaction was sent and may be committed. Ask for its status; never send a new one blindly."""

    code = "ledger_outcome_unknown"


class ContractRefusal(WayproofError):  # noqa: N818 - a refusal is the contract's regular answer
    """The contract refused a transaction or query; `code` is the contract's own, `status` 400, 403, 404 or 409."""

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message, code=code)
        self.status = status


class EvidenceError(WayproofError):
    """Evidence cannot be made from what is there."""

    code = "evidence_incomplete"
