"""Ingest: from the broker into the store, and the receipt back. Nothing is acknowledged before it is committed.

Read in this order: `arrivals` (what came, in a bounded queue), `subscriber` (the broker), `registry` (whose key is
whose), `judge` (accepted, or refused with a code; pure), `receipts` (what the device is told; pure), `worker` (one
group of messages after another: judge, store, acknowledge, receipt).
"""
