"""Evidence, what leaves the platform.

`plan` says what a file needs, `assemble` writes it; both are pure. `collect` asks the ledger and makes sure that what
it endorses is what was projected, `stored` is the organisation's own database, `write` puts it all together.
"""
