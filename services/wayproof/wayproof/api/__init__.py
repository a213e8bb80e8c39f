"""`wayproof api`: one organisation's pages and API (docs/reference/api.md), acting with that organisation's key only.

Read in this order: `application` (what it is made of), `shipments` and `trace` (what is asked most), `changes` (what is
submitted to the ledger). `urgency`, `custody_line`, `attachments`, `series` and `permitted` are pure; `models` is what
answers look like, `problems` what refusals look like.
"""
