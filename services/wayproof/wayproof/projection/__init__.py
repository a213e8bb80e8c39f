"""The projection: it brings the ledger's blocks into the organisation's tables. `worker` is the process."""
