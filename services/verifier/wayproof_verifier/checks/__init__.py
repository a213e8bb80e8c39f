"""The checks, one module per subject: functions from facts to problems; `wayproof_verifier.verify` runs them."""
