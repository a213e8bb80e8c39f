"""The anchor process: gives stored messages their index in the log, and records the log's head on the ledger.

Read in this order: `sealing` (one step, in one transaction), `anchoring` (one anchor: what the ledger has, what we
have, the proof from one to the other), `worker` (both, again and again, each without waiting for the other),
`register` (once: the log is made known; and what to do when it cannot go on).
"""
