"""wayproof: the record of a journey that proves itself.

One package, one command per process (`wayproof --help`). What a message means and what a record says is
defined elsewhere, in `wayproof_verifier` and `wayproof_contract`: the platform uses the auditor's code.
"""
