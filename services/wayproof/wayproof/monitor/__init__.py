"""Following open shipments: what is recorded of them on the ledger, and what people see first.

`worker` looks every few seconds; `rounds` reads only what has changed; `judge` is pure; `recorder` writes verdicts.
"""
