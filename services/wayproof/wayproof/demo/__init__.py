"""The first demo: one shipment on the command line, from a device's messages to evidence, checked and refused.

Its device and its log live in memory; ledger, contract, proofs, evidence and verifier are the real ones. `story` is
what the organisations do, `stage` the processes around it, `tampering` what somebody might change afterwards.
"""
