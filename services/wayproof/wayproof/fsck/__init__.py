"""`wayproof fsck`: computes the log and the projection again, and names the first row that does not match.

Nothing that is stored is believed but the messages' own bytes, and even those only as far as the log, the anchored
roots and the ledger's blocks confirm them. Read in this order: `finding` (what is said), `message` (what a message's
rows must be, from its bytes; pure), `tree` (what the tiles must be; pure), `log_check`, `flags_check` (readings judged
again), `hours_check` (summed up again), `ledger_check`, `check` (all, in one snapshot), `report` (words, exit status).
"""
